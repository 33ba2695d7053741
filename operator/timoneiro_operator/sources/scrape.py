"""The Scrape source: reads the ready pods of both arms itself.

Guarantees: a window is returned only when every ready pod of both arms has answered; another weight or another pair
begins with new marks, so that no window straddles a change; a window that could not be recorded (the status was not
written) is returned again, longer, and one that was recorded never is; a restart of the operator goes on from the marks
that were recorded with the last window.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple, TypeVar

from timoneiro_operator.api.kinds import Key
from timoneiro_operator.api.times import Moment, moment
from timoneiro_operator.decide.observation import Metrics
from timoneiro_operator.decide.warm_up import settle_seconds
from timoneiro_operator.metrics.deltas import Mark, advance, fallen, since_start
from timoneiro_operator.metrics.histograms import outputs_of, shape_bounds
from timoneiro_operator.metrics.look import ArmTargets, Look, Target
from timoneiro_operator.metrics.problem import SEVERAL_PROCESSES, Problem, ProblemError
from timoneiro_operator.metrics.reading import Reading, decode, encode
from timoneiro_operator.metrics.samples import Implausible, NoSeries, Sample
from timoneiro_operator.metrics.trace import Trace
from timoneiro_operator.metrics.windows import ArmCounts, answers_of, find_bounds, metrics_of, standing
from timoneiro_operator.sources.ask import PodReader

T = TypeVar("T")

TIMEOUT_SECONDS = 5.0
_LOOKS_OF_A_TRACE = 3


class Shown(NamedTuple):
    """What one arm shows at one moment: the processes that count it, and a sample of each by uid."""

    pods: Sequence[Target]
    samples: Mapping[str, Sample]


class ScrapeSource:
    """Counts of pairs of arms, by ModelDeployment."""

    def __init__(self, pods: PodReader) -> None:
        self._pods = pods
        self._readings: dict[Key, Reading] = {}
        # The reading whose window was handed out last, with its end, until the status tells whether it was recorded.
        self._pending: dict[Key, tuple[Moment, Reading]] = {}

    def forget(self, key: Key) -> None:
        """Nothing is compared there any more."""
        self._readings.pop(key, None)
        self._pending.pop(key, None)

    def known(self, look: Look) -> Metrics | None:
        """What stands in the way, until an interval has passed."""
        last = self._last(look)
        return Metrics(problem=last.problem, problems=last.problems) if _early(look, last) else None

    async def read(self, look: Look) -> Metrics:
        """Counts since the last recorded look, once an interval has passed; before, what stands in the way."""
        key, now = look.key, look.now
        last = self._last(look)
        if _early(look, last):
            return Metrics(problem=last.problem, problems=last.problems)
        try:
            stable, candidate = await self._show(look, (look.stable, look.candidate))
        except ProblemError as error:
            self._readings[key] = replace(last, looked_at=now, problem=error.problem)
            return Metrics(problem=error.problem)
        pods = (*stable.pods, *candidate.pods)
        last, unusable = _known_processes(last, pods, {**stable.samples, **candidate.samples})
        if unusable is not None:
            self._readings[key] = replace(last, looked_at=now, problem=unusable)
            return Metrics(problem=unusable)
        samples = [*stable.samples.values(), *candidate.samples.values()]
        bounds, problems = find_bounds(look.analysis, look.bounds, samples, stable.samples.values())
        stable_counts, stable_marks = advance(last.stable, stable.samples, now)
        candidate_counts, candidate_marks = advance(last.candidate, candidate.samples, now)
        reading = Reading(
            arms=look.arms,
            looked_at=now,
            marked_at=now,
            stable=stable_marks,
            candidate=candidate_marks,
            restarts={**last.restarts, **{pod.uid: pod.restarts for pod in pods}},
            unusable=last.unusable,
            problem=standing(look.analysis, problems),
            problems=problems,
        )
        fixed = {bound for found in {**look.bounds, **bounds}.values() for bound in found}
        marks = encode(reading, fixed | shape_bounds(look.analysis, samples), outputs_of(look.analysis))
        if last.marked_at is None:
            self._readings[key] = reading
            return Metrics(bounds=bounds, problem=reading.problem, problems=problems, marks=marks)
        metrics = metrics_of(
            look.analysis,
            look.bounds,
            candidate=ArmCounts(
                pods=candidate_counts, warming=_warming(look, look.candidate, candidate.pods, last.candidate)
            ),
            stable=ArmCounts(pods=stable_counts, warming=_warming(look, look.stable, stable.pods, last.stable)),
            end=now,
            seconds=now - last.marked_at,
            problems=problems,
            aligned=True,
            shown=stable.samples.values(),
        )
        self._pending[key] = moment(now), replace(reading, problem=metrics.problem, problems=metrics.problems)
        watched = all(pod.uid in candidate_counts for pod in candidate.pods)
        answers = answers_of(candidate_counts, stable_counts) if watched else None
        return replace(metrics, bounds=bounds, answers=answers, marks=marks)

    def _last(self, look: Look) -> Reading:
        """The reading with which the next window begins."""
        key, last = look.key, self._readings.get(look.key)
        end, handed_out = self._pending.get(key, (None, None))
        if handed_out is not None and end == look.recorded:
            last = self._readings[key] = handed_out
            del self._pending[key]
        elif last is not None and _ends_later(look.recorded, last.marked_at):
            # What is recorded reaches beyond our marks, and none of ours ends there: they would count it twice.
            last = None
        if last is None and look.marks is not None:
            # Taken by another process, or by this one before others that were not recorded.
            kept = decode(look.marks)
            last = kept if kept is not None and not _ends_later(look.recorded, kept.marked_at) else None
        if last is None or last.arms != look.arms:
            self._pending.pop(key, None)
            # As if it had been looked at, so that the next look is due when the routing has settled.
            settled = look.now + settle_seconds(look.analysis) if look.settled is None else look.settled
            last = self._readings[key] = Reading(arms=look.arms, looked_at=settled - look.interval)
        return last

    async def trace(self, look: Look, arm: ArmTargets) -> Trace:
        """What the processes of `arm` show now, whatever they have shown before."""
        asked = self._asked(look, arm)
        try:
            # The same pod several times: workers that are asked in turn do not always show the same one.
            looks = [(await self._show(look, (arm,)))[0] for _ in range(_LOOKS_OF_A_TRACE)]
        except ProblemError as error:
            return Trace(query=asked, problem=error.problem)
        shown, names = looks[-1].samples, {pod.uid: pod.name for pod in looks[-1].pods}
        for uid, name in names.items():
            if len({one.samples[uid].started for one in looks}) > 1:
                return Trace(query=asked, problem=Problem("SeveralProcesses", SEVERAL_PROCESSES.format(name)))
        return Trace(
            query=f"{asked} of {len(names)} pod{'s' if len(names) > 1 else ''}",
            series=len(arm.profile.series()),
            counts=ArmCounts(pods={names[uid]: since_start(sample, look.now) for uid, sample in shown.items()}),
            samples=tuple(shown.values()),
            over="since its start",
        )

    def _asked(self, look: Look, arm: ArmTargets) -> str:
        """What the processes of an arm are asked, in words."""
        port, path = _where(look, arm)
        return f"GET :{port}{path} ({arm.profile.name})"

    async def _show(self, look: Look, arms: Sequence[ArmTargets]) -> list[Shown]:
        """What the processes of each arm show now. Raises ProblemError by the first that does not."""
        results = await asyncio.gather(*(self._read_all(look, arm) for arm in arms), return_exceptions=True)
        return [raised(result) for result in results]

    async def _read_all(self, look: Look, arm: ArmTargets) -> Shown:
        results = await asyncio.gather(*(self._read_one(look, arm, pod) for pod in arm.pods), return_exceptions=True)
        return Shown(arm.pods, {pod.uid: raised(result) for pod, result in zip(arm.pods, results, strict=True)})

    async def _read_one(self, look: Look, arm: ArmTargets, pod: Target) -> Sample:
        port, path = _where(look, arm)
        try:
            with read_of(pod, path):
                return arm.profile.read(await self._pods.exposition(pod, port, path, seconds=seconds_of(look)))
        except ProblemError as error:
            if not arm.transforms:
                raise
            words = (
                f"{error.problem.message}; it is a transformer, which is read in the place of its predictor: let it "
                f"show the metrics of {arm.profile.name} at port {port}, or choose spec.analysis.source of type Gateway"
            )
            raise ProblemError(error.problem.reason, words) from error


def raised(result: T | BaseException) -> T:
    """A result of asyncio.gather, all of which have ended. Raises what it is, if it is no result."""
    if isinstance(result, BaseException):
        raise result
    return result


@contextmanager
def read_of(pod: Target, path: str) -> Iterator[None]:
    """Around what reads the exposition of a pod: raises ProblemError for whatever is wrong with it."""
    try:
        yield
    except NoSeries as error:
        raise ProblemError("NoSeries", f"pod {pod.name}: {error}") from error
    except Implausible as error:
        raise ProblemError(*Problem.implausible(pod.name, str(error))) from error
    except ValueError as error:
        # Without the parser's words: they quote what it read, and that is for nobody to see.
        raise ProblemError("ScrapeFailed", f"pod {pod.name} shows no valid Prometheus metrics at {path}") from error


def seconds_of(look: Look) -> float:
    """How long a pod may take to answer."""
    return min(TIMEOUT_SECONDS, look.analysis.source.timeout.total_seconds())


def _where(look: Look, arm: ArmTargets) -> tuple[int, str]:
    source = look.analysis.source
    return source.port or arm.profile.port, source.path or arm.profile.path


def _warming(look: Look, arm: ArmTargets, pods: Sequence[Target], marks: Mapping[str, Mark]) -> frozenset[str]:
    """The processes, by uid, that had not warmed up when their marks were taken."""
    return frozenset(pod.uid for pod in pods if pod.uid in marks and look.warms_up(arm, pod, marks[pod.uid].at))


def _early(look: Look, last: Reading) -> bool:
    return look.now - last.looked_at < look.interval


def _ends_later(recorded: Moment | None, marked_at: float | None) -> bool:
    """Whether the recorded window ends after the marks were taken, and by more than a time in the status is rounded."""
    return recorded is not None and marked_at is not None and recorded.timestamp() > marked_at + 0.001


def _known_processes(
    last: Reading, pods: Sequence[Target], samples: Mapping[str, Sample]
) -> tuple[Reading, Problem | None]:
    """The reading with the marks of the processes that run now, and a problem where counters do what none can do.

    A process that Kubernetes has not restarted and that began earlier than the one before it is another worker: their
    counters have nothing to do with each other. One that began later may be a restart inside of the container, of
    which nothing is known but what it does from now on. One that Kubernetes has restarted counts from zero.
    """
    marks = {**last.stable, **last.candidate}
    changed: dict[str, Mark | None] = {}
    unusable = dict(last.unusable)
    for pod in pods:
        mark, sample = marks.get(pod.uid), samples[pod.uid]
        if mark is None:
            continue
        fell = fallen(mark.sample, sample)
        if last.restarts.get(pod.uid) != pod.restarts:
            changed |= {pod.uid: Mark.zero(sample, mark.at)} if fell is not None else {}
        elif fell is not None:
            unusable[pod.uid, pod.restarts] = Problem.implausible(pod.name, fell)
        elif mark.sample.started is not None and sample.started not in (None, mark.sample.started):
            changed[pod.uid] = None
            if sample.started < mark.sample.started:
                unusable[pod.uid, pod.restarts] = Problem("SeveralProcesses", SEVERAL_PROCESSES.format(pod.name))
    found = next((unusable[pod.uid, pod.restarts] for pod in pods if (pod.uid, pod.restarts) in unusable), None)
    arms = [{uid: changed.get(uid, mark) for uid, mark in arm.items()} for arm in (last.stable, last.candidate)]
    stable, candidate = ({uid: mark for uid, mark in arm.items() if mark is not None} for arm in arms)
    return replace(last, unusable=unusable, stable=stable, candidate=candidate), found
