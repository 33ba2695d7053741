"""Plays every scenario with every judge. The same seed and numbers of rollouts give the same figures."""

import math
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from bench.judge import kayenta
from bench.judge.counts import Flags, Floats, Ints, Windows, side_by_side
from bench.judge.measure import Measurement, delay, failed_until, share_of, wald_bound
from bench.judge.ours import follow
from bench.judge.policy import PlayedRollouts, play
from bench.judge.rivals import RIVALS, oracle
from bench.judge.scenarios import SCENARIOS, Ours, Scenario
from bench.judge.sources import WINDOW_SECONDS

# What the pictures show of a rollout.
TIMELINE_WINDOWS = 120
SMALL_EFFECT = 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Rollouts for effects up to 1.25x and for the others; for Kayenta's judge, which is slow, at 1x and above it."""

    harmless: int = 6_000
    worse: int = 4_000
    kayenta: int = 1_500
    kayenta_worse: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One scenario at one effect."""

    scenario: Scenario
    effect: float
    seed: int
    size: Size

    @property
    def rollouts(self) -> int:
        return self.size.harmless if self.effect <= SMALL_EFFECT else self.size.worse

    @property
    def for_kayenta(self) -> int:
        return min(self.size.kayenta if self.effect == 1.0 else self.size.kayenta_worse, self.rollouts)

    def dice(self, setting: str) -> np.random.Generator:
        """Its own stream, whatever else is played and in whatever order."""
        name = f"{self.scenario.name}/{setting}/{self.effect:g}"
        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Share of rollouts rolled back and promoted by the end of each window of the whole policy."""

    scenario: str
    effect: float
    rolled_back: Floats
    promoted: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    outcomes: tuple[Measurement, ...]
    timeline: Timeline


def tasks(*, seed: int, size: Size) -> Iterator[Task]:
    """All that is to be played."""
    for scenario in SCENARIOS:
        for effect in scenario.effects:
            if effect > 1.0 or scenario.null:
                yield Task(scenario=scenario, effect=effect, seed=seed, size=size)


def run(todo: list[Task], *, processes: int = 2) -> list[Result]:
    """Plays `todo` in several processes; results in the order of `todo`."""
    # A process for each core is enough: threads of the linear algebra beside them would only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with get_context("spawn").Pool(processes) as pool:
        return pool.map(perform, todo, chunksize=1)


def perform(task: Task) -> Result:
    """One task with all its judges: at a fixed share of 10 %, then our whole policy."""
    outcomes = list(_at_fixed_share(task))
    timeline: Timeline | None = None
    for ours in task.scenario.ours:
        scenario, dice = task.scenario, task.dice("policy")
        windows = scenario.schedule.windows
        source = scenario.source(dice, rollouts=task.rollouts, windows=windows, effect=task.effect)
        others = [scenario.beside(dice, rollouts=task.rollouts, windows=windows) for _ in range(scenario.more)]
        played = play(source, scenario.schedule, ours.settings, rollouts=task.rollouts, others=others)
        outcomes.append(_of_policy(task, ours, played))
        timeline = timeline or _timeline(task, played)
    assert timeline is not None
    return Result(outcomes=tuple(outcomes), timeline=timeline)


def fixed_windows(task: Task) -> Windows:
    """All windows of the setting in which nothing is decided."""
    scenario = task.scenario
    windows = scenario.open_windows
    source = scenario.source(task.dice("fixed"), rollouts=task.rollouts, windows=windows, effect=task.effect)
    return side_by_side([source.window(i, np.full(task.rollouts, scenario.share_at(i))) for i in range(windows)])


def _at_fixed_share(task: Task) -> Iterator[Measurement]:
    windows = fixed_windows(task)
    both = (windows.candidate_requests + windows.stable_requests).sum(axis=0)
    share = windows.candidate_requests.sum(axis=0) / both
    for ours in task.scenario.ours:
        course = follow(windows, ours.settings)
        promoted = (course.worse < 0) & (course.not_worse >= 0)
        yield _outcome(
            task, ours, "fixed", windows.candidate_events, course.worse, promoted, bound=_bound(task, ours, share)
        )
    rules = dict(RIVALS)
    if task.effect > 1.0:
        rules["oracle (knows the ratio)"] = oracle(task.effect)
    for name, rule in rules.items():
        stopped = rule(windows)
        yield _outcome(task, Ours(name=name, covered=False), "fixed", windows.candidate_events, stopped, stopped < 0)
    few = windows.rows(np.arange(task.for_kayenta))
    for name, rule in (
        ("Kayenta, at the end", kayenta.at_the_end),
        ("Kayenta, every 5 min", kayenta.every_five_minutes),
    ):
        stopped = rule(few)
        yield _outcome(task, Ours(name=name, covered=False), "fixed", few.candidate_events, stopped, stopped < 0)


def _outcome(
    task: Task,
    ours: Ours,
    setting: str,
    events: Ints,
    stopped: Ints,
    promoted: Flags,
    *,
    bound: float | None = None,
    failed: float | None = None,
) -> Measurement:
    limits = ours.settings.limits
    return Measurement(
        scenario=task.scenario.name,
        setting=setting,
        judge=ours.name,
        effect=task.effect,
        covered=ours.covered,
        harmless=task.scenario.harmless(task.effect, limits),
        harmful=task.scenario.harmful(task.effect, limits),
        rolled_back=share_of(stopped >= 0),
        promoted=share_of(promoted),
        delay=delay(stopped, task.scenario.onset),
        bound=bound,
        failed=failed_until(events, stopped) if failed is None else failed,
    )


def _of_policy(task: Task, ours: Ours, played: PlayedRollouts) -> Measurement:
    nothing: Ints = np.zeros((0, 0), dtype=np.int64)
    return _outcome(
        task,
        ours,
        "policy",
        nothing,
        played.rolled_back,
        played.promoted >= 0,
        failed=float(np.median(played.failed)),
        bound=_bound(task, ours, played.share),
    )


def _bound(task: Task, ours: Ours, share: Floats) -> float | None:
    """With the rates that the scenario has on average, bursts left out. `share` of the candidate in each window."""
    of = task.scenario
    stable = of.rate * of.seen * WINDOW_SECONDS * (1.0 if of.mirrored else 1.0 - share)
    requests = stable * share / (1.0 - share)
    events = stable * of.base + requests * of.candidate_rate(task.effect)
    return _least(task, ours, share=share, requests=requests, events=events)


def _least(task: Task, ours: Ours, *, share: Floats, requests: Floats, events: Floats) -> float | None:
    scenario, settings = task.scenario, ours.settings
    if scenario.harmless(task.effect, settings.limits):
        return None
    rate = scenario.candidate_rate(task.effect)
    return wald_bound(
        share=share,
        events=events,
        requests=requests,
        ratio=rate / scenario.base if scenario.base else math.inf,
        tolerated=1.0 + settings.limits.tolerance,
        rate=rate,
        negligible=settings.limits.negligible,
        alpha=settings.false_rollback,
        onset=round(scenario.onset / WINDOW_SECONDS),
    )


def _timeline(task: Task, played: PlayedRollouts) -> Timeline:
    def by(index: Ints) -> Floats:
        counts = np.bincount(index[index >= 0], minlength=TIMELINE_WINDOWS)[:TIMELINE_WINDOWS]
        return np.cumsum(counts) / len(index)

    return Timeline(
        scenario=task.scenario.name,
        effect=task.effect,
        rolled_back=by(played.rolled_back),
        promoted=by(played.promoted),
    )
