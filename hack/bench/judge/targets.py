"""What the judge has to reach, and whether the measurement says that it does."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.judge.measure import Measurement, Proportion
from bench.judge.ours import DEFAULT

MOST_BY_WALD = 1.3
_LEAST_PROMOTED = 0.99
_LEAST_FOUND = 0.65


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One promise: the worst that was found, where, and whether it is kept."""

    what: str
    target: str
    found: str
    where: str
    kept: bool


def targets(outcomes: Sequence[Measurement]) -> list[Promise]:
    """All targets, measured where theory says that they hold."""
    covered = [o for o in outcomes if o.covered and not o.scenario.startswith("late")]
    late = [o for o in outcomes if o.covered and o.scenario == "late-20" and o.setting == "policy"]
    return [
        _false_rollbacks(covered, effect=1.0, what="harmless candidates rolled back, no change"),
        _false_rollbacks(covered, effect=None, what="the same at the worst effect that is harmless"),
        _delays(covered),
        _false_promotions(covered, what="candidates worse by the margin promoted"),
        _flawless(outcomes),
        _cold_start(outcomes),
        _late_median(outcomes),
        _late_found(outcomes),
        _false_promotions(late, what="worse from minute 20 on: promoted at minute 30 or later"),
    ]


def _at_most(what: str, limit: float, of: Measurement, share: Proportion) -> Promise:
    """That a share of the rollouts `of` is at most `limit`, also at the upper end of its interval."""
    upper = share.interval[1]
    return Promise(
        what=what,
        target=f"≤ {100 * limit:g} %, upper end",
        found=f"{percent(share.value)} (up to {percent(upper)})",
        where=_place(of),
        kept=upper <= limit,
    )


def _at_least(what: str, limit: float, of: Measurement, share: Proportion) -> Promise:
    """That a share of the rollouts `of` is at least `limit`, also at the lower end of its interval."""
    lower = share.interval[0]
    return Promise(
        what=what,
        target=f"≥ {100 * limit:g} %, lower end",
        found=f"{percent(share.value)} (at least {percent(lower)})",
        where=_place(of),
        kept=lower >= limit,
    )


def _false_rollbacks(outcomes: Iterable[Measurement], *, effect: float | None, what: str) -> Promise:
    harmless = [o for o in outcomes if o.harmless and (effect is None or o.effect == effect)]
    worst = max(harmless, key=lambda o: (o.rolled_back.interval[1], o.scenario, o.judge))
    return _at_most(what, DEFAULT.false_rollback, worst, worst.rolled_back)


def _false_promotions(outcomes: Iterable[Measurement], *, what: str) -> Promise:
    worst = max((o for o in outcomes if o.harmful), key=lambda o: (o.promoted.interval[1], o.scenario, o.judge))
    return _at_most(what, DEFAULT.false_promotion, worst, worst.promoted)


def _delays(outcomes: Iterable[Measurement]) -> Promise:
    measured = [o for o in outcomes if o.scenario == "steady" and o.judge == "Timoneiro" and o.effect >= 2.0]
    worst = max(measured, key=lambda o: (o.by_wald or float("inf"), o.effect))
    return Promise(
        what="median delay of a rollback at 2x and more, steady",
        target="≤ 1.3 of Wald's bound",
        found="not half of them" if worst.by_wald is None else f"{worst.by_wald:.2f}",
        where=_place(worst),
        kept=worst.by_wald is not None and worst.by_wald <= MOST_BY_WALD,
    )


def _one(outcomes: Iterable[Measurement], scenario: str, setting: str, effect: float) -> Measurement:
    at = (scenario, setting, effect, "Timoneiro")
    return next(o for o in outcomes if (o.scenario, o.setting, o.effect, o.judge) == at)


def _flawless(outcomes: Iterable[Measurement]) -> Promise:
    found = _one(outcomes, "zero-10", "policy", 1.0)
    what = "harmless candidates promoted, nothing fails, 10 requests/s"
    return _at_least(what, _LEAST_PROMOTED, found, found.promoted)


def _cold_start(outcomes: Iterable[Measurement]) -> Promise:
    found = _one(outcomes, "cold-start", "policy", 1.25)
    what = "harmless, but 5 % fail for the first 30 s: rolled back"
    return _at_most(what, DEFAULT.false_rollback, found, found.rolled_back)


def _late_median(outcomes: Iterable[Measurement]) -> Promise:
    found = _one(outcomes, "late-20", "fixed", 3.0)
    return Promise(
        what="worse from minute 20 on: found after, median",
        target="≤ 6 min",
        found="not half of them" if found.delay is None else f"{found.delay:.0f} s",
        where=_place(found),
        kept=found.delay is not None and found.delay <= 360.0,
    )


def _late_found(outcomes: Iterable[Measurement]) -> Promise:
    found = _one(outcomes, "late-60", "fixed", 2.0)
    what = "worse from minute 60 on: found within 30 minutes"
    return _at_least(what, _LEAST_FOUND, found, found.rolled_back)


def _place(outcome: Measurement) -> str:
    where = "10 % of the traffic" if outcome.setting == "fixed" else "canary steps"
    return f"{outcome.scenario}, {outcome.effect:g}x, {where}"


def percent(value: float) -> str:
    """Two digits that count, also near the whole: 0.034 %, 0.34 %, 3.4 %, 34 %, 99.6 %; "0" and "100 %" are exact."""
    if value in (0.0, 1.0):
        return "100 %" if value else "0"
    distance = min(value, 1.0 - value)
    digits = 0 if distance >= 0.095 else 1 if distance >= 0.0095 else 2
    return f"{100.0 * value:.{digits}f} %"
