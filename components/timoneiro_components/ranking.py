"""How well a score ranks rows."""

from __future__ import annotations

from typing import Any

import numpy as np


def area_under_roc(positive: np.ndarray[Any, Any], score: np.ndarray[Any, Any]) -> float:
    """How often a positive row has a higher score than another one, where ties count half; there have to be both.

    By ranks (Mann and Whitney 1947). scikit-learn's gives the same and takes fifty times as long for a thousand rows,
    mostly to look at its arguments; the bootstrap asks it thousands of times.
    """
    _, places, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    count = int(positive.sum())
    above = ranks[places[positive]].sum() - count * (count + 1) / 2
    return float(above / (count * (len(positive) - count)))
