"""What happened between two states of a ModelDeployment, in typed events: one for each change, none for a repeat."""

from typing import Literal, NamedTuple

from timoneiro_operator.api.status import HistoryEntry, Status
from timoneiro_operator.decide.text import name_of, revision_name


class Event(NamedTuple):
    kind: Literal["Normal", "Warning"]
    reason: str
    message: str


_OUTCOME_KIND: dict[str, Literal["Normal", "Warning"]] = {"RolledBack": "Warning"}


def ended_between(old: Status, new: Status) -> list[HistoryEntry]:
    """Rollouts that ended, oldest first."""
    known = set(old.history)
    return [entry for entry in new.history if entry not in known]


def events_between(old: Status, new: Status) -> list[Event]:
    """Events for the change from `old` to `new`, in the order of the rollout."""
    events = [
        Event(
            _OUTCOME_KIND.get(entry.outcome, "Normal"),
            entry.outcome,
            f"{name_of(entry.revision, entry.version)}: {entry.reason}",
        )
        for entry in ended_between(old, new)
    ]
    candidate, before = new.candidate, old.candidate
    if candidate is not None and (before is None or before.revision != candidate.revision):
        events.append(Event("Normal", "RolloutStarted", f"{revision_name(candidate)} is the candidate"))
    step, step_before = new.step, old.step
    weight_before = step_before.weight if step_before else 0
    if candidate is not None and step is not None and step.weight != weight_before:
        text = f"{revision_name(candidate)}: {step.weight} % of the traffic"
        events.append(Event("Normal", "WeightChanged", f"{text}; {new.verdict}" if new.verdict else text))
    if new.phase != old.phase and new.phase in ("Holding", "Degraded"):
        events.append(Event("Warning", new.phase, new.message))
    if _metrics_lost(new) and not _metrics_lost(old):
        events.append(Event("Warning", "MetricsUnavailable", _metrics_message(new)))
    return events


def _metrics_lost(status: Status) -> bool:
    return any(c.type == "MetricsAvailable" and c.status == "False" for c in status.conditions)


def _metrics_message(status: Status) -> str:
    return next((c.message for c in status.conditions if c.type == "MetricsAvailable"), "")
