"""Which rollout a report is about, and what happened in it: from the status and the schedule of the spec. Pure."""

from datetime import timedelta
from itertools import pairwise

from timoneiro_operator.api.analysis_status import AnalysisStatus
from timoneiro_operator.api.duration import format_duration
from timoneiro_operator.api.spec import Rollout, Spec
from timoneiro_operator.api.status import Candidate, HistoryEntry, Status, StepKind
from timoneiro_operator.api.times import Moment
from timoneiro_operator.cli.presentation.text import known_version, sentence, upper
from timoneiro_operator.cli.presentation.view import View
from timoneiro_operator.cli.report.content import (
    CommandReport,
    EventReport,
    Named,
    PlannedStep,
    RolloutReport,
    WeightPoint,
)
from timoneiro_operator.decide.steps import holdback_of, schedule_of
from timoneiro_operator.decide.text import name_of

FIRST = "first revision"
_ENDS = {
    "Adopted": "was adopted",
    "Promoted": "was promoted",
    "Restored": "was restored",
    "RolledBack": "was rolled back",
    "Aborted": "was aborted",
    "Superseded": "gave way to a newer model",
    "Withdrawn": "was withdrawn",
}


def ended_words(outcome: str) -> str:
    """What became of a candidate, as it follows its name."""
    return _ENDS.get(outcome, f"ended as {outcome}")


def rollout_of(view: View, spec: Spec | None) -> RolloutReport | None:
    """The rollout that runs, else the last one that ended; None when there was none."""
    status = view.status
    if status.candidate is not None:
        return _running(status, status.candidate, spec)
    return _ended(view, status.history[-1], spec) if status.history else None


def analysis_of(status: Status, rollout: RolloutReport | None) -> AnalysisStatus | None:
    """The evidence about that rollout; None when nothing was compared in it."""
    analysis = status.analysis
    if analysis is None or rollout is None or not (analysis.metrics or analysis.promoted_by):
        return None
    if analysis.candidate not in ("", rollout.candidate.revision):
        return None
    # What was rolled back after its promotion was so by the evidence since then.
    return analysis.of_the_rollout() if rollout.outcome == "Promoted" else analysis


def _running(status: Status, candidate: Candidate, spec: Spec | None) -> RolloutReport:
    stable = status.stable
    return RolloutReport(
        candidate=_named(candidate.revision, candidate.version),
        stable=None if stable is None else _named(stable.revision, stable.version),
        outcome=None,
        reason=status.message,
        started_at=candidate.started_at,
        ended_at=None,
        strategy=spec.rollout.strategy if spec else None,
        mirrored=_mirrored(spec),
        after_promotion=False,
        steps=_steps(spec.rollout, status) if spec and candidate.instant is None and stable is not None else (),
    )


def _ended(view: View, entry: HistoryEntry, spec: Spec | None) -> RolloutReport:
    stable = _compared_with(view, entry)
    stepped = stable is not None and entry.outcome != "Restored"
    return RolloutReport(
        candidate=_named(entry.revision, entry.version),
        stable=None if stable is None else _named(stable, known_version(view.status, stable)),
        outcome=entry.outcome,
        reason=entry.reason,
        started_at=entry.started_at,
        ended_at=entry.ended_at,
        strategy=spec.rollout.strategy if spec else None,
        mirrored=_mirrored(spec),
        after_promotion=_is_after_promotion(view.status, entry),
        steps=_steps(spec.rollout, view.status if view.status.former else None) if spec and stepped else (),
    )


def _is_after_promotion(status: Status, entry: HistoryEntry) -> bool:
    """Whether `entry` tells the end of a holdback, or of a bake: it goes on where a promotion has ended."""
    return any(
        (other.revision, other.outcome, other.ended_at) == (entry.revision, "Promoted", entry.started_at)
        for other in status.history
    )


def _compared_with(view: View, entry: HistoryEntry) -> str | None:
    """The stable model of a rollout that is over."""
    status = view.status
    if status.analysis is not None and status.analysis.candidate == entry.revision and status.analysis.stable:
        return status.analysis.stable
    if entry.outcome == "Adopted":
        return None
    if entry.outcome in ("Promoted", "Restored"):
        former = view.former()
        return former[0].revision if former and entry.reason != FIRST else None
    return status.stable.revision if status.stable else None


def _named(revision: str, version: str | None) -> Named:
    return Named(revision=revision, version=version, name=name_of(revision, version))


def _mirrored(spec: Spec | None) -> bool:
    return spec is not None and spec.rollout.strategy == "BlueGreen"


def _steps(wish: Rollout, status: Status | None) -> tuple[PlannedStep, ...]:
    step = status.step if status else None
    at = step.index if step else None
    return tuple(PlannedStep(text=text, now=index == at) for index, text in enumerate(_planned(wish)))


def _planned(wish: Rollout) -> list[str]:
    after = holdback_of(wish)
    steps = [_step_words(step.kind, step.weight, step.seconds) for step in schedule_of(wish)]
    return [*steps, _step_words(after.kind, after.weight, after.seconds)] if after is not None else steps


def _step_words(kind: StepKind, weight: int, seconds: float | None) -> str:
    if seconds is None:
        return "a pause until a person lets it go on"
    length = format_duration(seconds)
    words = {
        "Mirror": f"the candidate gets a copy of the traffic for at least {length}",
        "Holdback": f"after the promotion the old model keeps {100 - weight} % for {length}, and both are compared",
        "Bake": f"after the promotion the old model gets a copy of the traffic for {length}, and both are compared",
        "Pause": f"a pause of {length}",
    }
    return words.get(kind, f"{weight} % of the traffic for at least {length}")


def weights_of(
    rollout: RolloutReport, analysis: AnalysisStatus | None, status: Status, interval: timedelta
) -> list[WeightPoint]:
    """The staircase of weights. What the trail tells is the weight of a window at its end: one window exact, not more.

    `interval`: length of a window, by which the first weight began before the trail did.
    """
    found: list[WeightPoint] = []

    def add(at: Moment, weight: int) -> None:
        if not found or (found[-1].weight != weight and at >= found[-1].at):
            found.append(WeightPoint(at=at, weight=weight))

    trail = analysis.trail if analysis else ()
    if trail:
        first = trail[0].at - interval
        began = rollout.started_at if rollout.started_at else first
        if began < first:
            add(began, trail[0].weight if rollout.after_promotion else 0)
        begins = [first, *(point.at for point in trail)]
        for at, point in zip(begins, trail, strict=False):
            add(at, point.weight)
    elif rollout.started_at and not rollout.after_promotion:
        add(rollout.started_at, 0)
    if rollout.ended_at is not None:
        kept = status.traffic.desired.former if status.traffic is not None else 0
        add(rollout.ended_at, 100 - kept if rollout.outcome in ("Adopted", "Promoted", "Restored") else 0)
    elif status.step is not None and status.step.started_at is not None:
        add(status.step.started_at, status.step.weight)
    return found


def commands_of(status: Status, rollout: RolloutReport | None, now: Moment) -> tuple[CommandReport, ...]:
    """All commands that the status remembers, the latest last."""
    began = rollout.started_at if rollout and rollout.started_at else now
    over = rollout.ended_at if rollout and rollout.ended_at else now
    return tuple(
        CommandReport(
            at=record.at,
            by=record.by,
            action=record.action,
            revision=record.revision,
            outcome=record.outcome,
            message=record.message,
            during=began <= record.at <= over,
            verified=record.verified,
        )
        for record in status.commands
    )


def events_of(
    rollout: RolloutReport, weights: list[WeightPoint], commands: tuple[CommandReport, ...], status: Status
) -> tuple[EventReport, ...]:
    """What happened, in the order of time, as far as the status remembers it."""
    events = []
    if rollout.started_at:
        begins = f"The rollout of {rollout.candidate.name} begins."
        if rollout.after_promotion:
            begins = f"{upper(rollout.candidate.name)} was promoted, and the comparison goes on."
        events.append(EventReport(at=rollout.started_at, what=begins))
    # The weight at the end is what the outcome says.
    steps = weights[:-1] if rollout.ended_at and weights and weights[-1].at == rollout.ended_at else weights
    for before, point in pairwise(steps):
        moved = "goes up" if point.weight > before.weight else "goes back"
        events.append(EventReport(at=point.at, what=f"The weight {moved} to {point.weight} %."))
    for command in commands:
        if command.during:
            events.append(EventReport(at=command.at, what=command_words(command)))
    if rollout.outcome is None and status.paused is not None:
        events.append(EventReport(at=status.paused.at, what=f"Paused by {status.paused.by}; it is paused still."))
    restored = status.restored
    if restored is not None and restored.at >= (rollout.started_at or restored.at):
        events.append(
            EventReport(at=restored.at, what=sentence(f"Put back what somebody else had changed: {restored.what}"))
        )
    events += _no_metrics(rollout, status)
    if rollout.ended_at and rollout.outcome:
        what = f"{rollout.candidate.name} {ended_words(rollout.outcome)}: {rollout.reason}"
        events.append(EventReport(at=rollout.ended_at, what=sentence(upper(what))))
    return tuple(sorted(events, key=lambda event: event.at))


def command_words(command: CommandReport) -> str:
    """A command and what came of it, as a sentence."""
    answer = "done" if command.outcome == "Done" else "refused"
    return sentence(f"{command.asker} asked for {command.action}, {answer}: {command.message}")


def _no_metrics(rollout: RolloutReport, status: Status) -> list[EventReport]:
    if rollout.outcome is not None:
        return []
    found = [item for item in status.conditions if item.type == "MetricsAvailable" and item.status == "False"]
    return [
        EventReport(at=item.last_transition_time, what=sentence(f"No metrics since: {item.message}")) for item in found
    ]
