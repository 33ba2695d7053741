"""How much a decision needs before there is any evidence: requests to the candidate, and time at today's traffic.

Pure. An estimate for people: nothing is decided by it.
"""

from collections.abc import Iterable

import msgspec

from timoneiro_judge import Counts, Needed, Stage, Window, preflight
from timoneiro_operator.api.analysis_spec import Metric
from timoneiro_operator.api.analysis_status import MetricPreflight, PreflightStatus
from timoneiro_operator.api.duration import format_duration
from timoneiro_operator.api.spec import Spec
from timoneiro_operator.api.status import Status, Step
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide.comparisons import PlannedComparison, limits_of, planned
from timoneiro_operator.decide.observation import Metrics
from timoneiro_operator.decide.steps import schedule_of
from timoneiro_operator.decide.text import percent

replace = msgspec.structs.replace

# A rate is worth no more than the requests that it comes from.
_LEAST_REQUESTS = 100
# So many times more or fewer slow requests than were asked for is another quantile.
_FAR = 2.0
# A bucket beyond the threshold by this factor is another threshold.
_FAR_BEYOND = 1.5


def with_preflight(status: Status, spec: Spec, seen: Metrics) -> Status:
    """The status with what each comparison needs, as soon as its rate and its traffic are known."""
    kept, analysis, candidate = status.analysis, spec.analysis, status.candidate
    if kept is None or candidate is None:
        return status
    plan = planned(analysis, kept.bounds)
    known = {one.name: one for one in kept.preflight.metrics} if kept.preflight else {}
    counted = {metric.name: metric.stable for metric in kept.metrics}
    found: list[MetricPreflight] = []
    for item in plan:
        one = known.get(item.name)
        if one is None and item.name in seen.windows:
            before = seen.lifetime.get(item.name, Counts())
            users = _users(item.metric, seen, seen.windows[item.name], status.step)
            one = foreseen(spec, item, max(before, counted[item.name], key=_requests), users, status.step)
        found += [one] if one is not None else []
    if not found:
        return status
    began_at = kept.preflight.began_at if kept.preflight else moment((seen.window_end or 0.0) - seen.seconds)
    until = (candidate.deadline - began_at).total_seconds() if candidate.deadline else None
    late = is_late(spec, found, until)
    told = PreflightStatus(
        began_at=began_at, metrics=tuple(found), message=message_of(spec, plan, found, until), late=late
    )
    return replace(status, analysis=replace(kept, preflight=told))


def foreseen(
    spec: Spec, item: PlannedComparison, stable: Counts, users: float | None, step: Step | None = None
) -> MetricPreflight | None:
    """What one comparison needs from `step` on, or from the beginning; None while its rate or its traffic is not known.

    `stable`: what the stable model has counted. `users`: requests a second, None where nobody knows.
    """
    stages = _stages(spec, users if users is not None else 1.0, step)
    if stable.requests < _LEAST_REQUESTS or users == 0.0 or not stages:
        return None
    rate = stable.events / stable.requests
    needs = preflight(
        limits_of(item.metric),
        rate=rate,
        stages=stages if users is not None else stages[-1:],
        false_rollback=spec.analysis.false_rollback,
        false_promotion=spec.analysis.false_promotion,
        dispersion=item.metric.over_dispersion.factor,
    )
    return MetricPreflight(
        name=item.name,
        rate=float(f"{rate:.4g}"),
        requests_per_second=None if users is None else float(f"{users:.3g}"),
        not_worse=_rounded(needs.not_worse),
        worse=_rounded(needs.worse),
    )


def is_late(spec: Spec, metrics: Iterable[MetricPreflight], seconds: float | None) -> bool:
    """Whether a candidate as good as the stable model is not promoted within `seconds`, which the deadline leaves."""
    slowest = _slowest(spec, metrics)
    return (
        seconds is not None
        and slowest is not None
        and slowest.requests_per_second is not None
        and spec.analysis.promotion == "Evidence"
        and slowest.not_worse.seconds > seconds
    )


def message_of(
    spec: Spec, plan: Iterable[PlannedComparison], metrics: Iterable[MetricPreflight], seconds: float | None
) -> str:
    """All of it in sentences: of the metric that needs most, and of bounds that are not what was asked for."""
    items, metrics = {item.name: item for item in plan}, list(metrics)
    slowest = _slowest(spec, metrics)
    sentences = [] if slowest is None else [needs_text(spec, items[slowest.name], slowest)]
    if is_late(spec, metrics, seconds):
        sentences.append(
            f"The deadline comes before that (rollout.deadline: {spec.rollout.deadline}): send more traffic, set a "
            "longer deadline or a larger margin, or choose analysis.promotion: NoHarm."
        )
    notes = (far_bound(items[one.name], one.rate) for one in metrics)
    return " ".join([*sentences, *(f"{note}." for note in notes if note)])


def needs_text(spec: Spec, item: PlannedComparison, needs: MetricPreflight) -> str:
    """What one comparison needs, in a sentence or two."""
    limits = limits_of(item.metric)
    bad = percent(min(1.0, (1.0 + limits.margin) * max(needs.rate, limits.negligible)))
    timed = needs.requests_per_second is not None
    traffic = f", and {needs.requests_per_second:g} requests/s come in" if timed else ""
    waits = "" if spec.analysis.promotion == "Evidence" else ", which promotion: NoHarm does not wait for"
    return (
        f"{item.name}: {rate_of_stable(item, needs.rate)}{traffic}. A candidate as good as that needs "
        f"{_about(needs.not_worse, timed)} until it is known to be not worse{waits}; one with {bad} is found after "
        f"{_about(needs.worse, timed)}."
    )


def rate_of_stable(item: PlannedComparison, rate: float) -> str:
    """`0.5 % of the stable model's requests fail`."""
    if item.bound is not None:
        return f"{percent(rate)} of the stable model's requests are slower than {item.bound:g} s"
    what = "are events" if item.metric.type == "Ratio" else "fail"
    return f"{percent(rate)} of the stable model's requests {what}"


def far_bound(item: PlannedComparison, rate: float) -> str | None:
    """What is to be said of a bucket that is far from what was asked for, with the remedy; None where it is near."""
    metric, bound = item.metric, item.bound
    if bound is None:
        return None
    remedy = "give the server's histogram a bucket there"
    if metric.quantile is not None:
        asked = 1.0 - metric.quantile
        if asked / _FAR <= rate <= asked * _FAR:
            return None
        return (
            f"{item.name}: quantile {metric.quantile:g} means {percent(asked)} slow requests, and the nearest bucket, "
            f"{bound:g} s, has {percent(rate)}: {remedy}, or name a bucket of it with threshold"
        )
    asked_bound = max(seconds for seconds in _thresholds(metric) if seconds <= bound * (1 + 1e-9))
    if bound <= asked_bound * _FAR_BEYOND:
        return None
    return (
        f"{item.name}: the threshold is {asked_bound:g} s, and the next bucket {bound:g} s: {remedy}, "
        "or name a bucket of it"
    )


def _thresholds(metric: Metric) -> list[float]:
    return [one.total_seconds() for one in (metric.threshold, *metric.thresholds) if one is not None]


def _slowest(spec: Spec, metrics: Iterable[MetricPreflight]) -> MetricPreflight | None:
    """The one that everybody waits for."""
    deciding = {metric.name for metric in spec.analysis.metrics if metric.decides}
    waited_for = [one for one in metrics if one.name.split(" ")[0] in deciding]
    return max(waited_for, key=lambda one: one.not_worse.seconds, default=None)


def _about(needed: Needed, timed: bool) -> str:
    time = f" ({format_duration(needed.seconds)})" if timed else ""
    return f"about {needed.requests:,.0f} requests{time}"


def _rounded(needed: Needed) -> Needed:
    return Needed(requests=float(f"{needed.requests:.2g}"), seconds=float(f"{needed.seconds:.2g}"))


def _requests(counts: Counts) -> int:
    return counts.requests


def _users(metric: Metric, seen: Metrics, window: Window, step: Step | None) -> float:
    """Requests of users in a second, whose copies are not theirs; those to pods that are warming up among them."""
    candidate, stable = window.traffic
    if metric.type != "Ratio" and seen.warm_up is not None:
        warming = seen.warm_up.traffic
        candidate, stable = candidate + warming[0], stable + warming[1]
    kind = step.kind if step is not None else "Weight"
    requests = {"Mirror": stable, "Bake": candidate}.get(kind, candidate + stable)
    return requests / seen.seconds if seen.seconds > 0 else 0.0


def _stages(spec: Spec, users: float, step: Step | None) -> list[Stage]:
    """The schedule with this traffic, from `step` on. A pause without a time adds nothing that is known."""
    reached = (step.weight, step.rank) if step is not None else (0, 0)
    stages = []
    for planned_step in schedule_of(spec.rollout):
        if (planned_step.weight, planned_step.rank) < reached:
            continue
        share = planned_step.weight / 100
        mirrored = planned_step.kind in ("Mirror", "Bake")
        candidate, stable = (users, users) if mirrored else (users * share, users * (1.0 - share))
        if candidate <= 0 or stable <= 0:
            continue
        seconds = planned_step.seconds or 0.0
        if planned_step.kind == "Weight":
            # A step waits for so many requests, too.
            seconds = max(seconds, spec.analysis.min_requests / candidate)
        stages.append(Stage(candidate=candidate, stable=stable, seconds=seconds))
    return stages
