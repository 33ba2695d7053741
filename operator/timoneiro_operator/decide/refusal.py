"""Why a command does not apply in the state that the status tells of: one answer, for the operator and for who asks.

Pure, and of the status alone: also who has nothing but the API object knows beforehand what the operator will say. What
only the operator sees may be in the way all the same, such as replicas that are not ready.
"""

from typing import Literal, NamedTuple

from timoneiro_operator.api.command import Command
from timoneiro_operator.api.status import Candidate, Direct, Status, Step
from timoneiro_operator.api.times import clock
from timoneiro_operator.decide.lifecycle import former, rejection_entry
from timoneiro_operator.decide.steps import waits_for_a_person
from timoneiro_operator.decide.text import revision_name

Reason = Literal[
    "NoRollout",
    "OtherCandidate",
    "Leaving",
    "FirstRevision",
    "AllTraffic",
    "NoStep",
    "PausedAlready",
    "NotPaused",
    "NotRejected",
    "NotWanted",
    "NothingServes",
    "OtherStable",
    "RolloutRuns",
    "NoFormer",
]


class Refusal(NamedTuple):
    """`sentence`: as the operator puts it on record. `reason`: for who has other words for it."""

    reason: Reason
    sentence: str


def refusal(command: Command, status: Status, wanted: str | None) -> Refusal | None:
    """None when the command applies. `wanted`: the revision that the spec wants. The command has an action."""
    if command.action == "retry":
        return _retry(command, status, wanted)
    if command.action == "rollback":
        return _rollback(command, status)
    candidate = status.candidate
    if candidate is None:
        return _no_rollout(command, status)
    return _candidate(command, status, candidate) or _rollout(command, status, candidate)


def _no_rollout(command: Command, status: Status) -> Refusal | None:
    """After a promotion what was promoted can be rolled back, or get all traffic, as long as it is compared on."""
    stable, former = status.stable, status.former
    if stable is None or former is None:
        return Refusal("NoRollout", "no rollout is running")
    if command.action not in ("abort", "promote"):
        return Refusal("NoRollout", f"no rollout is running: {revision_name(stable)} was promoted already")
    if stable.revision != command.revision:
        meant = f"it is meant for revision {command.revision}, and {stable.revision} is the one that was promoted"
        return Refusal("OtherCandidate", meant)
    return None


def _candidate(command: Command, status: Status, candidate: Candidate) -> Refusal | None:
    """What keeps everything from a candidate."""
    if candidate.revision != command.revision:
        meant = f"it is meant for revision {command.revision}, and the candidate is {candidate.revision}"
        return Refusal("OtherCandidate", meant)
    if candidate.leaving is not None:
        return Refusal("Leaving", f"the candidate is being removed already: {candidate.leaving.reason}")
    if status.stable is None:
        return Refusal("FirstRevision", "this is the first revision: it gets all traffic as soon as it is ready")
    return None


def _rollout(command: Command, status: Status, candidate: Candidate) -> Refusal | None:
    name, step, paused = revision_name(candidate), status.step, status.paused
    gets_all = isinstance(candidate.way, Direct) or (step is not None and step.kind == "Promotion")
    if command.action == "promote" and gets_all:
        return Refusal("AllTraffic", f"{name} is going to all traffic already")
    if command.action == "promote" and not command.full and not _has_begun(step):
        return Refusal("NoStep", f"{name} has no step to end yet; promote it in full to skip all of them")
    if command.action == "pause" and paused is not None:
        return Refusal("PausedAlready", f"it is paused already, by {paused.by} since {clock(paused.at)}")
    if command.action == "pause" and gets_all:
        return Refusal("AllTraffic", f"{name} is going to all traffic already; abort rolls it back")
    if command.action == "resume" and paused is None and not waits_for_a_person(step):
        return Refusal("NotPaused", "the rollout is not paused")
    return None


def _has_begun(step: Step | None) -> bool:
    return step is not None and step.kind != "Listed"


def _retry(command: Command, status: Status, wanted: str | None) -> Refusal | None:
    if rejection_entry(status, command.revision) is None:
        return Refusal("NotRejected", f"revision {command.revision} was not rolled back")
    if command.revision != wanted:
        return Refusal("NotWanted", f"the spec wants revision {wanted}, not {command.revision}")
    return None


def _rollback(command: Command, status: Status) -> Refusal | None:
    stable = status.stable
    if stable is None:
        return Refusal("NothingServes", "no model serves yet")
    if stable.revision != command.revision:
        meant = f"it is meant for revision {command.revision}, and the stable model is {stable.revision}"
        return Refusal("OtherStable", meant)
    if status.candidate is not None:
        return Refusal("RolloutRuns", f"a rollout of {revision_name(status.candidate)} is running; abort it first")
    known = [snapshot.revision for snapshot in former(status)]
    if command.to not in known if command.to else not known:
        choice = ", ".join(known) or "none is known any more"
        return Refusal(
            "NoFormer", f"there is no former stable revision {command.to or ''} to go back to; known: {choice}"
        )
    return None
