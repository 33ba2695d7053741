"""Conditions of a ModelDeployment: what `kubectl wait` and dashboards read."""

from typing import Literal

from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.status import Condition, Status, to_text
from timoneiro_operator.decide.observation import Observation

Truth = Literal["True", "False", "Unknown"]


def with_conditions(
    status: Status, deployment: ModelDeployment, seen: Observation, now: float
) -> tuple[Condition, ...]:
    """The four conditions. The transition time moves only when the status of a condition does."""
    wanted = (
        ("Ready", *_ready(status, seen)),
        ("Progressing", *_progressing(status)),
        ("RouteAccepted", *_route_accepted(seen)),
        ("MetricsAvailable", *_metrics_available(status, seen)),
    )
    return tuple(condition(deployment, kind, truth, reason, message, now) for kind, truth, reason, message in wanted)


def condition(deployment: ModelDeployment, kind: str, truth: Truth, reason: str, message: str, now: float) -> Condition:
    """One condition, with the transition time of the old one unless its status has changed."""
    old = next((c for c in deployment.status.conditions if c.type == kind), None)
    unchanged = old is not None and old.status == truth
    return Condition(
        type=kind,
        status=truth,
        reason=reason,
        message=message,
        last_transition_time=old.last_transition_time if old and unchanged else to_text(now),
        observed_generation=deployment.generation,
    )


def _ready(status: Status, seen: Observation) -> tuple[Truth, str, str]:
    if status.stable is None:
        return "False", "NoStableRevision", status.message
    if not seen.workload(status.stable.inference_service).serving:
        return "False", "StableNotReady", "the stable model has no ready replica"
    if seen.route is None or not (seen.route.accepted or seen.route.reason == "Pending"):
        return "False", "RouteNotAccepted", seen.route.message if seen.route else "there is no HTTPRoute"
    return "True", "Serving", "the stable model is ready and has its route"


def _progressing(status: Status) -> tuple[Truth, str, str]:
    if status.candidate is not None:
        return "True", status.phase, status.message
    return "False", status.phase, status.message


def _route_accepted(seen: Observation) -> tuple[Truth, str, str]:
    route = seen.route
    if route is None:
        return "Unknown", "NotFound", "there is no HTTPRoute yet"
    if route.accepted:
        return "True", "Accepted", "the gateway has accepted the route"
    return ("Unknown" if route.reason == "Pending" else "False"), route.reason, route.message


def _metrics_available(status: Status, seen: Observation) -> tuple[Truth, str, str]:
    if seen.metrics.problem is not None:
        return "False", *seen.metrics.problem
    if status.candidate is None or status.step is None:
        return "Unknown", "NotMeasuring", "no candidate has traffic"
    return "True", "Available", "both arms are measured"
