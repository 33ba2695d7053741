"""Numbers of a report in few characters. Pure."""

import math

from timoneiro_operator.cli.report.content import Interval


def short(value: float) -> str:
    """Two significant digits, or the whole number below a thousand: `0.31`, `2.3`, `128`, `1.6k`, `35M`, `1e12`.

    What is smaller than a hundredth is just that: as evidence it is none.
    """
    if value >= 1e9:
        return f"1e{math.floor(math.log10(value))}"
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{_digits(value / size)}{letter}"
    return _digits(value) if value >= 0.01 or value == 0 else "<0.01"


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def ratio_words(ratio: Interval) -> str:
    """`2.3x, between 1.4 and 3.9`; what is not bounded is said."""
    if ratio.estimate is None and ratio.lower is None and ratio.upper is None:
        return "nothing known"
    estimate = "" if ratio.estimate is None else f"{short(ratio.estimate)}x, "
    lower = short(ratio.lower) if ratio.lower is not None else "0"
    upper = f" and {short(ratio.upper)}" if ratio.upper is not None else ", without an upper end yet"
    return f"{estimate}{'between ' if ratio.upper is not None else 'above '}{lower}{upper}"
