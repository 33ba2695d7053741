"""What is still compared after a promotion, and what would come of it. Pure; `explain` is the way in."""

from timoneiro_operator.api.analysis_status import MetricStatus
from timoneiro_operator.api.duration import format_duration
from timoneiro_operator.api.status import Retiring, Stable, Step
from timoneiro_operator.api.times import Moment, clock
from timoneiro_operator.cli.presentation.text import big_name, bound, left, measured_text
from timoneiro_operator.cli.presentation.view import View
from timoneiro_operator.decide.text import number, revision_name


def explain_holdback(view: View, stable: Stable, former: Retiring, step: Step, now: Moment) -> list[str]:
    """Sentences about a model that was promoted, beside the one that was stable before."""
    promoted = f"was promoted at {clock(stable.since)}" if stable.since else "was promoted"
    until = ""
    if step.not_before is not None:
        until = f" until {clock(step.not_before)}, for another {format_duration(left(step.not_before, now))}"
    if step.kind == "Bake":
        has, kept = "serves all traffic", f"gets a copy of it{until} (rollout.blueGreen.bake)"
    else:
        has = f"has {step.weight} % of the traffic"
        kept = f"keeps {100 - step.weight} %{until} (rollout.holdback, rollout.keepStable)"
    name = view.name
    return [
        f"{big_name(stable)} {has} and {promoted}; {revision_name(former)} {kept}.",
        "Both are compared on, with evidence that began anew at the promotion: what turns out worse at full load is "
        "rolled back.",
        *_evidence(view, stable),
        f"`timoneiro promote {name}` ends that now, `timoneiro abort {name}` rolls {revision_name(stable)} back.",
    ]


def _evidence(view: View, stable: Stable) -> list[str]:
    analysis, spec = view.status.analysis, view.spec
    if analysis is None or spec is None or analysis.candidate != stable.revision:
        return []
    enough = bound(spec.analysis.false_rollback)
    return [_metric(metric, enough) for metric in analysis.metrics if metric.candidate.requests or metric.problem]


def _metric(metric: MetricStatus, enough: str) -> str:
    if metric.problem is not None:
        return f"{metric.name}: nothing is counted: {metric.problem}."
    if metric.role == "Inform":
        return f"{metric.name}: {measured_text(metric)}; it informs and decides nothing."
    return (
        f"{metric.name}: {measured_text(metric)}; evidence of 'worse' {number(metric.evidence.worse)}, at {enough} it "
        "is rolled back."
    )
