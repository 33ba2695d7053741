"""The HTTPRoute of a ModelDeployment: one weighted backend for each revision that may have traffic."""

from collections.abc import Mapping
from typing import Any

import msgspec

from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.kinds import RESOURCES
from timoneiro_operator.api.manifests import covers, is_written
from timoneiro_operator.api.names import ANNOTATION_ROUTE_FIELDS
from timoneiro_operator.api.ownership import is_owned, owned_metadata
from timoneiro_operator.decide.observation import RouteState, Routing

KIND = "HTTPRoute"
# As KServe ends the names of Services: requests reach the last one of them first that there is.
_SUFFIXES = ("-predictor", "-transformer")
# They decide where requests go.
_ROUTING_FILTERS = ("RequestMirror", "RequestRedirect")
_ALL_PATHS = {"type": "PathPrefix", "value": "/"}


def build_route(deployment: ModelDeployment, routing: Routing, live: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The HTTPRoute for server-side apply.

    A backend of weight 0 stays listed while its revision may still get traffic, so that the gateway knows it already.
    The rules of a route are one field, whoever has written what in them: what others have added to those that are
    there (`live`) is written with them. Raises ValueError when the weights do not sum to 100: an invariant, not a
    matter of input.
    """
    weights = routing.weights
    if sum(weights.values()) != 100 or min(weights.values()) < 0:
        raise ValueError(f"weights {dict(weights)} of {deployment.namespace}/{deployment.name} do not sum to 100")
    route = deployment.spec.route
    main, previews = _rules(live or {})
    ours = _own_fields(deployment)
    rules = [_with_others(_main_rule(deployment, routing), main, ours, live)]
    if routing.preview is not None and route.preview is not None:
        header = {"type": "Exact", "name": route.preview.header.name, "value": route.preview.header.value}
        backend = {**_backend(deployment, routing.preview), "weight": 1}
        preview = {"matches": [{"path": _ALL_PATHS, "headers": [header]}], "backendRefs": [backend]}
        rules.insert(0, _with_others(preview, next(iter(previews), {}), ours, live))
    # The one that is there keeps its name, whatever has been adopted since.
    name = live["metadata"]["name"] if live is not None else deployment.route_name
    # Flux is asked to leave the route alone: its weights are nobody's but the operator's.
    annotations = {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}
    if ours:
        annotations[ANNOTATION_ROUTE_FIELDS] = ",".join(ours)
    return {
        "apiVersion": RESOURCES["HTTPRoute"].api_version,
        "kind": KIND,
        "metadata": owned_metadata(deployment, name=name, labels={}, annotations=annotations),
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
            "rules": rules,
        },
    }


def only_standard(deployment: ModelDeployment) -> ModelDeployment:
    """`deployment` without what only the experimental channel of the Gateway API has."""
    route = msgspec.structs.replace(deployment.spec.route, retry=None, session_persistence=None)
    return msgspec.structs.replace(deployment, spec=msgspec.structs.replace(deployment.spec, route=route))


def _own_fields(deployment: ModelDeployment) -> dict[str, Any]:
    """What the spec says of every rule, beside where requests go."""
    route = deployment.spec.route
    fields = {"timeouts": route.timeouts, "retry": route.retry, "sessionPersistence": route.session_persistence}
    # By way of JSON: with lists in the place of tuples.
    return {name: msgspec.json.decode(msgspec.json.encode(value)) for name, value in fields.items() if value}


def _fields_before(live: Mapping[str, Any] | None) -> set[str]:
    """Fields of the rules that the operator has written before."""
    annotations = ((live or {}).get("metadata") or {}).get("annotations") or {}
    return {name for name in annotations.get(ANNOTATION_ROUTE_FIELDS, "").split(",") if name}


def _with_others(
    rule: dict[str, Any], there: Mapping[str, Any], ours: dict[str, Any], live: Mapping[str, Any] | None
) -> dict[str, Any]:
    """`rule` with our own fields, and with what others have written into the one that is `there`."""
    before = _fields_before(live)
    others = {key: value for key, value in there.items() if key not in ("matches", "backendRefs", "filters", *before)}
    filters = [*_filters(there, routing=False), *rule.get("filters", [])]
    refs = {ref.get("name"): ref for ref in there.get("backendRefs") or []}
    backends = [{**refs.get(ref["name"], {}), **ref} for ref in rule["backendRefs"]]
    return others | rule | ours | {"backendRefs": backends} | ({"filters": filters} if filters else {})


def _filters(rule: Mapping[str, Any], *, routing: bool) -> list[Any]:
    """Filters that decide where requests go, which are the operator's, or all the others."""
    return [entry for entry in rule.get("filters") or [] if (entry.get("type") in _ROUTING_FILTERS) is routing]


def _main_rule(deployment: ModelDeployment, routing: Routing) -> dict[str, Any]:
    """The rule for all requests; a mirror gets a copy of each, and its answers reach nobody."""
    rule: dict[str, Any] = {
        "matches": [{"path": _ALL_PATHS}],
        "backendRefs": [
            {**_backend(deployment, revision), "weight": weight} for revision, weight in routing.weights.items()
        ],
    }
    if routing.mirror is not None:
        mirror = {"backendRef": _backend(deployment, routing.mirror)}
        rule["filters"] = [{"type": "RequestMirror", "requestMirror": mirror}]
    return rule


def _backend(deployment: ModelDeployment, revision: str) -> dict[str, Any]:
    return {"group": "", "kind": "Service", "name": deployment.backend_name(revision), "port": 80}


def read_route(deployment: ModelDeployment, route: Mapping[str, Any] | None) -> RouteState | None:
    """The HTTPRoute as the cluster has it; None when it does not exist.

    Accepted: every condition Accepted and ResolvedRefs of the gateway is true **for this generation** of the route.
    """
    if route is None:
        return None
    rules = (route.get("spec") or {}).get("rules") or []
    main, previews = _rules(route)
    mirrors = [entry.get("requestMirror") or {} for entry in _filters(main, routing=True)]
    routing = Routing(
        weights={_revision(deployment, backend): backend.get("weight", 1) for backend in main.get("backendRefs") or []},
        mirror=next((_revision(deployment, mirror.get("backendRef") or {}) for mirror in mirrors), None),
        preview=next(
            (_revision(deployment, backend) for rule in previews for backend in rule.get("backendRefs") or []), None
        ),
    )
    accepted, reason, message = _acceptance(route)
    wanted = {"filters": [], **_main_rule(deployment, routing)}
    as_built = len(rules) == 1 + len(previews) and covers({**main, "filters": _filters(main, routing=True)}, wanted)
    return RouteState(
        routing=routing,
        as_built=as_built,
        accepted=accepted,
        reason=reason,
        message=message,
    )


def _rules(route: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    """The rule for all requests, and those for a preview."""
    rules = (route.get("spec") or {}).get("rules") or []
    main: Mapping[str, Any] = next((rule for rule in reversed(rules) if not _has_headers(rule)), {})
    return main, [rule for rule in rules if _has_headers(rule)]


def _has_headers(rule: Mapping[str, Any]) -> bool:
    return any(match.get("headers") for match in rule.get("matches") or [])


def _revision(deployment: ModelDeployment, backend: Mapping[str, Any]) -> str:
    """The revision behind a backend; the name of a Service that is not ours stays a name."""
    name = str(backend.get("name", ""))
    known = {deployment.backend_name(known.revision): known.revision for known in deployment.status.revisions}
    if name in known:
        return known[name]
    for suffix in _SUFFIXES:
        own = name.removeprefix(f"{deployment.name}-").removesuffix(suffix)
        if name == f"{deployment.service_name(own)}{suffix}":
            return own
    return name


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
    return False, "Pending", _not_processed(route, seen=bool(parents))


def _not_processed(route: Mapping[str, Any], *, seen: bool) -> str:
    """`seen`: a gateway has written a status of the route, of whatever generation."""
    if seen:
        return "the gateway has not processed the route yet"
    parents = ((route.get("spec") or {}).get("parentRefs") or [{}])[0]
    namespace = parents.get("namespace") or route["metadata"].get("namespace")
    return (
        f"no gateway has taken the route up yet: is there a Gateway {namespace}/{parents.get('name')}, "
        "and does a listener of it admit routes of this namespace?"
    )


def differs(deployment: ModelDeployment, routing: Routing, route: Mapping[str, Any] | None) -> bool:
    """Whether the HTTPRoute in the cluster is not the one that is wanted."""
    if route is None or not is_owned(deployment, route):
        return True
    built = build_route(deployment, routing, route)
    if is_written(route, built):
        return False
    live, wanted = route.get("spec") or {}, built["spec"]
    # A filter that was not built would be taken for a default, and a field that is not ours any more for somebody's.
    filtered = [len(rule.get("filters") or []) for rule in live.get("rules") or []]
    expected = [len(rule.get("filters") or []) for rule in wanted["rules"]]
    return not covers(live, wanted) or filtered != expected or _fields_before(route) != set(_own_fields(deployment))
