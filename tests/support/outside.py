"""An observer that trusts nobody: records what the API server says, and looks for moments that must not have been."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightkube.generic_resource import create_namespaced_resource
from lightkube.resources.core_v1 import Pod

from support.versions import Seen, Versions
from timoneiro_operator.api import names

_KINDS: dict[str, Any] = {
    "HTTPRoute": create_namespaced_resource("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"),
    "ModelDeployment": create_namespaced_resource(names.GROUP, names.VERSION, names.KIND, names.PLURAL),
    "Pod": Pod,
}
_SUFFIXES = ("-predictor", "-transformer")


@dataclass
class World:
    """What there is after some version. Pods by revision and uid: whether each is ready."""

    weights: dict[str, int] = field(default_factory=dict)
    pods: dict[str, dict[str, bool]] = field(default_factory=dict)
    stable: str | None = None

    def ready(self, revision: str) -> bool:
        return any(self.pods.get(revision, {}).values())


class Outside:
    """Watches one ModelDeployment from outside. `violations()` is what it may be blamed for."""

    def __init__(self, kubeconfig: Path, *, namespace: str, name: str) -> None:
        self._versions = Versions(kubeconfig, namespace=namespace, kinds=_KINDS)
        self._name = name

    def close(self) -> None:
        self._versions.close()

    def status(self) -> dict[str, Any]:
        """The last status that was seen of the deployment that is watched."""
        status: dict[str, Any] = self._versions.latest("ModelDeployment", self._name).get("status") or {}
        return status

    def routes(self) -> list[dict[str, int]]:
        """Weights by revision of every version of the route, in their order, without repeats."""
        found: list[dict[str, int]] = []
        for seen in self.ordered():
            if seen.kind == "HTTPRoute" and not seen.gone:
                weights = self._weights(seen.body)
                if not found or found[-1] != weights:
                    found.append(weights)
        return found

    def mirrors(self) -> list[str]:
        """Revisions that got a copy of the traffic, in their order, without repeats."""
        found: list[str] = []
        for seen in self.ordered():
            filters = [
                f for rule in (seen.body.get("spec") or {}).get("rules") or [] for f in rule.get("filters") or []
            ]
            for filter_ in filters if seen.kind == "HTTPRoute" else []:
                revision = self._revision(filter_["requestMirror"]["backendRef"]["name"])
                if not found or found[-1] != revision:
                    found.append(revision)
        return found

    def given(self, revision: str) -> list[tuple[int, int]]:
        """Every weight that `revision` got, with the number of pods that were ready at that moment."""
        world, found = World(), []
        for seen in self.ordered():
            if seen.kind == "Pod":
                self._pod(world, seen)
            elif seen.kind == "HTTPRoute" and not seen.gone:
                before, world.weights = world.weights.get(revision, 0), self._weights(seen.body)
                if world.weights.get(revision, 0) > before:
                    ready = sum(world.pods.get(revision, {}).values())
                    found.append((world.weights[revision], ready))
        return found

    def violations(self, *, excused: Callable[[str], bool] = lambda sentence: False) -> list[str]:
        """Sentences about moments that must not have been; `excused` are those that the test itself brought about."""
        world, found = World(), []
        for seen in self.ordered():
            if seen.kind == "Pod":
                found += self._pod(world, seen)
            elif seen.kind == "HTTPRoute":
                found += self._route(world, seen)
            else:
                stable = (seen.body.get("status") or {}).get("stable") or {}
                world.stable = stable.get("revision", world.stable)
        return [sentence for sentence in found if not excused(sentence)]

    def _route(self, world: World, seen: Seen) -> list[str]:
        weights, before = ({} if seen.gone else self._weights(seen.body)), world.weights
        world.weights = weights
        found = []
        if not seen.gone and sum(weights.values()) != 100:
            found.append(f"{seen.version}: weights {weights} do not sum to 100")
        for revision, weight in weights.items():
            if weight > before.get(revision, 0) and not world.ready(revision) and before:
                found.append(f"{seen.version}: {revision} got {weight} % and has no ready pod")
        return found

    def _pod(self, world: World, seen: Seen) -> list[str]:
        metadata = seen.body["metadata"]
        revision = (metadata.get("labels") or {}).get(names.LABEL_REVISION, "")
        pods = world.pods.setdefault(revision, {})
        had = pods.get(metadata["uid"], False)
        conditions = (seen.body.get("status") or {}).get("conditions") or []
        leaving = seen.gone or bool(metadata.get("deletionTimestamp"))
        pods[metadata["uid"]] = not leaving and any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
        weight = world.weights.get(revision, 0)
        if leaving and had and weight:
            return [f"{seen.version}: a ready pod of {revision} was removed with {weight} % of the traffic"]
        return []

    def _weights(self, route: dict[str, Any]) -> dict[str, int]:
        """Of the rule for everybody, which comes last."""
        backends = route["spec"]["rules"][-1]["backendRefs"]
        return {self._revision(backend["name"]): backend["weight"] for backend in backends}

    def _revision(self, service: str) -> str:
        for suffix in _SUFFIXES:
            service = service.removesuffix(suffix)
        return service.removeprefix(f"{self._name}-")

    def ordered(self) -> list[Seen]:
        """Those of the deployment that is watched."""
        return [seen for seen in self._versions.ordered() if self._owner(seen) == self._name]

    def _owner(self, seen: Seen) -> str | None:
        metadata = seen.body["metadata"]
        if seen.kind == "ModelDeployment":
            return str(metadata["name"])
        return (metadata.get("labels") or {}).get(names.LABEL_DEPLOYMENT)
