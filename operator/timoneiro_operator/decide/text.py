"""Sentences that people read in `kubectl get md`, messages and events. Numbers always come with their n."""

import msgspec

from timoneiro_judge import Counts
from timoneiro_operator.api.analysis_status import MetricStatus, MostDifferent, RatioStatus, WarmUp
from timoneiro_operator.api.duration import format_duration
from timoneiro_operator.api.status import Paused, Phase, Retiring, Revision, Status, Step
from timoneiro_operator.api.times import Moment, clock, text_of
from timoneiro_operator.decide.observation import Failure, Observation

VERDICT_WORDS = {"Worse": "worse", "NotWorse": "not worse", "Undecided": "undecided", "Differs": "different"}


def name_of(revision: str, version: str | None) -> str:
    """A revision as people know it: `version 14 (3f2a9c01)`."""
    return f"version {version} ({revision})" if version else f"revision {revision}"


def revision_name(revision: Revision | Retiring) -> str:
    return name_of(revision.revision, revision.version)


def number(value: float) -> str:
    """A ratio or an e-value: one decimal below ten, thousands separated, a power of ten from a million on."""
    if value < 10:
        return f"{value:.1f}"
    return f"{value:,.0f}" if value < 1e6 else f"{value:.1e}"


def ratio_text(ratio: RatioStatus) -> str:
    """`2.3x [1.4, 3.9]`; what is not bounded yet is `?`, and a ratio that nothing is known about is `-`."""
    if ratio.estimate is None and ratio.lower is None and ratio.upper is None:
        return "-"
    lower = "0" if ratio.lower is None else number(ratio.lower)
    upper = "?" if ratio.upper is None else number(ratio.upper)
    estimate = "" if ratio.estimate is None else f"{number(ratio.estimate)}x "
    return f"{estimate}[{lower}, {upper}]"


def percent(share: float) -> str:
    """`0.25 %`."""
    return f"{100 * share:.3g} %"


def rate_text(counts: Counts) -> str:
    """Events in percent of requests; none of none is 0."""
    return percent(counts.events / counts.requests if counts.requests else 0.0)


def metric_sentence(metric: MetricStatus) -> str:
    """`errors 2.3x [1.4, 3.9] after 8,123 requests: worse`."""
    ratio, n = metric.ratio, metric.candidate.requests
    left = f", about {format_duration(metric.seconds_left)} more" if metric.seconds_left else ""
    requests = f"{n:,} requests: {VERDICT_WORDS[metric.verdict]}{left}"
    if metric.limit is not None:
        return f"{metric.name} {rate_text(metric.candidate)}, at most {percent(metric.limit)} allowed, after {requests}"
    if metric.shape is not None:
        return f"{metric.name}: {shape_words(metric.shape)} after {requests}"
    if ratio.estimate is None and not metric.candidate.events + metric.stable.events:
        slow = f"{metric.name}: no slow requests" if metric.bound is not None else f"no {metric.name}"
        return f"{slow} in {requests}"
    if ratio.estimate is None:
        both = f"{metric.candidate.events:,} against {metric.stable.events:,}"
        return f"{metric.name}: {both}{_times(ratio)} after {requests}"
    return f"{metric.name} {ratio_text(ratio)} after {requests}"


def _times(ratio: RatioStatus) -> str:
    """What is certain of a ratio that is beyond what can be estimated."""
    if ratio.lower is not None:
        return f", at least {number(ratio.lower)} times as many,"
    return f", at most {number(ratio.upper)} times as many," if ratio.upper is not None else ""


def warm_up_sentence(warm_up: WarmUp) -> str:
    """`118 of 120 requests failed while it warmed up (98.3 %), at most 50 % may; of the stable model 0 of 2,280`."""
    candidate, stable = warm_up.candidate, warm_up.stable
    return (
        f"{candidate.events:,} of {candidate.requests:,} requests failed while it warmed up ({rate_text(candidate)}), "
        f"at most {percent(warm_up.limit)} may; of the stable model {stable.events:,} of {stable.requests:,}"
    )


def shape_words(shape: MostDifferent) -> str:
    """`'fraud' 3 % of the stable model's answers, 41 % of the candidate's`."""
    if shape.bin is None:
        return "nothing in bins yet"
    stable, candidate = percent(shape.stable), percent(shape.candidate)
    return f"'{shape.bin}' {stable} of the stable model's answers, {candidate} of the candidate's"


def verdict_sentence(status: Status) -> str:
    """What says most: failures in the warm-up, what is worse, else the first that is undecided, else the first."""
    if status.analysis is None or not status.analysis.metrics:
        return ""
    warm_up = status.analysis.warm_up
    if warm_up is not None and warm_up.verdict == "Worse":
        return f"{warm_up_sentence(warm_up)}: worse"
    metrics = status.analysis.metrics
    order = {"Worse": 0, "Differs": 0, "Undecided": 1, "NotWorse": 2}
    # What informs decides nothing.
    first = min(
        metrics,
        key=lambda metric: (
            metric.role == "Inform",
            3 if _stays_undecided(metric) else order[metric.verdict],
        ),
    )
    return metric_sentence(first)


def known_so_far(status: Status) -> str:
    """What the evidence says, at the end of a sentence that waited for it."""
    return status.verdict or "nothing was compared"


def time_of_day(moment: Moment) -> str:
    """`10:31:05 UTC`."""
    return f"{text_of(moment)[11:19]} UTC"


def _stays_undecided(metric: MetricStatus) -> bool:
    """A guard is undecided for ever where it is kept, and a shape where the models answer alike."""
    return (metric.limit is not None or metric.shape is not None) and metric.verdict == "Undecided"


def share_text(step: Step) -> str:
    """What the candidate gets in a step: `25 % of the traffic`."""
    if step.kind == "Mirror":
        return "a copy of the traffic"
    if step.weight == 0:
        return "no traffic yet"
    return "all traffic" if step.weight == 100 else f"{step.weight} % of the traffic"


def given_text(step: Step) -> str:
    """What the candidate is given while a step runs: `25 % of the traffic`, `a copy of the traffic`."""
    return "a copy of the traffic" if step.kind == "Mirror" else f"{step.weight} % of the traffic"


def served_text(status: Status) -> str:
    """What the stable model serves: `serves all traffic`, or in a holdback also what the former one keeps."""
    former, step = status.former, status.step
    if former is None or step is None:
        return "serves all traffic"
    until = f" until {clock(step.not_before)}" if step.not_before else ""
    if step.kind == "Bake":
        return f"serves all traffic; {revision_name(former)} gets a copy of it{until}, and both are compared"
    kept = f"{revision_name(former)} keeps {100 - step.weight} %{until}, and both are compared"
    return f"serves {step.weight} % of the traffic; {kept}"


def step_text(step: Step | None) -> str:
    """`2/4`, `mirror 1/2` or `pause 3/4` while a rollout runs, `promote` at its end; after it `holdback 10%` or `bake`.

    `-` otherwise.
    """
    if step is None:
        return "-"
    if step.kind == "Promotion":
        return "promote"
    if step.kind == "Holdback":
        return f"holdback {100 - step.weight}%"
    if step.kind == "Bake" and step.index >= step.count:
        return "bake"
    number = f"{step.index + 1}/{step.count}"
    return number if step.kind in ("Listed", "Weight") else f"{step.kind.lower()} {number}"


def because(failure: Failure | None) -> str:
    """Behind a sentence: what keeps pods from being ready; empty where nobody knows."""
    return f" ({failure.reason}: {failure.message})" if failure else ""


def not_ready(revision: Revision, failure: Failure | None) -> str:
    name = revision_name(revision)
    return f"{name} is not ready: {failure.reason}: {failure.message}" if failure else f"{name} is not ready yet"


def paused_by(paused: Paused) -> str:
    return f"paused by {paused.by} since {clock(paused.at)}; resume to go on"


def route_wait(seen: Observation) -> str:
    if seen.route is None or seen.route.accepted:
        return "waiting for the gateway to accept the new weights"
    return f"waiting for the gateway: {seen.route.message}"


def say(status: Status, phase: Phase, message: str) -> Status:
    """The status with what is going on, and why."""
    return msgspec.structs.replace(status, phase=phase, message=message)
