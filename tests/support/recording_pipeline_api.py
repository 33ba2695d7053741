"""A stand-in for the API of Kubeflow Pipelines (v2beta1) on loopback: it runs nothing, and records what it is asked.

It refuses what the real one refuses, as far as it is told here: a pipeline that is no PipelineSpec, a platform that is
no PlatformSpec for Kubernetes, parameters that the pipeline does not have or lacks, fields that a resource does not
have, an experiment that is not there, a wrong token, a profile where there must be one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import kfp_server_api
from google.protobuf import json_format
from kfp.kubernetes.kubernetes_executor_config_pb2 import KubernetesExecutorConfig
from kfp.pipeline_spec import pipeline_spec_pb2

from support.json_requests import json_request

_ROOT = "/apis/v2beta1"
# What only the server writes.
_SERVERS_OWN = frozenset({"run_id", "recurring_run_id", "experiment_id", "state", "created_at", "error", "run_details"})
_RESOURCES = {
    "experiments": kfp_server_api.V2beta1Experiment,
    "runs": kfp_server_api.V2beta1Run,
    "recurringruns": kfp_server_api.V2beta1RecurringRun,
}
_CODES = {400: 3, 401: 16, 403: 7, 404: 5}


@dataclass(frozen=True)
class RecordedRequest:
    """One request: `query` has the last of each name, `body` is None where there was none."""

    method: str
    path: str
    query: dict[str, str]
    body: Any


class ApiRefusal(Exception):
    """The stand-in refuses, with the code of HTTP."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class RecordingPipelineApi(ThreadingHTTPServer):
    """Experiments, runs and recurring runs by their ids. `token`: "" where nobody has to say who they are. `script`:
    what a run says, one answer after the other, the last again and again. `failures`: code of HTTP and message for
    requests of a method and the last word of a path, such as ("POST", "runs"); no answer at all where it is 0."""

    def __init__(self, *, token: str = "", multi_user: bool = False) -> None:
        self.token, self.multi_user = token, multi_user
        self.requests: list[RecordedRequest] = []
        self.resources: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in _RESOURCES}
        self.script: list[dict[str, Any]] = []
        self.failures: dict[tuple[str, str], tuple[int, str]] = {}
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def written(self, kind: str) -> list[Any]:
        """Bodies of what was created, in their order."""
        return [each.body for each in self.requests if (each.method, each.path) == ("POST", f"{_ROOT}/{kind}")]

    def answer(self, request: RecordedRequest, token: str) -> dict[str, Any]:
        """The answer. Raises ApiRefusal."""
        self.requests.append(request)
        if self.token and token != f"Bearer {self.token}":
            raise ApiRefusal(401, "Unauthenticated: there is no user identity header")
        if failure := self.failures.get((request.method, request.path.rpartition("/")[2])):
            raise ApiRefusal(*failure)
        if not request.path.startswith(f"{_ROOT}/"):
            raise ApiRefusal(404, "Not Found")
        words, _, action = request.path.removeprefix(f"{_ROOT}/").partition(":")
        kind, _, identity = words.partition("/")
        if identity:
            return self._one(request.method, kind, identity, action)
        return self._create(kind, request.body) if request.method == "POST" else self._list(kind, request.query)

    def _one(self, method: str, kind: str, identity: str, action: str) -> dict[str, Any]:
        if identity not in self.resources[kind]:
            raise ApiRefusal(404, f"ResourceNotFoundError: {kind} {identity} not found")
        if method == "DELETE":
            del self.resources[kind][identity]
            return {}
        found = self.resources[kind][identity]
        if action:
            found["mode"] = {"enable": "ENABLE", "disable": "DISABLE"}[action]
        elif kind == "runs" and self.script:
            found.update(self.script.pop(0) if len(self.script) > 1 else self.script[0])
        return found

    def _list(self, kind: str, query: dict[str, str]) -> dict[str, Any]:
        if self.multi_user and not {"namespace", "experiment_id"} & set(query):
            raise ApiRefusal(400, "In multi-user mode, the namespace cannot be empty")
        wanted = [
            (predicate["key"], predicate["stringValue"])
            for predicate in json.loads(query.get("filter") or "{}").get("predicates", [])
        ]
        wanted += [(name, query[name]) for name in ("namespace", "experiment_id") if name in query and kind != "runs"]
        found = [each for each in self.resources[kind].values() if all(each.get(key) == value for key, value in wanted)]
        return {{"recurringruns": "recurringRuns"}.get(kind, kind): found, "total_size": len(found)}

    def _create(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        own = {"runs": {"experiment_id"}, "recurringruns": {"experiment_id"}}.get(kind, set())
        known = set(_RESOURCES[kind].attribute_map.values()) - (_SERVERS_OWN - own)
        if unknown := sorted(set(body) - known):
            raise ApiRefusal(400, f"unknown field {unknown[0]}")
        if kind == "experiments":
            if self.multi_user and not body.get("namespace"):
                raise ApiRefusal(400, "In multi-user mode, the namespace cannot be empty")
        else:
            self._check(body)
        if kind == "recurringruns" and len(body["trigger"]["cron_schedule"]["cron"].split()) != 6:
            raise ApiRefusal(400, "Schedule cron is not a supported format")
        name = {"experiments": "experiment_id", "runs": "run_id", "recurringruns": "recurring_run_id"}[kind]
        identity = f"{kind}-{len(self.written(kind))}"
        made = {**body, name: identity, "created_at": "2026-01-31T03:00:00Z"}
        self.resources[kind][identity] = made
        return made

    def _check(self, body: dict[str, Any]) -> None:
        if body.get("experiment_id") not in self.resources["experiments"]:
            raise ApiRefusal(404, f"ResourceNotFoundError: Experiment {body.get('experiment_id')} not found")
        check_ir(body["pipeline_spec"]["pipeline_spec"], body["pipeline_spec"]["platform_spec"])
        check_parameters(body["pipeline_spec"]["pipeline_spec"], body["runtime_config"]["parameters"])


def check_ir(pipeline: dict[str, Any], platform: dict[str, Any]) -> None:
    """Raises ApiRefusal unless they are a PipelineSpec, and a PlatformSpec of whose executors each belongs to one of
    the pipeline and is a KubernetesExecutorConfig."""
    try:
        json_format.ParseDict(pipeline, pipeline_spec_pb2.PipelineSpec())
        json_format.ParseDict(pipeline["deploymentSpec"], pipeline_spec_pb2.PipelineDeploymentConfig())
        json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
        executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
        for name, config in executors.items():
            if name not in pipeline["deploymentSpec"]["executors"]:
                raise ApiRefusal(400, f"the pipeline has no {name}")
            json_format.ParseDict(config, KubernetesExecutorConfig())
    except json_format.ParseError as error:
        raise ApiRefusal(400, f"InvalidInputError: {error}") from None


def check_parameters(pipeline: dict[str, Any], said: dict[str, Any]) -> None:
    """Raises ApiRefusal unless the pipeline has each of these parameters, of this type, and lacks none."""
    known = pipeline["root"]["inputDefinitions"]["parameters"]
    types = {"STRING": str, "BOOLEAN": bool, "NUMBER_INTEGER": int}
    for name, value in said.items():
        if name not in known or not isinstance(value, types[known[name]["parameterType"]]):
            raise ApiRefusal(400, f"parameter {name} is not known, or of another type")
    for name, parameter in known.items():
        if name not in said and "defaultValue" not in parameter and not parameter.get("isOptional"):
            raise ApiRefusal(400, f"parameter {name} is missing")


class _Handler(BaseHTTPRequestHandler):
    server: RecordingPipelineApi

    def do_GET(self) -> None:  # the names are http.server's
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def _answer(self, method: str) -> None:
        path, query, body = json_request(self)
        try:
            code, found = (
                200,
                self.server.answer(RecordedRequest(method, path, query, body), self.headers["authorization"] or ""),
            )
        except ApiRefusal as refusal:
            if not refusal.code:
                self.close_connection = True
                return
            code, found = refusal.code, {"code": _CODES.get(refusal.code, 13), "message": str(refusal), "details": []}
        content = json.dumps(found).encode()
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""
