"""Export to ONNX with a parity gate.

Conversion cuts thresholds and inputs to 32 bits, which a boosted tree can answer to with quite
another probability. Guarantees: a file is written only if the exported model gives the same labels
and, within PARITY_TOLERANCE, the same probabilities on every row it is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.base import is_classifier
from sklearn.impute import SimpleImputer

from timoneiro_serving.errors import first_line
from timoneiro_serving.estimators import ONNX_GAP, Answer, OnnxPredictor, sklearn_predictor
from timoneiro_serving.loading import load_skops, open_onnx

from ..errors import GateFailed, StepError

PARITY_TOLERANCE = 1e-4
_ROWS_WITH_GAPS = 50


def export_onnx(source: Path, target: Path, rows: pd.DataFrame, nullable: Sequence[str] = ()) -> float:
    """Writes the skops model `source` as ONNX to `target`; gives the largest difference of a probability, or of a
    number as a share of the mean.

    Numbers alone are one input of shape (rows, features); where a column is text, each column is an input of its own.

    Columns that are `nullable` are left out of some rows too, where the model answers such rows at all.
    Raises GateFailed if the difference is above PARITY_TOLERANCE or a label differs, StepError if the model cannot be
    converted.
    """
    estimator = load_skops(source)
    rows = _with_gaps(estimator, rows, nullable)
    expected = sklearn_predictor(estimator).predict(rows)
    # Probabilities as a matrix, and not as a list of maps; a regressor has none.
    options = {id(estimator): {"zipmap": False}} if is_classifier(estimator) else None
    try:
        graph = to_onnx(_convertible(estimator), initial_types=_inputs(rows), options=options)
    except Exception as error:
        raise StepError(
            f"the model cannot be converted to ONNX ({first_line(error)}); write spec.package.format: Sklearn"
        ) from error
    content = graph.SerializeToString()
    found = OnnxPredictor(open_onnx(content)).predict(rows)
    difference, reason = _difference(expected, found)
    if reason:
        raise GateFailed("ONNX parity", [f"{reason}; write spec.package.format: Sklearn"])
    target.write_bytes(content)
    return difference


def _inputs(rows: pd.DataFrame) -> list[tuple[str, Any]]:
    texts = [name for name in rows.columns if rows[name].dtype == object]
    if not texts:
        return [("features", FloatTensorType([None, rows.shape[1]]))]
    return [(name, (StringTensorType if name in texts else FloatTensorType)([None, 1])) for name in rows.columns]


def _convertible(estimator: Any) -> Any:
    """The same model, in which a text that is missing is ONNX_GAP: graphs know no other."""
    for _, step in getattr(estimator, "steps", ()):
        for _, part, _ in getattr(step, "transformers_", ()):
            for _, inner in getattr(part, "steps", ()):
                if isinstance(inner, SimpleImputer) and inner.statistics_.dtype == object:
                    inner.missing_values = ONNX_GAP
    return estimator


def _difference(expected: Answer, found: Answer) -> tuple[float, str]:
    """The largest difference, and why it is too much ("" if it is not). By these comparisons NaN is too much."""
    if expected.probabilities is None:
        # Of numbers by the size of what is usually answered.
        spread = float(np.abs(expected.predictions).mean()) or 1.0
        difference = float(np.abs(expected.predictions - found.predictions).max()) / spread
        if difference <= PARITY_TOLERANCE:
            return difference, ""
        return difference, f"answers differ by up to {difference:.2g} of their mean ({PARITY_TOLERANCE:g} is accepted)"
    if found.probabilities is None:
        return np.nan, "the ONNX model gives no probabilities to compare"
    difference = float(np.abs(expected.probabilities - found.probabilities).max())
    labels = int((expected.predictions.astype(str) != found.predictions.astype(str)).sum())
    if difference <= PARITY_TOLERANCE and labels == 0:
        return difference, ""
    return difference, (
        f"probabilities differ by up to {difference:.2g} ({PARITY_TOLERANCE:g} is accepted) and {labels} "
        f"of {len(expected.predictions)} labels differ"
    )


def _with_gaps(estimator: Any, rows: pd.DataFrame, nullable: Sequence[str]) -> pd.DataFrame:
    """The rows, and for each of those columns some of them without it."""
    some = rows.head(_ROWS_WITH_GAPS)
    gaps = pd.concat([some.assign(**{name: np.nan}) for name in nullable]) if nullable else some
    try:
        sklearn_predictor(estimator).predict(gaps)
    except ValueError:
        # It refuses rows with missing values, and so does what is made of it.
        return rows
    return pd.concat([rows, gaps])
