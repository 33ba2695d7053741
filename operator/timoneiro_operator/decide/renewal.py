"""Evidence for "not worse" begins anew with the last step before all traffic: it is to say what the candidate does now.

Only where the step has traffic enough to prove it again of a good candidate. Where it has not, what was proven before
counts, as long as nothing is known against it.
"""

import msgspec

from timoneiro_judge.comparison import Comparison
from timoneiro_judge.forecast import is_soon_proven
from timoneiro_operator.api.analysis_spec import Analysis
from timoneiro_operator.api.analysis_status import MetricStatus
from timoneiro_operator.api.status import Status, Step
from timoneiro_operator.decide.comparisons import planned, restored, text_of_evidence
from timoneiro_operator.decide.text import verdict_sentence

replace = msgspec.structs.replace


def renewed(analysis: Analysis, status: Status, step: Step) -> Status:
    """The status at the beginning of `step`, the last before all traffic."""
    kept = status.analysis
    if kept is None or kept.last_window is None or not kept.last_window.seconds or step.seconds is None:
        return status
    last = kept.last_window
    requests = (last.candidate + last.stable) / last.seconds * step.seconds
    share = 0.5 if step.kind == "Mirror" else step.weight / 100
    plan = planned(analysis, kept.bounds)
    comparisons, metrics = restored(plan, kept), {item.name: item.metric for item in plan}

    def begun(metric: MetricStatus) -> MetricStatus:
        known = comparisons.get(metric.name)
        if not isinstance(known, Comparison) or not _is_ample(analysis, known, share=share, requests=requests):
            return metric
        return replace(
            metric,
            state=text_of_evidence(metrics[metric.name], known.renewed()),
            evidence=replace(metric.evidence, not_worse=1.0),
            verdict="Undecided" if metric.verdict == "NotWorse" else metric.verdict,
        )

    status = replace(status, analysis=replace(kept, metrics=tuple(begun(metric) for metric in kept.metrics)))
    return replace(status, verdict=verdict_sentence(status))


def _is_ample(analysis: Analysis, known: Comparison, *, share: float, requests: float) -> bool:
    if not known.stable.requests or not 0 < share < 1:
        return False
    return is_soon_proven(
        known.limits,
        base=known.stable.events / known.stable.requests,
        share=share,
        requests=requests,
        false_promotion=analysis.false_promotion,
    )
