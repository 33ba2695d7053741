"""What a generator gives: rows as a company would have them, and beside them what no company knows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

Reals = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


class MadeUp(NamedTuple):
    """A table, and for each of its rows the true probability of the positive class, given all that can be known when
    the model is asked. The best possible score of a model is that of these probabilities on the same rows."""

    table: pd.DataFrame
    probability: Reals
