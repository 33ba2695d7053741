"""What a ModelDeployment needs of the cluster and does not have: kinds of objects, or a host name of its own. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.spec import GatewayRef

_DRIVERS = {
    "Gateway": (
        "HTTPRoute",
        "route.driver Gateway needs HTTPRoutes (gateway.networking.k8s.io/v1), which this cluster does not know: "
        "install the Gateway API, or use driver Knative",
    ),
    "Knative": (
        "KnativeService",
        "route.driver Knative needs Services of Knative (serving.knative.dev/v1), which this cluster does not know: "
        "install Knative Serving, or use driver Gateway",
    ),
}


def lacking(deployment: ModelDeployment, absent: Collection[str]) -> tuple[str, str] | None:
    """Reason and sentence when the API server does not know a kind that is needed; None when nothing is lacking."""
    if "InferenceService" in absent:
        return (
            "KServeNotInstalled",
            "this cluster does not know InferenceServices (serving.kserve.io/v1beta1): install KServe",
        )
    kind, sentence = _DRIVERS[deployment.spec.route.driver]
    return ("DriverNotInstalled", sentence) if kind in absent else None


def needed_kinds(deployments: Iterable[Mapping[str, Any]]) -> set[str]:
    """Kinds that some ModelDeployment (as the API server has it) needs: nobody has to look for the others."""
    drivers = {((body.get("spec") or {}).get("route") or {}).get("driver", "Gateway") for body in deployments}
    kinds = {kind for driver, (kind, _) in _DRIVERS.items() if driver in drivers}
    return kinds | {"InferenceService"} if drivers else kinds


def contested_host(
    body: Mapping[str, Any], route: Mapping[str, Any] | None, others: Sequence[tuple[Mapping[str, Any], Any]]
) -> str | None:
    """A sentence when a host name of the ModelDeployment `body` belongs to another one; None when all are its own.

    A gateway would mix the traffic of two routes with one host name. Whoever has it in its route keeps it, else the
    older one gets it. `route`: its own HTTPRoute; `others`: ModelDeployments that share a name, with their HTTPRoutes.
    """
    wanted = set(_claim(body)[1]) - set(_hosts_of(route))
    for other, other_route in others:
        gateway, hosts = _claim(other)
        taken = wanted & set(hosts)
        if gateway != _claim(body)[0] or not taken:
            continue
        has_it = taken & set(_hosts_of(other_route))
        if has_it or _age(other) < _age(body):
            metadata = other["metadata"]
            owner = f"{metadata['namespace']}/{metadata['name']}"
            return f"the host name {min(has_it or taken)} belongs to ModelDeployment {owner}: choose another one"
    return None


def _claim(body: Mapping[str, Any]) -> tuple[tuple[str, str], list[str]]:
    """The Gateway and the host names that a ModelDeployment asks for."""
    route = body["spec"]["route"]
    if route.get("driver", "Gateway") != "Gateway":
        return ("", ""), []
    default, gateway = GatewayRef(), route.get("gateway") or {}
    named = (gateway.get("namespace", default.namespace), gateway.get("name", default.name))
    return named, list(route.get("hostnames") or [])


def _hosts_of(route: Mapping[str, Any] | None) -> list[str]:
    return list(((route or {}).get("spec") or {}).get("hostnames") or [])


def _age(body: Mapping[str, Any]) -> tuple[str, str, str]:
    """Its time is in whole seconds: of two that were made in the same one, the first by name counts as older."""
    metadata = body["metadata"]
    return metadata.get("creationTimestamp", ""), metadata["namespace"], metadata["name"]
