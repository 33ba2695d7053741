"""What every driver offers, and the writes that it may ask for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from timoneiro_operator.api import names
from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.kinds import Body
from timoneiro_operator.decide.decision import Decision
from timoneiro_operator.decide.observation import RouteState, Workload
from timoneiro_operator.serving.adopted import Adopted

Applied = Literal["InferenceService", "HTTPRoute"]
Removed = Literal["InferenceService", "ServingRuntime"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Children:
    """What belongs to one ModelDeployment.

    `services`: InferenceServices by name; `pods`: by revision; `copies`: ServingRuntimes of its revisions, by revision.
    `adopted`: InferenceServices that serve and were not made for it, by revision.
    """

    services: Mapping[str, Body]
    pods: Mapping[str, Sequence[Body]]
    route: Body | None = None
    knative: Body | None = None
    copies: Mapping[str, Body] = field(default_factory=dict)
    adopted: Mapping[str, Adopted] = field(default_factory=dict)

    def serving(self) -> dict[str, Body]:
        """All InferenceServices by name, whoever has made them."""
        adopted = {item.snapshot.adopted or "": item.body for item in self.adopted.values() if item.body is not None}
        return {**self.services, **adopted}


def children_of(
    services: Iterable[Body],
    pods: Iterable[Body],
    *,
    route: Body | None = None,
    knative: Body | None = None,
    runtimes: Iterable[Body] = (),
    adopted: Sequence[Adopted] = (),
) -> Children:
    """Children of objects as the API server has them, in whatever order."""
    by_revision: dict[str, list[Body]] = {}
    for pod in pods:
        by_revision.setdefault(pod["metadata"]["labels"].get(names.LABEL_REVISION, ""), []).append(pod)
    by_name = {body["metadata"]["name"]: body for body in services}
    copies = {body["metadata"]["labels"].get(names.LABEL_REVISION, ""): body for body in runtimes}
    for item in adopted:
        by_revision[item.snapshot.revision] = list(item.pods)
        # One that was released before it was adopted has labels of ours.
        by_name.pop(item.snapshot.adopted or "", None)
    return Children(
        services=by_name,
        pods=by_revision,
        route=route,
        knative=knative,
        copies=copies,
        adopted={item.snapshot.revision: item for item in adopted},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Apply:
    """Server-side apply. `first`: nothing of ours is there yet, so that what has this name belongs to somebody else.

    `before`: the ServingRuntime that it names, and without which it is not written. `plain`: what is written instead
    when `body` is refused, without fields that the cluster may not know.
    """

    kind: Applied
    body: Body
    first: bool
    before: Body | None = None
    plain: Body | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """Fields of components of an InferenceService, and nothing else: anything else would restart its pods."""

    name: str
    components: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """An InferenceService goes, or the ServingRuntime of its own."""

    name: str
    kind: Removed = "InferenceService"


Write = Apply | Patch | Remove


class Driver(Protocol):
    """One way to serve revisions and to split traffic between them."""

    def workloads(self, deployment: ModelDeployment, children: Children) -> dict[str, Workload]:
        """What serves, by revision."""

    def route(self, deployment: ModelDeployment, children: Children) -> RouteState | None:
        """Who gets the traffic, as the cluster has it; None when there is no route."""

    def writes(self, deployment: ModelDeployment, decision: Decision, children: Children) -> tuple[Write, ...]:
        """What is due, in this order: capacity, then traffic, then what is not needed any more."""
