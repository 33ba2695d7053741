"""From a ModelDeployment to its report. Pure: time is handed in."""

from collections.abc import Mapping
from datetime import timedelta

from timoneiro_operator.api.duration import format_duration
from timoneiro_operator.api.status import Status
from timoneiro_operator.api.times import Moment, clock
from timoneiro_operator.cli.presentation.explain import explain
from timoneiro_operator.cli.presentation.text import bound, sentence, upper
from timoneiro_operator.cli.presentation.view import View
from timoneiro_operator.cli.report.content import SCHEMA, Card, MetricReport, Promises, Report, RolloutReport
from timoneiro_operator.cli.report.metrics import comparable, metrics_of, promises_of, together_of
from timoneiro_operator.cli.report.revisions import revisions_of
from timoneiro_operator.cli.report.rollout import (
    FIRST,
    analysis_of,
    commands_of,
    ended_words,
    events_of,
    rollout_of,
    weights_of,
)

_PHASES = {
    "Paused": "is paused at {weight} %",
    "Holding": "is held at {weight} %",
    "Promoting": "is going to all traffic",
    "Degraded": "does not get ready",
}
_MIRRORED = "is judged on a copy of the traffic"


def report_of(view: View, now: Moment, cards: Mapping[str, Card] | None = None) -> Report:
    """The report about the rollout that runs, else about the last one."""
    status, spec = view.status, view.acted_on
    rollout = rollout_of(view, spec)
    analysis = analysis_of(status, rollout)
    going_on = status.candidate is not None or status.former is not None
    metrics = metrics_of(analysis, spec.analysis if spec else None, going_on=going_on) if analysis else ()
    promises = promises_of(spec.analysis) if spec else None
    interval = spec.analysis.interval if spec else timedelta()
    weights = weights_of(rollout, analysis, status, interval) if rollout else []
    commands = commands_of(status, rollout, now)
    decision = [] if rollout is None else [*_decision(status, rollout, metrics, promises)]
    if rollout is not None and rollout.stable is None:
        decision.append(f"{upper(rollout.candidate.name)} is the {FIRST}: there is nothing to compare it with.")
    elif rollout is not None:
        decision += _missing(rollout, metrics)
        if analysis is not None and 0 < len(comparable(analysis)) < len(analysis.trail):
            decision.append("The metrics were edited on the way: the pictures begin after that.")
    return Report(
        schema=SCHEMA,
        generated_at=now,
        namespace=view.namespace,
        name=view.name,
        state="None" if rollout is None else "Running" if rollout.outcome is None else "Ended",
        phase=status.phase,
        headline=_headline(status, rollout),
        decision=tuple(decision),
        explanation=tuple(explain(view, now)),
        rollout=rollout,
        promises=promises,
        weights=tuple(weights),
        metrics=metrics,
        together=together_of(metrics),
        events=events_of(rollout, weights, commands, status) if rollout else (),
        commands=commands,
        revisions=revisions_of(view, rollout, cards or {}),
    )


def _headline(status: Status, rollout: RolloutReport | None) -> str:
    if rollout is None:
        return "No rollout yet"
    candidate = rollout.candidate
    name = f"Version {candidate.version}" if candidate.version else upper(candidate.name)
    if rollout.outcome is not None:
        first = rollout.outcome == "Promoted" and rollout.stable is None
        return f"{name} serves as the first model" if first else f"{name} {ended_words(rollout.outcome)}"
    if status.candidate is not None and status.candidate.leaving is not None:
        return f"{name} is being rolled back"
    if rollout.stable is None and status.phase != "Degraded":
        return f"{name} is about to serve as the first model"
    weight = status.traffic.desired.candidate if status.traffic else 0
    if status.step is not None and status.phase == "Progressing" and status.step.kind == "Mirror":
        return f"{name} {_MIRRORED}"
    return f"{name} {_PHASES.get(status.phase, 'is on its way: it has {weight} %').format(weight=weight)}"


def _decision(
    status: Status, rollout: RolloutReport, metrics: tuple[MetricReport, ...], promises: Promises | None
) -> list[str]:
    """What became of the candidate, or where it stands, and what that is worth."""
    name = upper(rollout.candidate.name)
    against = f" against {rollout.stable.name}" if rollout.stable else ""
    if rollout.outcome is None or rollout.ended_at is None:
        stands = [f"{name}{against}: {sentence(rollout.reason)}"]
        return [*stands, *(_promise(promises) if rollout.stable else [])]
    took = ""
    if rollout.started_at is not None:
        since = "its promotion" if rollout.after_promotion else "it began"
        took = f", {format_duration(rollout.ended_at - rollout.started_at)} after {since}"
    reason = sentence(rollout.reason.removeprefix("after its promotion: "))
    told = f"{name} {ended_words(rollout.outcome)} at {clock(rollout.ended_at)}{took}: {reason}"
    return [told, *_worth(rollout, metrics, promises)]


def _promise(promises: Promises | None) -> list[str]:
    if promises is None:
        return ["The spec cannot be read, so that the bounds of the evidence are not known."]
    told = (
        f"Of candidates that are no worse than tolerated, at most {100 * promises.false_rollback:g} % are rolled back"
    )
    if promises.promotion == "NoHarm":
        return [f"{told}. {_no_harm()}"]
    return [
        f"{told}; of those that are worse by the margin, at most {100 * promises.false_promotion:g} % are promoted."
    ]


def _no_harm() -> str:
    return (
        "Promotion needs no evidence of 'not worse' (analysis.promotion: NoHarm): it says only that there was "
        "no evidence against the candidate."
    )


def _worth(rollout: RolloutReport, metrics: tuple[MetricReport, ...], promises: Promises | None) -> list[str]:
    """What a decision says: only as much as the evidence behind it."""
    if rollout.stable is None or promises is None or rollout.outcome not in ("Promoted", "RolledBack"):
        return [] if promises is not None else _promise(promises)
    deciding = [metric for metric in metrics if metric.role == "Required"]
    compared = [metric for metric in deciding if metric.limit is None and metric.shape is None]
    if rollout.outcome == "RolledBack":
        if any(metric.verdict in ("Worse", "Differs") for metric in deciding):
            return [
                f"The evidence of 'worse' had reached {bound(promises.false_rollback)}: luck alone does that to at "
                f"most {100 * promises.false_rollback:g} % of candidates that are no worse than tolerated."
            ]
        return ["No metric had been judged worse: it was not the evidence that ended the rollout."]
    if promises.promotion == "NoHarm":
        return [_no_harm()]
    if compared and all(metric.verdict == "NotWorse" for metric in compared):
        return [
            f"Every metric that decides had evidence of 'not worse' of at least {bound(promises.false_promotion)}: of "
            f"candidates that are worse by the margin, at most {100 * promises.false_promotion:g} % get that far."
        ]
    return ["It was promoted without the evidence of 'not worse' for every metric: the probability does not hold here."]


def _missing(rollout: RolloutReport, metrics: tuple[MetricReport, ...]) -> list[str]:
    if not metrics:
        words = "Nothing was compared" if rollout.outcome else "Nothing has been compared yet"
        return [f"{words}: there are no counts of the two models side by side."]
    sentences = []
    if not any(metric.trail for metric in metrics):
        sentences.append("Of the evidence only the latest values are known: no pictures over time.")
    elif rollout.started_at and metrics[0].trail[0].at < rollout.started_at:
        sentences.append(
            "The same two models were compared before this rollout: the evidence goes on from where it was."
        )
    return sentences
