"""Stand-ins for MLflow's registry (REST API 2.0) and the Kubeflow Model Registry (v1alpha3) on loopback.

They answer what MLflow 3.17 and the registry's own server answered when they were asked the same, and are stricter
where the real ones are not: a field that the API does not know is refused by both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.json_requests import json_request

# Code of HTTP, and a document; text for what is no JSON.
Answer = tuple[int, Any]
Query = dict[str, str]
_MLFLOW = "/api/2.0/mlflow/"
_MODEL_REGISTRY = "/api/model_registry/v1alpha3/"
_FILTER = re.compile(r"name='([^']*)' and tags\.`([^`]*)`='([^']*)'")
_VALUES = {"MetadataStringValue": ("string_value", str), "MetadataDoubleValue": ("double_value", int | float)}


class FakeRegistry(ThreadingHTTPServer):
    """`authorization`: the header that is wanted, "" where everybody may ask. `failures`: answers to requests of a
    method and the last word of a path, such as ("POST", "create"), instead of what would be said. `written`: what was
    made, in its order, by the last word of its path."""

    def __init__(self) -> None:
        self.authorization = ""
        self.failures: dict[tuple[str, str], Answer] = {}
        self.written: list[tuple[str, dict[str, Any]]] = []
        super().__init__(("127.0.0.1", 0), _RegistryHandler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, method: str, path: str, query: Query, body: Any, authorization: str) -> Answer:
        if self.authorization and authorization != self.authorization:
            return 401, "You are not authenticated."
        if failure := self.failures.get((method, path.rpartition("/")[2])):
            return failure
        return self.reply(method, path, query, body)

    def reply(self, method: str, path: str, query: Query, body: Any) -> Answer:
        raise NotImplementedError


class FakeMlflow(FakeRegistry):
    """Registered models by name, and versions in the order in which they were made."""

    def __init__(self) -> None:
        self.models: dict[str, dict[str, Any]] = {}
        self.versions: list[dict[str, Any]] = []
        super().__init__()

    def reply(self, method: str, path: str, query: Query, body: Any) -> Answer:
        replies: dict[tuple[str, str], Callable[[], Answer]] = {
            ("GET", "registered-models/get"): lambda: self._get(**query),
            ("GET", "model-versions/search"): lambda: self._search(**query),
            ("POST", "registered-models/create"): lambda: self._create_model(**body),
            ("POST", "model-versions/create"): lambda: self._create_version(**body),
        }
        known = replies.get((method, path.removeprefix(_MLFLOW)))
        return (404, "<!doctype html><h1>Not Found</h1>") if known is None else known()

    def _get(self, name: str) -> Answer:
        if name not in self.models:
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"Registered Model {name} not found"}
        return 200, {"registered_model": self.models[name]}

    def _search(self, filter: str, max_results: str) -> Answer:
        found = _FILTER.fullmatch(filter)
        assert found, filter
        name, key, value = found.groups()
        known = [
            each for each in self.versions if each["name"] == name and {"key": key, "value": value} in each["tags"]
        ]
        # Nothing is an object without the field.
        return 200, {"model_versions": known[: int(max_results)]} if known else {}

    def _create_model(self, name: str = "", description: str = "") -> Answer:
        if not name:
            return 400, _missing("name")
        if name in self.models:
            return 400, {"error_code": "RESOURCE_ALREADY_EXISTS", "message": f"{name} already exists."}
        self.models[name] = {"name": name, "description": description}
        self.written.append(("registered-models", self.models[name]))
        return 200, {"registered_model": self.models[name]}

    def _create_version(
        self, name: str = "", source: str = "", description: str = "", tags: list[dict[str, str]] | None = None
    ) -> Answer:
        if not name or not source:
            return 400, _missing("source" if name else "name")
        if name not in self.models:
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"Registered Model {name} not found"}
        if "://" not in source or source.startswith("file:"):
            return 400, {
                "error_code": "INVALID_PARAMETER_VALUE",
                "message": f"Invalid model version source: '{source}'.",
            }
        assert all(set(tag) == {"key", "value"} and isinstance(tag["value"], str) for tag in tags or [])
        number = str(1 + sum(each["name"] == name for each in self.versions))
        made = {"name": name, "version": number, "source": source, "description": description, "tags": tags or []}
        self.versions.append({**made, "run_id": "", "status": "READY"})
        self.written.append(("model-versions", made))
        return 200, {"model_version": self.versions[-1]}


class FakeModelRegistry(FakeRegistry):
    """Everything by its id, which counts over all of it."""

    def __init__(self) -> None:
        self.things: dict[str, dict[str, Any]] = {}
        super().__init__()

    def reply(self, method: str, path: str, query: Query, body: Any) -> Answer:
        artifacts = re.fullmatch(rf"{_MODEL_REGISTRY}model_versions/(\d+)/artifacts", path)
        replies: dict[tuple[str, str], Callable[[], Answer]] = {
            ("GET", "registered_model"): lambda: self._find("registered_model", **query),
            ("GET", "model_version"): lambda: self._find("model_version", **query),
            ("GET", "model_artifact"): lambda: self._find("model_artifact", **query),
            ("POST", "registered_models"): lambda: self._create_model(**body),
            ("POST", "model_versions"): lambda: self._create_version(**body),
        }
        known = replies.get((method, path.removeprefix(_MODEL_REGISTRY)))
        if known is None and artifacts and method == "POST":
            return self._create_artifact(artifacts[1], **body)
        return (404, "404 page not found") if known is None else known()

    def _find(self, kind: str, name: str, parentResourceId: str = "") -> Answer:  # noqa: N803  # as the API has it
        for thing in self.things.values():
            if (thing["kind"], thing["name"], thing["parent"]) == (kind, name, parentResourceId):
                return 200, thing["document"]
        return 404, {"code": "Not Found", "message": f"no {kind} found for name={name}: not found"}

    def _create_model(self, name: str = "", description: str = "", state: str = "LIVE") -> Answer:
        return self._made("registered_model", "", {"name": name, "description": description, "state": state})

    def _create_version(
        self,
        name: str = "",
        registeredModelId: str = "",  # noqa: N803
        description: str = "",
        state: str = "LIVE",
        customProperties: dict[str, Any] | None = None,  # noqa: N803
    ) -> Answer:
        assert self.things[registeredModelId]["kind"] == "registered_model"
        for value in (customProperties or {}).values():
            field, kind = _VALUES[value["metadataType"]]
            assert set(value) == {"metadataType", field} and isinstance(value[field], kind)
        document = {"name": name, "registeredModelId": registeredModelId, "description": description, "state": state}
        return self._made("model_version", registeredModelId, {**document, "customProperties": customProperties or {}})

    def _create_artifact(
        self,
        version: str,
        *,
        artifactType: str,  # noqa: N803
        name: str,
        uri: str,
        state: str,
        modelFormatName: str,  # noqa: N803
        modelFormatVersion: str,  # noqa: N803
    ) -> Answer:
        assert (artifactType, self.things[version]["kind"]) == ("model-artifact", "model_version")
        format_name = {"modelFormatName": modelFormatName, "modelFormatVersion": modelFormatVersion}
        return self._made("model_artifact", version, {"name": name, "uri": uri, "state": state, **format_name})

    def _made(self, kind: str, parent: str, document: dict[str, Any]) -> Answer:
        assert document["state"] == "LIVE"
        name = document["name"]
        if not name:
            return 422, {"code": "Bad Request", "message": "required field 'name' is zero value."}
        if self._find(kind, name, parent)[0] == 200:
            return 409, {"code": "Conflict", "message": f"{kind} with name {name} already exists: conflict"}
        identity = str(len(self.things) + 1)
        made = {**document, "id": identity}
        self.things[identity] = {"kind": kind, "name": name, "parent": parent, "document": made}
        self.written.append((kind, document))
        return 201, made


def _missing(field: str) -> dict[str, str]:
    return {"error_code": "INVALID_PARAMETER_VALUE", "message": f"Missing value for required parameter '{field}'."}


class _RegistryHandler(BaseHTTPRequestHandler):
    server: FakeRegistry

    def do_GET(self) -> None:  # the names are http.server's
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def _answer(self, method: str) -> None:
        path, query, body = json_request(self)
        try:
            code, found = self.server.answer(method, path, query, body, self.headers["authorization"] or "")
        except (TypeError, AssertionError, KeyError) as error:
            # A field that is not known or missing.
            code, found = 400, {"code": "Bad Request", "message": f"{type(error).__name__}: {error}"}
        content = found.encode() if isinstance(found, str) else json.dumps(found).encode()
        self.send_response(code)
        if 300 <= code < 400:
            self.send_header("location", found)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""
