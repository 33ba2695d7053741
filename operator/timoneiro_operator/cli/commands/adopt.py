"""`adopt` and `release`: an InferenceService becomes the stable model of a ModelDeployment, and is let go again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
from rich.console import Console

from timoneiro_operator.api import names
from timoneiro_operator.api.deployment import parse
from timoneiro_operator.api.invalid_spec import InvalidSpec
from timoneiro_operator.api.kinds import Body, Kind
from timoneiro_operator.cli.commands.actions import dump, say
from timoneiro_operator.cli.commands.cluster import FIELD_MANAGER, ClusterAccess
from timoneiro_operator.cli.commands.waiting import ROLLOUT_SECONDS, Clock, wait_for_rollout
from timoneiro_operator.cli.errors import DONE, NOT_FOUND, UNFINISHED, USAGE, CliError
from timoneiro_operator.cli.presentation.view import View, view_of
from timoneiro_operator.decide.text import revision_name
from timoneiro_operator.serving.adopted import model_name, served_by, why_not, why_not_yet
from timoneiro_operator.serving.runtime import named_runtime

# Somebody writes it while it is looked at: looked at again so often.
_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to adopt, and how requests are to reach it. Without host names or `gateway`: as its route has them."""

    service: str
    hostnames: Sequence[str] = ()
    gateway: str | None = None


def adopt(
    *, cluster: ClusterAccess, wish: Wish, output: str | None, timeout: float | None, console: Console, clock: Clock
) -> int:
    """Makes the ModelDeployment; with `output` it is only printed. `timeout` None: does not wait."""
    manifest, left_out = manifest_for(cluster, wish)
    name = manifest["metadata"]["name"]
    if output is not None:
        comments = "".join(f"# {line}\n" for line in left_out) if output == "yaml" else ""
        say(console, comments + dump(manifest, output, console))
        return DONE
    if _found(cluster, "ModelDeployment", name) is not None:
        raise CliError(f"ModelDeployment '{name}' exists already; `timoneiro get {name}` shows what it serves")
    # Whoever publishes the next model has no conflict with what is said of this one.
    model, rest = _parted(manifest)
    cluster.apply(rest, manager=FIELD_MANAGER)
    cluster.apply(model, manager=names.PIPELINE_MANAGER)
    say(
        console,
        f"ModelDeployment {name} is created; InferenceService {wish.service} becomes its first stable revision.",
    )
    for line in left_out:
        say(console, line)
    if timeout is None:
        return DONE
    outcome = wait_for_rollout(
        cluster=cluster, name=name, timeout=timeout, clock=clock, tell=lambda line: say(console, line)
    )
    if outcome.code != DONE:
        raise CliError(outcome.line, code=outcome.code)
    hosts = ", ".join(manifest["spec"]["route"]["hostnames"])
    say(console, outcome.line)
    say(console, f"Send requests to {hosts} from now on: what is released next is rolled out there, and only there.")
    return DONE


def manifest_for(cluster: ClusterAccess, wish: Wish) -> tuple[dict[str, Any], list[str]]:
    """The ModelDeployment that describes what serves, and what it cannot describe. Raises CliError, with the reason."""
    body = cluster.named("InferenceService", wish.service)
    name = model_name(body)
    route = _route(cluster, name, wish)
    reason = why_not(body, name=name, hostnames=route["hostnames"])
    reason = reason or why_not_yet(body, cluster.pods_of(wish.service))
    if reason is not None:
        raise CliError(f"InferenceService '{wish.service}' cannot be adopted: {reason}")
    served = served_by(body, _runtime(cluster, body))
    spec = {
        "model": _json(served.model),
        "adopt": wish.service,
        "predictor": _json(served.predictor),
        **({"transformer": _json(served.transformer)} if served.transformer is not None else {}),
        "route": route,
    }
    metadata = {"name": name, "namespace": cluster.namespace}
    manifest: dict[str, Any] = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": metadata,
        "spec": spec,
    }
    try:
        parse({**manifest, "metadata": {**metadata, "uid": ""}})
    except InvalidSpec as error:
        raise CliError(f"InferenceService '{wish.service}' cannot be adopted: {error}") from error
    if not served.left_out:
        return manifest, []
    fields = ", ".join(served.left_out)
    return manifest, [f"The next model is served without {fields}: a ModelDeployment has no such fields."]


def _parted(manifest: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The manifest with `spec.model` alone, and the one with the rest."""
    spec = dict(manifest["spec"])
    model = {"model": spec.pop("model")}
    return {**manifest, "spec": model}, {**manifest, "spec": spec}


def _route(cluster: ClusterAccess, name: str, wish: Wish) -> dict[str, Any]:
    """`spec.route`: what was asked for, else what the route has that this name was released with."""
    standing: Mapping[str, Any] = next(iter(cluster.part("HTTPRoute", name).items), {})
    spec = standing.get("spec") or {}
    hostnames = list(wish.hostnames) or list(spec.get("hostnames") or [])
    if not hostnames:
        raise CliError(f"which host name will clients use for '{name}' to? Give it with --hostname", code=USAGE)
    parent: Mapping[str, Any] = next(iter(spec.get("parentRefs") or []), {})
    gateway = {key: parent[key] for key in ("name", "namespace") if key in parent}
    if wish.gateway is not None:
        namespace, _, gateway_name = wish.gateway.rpartition("/")
        gateway = {"name": gateway_name, "namespace": namespace or cluster.namespace}
    return {"hostnames": hostnames, **({"gateway": gateway} if gateway else {})}


def _runtime(cluster: ClusterAccess, body: Body) -> Body | None:
    """The ServingRuntime that it names, where that is one of the namespace."""
    name = named_runtime(body)
    return _found(cluster, "ServingRuntime", name) if name is not None else None


def _found(cluster: ClusterAccess, kind: Kind, name: str) -> Body | None:
    try:
        return cluster.named(kind, name)
    except CliError as error:
        if error.code != NOT_FOUND:
            raise
        return None


def release(*, cluster: ClusterAccess, name: str, timeout: float, console: Console, clock: Clock) -> int:
    """The ModelDeployment goes, and all that serves stays."""
    for _ in range(_TRIES):
        view, body = _releasable(cluster, name)
        routes = [route["metadata"]["name"] for route in cluster.part("HTTPRoute", name).items]
        if cluster.release(body):
            break
    else:
        raise CliError(f"ModelDeployment '{name}' keeps changing and was not released; try again")
    deadline = clock.now() + timedelta(seconds=timeout)
    while _found(cluster, "ModelDeployment", name) is not None:
        if clock.now() >= deadline:
            raise CliError(
                f"ModelDeployment '{name}' is released, but Kubernetes has not removed it in time; "
                "the model goes on serving",
                code=UNFINISHED,
            )
        clock.sleep(min(ROLLOUT_SECONDS, max(0.0, (deadline - clock.now()).total_seconds())))
    for line in _told(view, routes):
        say(console, line)
    return DONE


def _releasable(cluster: ClusterAccess, name: str) -> tuple[View, Body]:
    """The ModelDeployment. Raises CliError while letting it go would leave traffic where nobody looks after it."""
    body = cluster.get(name)
    view = view_of(body)
    status = view.status
    if status.candidate is not None:
        raise CliError(
            f"{revision_name(status.candidate)} is being rolled out: wait for the end, or `timoneiro abort {name}`"
        )
    if status.stable is None:
        raise CliError(f"nothing of '{name}' serves: `kubectl delete modeldeployment {name}` removes it")
    if not view.seen:
        raise CliError(f"the operator has not seen the latest spec of '{name}' yet; try again in a moment")
    traffic = status.traffic
    if traffic is None or not traffic.accepted or traffic.desired.candidate:
        raise CliError(
            f"the gateway has not accepted yet that all traffic goes to {revision_name(status.stable)}: "
            f"`timoneiro explain {name}` says why"
        )
    return view, body


def _told(view: View, routes: Sequence[str]) -> list[str]:
    """What stands now, and the ways on."""
    status, name = view.status, view.name
    assert status.stable is not None
    service = status.stable.inference_service
    lines = [
        f"ModelDeployment {name} is released. InferenceService {service} goes on serving as before.",
        *(f"HTTPRoute {route} sends all requests to it, and nothing changes that any more." for route in routes),
    ]
    idle = [item.inference_service for item in status.retiring if item.inference_service != service]
    if idle:
        lines.append(f"Without traffic, and nothing removes them any more: InferenceService {', '.join(idle)}.")
    return [*lines, f"`timoneiro adopt {service}` adopts it again, with its route."]


def _json(part: msgspec.Struct) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(part))
    return found
