"""Resource quantities of Kubernetes (``100m``, ``1Gi``) as exact numbers, and the downward API's rounding."""

from __future__ import annotations

import math
from fractions import Fraction

_SUFFIXES = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "": Fraction(1),
    **{letter: Fraction(1000**power) for power, letter in enumerate("kMGTPE", start=1)},
    **{f"{letter}i": Fraction(1024**power) for power, letter in enumerate("KMGTPE", start=1)},
}


def parse_quantity(text: str) -> Fraction:
    """The value of a quantity; raises ValueError for what is none."""
    number = text.strip()
    suffix = number.lstrip("+-0123456789.")
    if suffix[:1] in {"e", "E"} and suffix[1:].lstrip("+-").isdigit():
        return Fraction(number)
    if suffix not in _SUFFIXES:
        raise ValueError(f"{text!r} is not a quantity")
    return Fraction(number.removesuffix(suffix) if suffix else number) * _SUFFIXES[suffix]


def divide(quantity: str, divisor: str) -> str:
    """How the downward API shows a resource: in units of the divisor, rounded up."""
    unit = parse_quantity(divisor) or Fraction(1)
    return str(math.ceil(parse_quantity(quantity) / unit))
