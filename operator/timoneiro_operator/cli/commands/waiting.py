"""Waits with a deadline: for the answer to a command, and for the end of a rollout. Time is handed in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from timoneiro_operator.api.duration import format_duration
from timoneiro_operator.api.times import Moment, text_of
from timoneiro_operator.cli.commands.cluster import ClusterAccess
from timoneiro_operator.cli.errors import UNFINISHED, CliError
from timoneiro_operator.cli.presentation.outcome import Ending, answer, status_exit, timed_out, unanswered
from timoneiro_operator.cli.presentation.view import View, view_of

ANSWER_SECONDS = 0.3
ROLLOUT_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The time, and how to let some seconds of it pass."""

    now: Callable[[], Moment]
    sleep: Callable[[float], None]


def wait_for_answer(*, cluster: ClusterAccess, name: str, id: str, action: str, timeout: float, clock: Clock) -> Ending:
    """What the operator says to the command `id`; UNFINISHED with the state when it says nothing within `timeout`."""

    def answered(view: View) -> Ending | None:
        record = view.status.record(id)
        return answer(record) if record is not None else None

    def late(view: View) -> str:
        return unanswered(view, action=action, waited=format_duration(timeout))

    poll = _Poll(cluster=cluster, name=name, clock=clock, every=ANSWER_SECONDS)
    return poll.until(answered, late=late, timeout=timeout, tell=None)


def wait_for_rollout(
    *, cluster: ClusterAccess, name: str, timeout: float, clock: Clock, tell: Callable[[str], None]
) -> Ending:
    """How the rollout of what the spec wants has ended; UNFINISHED when it has not within `timeout`.

    Every change on the way is told in one line.
    """

    def ended(view: View) -> Ending | None:
        outcome = status_exit(view)
        return outcome if outcome.over else None

    def late(view: View) -> str:
        return timed_out(view, format_duration(timeout))

    poll = _Poll(cluster=cluster, name=name, clock=clock, every=ROLLOUT_SECONDS)
    return poll.until(ended, late=late, timeout=timeout, tell=tell)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Poll:
    """Reads again and again: one object each time, and an API server that is away for a moment ends nothing."""

    cluster: ClusterAccess
    name: str
    clock: Clock
    every: float

    def until(
        self,
        ended: Callable[[View], Ending | None],
        *,
        late: Callable[[View], str],
        timeout: float,
        tell: Callable[[str], None] | None,
    ) -> Ending:
        deadline = self.clock.now() + timedelta(seconds=timeout)
        last: str | None = None
        while True:
            try:
                view = view_of(self.cluster.get(self.name))
            except CliError as error:
                if not error.transient or self.clock.now() >= deadline:
                    raise
                line = error.message
            else:
                outcome = ended(view)
                if outcome is not None:
                    return outcome
                if self.clock.now() >= deadline:
                    return Ending(code=UNFINISHED, line=late(view))
                line = status_exit(view).line
            if tell is not None and line != last:
                tell(stamped(line, self.clock.now()))
                last = line
            self.clock.sleep(min(self.every, max(0.0, (deadline - self.clock.now()).total_seconds())))


def stamped(line: str, now: Moment) -> str:
    """A line with the time of day in UTC before it."""
    return f"{text_of(now)[11:19]} {line}"
