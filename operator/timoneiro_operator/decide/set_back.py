"""A clock that was set back: what is on record as done may lie ahead of now, and so does what was planned from there.

Nothing happens later than now. What is said to have is taken to have happened now, and what was planned from it comes
as long after now as it was to come after that; what was counted is never counted again. The other way round, an hour
that a clock was set forward by is an hour that has passed, as if nobody had operated meanwhile.
"""

import msgspec

from timoneiro_operator.api.status import Status, to_seconds, to_text

replace = msgspec.structs.replace

# Clocks of two operators, one of which takes over from the other, differ by less.
TOLERANCE_SECONDS = 2.0


def set_back(status: Status, now: float) -> Status:
    """`status` without what is ahead of `now` (seconds since the epoch) and has happened; itself, if there is none."""
    candidate, step, analysis, stable = status.candidate, status.step, status.analysis, status.stable
    if candidate is not None and (ahead := _ahead(candidate.started_at, now)):
        candidate = replace(
            candidate,
            started_at=to_text(now),
            progress_deadline=_earlier(candidate.progress_deadline, ahead),
            deadline=_earlier(candidate.deadline, ahead),
        )
    if candidate is not None and _ahead(candidate.traffic_since, now):
        candidate = replace(candidate, traffic_since=to_text(now))
    if step is not None and (ahead := _ahead(step.started_at, now)):
        step = replace(step, started_at=to_text(now), not_before=_earlier(step.not_before, ahead))
    if analysis is not None and _ahead(analysis.last_window_end, now):
        # The marks are of moments to come, too: the next window begins with new ones.
        analysis = replace(analysis, last_window_end=to_text(now), marks=None)
    if stable is not None and _ahead(stable.since, now):
        stable = replace(stable, since=to_text(now))
    retiring, history = status.retiring, status.history
    if history and (ahead := _ahead(history[-1].ended_at, now)):
        retiring = tuple(replace(item, delete_at=to_text(to_seconds(item.delete_at) - ahead)) for item in retiring)
        history = (*history[:-1], replace(history[-1], ended_at=to_text(now)))
    revisions = status.revisions
    if ahead := max((_ahead(known.stable_since, now) for known in revisions), default=0.0):
        # All of them: people go back to the one that was stable last.
        revisions = tuple(replace(known, stable_since=_earlier(known.stable_since, ahead)) for known in revisions)
    paused, restored = status.paused, status.restored
    if paused is not None and _ahead(paused.at, now):
        paused = replace(paused, at=to_text(now))
    if restored is not None and _ahead(restored.at, now):
        restored = replace(restored, at=to_text(now))
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


def _ahead(moment: str | None, now: float) -> float:
    """By how many seconds something happened later than now; 0 when it did not, or nobody can read when it did."""
    try:
        ahead = to_seconds(moment) - now if moment is not None else 0.0
    except ValueError:
        # Whoever needs it says so: nothing may keep traffic from going back.
        return 0.0
    return ahead if ahead > TOLERANCE_SECONDS else 0.0


def _earlier(moment: str | None, seconds: float) -> str | None:
    return to_text(to_seconds(moment) - seconds) if moment is not None else None
