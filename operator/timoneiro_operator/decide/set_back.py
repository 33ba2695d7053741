"""A clock that was set back: what is on record as done may lie ahead of now, and so does what was planned from there.

Nothing happens later than now. What is said to have is taken to have happened now, and what was planned from it comes
as long after now as it was to come after that; what was counted is never counted again. The other way round, an hour
that a clock was set forward by is an hour that has passed, as if nobody had operated meanwhile.
"""

from datetime import timedelta

import msgspec

from timoneiro_operator.api.status import Status
from timoneiro_operator.api.times import Moment

replace = msgspec.structs.replace

# Clocks of two operators, one of which takes over from the other, differ by less.
TOLERANCE_SECONDS = 2.0
_NONE = timedelta()


def set_back(status: Status, now: Moment) -> Status:
    """`status` without what is ahead of `now` and has happened; itself, if there is none."""
    candidate, step, analysis, stable = status.candidate, status.step, status.analysis, status.stable
    if candidate is not None and (ahead := _ahead(candidate.started_at, now)):
        candidate = replace(
            candidate,
            started_at=now,
            progress_deadline=_earlier(candidate.progress_deadline, ahead),
            deadline=_earlier(candidate.deadline, ahead),
        )
    if candidate is not None and _ahead(candidate.traffic_since, now):
        candidate = replace(candidate, traffic_since=now)
    if step is not None and (ahead := _ahead(step.started_at, now)):
        step = replace(step, started_at=now, not_before=_earlier(step.not_before, ahead))
    if analysis is not None and _ahead(analysis.last_window_end, now):
        # The marks are of moments to come, too: the next window begins with new ones.
        analysis = replace(analysis, last_window_end=now, marks=None)
    if stable is not None and _ahead(stable.since, now):
        stable = replace(stable, since=now)
    retiring, history = status.retiring, status.history
    if history and (ahead := _ahead(history[-1].ended_at, now)):
        retiring = tuple(replace(item, delete_at=item.delete_at - ahead) for item in retiring)
        history = (*history[:-1], replace(history[-1], ended_at=now))
    revisions = status.revisions
    if ahead := max((_ahead(known.stable_since, now) for known in revisions), default=_NONE):
        # All of them: people go back to the one that was stable last.
        revisions = tuple(replace(known, stable_since=_earlier(known.stable_since, ahead)) for known in revisions)
    paused, restored = status.paused, status.restored
    if paused is not None and _ahead(paused.at, now):
        paused = replace(paused, at=now)
    if restored is not None and _ahead(restored.at, now):
        restored = replace(restored, at=now)
    return replace(
        status,
        candidate=candidate,
        step=step,
        analysis=analysis,
        stable=stable,
        retiring=retiring,
        history=history,
        revisions=revisions,
        paused=paused,
        restored=restored,
    )


def _ahead(moment: Moment | None, now: Moment) -> timedelta:
    """By how much something happened later than now; nothing when it did not, or by no more than clocks differ."""
    ahead = moment - now if moment is not None else _NONE
    return ahead if ahead > timedelta(seconds=TOLERANCE_SECONDS) else _NONE


def _earlier(moment: Moment | None, by: timedelta) -> Moment | None:
    return moment - by if moment is not None else None
