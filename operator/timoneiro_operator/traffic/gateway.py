"""The HTTPRoute of a ModelDeployment: one rule, one weighted backend for each revision that may have traffic."""

from collections.abc import Mapping
from typing import Any

from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.ownership import owned_metadata
from timoneiro_operator.decide.observation import RouteState

API_VERSION = "gateway.networking.k8s.io/v1"
KIND = "HTTPRoute"
_SUFFIX = "-predictor"


def build_route(deployment: ModelDeployment, weights: Mapping[str, int]) -> dict[str, Any]:
    """The HTTPRoute for server-side apply. `weights`: percent by InferenceService, summing to 100.

    A backend of weight 0 stays listed while its revision may still get traffic, so that the gateway knows it already.
    Raises ValueError when the weights do not sum to 100: an invariant, not a matter of input.
    """
    if sum(weights.values()) != 100 or min(weights.values()) < 0:
        raise ValueError(f"weights {dict(weights)} of {deployment.namespace}/{deployment.name} do not sum to 100")
    route = deployment.spec.route
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": owned_metadata(
            deployment,
            name=deployment.name,
            labels={},
            # Flux is asked to leave the route alone: its weights are nobody's but the operator's.
            annotations={"kustomize.toolkit.fluxcd.io/reconcile": "disabled"},
        ),
        "spec": {
            "parentRefs": [
                {
                    "group": "gateway.networking.k8s.io",
                    "kind": "Gateway",
                    "name": route.gateway.name,
                    "namespace": route.gateway.namespace,
                }
            ],
            "hostnames": list(route.hostnames),
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                    "backendRefs": [
                        {"group": "", "kind": "Service", "name": f"{name}{_SUFFIX}", "port": 80, "weight": weight}
                        for name, weight in weights.items()
                    ],
                }
            ],
        },
    }


def read_route(route: Mapping[str, Any] | None) -> RouteState | None:
    """The HTTPRoute as the cluster has it; None when it does not exist.

    Accepted: every condition Accepted and ResolvedRefs of the gateway is true **for this generation** of the route.
    """
    if route is None:
        return None
    spec = route.get("spec") or {}
    backends = [backend for rule in spec.get("rules") or [] for backend in rule.get("backendRefs") or []]
    parent: Mapping[str, Any] = next(iter(spec.get("parentRefs") or []), {})
    accepted, reason, message = _acceptance(route)
    return RouteState(
        as_built=_as_built(spec.get("rules") or []),
        weights={backend["name"].removesuffix(_SUFFIX): backend.get("weight", 1) for backend in backends},
        hostnames=tuple(spec.get("hostnames") or ()),
        gateway=(parent["namespace"], parent["name"]) if "namespace" in parent and "name" in parent else None,
        accepted=accepted,
        reason=reason,
        message=message,
    )


def _as_built(rules: list[Mapping[str, Any]]) -> bool:
    """One rule for all paths, without filters, to port 80 of each backend: `build_route`, and nobody's edit of it."""
    if len(rules) != 1 or rules[0].get("filters"):
        return False
    backends = rules[0].get("backendRefs") or []
    paths = [match.get("path") for match in rules[0].get("matches") or []]
    plain = all(backend.get("port") == 80 and not backend.get("filters") for backend in backends)
    return plain and paths == [{"type": "PathPrefix", "value": "/"}]


def _acceptance(route: Mapping[str, Any]) -> tuple[bool, str, str]:
    generation = route["metadata"].get("generation", 0)
    parents = (route.get("status") or {}).get("parents") or []
    conditions = [
        condition
        for parent in parents
        for condition in parent.get("conditions") or []
        if condition.get("type") in ("Accepted", "ResolvedRefs")
    ]
    current = [c for c in conditions if c.get("observedGeneration", 0) >= generation]
    refused = next((c for c in current if c.get("status") != "True"), None)
    if refused is not None:
        words = f"the gateway refuses the route: {refused.get('message') or refused.get('reason')}"
        return False, refused.get("reason") or "Refused", words
    if {c["type"] for c in current} >= {"Accepted", "ResolvedRefs"}:
        return True, "Accepted", "the gateway has accepted the route"
    return False, "Pending", "the gateway has not taken the route up yet"


def differs(deployment: ModelDeployment, weights: Mapping[str, int], seen: RouteState | None) -> bool:
    """Whether the HTTPRoute in the cluster is not the one that is wanted."""
    wanted = deployment.spec.route
    return (
        seen is None
        or not seen.as_built
        or dict(seen.weights) != dict(weights)
        or seen.hostnames != wanted.hostnames
        or seen.gateway != (wanted.gateway.namespace, wanted.gateway.name)
    )
