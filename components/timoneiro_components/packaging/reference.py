"""`reference.json`: what inputs and answers looked like in training, small enough to travel with the model."""

from __future__ import annotations

from typing import Any

import pandas as pd

from timoneiro_serving.times import iso

from ..definition.metrics import REGRESSION
from ..definition.training import Training
from ..features.rows import features_of, labels_of, target_of
from ..quality.drift import drift_reference

REFERENCE_FILE = "reference.json"
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def reference(frame: pd.DataFrame, training: Training) -> dict[str, Any]:
    """Statistics of every feature and of the target, and their bins for drift checks."""
    features = features_of(frame, training)
    return {
        "rows": len(frame),
        "features": {
            name: _of_times(features[name]) if column.type == "Time" else _statistics(features[name])
            for name, column in training.features.items()
        },
        "target": _target(frame, training),
        "drift": drift_reference(frame, training),
    }


def _target(frame: pd.DataFrame, training: Training) -> dict[str, Any]:
    if training.spec.task == REGRESSION:
        return _statistics(pd.Series(target_of(frame, training)))
    shares = labels_of(frame[training.spec.target.column]).value_counts(normalize=True)
    return {label: round(float(shares.get(label, 0.0)), 6) for label in training.classes}


def _of_times(values: pd.Series) -> dict[str, Any]:
    present, found = values.dropna(), {"missing": round(float(values.isna().mean()), 6)}
    return found if present.empty else found | {"first": iso(present.min()), "last": iso(present.max())}


def _statistics(values: pd.Series) -> dict[str, Any]:
    present, found = values.dropna(), {"missing": round(float(values.isna().mean()), 6)}
    if present.empty:
        return found
    if values.dtype == object:
        counts = present.value_counts(normalize=True)
        return found | {"shares": {str(text): round(float(share), 6) for text, share in sorted(counts.items())}}
    return found | {
        "mean": float(present.mean()),
        "deviation": float(present.std(ddof=0)),
        "minimum": float(present.min()),
        "maximum": float(present.max()),
        "quantiles": {str(share): float(present.quantile(share)) for share in _QUANTILES},
    }
