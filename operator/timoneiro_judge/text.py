"""A comparison as text, exact to the last bit."""

import math
import struct

from timoneiro_judge.comparison import Comparison
from timoneiro_judge.counts import Counts, Limits, Spread, Weighed
from timoneiro_judge.edition import edition_of, opened, sealed
from timoneiro_judge.evidence import LOG_GRID, higher_rates, not_worse_ratios, worse_ratios
from timoneiro_judge.fresh import Fresh
from timoneiro_judge.restarted import Restarted, stake
from timoneiro_judge.usual import Usual

# No evidence and no count is larger: a state that says so is none of ours.
_LARGEST = 2.0**63
_LIMITS = struct.Struct(">3d")
# Counts of both arms, degrees of freedom, windows; then what is not whole.
_NUMBERS = struct.Struct(">6q11d")
_GRID = [round(x, 9) for x in LOG_GRID]
_STAKES = [round(stake(window), 9) for window in (0, 5)]
_EDITION = edition_of(_LIMITS.format, _NUMBERS.format, _GRID, _STAKES)


def encode(value: Comparison) -> str:
    """All of it. The likelihoods are in single precision, as they are reckoned with."""
    limits, usual, fresh = value.limits, value.usual, value.fresh
    logs = (*value.likelihood, *value.higher_ratio.logs, *value.higher_rate.logs, *fresh.logs)
    packed = (
        _LIMITS.pack(limits.tolerance, limits.margin, limits.negligible)
        + _NUMBERS.pack(
            value.candidate.requests,
            value.candidate.events,
            value.stable.requests,
            value.stable.events,
            value.spread.freedom,
            value.windows,
            value.spread.chi_square,
            value.weighed.requests,
            value.weighed.events,
            usual.requests,
            usual.events,
            usual.excess,
            value.higher_ratio.idle,
            value.higher_rate.idle,
            fresh.weighed.requests,
            fresh.weighed.events,
            fresh.best,
        )
        + struct.pack(f">{len(logs)}f", *logs)
    )
    return sealed(_EDITION, packed)


def decode(text: str) -> Comparison:
    """Inverse of `encode`. Raises ValueError when the text is none of ours, or one of another edition."""
    packed = opened(_EDITION, text)
    try:
        value = _unpacked(packed)
    except (struct.error, ValueError, ArithmeticError) as error:
        raise ValueError(f"the saved evidence cannot be read: {error}") from error
    if not _can_be(value):
        raise ValueError("the saved evidence holds counts that are impossible")
    return value


def _unpacked(packed: bytes) -> Comparison:
    tolerance, margin, negligible = _LIMITS.unpack_from(packed)
    limits = Limits(tolerance=tolerance, margin=margin, negligible=negligible)
    n_c, e_c, n_s, e_s, freedom, windows, *numbers = _NUMBERS.unpack_from(packed, _LIMITS.size)
    chi_square, n_w, e_w, n_u, e_u, excess, ratio_idle, rate_idle, n_f, e_f, best = numbers
    sizes = (
        len(LOG_GRID),
        len(worse_ratios(tolerance).log_weights),
        len(higher_rates(negligible).log_weights),
        len(not_worse_ratios(margin).log_weights),
    )
    logs = struct.unpack(f">{sum(sizes)}f", packed[_LIMITS.size + _NUMBERS.size :])
    parts, first = [], 0
    for size in sizes:
        parts.append(logs[first : first + size])
        first += size
    likelihood, ratio, rate, lower = parts
    return Comparison(
        limits=limits,
        likelihood=likelihood,
        candidate=Counts(requests=n_c, events=e_c),
        stable=Counts(requests=n_s, events=e_s),
        weighed=Weighed(requests=n_w, events=e_w),
        spread=Spread(chi_square=chi_square, freedom=freedom),
        usual=Usual(requests=n_u, events=e_u, excess=excess),
        windows=windows,
        higher_ratio=Restarted(ratio, ratio_idle),
        higher_rate=Restarted(rate, rate_idle),
        fresh=Fresh(logs=lower, weighed=Weighed(requests=n_f, events=e_f), best=best),
    )


def _can_be(value: Comparison) -> bool:
    arms = (value.candidate, value.stable, value.weighed, value.fresh.weighed)
    counts = [count for arm in arms for count in (arm.requests - arm.events, arm.events)]
    counts += [value.spread.freedom, value.spread.chi_square, value.windows]
    counts += [value.usual.requests, value.usual.events, value.usual.excess]
    logs = (*value.likelihood, *value.higher_ratio.logs, *value.higher_rate.logs, *value.fresh.logs, value.fresh.best)
    idle = (value.higher_ratio.idle, value.higher_rate.idle)
    numbers = (*counts, *logs)
    # What is no number is neither small nor large, and makes the sum none.
    return (
        min(counts) >= 0
        and min(numbers) > -_LARGEST
        and max(numbers) < _LARGEST
        and not math.isnan(sum(numbers))
        and all(0 < part <= 1 for part in idle)
    )
