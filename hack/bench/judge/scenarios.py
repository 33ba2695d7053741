"""The situations in which judges are compared, and what is true in each of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from bench.judge.levels import (
    BadNodes,
    Bursts,
    ColdStart,
    Diurnal,
    Level,
    Noise,
    Outages,
    OwnBursts,
    Persistent,
    Quiet,
    Restless,
    Rise,
    Steady,
)
from bench.judge.ours import DEFAULT, DEFAULT_LIMITS, Settings
from bench.judge.policy import LONG, SHIPPED, Schedule
from bench.judge.scrapes import Gaps, Resets
from bench.judge.sources import WINDOW_SECONDS, Mirror, Service, Users, WindowSource
from timoneiro_judge.counts import Dispersion, Limits

EFFECTS = (1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
_FEW = (1.0, 1.25, 2.0, 3.0, 5.0)
# Of failures that come by user in `sessions`: geometric with mean 3, so that E[X^2] / E[X] = 5.
CLUSTER, CLUSTER_FACTOR = 3.0, 5.0
# Of failures per user over 30 minutes in `users`: E[X^2] / E[X] = 1 + mean * E[w^2] E[a^2], 1 + 1.8 * e * 2.
USER_FACTOR = 10.8
_PODS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """One way to set our judge. `covered`: its false rollbacks are bounded by theory in the scenario."""

    name: str = "Timoneiro"
    settings: Settings = DEFAULT
    covered: bool = True


_DEFAULT = (Ours(),)
_STRICT = Ours(
    name="Timoneiro, tolerance 0", settings=Settings(limits=Limits(tolerance=0.0, margin=1.0, negligible=0.001))
)

Builder = Callable[["Scenario", np.random.Generator, int, int, float], WindowSource]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A situation. `rate`: requests per second of both arms; `base`: the stable's failure rate.

    `own`: of a candidate beside a stable model that never fails, times (effect - 1). `onset`: seconds until the
    candidate gets worse. `null`: whether effect 1 is worth a measurement of its own. `seen`: part of the requests
    whose counts arrive. `shares`: percent, of the candidate where nothing is decided, in stretches of ten minutes; the
    last goes on. `more`: metrics beside this one, of which 5 % are events in both arms.
    """

    name: str
    title: str
    build: Builder
    rate: float = 100.0
    base: float = 0.005
    own: float = 0.0
    onset: float = 0.0
    null: bool = True
    mirrored: bool = False
    seen: float = 1.0
    ours: tuple[Ours, ...] = _DEFAULT
    effects: tuple[float, ...] = EFFECTS
    shares: tuple[int, ...] = (10,)
    schedule: Schedule = SHIPPED
    more: int = 0

    @property
    def open_windows(self) -> int:
        """How long it is watched where nothing is decided: 30 minutes, from the onset on where there is one."""
        return round((1800.0 + self.onset) / WINDOW_SECONDS)

    def share_at(self, index: int) -> float:
        """Of the candidate, where nothing is decided."""
        stretch = int(index * WINDOW_SECONDS // 600.0)
        return self.shares[min(stretch, len(self.shares) - 1)] / 100.0

    def candidate_rate(self, effect: float) -> float:
        """Failure rate of the candidate, mean over time without bursts."""
        return self.base * effect + self.own * (effect - 1.0)

    def harmless(self, effect: float, limits: Limits = DEFAULT_LIMITS) -> bool:
        """What must not be rolled back."""
        rate = self.candidate_rate(effect)
        return rate <= self.base * (1.0 + limits.tolerance) + 1e-12 or rate <= limits.negligible + 1e-12

    def harmful(self, effect: float, limits: Limits = DEFAULT_LIMITS) -> bool:
        """What must not be promoted."""
        rate = self.candidate_rate(effect)
        return rate >= self.base * (1.0 + limits.margin) - 1e-12 and rate >= limits.negligible - 1e-12

    def source(self, dice: np.random.Generator, *, rollouts: int, windows: int, effect: float) -> WindowSource:
        """A fresh service for `rollouts` rollouts of at most `windows` windows."""
        return self.build(self, dice, rollouts, windows, effect)

    def beside(self, dice: np.random.Generator, *, rollouts: int, windows: int) -> WindowSource:
        """Another metric of the same service, by which both arms are alike."""
        return replace(self, base=0.05).source(dice, rollouts=rollouts, windows=windows, effect=1.0)


def _service(
    of: Scenario,
    dice: np.random.Generator,
    rollouts: int,
    effect: float,
    *,
    level: Level | None = None,
    noise: Noise | None = None,
    bias: float = 1.0,
    cluster: float = 1.0,
    scattered: bool = False,
) -> Service:
    return Service(
        dice,
        rate=of.rate,
        base=of.base,
        effect=effect,
        own=of.own,
        onset=round(of.onset / WINDOW_SECONDS),
        level=level or Steady(rollouts),
        noise=noise or Quiet(rollouts),
        bias=bias,
        cluster=cluster,
        scattered=scattered,
    )


def _steady(of: Scenario, dice: np.random.Generator, n: int, windows: int, effect: float) -> WindowSource:
    return _service(of, dice, n, effect)


def _bursts(of: Scenario, dice: np.random.Generator, n: int, windows: int, effect: float) -> WindowSource:
    return _service(of, dice, n, effect, level=Bursts(dice, n, windows))


def _diurnal(of: Scenario, dice: np.random.Generator, n: int, windows: int, effect: float) -> WindowSource:
    return _service(of, dice, n, effect, level=Diurnal(dice, n))


def _gateway(of: Scenario, dice: np.random.Generator, n: int, windows: int, effect: float) -> WindowSource:
    return _service(of, dice, n, effect, bias=1.2)


def _restless(of: Scenario, dice: np.random.Generator, n: int, windows: int, effect: float) -> WindowSource:
    return _service(of, dice, n, effect, noise=Restless(dice, n, cv=0.5, pods=_PODS))


def _one_pod(of: Scenario, dice: np.random.Generator, n: int, windows: int, effect: float) -> WindowSource:
    return _service(of, dice, n, effect, noise=Persistent(dice, n, cv=0.2, candidates=1, pods=_PODS))


def _two_pods(of: Scenario, dice: np.random.Generator, n: int, windows: int, effect: float) -> WindowSource:
    return _service(of, dice, n, effect, noise=Persistent(dice, n, cv=0.2, candidates=2, pods=_PODS))


def _sessions(of: Scenario, dice: np.random.Generator, n: int, windows: int, effect: float) -> WindowSource:
    return _service(of, dice, n, effect, noise=Quiet(n, _PODS), cluster=CLUSTER)


def _retries(of: Scenario, dice: np.random.Generator, n: int, windows: int, effect: float) -> WindowSource:
    return _service(of, dice, n, effect, noise=Quiet(n, _PODS), cluster=CLUSTER, scattered=True)


def _node(pods: int, of: Scenario, dice: np.random.Generator, n: int, windows: int, effect: float) -> WindowSource:
    return _service(of, dice, n, effect, noise=BadNodes(dice, n, candidates=pods, pods=_PODS))


def _users(of: Scenario, dice: np.random.Generator, n: int, windows: int, effect: float) -> WindowSource:
    return Users(dice, n, rate=of.rate, base=of.base, effect=effect)


def _gaps_merged(of: Scenario, dice: np.random.Generator, n: int, windows: int, effect: float) -> WindowSource:
    return Gaps(dice, _service(of, dice, n, effect), merged=True)


def _gaps_lost(of: Scenario, dice: np.random.Generator, n: int, windows: int, effect: float) -> WindowSource:
    return Gaps(dice, _service(of, dice, n, effect), merged=False)


def _resets(of: Scenario, dice: np.random.Generator, n: int, windows: int, effect: float) -> WindowSource:
    return Resets(dice, _service(of, dice, n, effect))


def _mirror(of: Scenario, dice: np.random.Generator, n: int, windows: int, effect: float) -> WindowSource:
    return Mirror(dice, rate=of.rate, base=of.base, effect=effect)


def _outage(of: Scenario, dice: np.random.Generator, n: int, windows: int, effect: float) -> WindowSource:
    return _service(of, dice, n, effect, level=Outages(n, begin=(24,), windows=2, part=0.2))


def _long_outage(of: Scenario, dice: np.random.Generator, n: int, windows: int, effect: float) -> WindowSource:
    return _service(of, dice, n, effect, level=Outages(n, begin=(24,), windows=10, part=0.3))


def _small_outages(of: Scenario, dice: np.random.Generator, n: int, windows: int, effect: float) -> WindowSource:
    return _service(of, dice, n, effect, level=Outages(n, begin=(10, 22, 34, 46, 55), windows=1, part=0.03))


def _own_bursts(of: Scenario, dice: np.random.Generator, n: int, windows: int, effect: float) -> WindowSource:
    return _service(of, dice, n, effect, noise=OwnBursts(dice, n, every=10, factor=10.0))


def _cold_start(of: Scenario, dice: np.random.Generator, n: int, windows: int, effect: float) -> WindowSource:
    return _service(of, dice, n, effect, noise=ColdStart(n, windows=1, factor=0.05 / of.base))


def _rise(of: Scenario, dice: np.random.Generator, n: int, windows: int, effect: float) -> WindowSource:
    return _service(of, dice, n, effect, level=Rise(n, begin=40, factor=5.0))


def _tolerating(tolerance: float) -> Ours:
    settings = Settings(limits=replace(DEFAULT_LIMITS, tolerance=tolerance))
    return Ours(name=f"Timoneiro, tolerance {tolerance:g}", settings=settings, covered=False)


_POD_NOISE = tuple(_tolerating(tolerance) for tolerance in (0.0, 0.1, 0.25, 0.5))
_UNCOVERED = Ours(covered=False)
_NOT_ESTIMATED = Ours(
    name="Timoneiro, not estimated", settings=Settings(dispersion=Dispersion(most=1.0)), covered=False
)


def _told(factor: float) -> Ours:
    """Exact in the second moment of the clusters only, so that it is measured and not proven."""
    settings = Settings(dispersion=Dispersion(factor=factor, most=factor))
    return Ours(name=f"Timoneiro, factor {factor:g}", settings=settings, covered=False)


SCENARIOS = (
    Scenario(name="steady", title="steady", build=_steady, ours=(Ours(), _STRICT)),
    Scenario(name="bursts", title="shared bursts, 20x", build=_bursts),
    Scenario(name="diurnal", title="load and errors ±80 %", build=_diurnal),
    Scenario(name="gateway", title="gateway gives 12 % for 10 %", build=_gateway),
    Scenario(name="gaps-merged", title="1 window in 5 comes late", build=_gaps_merged),
    Scenario(name="gaps-lost", title="1 window in 5 is lost", build=_gaps_lost, seen=0.8),
    Scenario(name="resets", title="pods restart, counts are lost", build=_resets),
    Scenario(name="mirrored", title="mirrored, same inputs fail", build=_mirror, mirrored=True),
    Scenario(name="negligible", title="0.1 % fail (negligible)", build=_steady, base=0.001),
    Scenario(name="zero", title="stable never fails", build=_steady, base=0.0, own=0.005),
    Scenario(name="zero-10", title="stable never fails, 10/s", build=_steady, base=0.0, own=0.005, rate=10.0),
    Scenario(name="low-10", title="10 requests/s", build=_steady, rate=10.0),
    Scenario(name="low-5", title="5 requests/s", build=_steady, rate=5.0, effects=_FEW),
    Scenario(name="low-1", title="1 request/s", build=_steady, rate=1.0, effects=_FEW),
    Scenario(name="low-0.1", title="6 requests/min", build=_steady, rate=0.1, effects=_FEW),
    Scenario(name="long", title="4 h a step, 24 h", build=_steady, rate=10.0, effects=_FEW, schedule=LONG),
    Scenario(name="three", title="one of three metrics", build=_steady, effects=_FEW, more=2),
    Scenario(name="rise", title="errors x5 with the weight", build=_rise, effects=_FEW, shares=(5, 25, 50)),
    Scenario(name="late-10", title="worse after 10 min", build=_steady, onset=600.0, null=False),
    Scenario(name="late-20", title="worse after 20 min", build=_steady, onset=1200.0, null=False),
    Scenario(name="late-60", title="worse after 60 min", build=_steady, onset=3600.0, null=False),
    Scenario(name="outage", title="20 % of both fail for 1 min", build=_outage),
    Scenario(name="outage-long", title="30 % of both fail for 5 min", build=_long_outage),
    Scenario(
        name="zero-outages",
        title="stable never fails, outages",
        build=_small_outages,
        base=0.0,
        own=0.0008,
        effects=(1.0, 1.25, 2.0, 10.0),
    ),
    Scenario(
        name="cold-start",
        title="5 % fail for the first 30 s",
        build=_cold_start,
        base=0.002,
        effects=_FEW,
        ours=(Ours(settings=Settings(warm_up=2)), Ours(name="Timoneiro, no warm-up", covered=False)),
    ),
    Scenario(
        name="zero-bursts",
        title="only the candidate fails, in bursts",
        build=_own_bursts,
        base=0.0,
        own=0.002,
        effects=(1.0, 2.0, 5.0),
        ours=(_UNCOVERED,),
    ),
    Scenario(name="pods-window", title="pods restless, cv 50 %", build=_restless, ours=(_UNCOVERED, _NOT_ESTIMATED)),
    Scenario(
        name="sessions",
        title="failures in sessions of 3",
        build=_sessions,
        ours=(
            _UNCOVERED,
            _NOT_ESTIMATED,
            _told(CLUSTER_FACTOR),
        ),
    ),
    Scenario(
        name="retries",
        title="the same, each at another pod",
        build=_retries,
        ours=(_UNCOVERED, _told(CLUSTER_FACTOR)),
    ),
    Scenario(
        name="users",
        title="500 sticky users",
        build=_users,
        ours=(
            _UNCOVERED,
            _told(USER_FACTOR),
        ),
    ),
    Scenario(name="pod-1", title="one bad pod, sd 20 %", build=_one_pod, ours=_POD_NOISE),
    Scenario(name="pod-2", title="two such pods", build=_two_pods, ours=_POD_NOISE),
    Scenario(name="node-1", title="one pod", build=partial(_node, 1), effects=_FEW, ours=(_UNCOVERED,)),
    Scenario(name="node-2", title="two pods", build=partial(_node, 2), effects=_FEW, ours=(_UNCOVERED,)),
    Scenario(name="node-4", title="four pods", build=partial(_node, 4), effects=_FEW, ours=(_UNCOVERED,)),
)
