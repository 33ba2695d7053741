"""Folds the counts of one window into the evidence that the status keeps, and judges it."""

import math
from typing import NamedTuple

import msgspec

from timoneiro_judge.comparison import Comparison
from timoneiro_judge.forecast import forecast
from timoneiro_judge.routing import ALPHA, log_e_mismatch
from timoneiro_judge.shape import Shape
from timoneiro_judge.verdict import Judgement, MetricVerdict, Part, Verdict, judge
from timoneiro_operator.api.analysis_spec import Analysis, Metric
from timoneiro_operator.api.analysis_status import (
    AnalysisStatus,
    EvidenceStatus,
    LastWindow,
    MetricStatus,
    MostDifferent,
    RatioStatus,
    Share,
    WarmUp,
)
from timoneiro_operator.api.status import Status, Step
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide.comparisons import (
    PlannedComparison,
    dispersion_of,
    observed,
    parts_of,
    planned,
    restored,
    role_of,
    text_of_evidence,
)
from timoneiro_operator.decide.observation import Answers, Metrics
from timoneiro_operator.decide.trail import longer
from timoneiro_operator.decide.warm_up import START_LIMIT, counted_warm_up, with_start_limit

replace = msgspec.structs.replace

# Beyond this an e-value says no more to anybody, and JSON has no infinity.
_LARGEST_LOG_E = math.log(1e12)
# So many requests after a mismatch tell whether it is over.
_BELIEVED_REQUESTS = 200


def verdict_of(analysis: Analysis, kept: AnalysisStatus | None) -> Verdict:
    """What the judge says of evidence that was kept, by the limits that hold now."""
    kept = kept or AnalysisStatus()
    plan = planned(analysis, kept.bounds)
    return _judge(analysis, _parts(analysis, plan, restored(plan, kept), kept.warm_up)).verdict


def _parts(
    analysis: Analysis,
    plan: tuple[PlannedComparison, ...],
    comparisons: dict[str, Comparison | Shape],
    warm_up: WarmUp | None,
) -> dict[str, Part]:
    return with_start_limit(parts_of(analysis, plan, comparisons), warm_up, analysis)


def _judge(analysis: Analysis, parts: dict[str, Part]) -> Judgement:
    return judge(parts, false_rollback=analysis.false_rollback, false_promotion=analysis.false_promotion)


class Folded(NamedTuple):
    """What the status keeps of the evidence, and what the judge says of it."""

    analysis: AnalysisStatus
    verdict: Verdict


def fold(
    status: Status, candidate: str, stable: str, analysis: Analysis, seen: Metrics, *, split: bool = True
) -> Folded:
    """The analysis of the pair with the windows of this pass in it. A window that was counted changes nothing.

    `split`: both serve, so that how the requests were split says something about the gateway.
    """
    before = status.analysis or AnalysisStatus(candidate=candidate, stable=stable)
    bounds = {**before.bounds, **seen.bounds}
    last = before.last_window_end.timestamp() if before.last_window_end else -math.inf
    new = seen.window_end is not None and seen.window_end > last
    begun = seen.window_end is None and seen.marks is not None
    plan = planned(analysis, bounds)
    comparisons = restored(plan, before)
    if status.analysis is not None and not (new or begun) and bounds == before.bounds:
        return Folded(before, _judge(analysis, _parts(analysis, plan, comparisons, before.warm_up)).verdict)
    after = replace(before, bounds=bounds, marks=seen.marks if new or begun else before.marks)
    if new and seen.window_end is not None:
        comparisons = {item.name: observed(item, comparisons[item.name], seen) for item in plan}
        after = replace(
            after,
            last_window_end=moment(seen.window_end),
            last_window=_last_window(analysis, seen),
            warm_up=counted_warm_up(before.warm_up, analysis, seen),
            share=_share(before.share, status.step, _traffic(analysis, seen), seen.answers) if split else before.share,
        )
    parts = _parts(analysis, plan, comparisons, after.warm_up)
    judgement = _judge(analysis, parts)
    after = replace(
        after,
        warm_up=_judged(after.warm_up, parts, judgement),
        metrics=_reports(analysis, plan, parts, judgement, after.last_window, seen),
        worse=_e_value(judgement.log_worse),
    )
    return Folded(longer(after, status.step) if new else after, judgement.verdict)


def _judged(warm_up: WarmUp | None, parts: dict[str, Part], judgement: Judgement) -> WarmUp | None:
    """What is kept of the warm-up, with what the judge says of it."""
    if warm_up is None or START_LIMIT not in parts:
        return warm_up
    worse = _e_value(parts[START_LIMIT].log_worse)
    return replace(warm_up, verdict=judgement.metrics[START_LIMIT], worse=worse)


def _traffic(analysis: Analysis, seen: Metrics) -> tuple[int, int]:
    """Requests of candidate and stable model, as one metric has counted them: counters of people count other things.

    Those of pods that warm up, too: they tell who gets how much.
    """
    own = {metric.name for metric in analysis.metrics if metric.type == "Ratio"}
    names = sorted(seen.windows, key=lambda name: name in own)
    counted = [seen.windows[name] for name in names[:1]] + ([seen.warm_up] if seen.warm_up is not None else [])
    candidate, stable = (sum(window.traffic[arm] for window in counted) for arm in (0, 1))
    return round(candidate), round(stable)


def _last_window(analysis: Analysis, seen: Metrics) -> LastWindow:
    candidate, stable = _traffic(analysis, seen)
    return LastWindow(seconds=seen.seconds, candidate=candidate, stable=stable)


def _share(before: Share | None, step: Step | None, traffic: tuple[int, int], answers: Answers | None) -> Share | None:
    """Requests since the gateway accepted the weight of the step, who answered them, and whether they were split so.

    Once it is certain that they were not, they are counted anew, so that a gateway that was fixed is believed.
    """
    mirrored = step is not None and step.kind in ("Mirror", "Bake")
    if step is None or step.started_at is None or not (mirrored or 0 < step.weight < 100):
        return None
    share = before if before is not None and before.weight == step.weight else Share(weight=step.weight)
    if answers is not None:
        traffic = answers.begun or traffic
        share = replace(
            share,
            begun=answers.begun is not None,
            answered=share.answered + answers.candidate,
            stable_answered=share.stable_answered + answers.stable,
        )
    if mirrored or not sum(traffic):
        return replace(share, candidate=share.candidate + traffic[0], stable=share.stable + traffic[1])
    certain = share.mismatch >= 1.0 / ALPHA
    if certain and share.candidate + share.stable >= _BELIEVED_REQUESTS:
        share = replace(share, candidate=0, stable=0)
    candidate, stable = share.candidate + traffic[0], share.stable + traffic[1]
    mismatch = _e_value(log_e_mismatch(candidate=candidate, stable=stable, weight=step.weight))
    if certain and candidate + stable < _BELIEVED_REQUESTS:
        mismatch = max(mismatch, 1.0 / ALPHA)
    return replace(share, candidate=candidate, stable=stable, mismatch=mismatch)


def _reports(
    analysis: Analysis,
    plan: tuple[PlannedComparison, ...],
    parts: dict[str, Part],
    judgement: Judgement,
    last: LastWindow | None,
    seen: Metrics,
) -> tuple[MetricStatus, ...]:
    reports = []
    for item in plan:
        value, verdict = parts[item.name].evidence, judgement.metrics[item.name]
        problem = seen.problems.get(item.metric.name)
        if isinstance(value, Shape):
            reports.append(_report_of_shape(item, value, parts[item.name], verdict, problem))
            continue
        assert isinstance(value, Comparison)
        estimate, lower, upper = (None if end is None else _rounded(end) for end in value.ratio)
        reports.append(
            MetricStatus(
                name=item.name,
                verdict=verdict,
                role=role_of(item.metric),
                bound=item.bound,
                ratio=RatioStatus(estimate=estimate, lower=lower, upper=upper),
                candidate=value.candidate,
                stable=value.stable,
                evidence=EvidenceStatus(
                    worse=_e_value(parts[item.name].log_worse), not_worse=_e_value(value.log_not_worse)
                ),
                seconds_left=_seconds_left(analysis, item.metric, value, last) if verdict == "Undecided" else None,
                problem=problem,
                state=text_of_evidence(item.metric, value),
            )
        )
    for metric in analysis.metrics:
        if metric.type == "Guard" and metric.name in parts:
            part = parts[metric.name]
            reports.append(
                MetricStatus(
                    name=metric.name,
                    verdict=judgement.metrics[metric.name],
                    role=role_of(metric),
                    limit=metric.max,
                    candidate=part.counts.candidate,
                    evidence=EvidenceStatus(worse=_e_value(part.log_worse)),
                )
            )
    return tuple(reports)


def _report_of_shape(
    item: PlannedComparison, value: Shape, part: Part, verdict: MetricVerdict, problem: str | None
) -> MetricStatus:
    most = value.most_different
    return MetricStatus(
        name=item.name,
        verdict=verdict,
        role=role_of(item.metric),
        shape=MostDifferent(bin=most.bin, candidate=_rounded(most.candidate), stable=_rounded(most.stable))
        if most is not None
        else MostDifferent(),
        candidate=value.candidate,
        stable=value.stable,
        evidence=EvidenceStatus(worse=_e_value(part.log_worse)),
        problem=problem,
        state=text_of_evidence(item.metric, value),
    )


def _seconds_left(analysis: Analysis, metric: Metric, value: Comparison, last: LastWindow | None) -> float | None:
    """About how long until a decision at the traffic of the last window; None where it does not lead to one."""
    if last is None or not (last.candidate and last.stable and last.seconds):
        return None
    total = last.candidate + last.stable
    foreseen = forecast(
        value,
        share=last.candidate / total,
        # Where events come in clusters, requests are worth so much less.
        requests_per_second=total / last.seconds / dispersion_of(metric).of(value.spread),
        false_rollback=analysis.false_rollback,
        false_promotion=analysis.false_promotion,
    )
    times = [seconds for seconds in (foreseen.worse, foreseen.not_worse) if seconds is not None]
    return float(f"{min(times):.2g}") if times else None


def _rounded(number: float) -> float:
    return float(f"{number:.4g}")


def _e_value(log_e: float) -> float:
    return _rounded(math.exp(min(log_e, _LARGEST_LOG_E)))
