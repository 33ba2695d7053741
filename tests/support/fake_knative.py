"""Plays Knative Serving's controllers: revisions and traffic of Knative Services, as far as their status shows them.

What it says follows knative.dev/serving v0.48 (pkg/reconciler/configuration, route and service). There are no Revision
objects and no pods: nothing is served.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import httpx2
from lightkube import Client, KubeConfig
from lightkube.core.exceptions import ApiError
from lightkube.generic_resource import create_namespaced_resource
from lightkube.types import PatchType

SERVICE = create_namespaced_resource("serving.knative.dev", "v1", "Service", "services")
_INTERVAL_SECONDS = 0.1
_END_SECONDS = 30.0
State = Literal["Ready", "Waiting", "Failed"]
Json = dict[str, Any]


@dataclass
class Revision:
    """A template that a Service has had, and what became of it."""

    name: str
    template: str
    state: State
    message: str = ""


class FakeKnative:
    """Knative's controllers for the Services of one namespace, as a thread; `with` starts and ends it.

    Guarantees: each change of a Service's template makes one revision, <service>-00001 and so on, even where it
    changes back; each is ready at once unless told otherwise; latestRevision means the newest that is ready; traffic
    is what the spec asks for. Whatever goes wrong in the thread is raised by stop().
    """

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._client = Client(KubeConfig.from_file(str(kubeconfig)), namespace=namespace, trust_env=False)
        self._revisions: dict[str, list[Revision]] = {}
        self._next: list[tuple[State, str]] = []
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="fake-knative", daemon=True)

    def __enter__(self) -> "FakeKnative":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; raises what it failed with. It cannot be started again."""
        self._ending.set()
        self._thread.join(_END_SECONDS)
        assert not self._thread.is_alive(), "FakeKnative does not end"
        self._client.close()
        if self._failure is not None:
            raise self._failure

    def hold_next(self) -> None:
        """The next revision never becomes ready and never fails, unless settle() says so."""
        with self._lock:
            self._next.append(("Waiting", ""))

    def fail_next(self, message: str) -> None:
        """The next revision fails with a message."""
        with self._lock:
            self._next.append(("Failed", message))

    def settle(self, revision: str, state: State = "Ready", message: str = "") -> None:
        """Changes what became of a revision; KeyError where there is none of that name."""
        with self._lock:
            found = {entry.name: entry for entries in self._revisions.values() for entry in entries}[revision]
            found.state, found.message = state, message

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Nothing is done meanwhile, as where Knative's controllers are slow or away."""
        with self._lock:
            yield

    def _run(self) -> None:
        try:
            while not self._ending.wait(_INTERVAL_SECONDS):
                with self._lock, suppress(httpx2.TransportError):
                    # An API server that is slow to answer is asked again, as every controller does.
                    for service in self._client.list(SERVICE):
                        self._reconcile(_as_dict(service))
        except BaseException as failure:
            self._failure = failure

    def _reconcile(self, service: Json) -> None:
        revisions = self._revisions.setdefault(service["metadata"]["uid"], [])
        template = json.dumps(service["spec"]["template"], sort_keys=True)
        if not revisions or revisions[-1].template != template:
            state, message = self._next.pop(0) if self._next else ("Ready", "")
            name = f"{service['metadata']['name']}-{len(revisions) + 1:05}"
            revisions.append(Revision(name, template, state, message))
        status = service_status(service, revisions)
        if status == service.get("status"):
            return
        try:
            self._client.patch(
                SERVICE.Status, service["metadata"]["name"], {"status": status}, patch_type=PatchType.MERGE
            )
        except ApiError as error:
            # Deleted since it was listed.
            if error.status.code != HTTPStatus.NOT_FOUND:
                raise


def service_status(service: Json, revisions: list[Revision]) -> Json:
    """The status that Knative gives a Service whose templates have been these, the newest last. Pure but for `now`."""
    metadata, before = service["metadata"], service.get("status") or {}
    host = f"{metadata['name']}.{metadata['namespace']}.svc.cluster.local"
    ready = [revision.name for revision in revisions if revision.state == "Ready"]
    configurations, routes = _configurations_ready(revisions[-1]), _routes_ready(service, revisions)
    status: Json = {
        "observedGeneration": metadata["generation"],
        "latestCreatedRevisionName": revisions[-1].name,
        "url": f"http://{host}",
        "address": {"url": f"http://{host}"},
        "conditions": _dated(
            [
                {"type": "ConfigurationsReady", **configurations},
                {"type": "Ready", **_worst(configurations, routes)},
                {"type": "RoutesReady", **routes},
            ],
            before.get("conditions") or [],
        ),
    }
    if ready:
        status["latestReadyRevisionName"] = ready[-1]
    if routes["status"] == "True":
        status["traffic"] = [_assigned(target, ready[-1], host) for target in service["spec"]["traffic"]]
    elif "traffic" in before:
        # What was programmed last stays programmed.
        status["traffic"] = before["traffic"]
    return status


def _as_dict(item: Any) -> Json:
    return dict(item.to_dict())


def _assigned(target: Json, latest: str, host: str) -> Json:
    if target.get("latestRevision"):
        target = {**target, "revisionName": latest}
    return {**target, "url": f"http://{target['tag']}-{host}"} if target.get("tag") else target


def _configurations_ready(newest: Revision) -> Json:
    if newest.state == "Ready":
        return {"status": "True"}
    if newest.state == "Waiting":
        return {"status": "Unknown"}
    message = f'Revision "{newest.name}" failed with message: {newest.message}.'
    return {"status": "False", "reason": "RevisionFailed", "message": message}


def _routes_ready(service: Json, revisions: list[Revision]) -> Json:
    states = {revision.name: revision.state for revision in revisions}
    for target in service["spec"]["traffic"]:
        if target.get("latestRevision"):
            name, kind = service["metadata"]["name"], "Configuration"
            if "Ready" in states.values():
                continue
            failed = states[revisions[-1].name] == "Failed"
            message = "does not have any ready Revision." if failed else "is waiting for a Revision to become ready."
        else:
            name, kind = target["revisionName"], "Revision"
            if states.get(name) == "Ready":
                continue
            failed = states.get(name) != "Waiting"
            message = "referenced in traffic not found." if name not in states else "is not yet ready."
        return {
            "status": "False" if failed else "Unknown",
            "reason": "RevisionMissing",
            "message": f'{kind} "{name}" {message}',
        }
    return {"status": "True"}


def _worst(*conditions: Json) -> Json:
    return min(conditions, key=lambda condition: ("False", "Unknown", "True").index(condition["status"]))


def _dated(conditions: list[Json], before: list[Json]) -> list[Json]:
    """Conditions with the time since when they have been as they are."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    known = {condition["type"]: condition for condition in before}
    dated = []
    for condition in conditions:
        earlier = known.get(condition["type"], {})
        since = earlier.get("lastTransitionTime", now)
        dated.append(
            earlier
            if earlier == {**condition, "lastTransitionTime": since}
            else {**condition, "lastTransitionTime": now}
        )
    return dated
