"""Drift: do columns look as those that the model was trained on that serves now?

The population stability index (PSI) of a column over ten bins that had the same number of training rows, or over its
categories, with missing values as a bin of their own. Where nothing has changed, PSI is about chi-square with bins - 1
degrees of freedom, times 1/n + 1/m for n and m rows: what is below its 99 % quantile is chance. A column has drifted
where its PSI is above that, and above what the definition says matters; few rows are not judged.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtri

from ..definition.metrics import REGRESSION
from ..definition.training import Training
from ..errors import StepError
from ..features.rows import features_of, labels_of
from .check import Check, CheckedRows, CheckKind, SeenSoFar, TableFacts, Violation

_BINS = 10
_LEAST_ROWS = 500
_CHANCE = 0.01
_MISSING = "missing"


def drift_reference(frame: pd.DataFrame, training: Training) -> dict[str, Any]:
    """How often values of each feature, and of the target, were in each bin: what a later run compares with.

    By column: `edges`, the upper ends of all bins but the last (null for categories), and `counts` by the name of the
    bin.
    """
    columns = _columns(frame, training)
    found = {}
    for name, values in columns.items():
        edges = None if values.dtype == object else _edges(values)
        found[name] = {"edges": edges, "counts": _counts(values, edges)}
    return found


def read_drift_reference(folder: Path) -> dict[str, Any] | None:
    """That of the package in `folder`; None if it has none, as older ones. Raises StepError if it cannot be read."""
    path = folder / "reference.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        found = document.get("drift")
        if found is None:
            return None
        return {name: {"edges": column["edges"], "counts": {**column["counts"]}} for name, column in found.items()}
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise StepError(f"the champion's reference.json cannot be read ({type(error).__name__})") from error


def columns_look_as_before(reference: Mapping[str, Any] | None) -> CheckKind:
    """Compares with the reference of the model that serves now; None if there is none."""

    def count(rows: CheckedRows) -> SeenSoFar:
        counts = dict[Any, int]()
        for name, values in _columns(rows.frame, rows.training).items():
            before = (reference or {}).get(name)
            # A column that is new, or of another kind, cannot be compared.
            if before is not None and (before["edges"] is None) == (values.dtype == object):
                counts |= {(name, place): number for place, number in _counts(values, before["edges"]).items()}
        return SeenSoFar(rows.table.num_rows, counts)

    def finish(tally: SeenSoFar, facts: TableFacts) -> Iterator[Check]:
        yield _compared(tally, reference, facts.training)

    return CheckKind(count, finish)


def _compared(tally: SeenSoFar, reference: Mapping[str, Any] | None, training: Training) -> Check:
    question, said = "Do columns look as the model was trained on that serves now?", training.spec.checks.drift
    if reference is None:
        return Check(question, "there is none, or it says nothing of it")
    if tally.rows < _LEAST_ROWS:
        return Check(question, f"fewer than {_LEAST_ROWS} rows tell nothing")
    by_column = dict[str, dict[str, int]]()
    for (name, place), number in tally.counts.items():
        by_column.setdefault(name, {})[place] = number
    drifted, largest = list[Violation](), 0.0
    for name, now in by_column.items():
        index, chance = stability_index(reference[name]["counts"], now)
        accepted = max(chance, said.least_psi)
        largest = max(largest, index)
        if index > accepted:
            sentence = (
                f"column {name!r} has drifted from what the model was trained on that serves now: PSI {index:.3f}, and "
                f"up to {accepted:.3f} is accepted"
            )
            drifted.append(Violation(sentence, said.action))
    return Check(question, f"{len(drifted)} have drifted, the largest PSI is {largest:.3f}", tuple(drifted))


def stability_index(before: Mapping[str, int], now: Mapping[str, int]) -> tuple[float, float]:
    """PSI of two counts by bin, and the largest that chance explains (in 99 of 100 cases); zeros if few rows tell."""
    bins = sorted({*before, *now})
    n, m = sum(before.values()), sum(now.values())
    if min(n, m) < _LEAST_ROWS or len(bins) < 2:
        return 0.0, 0.0
    # Half a row in each bin: an empty one is no infinite difference.
    shares = [
        np.array([counts.get(name, 0) + 0.5 for name in bins]) / (total + 0.5 * len(bins))
        for counts, total in ((before, n), (now, m))
    ]
    index = float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))
    return index, float(chdtri(len(bins) - 1, _CHANCE)) * (1 / n + 1 / m)


def _columns(frame: pd.DataFrame, training: Training) -> dict[str, pd.Series]:
    """Features and target, as numbers or texts. Without times, which are later in every table than before."""
    target = training.spec.target.column
    features = features_of(frame, training)
    known = (
        frame[target].astype("Float64").astype(float) if training.spec.task == REGRESSION else labels_of(frame[target])
    )
    kept = [name for name, column in training.features.items() if column.type != "Time"]
    return {name: features[name] for name in kept} | {target: known}


def _edges(values: pd.Series) -> list[float]:
    """Quantiles; fewer where many values are the same."""
    present = values.dropna()
    if present.empty:
        return []
    return [float(edge) for edge in np.unique(present.quantile([part / _BINS for part in range(1, _BINS)]))]


def _counts(values: pd.Series, edges: list[float] | None) -> dict[str, int]:
    present = values.dropna()
    if edges is None:
        counts = {str(name): int(count) for name, count in sorted(present.value_counts().items())}
    else:
        places = np.searchsorted(edges, present.to_numpy(dtype=float), side="left")
        counts = {str(place): int(count) for place, count in enumerate(np.bincount(places, minlength=len(edges) + 1))}
    missing = len(values) - len(present)
    return {**counts, _MISSING: missing} if missing else counts
