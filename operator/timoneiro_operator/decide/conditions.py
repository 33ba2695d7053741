"""Conditions of a ModelDeployment: what `kubectl wait` and dashboards read."""

from typing import Literal

import msgspec

from timoneiro_operator.api.analysis_status import LastWindow
from timoneiro_operator.api.duration import format_duration
from timoneiro_operator.api.status import Condition, Status
from timoneiro_operator.api.times import Moment
from timoneiro_operator.decide.given import Given
from timoneiro_operator.decide.observation import Observation
from timoneiro_operator.decide.reasons import has_other_clients, routing_mismatch
from timoneiro_operator.decide.steps import arms_to_measure

Truth = Literal["True", "False", "Unknown"]


def conditions_of(given: Given, status: Status) -> tuple[Condition, ...]:
    """The five conditions. The transition time moves only when the status of a condition does."""
    seen, deployment = given.seen, given.deployment
    wanted: tuple[tuple[str, Truth, str, str], ...] = (
        ("Ready", *_ready(status, seen)),
        ("Progressing", *_progressing(status)),
        ("RouteAccepted", *_route_accepted(status, seen)),
        ("MetricsAvailable", *_metrics_available(status, seen)),
        ("OperatorReady", *_operator_ready(seen)),
    )
    known = deployment.status.conditions
    return tuple(_condition(known, deployment.generation, given.now, *condition) for condition in wanted)


def invalid(
    status: Status, message: str, generation: int, now: Moment, *, known: tuple[Condition, ...] | None = None
) -> Status:
    """`status` with `Ready=False, InvalidSpec`: the spec is not acted on. `known`: conditions before this pass."""
    known = status.conditions if known is None else known
    ready = _condition(known, generation, now, "Ready", "False", "InvalidSpec", message)
    others = tuple(c for c in status.conditions if c.type != "Ready")
    return msgspec.structs.replace(
        status,
        phase="Degraded" if status.stable is None else status.phase,
        message=f"the spec is invalid and was not acted on: {message}",
        observed_generation=generation,
        conditions=(ready, *others),
    )


def _condition(
    known: tuple[Condition, ...], generation: int, now: Moment, kind: str, truth: Truth, reason: str, message: str
) -> Condition:
    """One condition, with the transition time of the old one unless its status has changed."""
    old = next((c for c in known if c.type == kind and c.status == truth), None)
    return Condition(
        type=kind,
        status=truth,
        reason=reason,
        message=message,
        last_transition_time=old.last_transition_time if old else now,
        observed_generation=generation,
    )


def _ready(status: Status, seen: Observation) -> tuple[Truth, str, str]:
    if seen.missing is not None:
        return "False", *seen.missing
    if status.stable is None:
        return "False", "NoStableRevision", status.message
    if seen.blind and seen.impaired is not None:
        return "Unknown", seen.impaired.reason, seen.impaired.message
    if not seen.workload(status.stable.revision).serving:
        return "False", "StableNotReady", "the stable model has no ready replica"
    strayed = seen.workload(status.stable.revision).strayed
    if strayed is not None:
        return "False", "AdoptedEdited", strayed
    if seen.route is None or not (seen.route.accepted or seen.route.reason == "Pending"):
        return "False", "RouteNotAccepted", seen.route.message if seen.route else "there is no route"
    return "True", "Serving", "the stable model is ready and has its route"


def _progressing(status: Status) -> tuple[Truth, str, str]:
    if status.candidate is not None:
        return "True", status.phase, status.message
    return "False", status.phase, status.message


def _route_accepted(status: Status, seen: Observation) -> tuple[Truth, str, str]:
    route = seen.route
    if seen.missing is not None:
        return "Unknown", *seen.missing
    if route is None:
        return "Unknown", "NotFound", "there is no route yet"
    mismatch = routing_mismatch(status)
    # Without a stable model that serves the candidate gets everything, whatever the gateway does.
    if mismatch is not None and status.stable is not None and seen.workload(status.stable.revision).serving:
        return "False", "RoutingMismatch", mismatch
    if route.accepted:
        return "True", route.reason, route.message
    return ("Unknown" if route.reason == "Pending" else "False"), route.reason, route.message


def _metrics_available(status: Status, seen: Observation) -> tuple[Truth, str, str]:
    if seen.metrics.problem is not None:
        return "False", *seen.metrics.problem
    if arms_to_measure(status) is None:
        return "Unknown", "NotMeasuring", "no candidate is being compared"
    last = status.analysis.last_window if status.analysis else None
    if last is not None and not (last.candidate and last.stable):
        return "Unknown", *_no_traffic(last)
    share = status.analysis.share if status.analysis else None
    blind = share is not None and not share.begun and share.candidate + share.stable > 0
    more = "; a request that hangs is not seen, since these metrics count it when it has ended" if blind else ""
    if has_other_clients(status):
        more += "; what reaches the adopted InferenceService past the route is counted for the stable model, too"
    return "True", "Available", f"both arms are measured{more}"


def _operator_ready(seen: Observation) -> tuple[Truth, str, str]:
    if seen.impaired is not None:
        return "False", seen.impaired.reason, seen.impaired.message
    return "True", "Ready", "the operator has all that it needs"


def _no_traffic(last: LastWindow) -> tuple[str, str]:
    """Requests that nobody sent are no failure of the source, and no evidence either."""
    within = f"in the last {format_duration(last.seconds)}"
    if not last.candidate and not last.stable:
        return "NoTraffic", f"neither model got a request {within}"
    if not last.candidate:
        return "NoCandidateTraffic", f"the candidate got no request {within}"
    return "NoStableTraffic", f"the stable model got no request {within}: nothing to compare with"
