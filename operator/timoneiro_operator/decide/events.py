"""What happened between two states of a ModelDeployment, in typed events.

One for each change; of what is wrong one when it begins, and one when it is over. A repeat is counted on the first.
"""

from typing import Literal, NamedTuple

from timoneiro_operator.api.status import CommandRecord, Condition, HistoryEntry, Status
from timoneiro_operator.decide.text import name_of, revision_name, share_text


class Event(NamedTuple):
    kind: Literal["Normal", "Warning"]
    reason: str
    message: str

    @property
    def identity(self) -> str:
        """What makes a later one a repeat of it: of what is wrong the kind, whatever its numbers; else the words."""
        return self.reason if self.reason in _TROUBLES else f"{self.reason}/{self.message}"


# Reasons of the condition Progressing while something that is due cannot be done.
NOT_TAKEN = frozenset({"Refused", "HostnameConflict"})
# What the operator itself lacks.
_LACKING = frozenset({"CRDOutdated", "PermissionMissing", "StatusUnreadable"})
_TROUBLES = frozenset({"Holding", "Degraded", "MetricsUnavailable", "PutBack", *NOT_TAKEN, *_LACKING})
# What ends a rollout without a promotion says more than that a trouble on its way is over.
_NOT_PROMOTED = frozenset({"RolledBack", "Aborted", "Superseded", "Withdrawn"})
_OUTCOME_KIND: dict[str, Literal["Normal", "Warning"]] = {"RolledBack": "Warning", "Aborted": "Warning"}


def ended_between(old: Status, new: Status) -> list[HistoryEntry]:
    """Rollouts that ended, oldest first."""
    known = set(old.history)
    return [entry for entry in new.history if entry not in known]


def events_between(old: Status, new: Status) -> list[Event]:
    """Events for the change from `old` to `new`, in the order of the rollout."""
    events = [_command_event(record) for record in new.commands if record not in old.commands]
    events += [
        Event(
            _OUTCOME_KIND.get(entry.outcome, "Normal"),
            entry.outcome,
            f"{name_of(entry.revision, entry.version)}: {entry.reason}",
        )
        for entry in ended_between(old, new)
    ]
    events += [*_rollout_events(old, new), *_holdback_events(old, new)]
    for revision in new.forgotten:
        if revision not in old.forgotten:
            words = f"revision {revision} is no longer kept, since the status is full: no rollback can go to it"
            events.append(Event("Warning", "Forgotten", words))
    if new.restored is not None and new.restored != old.restored:
        events.append(Event("Warning", "PutBack", f"{new.restored.what} by somebody else and is put back"))
    if new.phase != old.phase and new.phase == "Paused":
        events.append(Event("Normal", "Paused", new.message))
    return [*events, *_trouble_events(old, new)]


def _trouble_events(old: Status, new: Status) -> list[Event]:
    """What is wrong now and was not before, and what is over without that anything else is wrong in its place."""
    before, now = _troubles(old), _troubles(new)
    events = [Event("Warning", reason, message) for reason, message in now.items() if reason not in before]
    not_promoted = any(entry.outcome in _NOT_PROMOTED for entry in ended_between(old, new))
    if events or not_promoted or new.phase in ("RollingBack", "RolledBack"):
        return events
    return [Event("Normal", "Recovered", f"{reason} is over") for reason in before if reason not in now]


def _troubles(status: Status) -> dict[str, str]:
    """What is wrong, in words, by the reason of its event."""
    found: dict[str, str] = {}
    if status.phase in ("Holding", "Degraded"):
        found[status.phase] = status.message
    refused = next((c for c in status.conditions if c.type == "Progressing" and c.reason in NOT_TAKEN), None)
    if refused is not None:
        # It is what holds the rollout, and one event says so.
        found = {refused.reason: refused.message}
    lost = _lost_metrics(status)
    if lost is not None:
        found["MetricsUnavailable"] = lost
    impaired = _impaired(status)
    if impaired is not None:
        found[impaired.reason] = impaired.message
    return found


def _command_event(record: CommandRecord) -> Event:
    words = f"{record.action} by {record.asker}: {record.message}"
    return (
        Event("Normal", "CommandDone", words) if record.outcome == "Done" else Event("Warning", "CommandRefused", words)
    )


def _rollout_events(old: Status, new: Status) -> list[Event]:
    """The candidate is new, gets another share, or is about to go."""
    candidate, before = new.candidate, old.candidate
    if candidate is None:
        return []
    events, name = [], revision_name(candidate)
    if before is None or before.revision != candidate.revision:
        events.append(Event("Normal", "RolloutStarted", f"{name} is the candidate{_why(new)}"))
    if candidate.leaving is not None and (before is None or before.leaving is None):
        events.append(Event("Warning", "Stranded", new.message))
    if _late(new) is not None and _late(old) is None:
        events.append(Event("Warning", "DeadlineTooShort", f"{name}: {_late(new)}"))
    if new.step is not None and _share(new) != _share(old):
        text = f"{name}: {share_text(new.step)}"
        events.append(Event("Normal", "WeightChanged", f"{text}; {new.verdict}" if new.verdict else text))
    return events


def _holdback_events(old: Status, new: Status) -> list[Event]:
    """A test after a promotion has begun, or is over. Where it has led to a rollback, that says so."""
    before, now = old.former, new.former
    if now is not None and before is None:
        return [Event("Normal", "HoldbackBegun", new.message)]
    same = old.stable is not None and new.stable is not None and old.stable.revision == new.stable.revision
    if before is not None and now is None and same and new.stable is not None:
        words = f"{revision_name(new.stable)} has all traffic; {old.verdict or 'nothing was counted'}"
        return [Event("Normal", "HoldbackOver", words)]
    return []


def _why(status: Status) -> str:
    """What makes the candidate another revision, where its model does not say so."""
    known = {snapshot.revision: snapshot for snapshot in status.revisions}
    candidate = known.get(status.candidate.revision) if status.candidate else None
    stable = known.get(status.stable.revision) if status.stable else None
    if candidate is None or stable is None or candidate.runtime is None or candidate.runtime == stable.runtime:
        return ""
    alike = all(getattr(candidate, part) == getattr(stable, part) for part in ("model", "predictor", "transformer"))
    return f": the serving runtime {candidate.runtime.name} has changed" if alike else ""


def _late(status: Status) -> str | None:
    """What decisions need where the deadline comes before; None where it does not."""
    foreseen = status.analysis.preflight if status.analysis is not None else None
    return foreseen.message if foreseen is not None and foreseen.late else None


def _share(status: Status) -> tuple[int, bool]:
    mirrored = status.traffic is not None and status.traffic.mirror != "None"
    return (status.step.weight if status.step else 0), mirrored


def _impaired(status: Status) -> Condition | None:
    """What the operator lacks; None when it has everything."""
    return next((c for c in status.conditions if c.type == "OperatorReady" and c.status == "False"), None)


def _lost_metrics(status: Status) -> str | None:
    """Why there are no counts; None while there are."""
    return next((c.message for c in status.conditions if c.type == "MetricsAvailable" and c.status == "False"), None)
