"""Numbers made coarser where people must not be told by them: the same for rows of training and for requests."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_INT64 = 2**63


def middles(numbers: np.ndarray[Any, Any], width: float, low: float | None, high: float | None) -> np.ndarray[Any, Any]:
    """Each number becomes the middle of its bin; bins are `width` wide and begin at 0.

    Where `low` or `high` cuts a bin, it is the nearest number within them; a number outside of them stays outside, so
    that whoever looks for such still finds it. Whole numbers (int64) stay whole. Coarse ones stay what they are.
    Raises OverflowError for numbers that are too large for their bin to hold them.
    """
    whole = numbers.dtype.kind == "i"
    if whole:
        # Whole limits, within what numpy compares whole numbers with.
        low = None if low is None else max(math.ceil(low), -_INT64)
        high = None if high is None else min(math.floor(high), _INT64 - 1)
    step: Any = int(width) if whole else float(width)
    # What is too large for its bin is told below.
    with np.errstate(over="ignore", invalid="ignore"):
        bins = np.floor_divide(numbers, step) if whole else np.floor(numbers / step)
        if not whole:
            # A quotient may be rounded across the bound of its bin: 0.95 / 0.01 is less than 95.
            bins = bins + (numbers >= (bins + 1) * step) - (numbers < bins * step)
        first = bins * step
        last = first + (step - 1) if whole else np.nextafter((bins + 1) * step, first)
        found = first + (step // 2 if whole else step / 2)
        if not (((first <= numbers) & (numbers <= last)) | np.isnan(numbers)).all():
            raise OverflowError(f"numbers that no bin of {width:g} holds: they are too large")
    if low is not None:
        found = np.where(numbers < low, first, np.maximum(found, low))
    if high is not None:
        found = np.where(numbers > high, last, np.minimum(found, high))
    return np.asarray(found)
