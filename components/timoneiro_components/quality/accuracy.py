"""Accuracy: are values within the limits and among the categories that the definition describes, and credible?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pandera.pandas as pa
from sklearn.metrics import roc_auc_score

from ..definition.columns import Column
from ..definition.training import Training
from ..features.preparation import features_of, labels_of
from .check import Check, CheckedRows, Violation


def values_as_described(rows: CheckedRows) -> Iterator[Check]:
    """Limits, categories, and values that may not be missing; types were checked when the data came in."""
    question = "Are all values among those that the definition allows?"
    try:
        _schema(rows.training).validate(rows.frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        violations = tuple(_violations(error.failure_cases, rows.training))
        yield Check(question, f"{len(violations)} deviations", violations)
    else:
        yield Check(question, f"those of all {len(rows.frame.columns)} columns are")


def no_column_tells_the_target(rows: CheckedRows) -> Iterator[Check]:
    """A single feature that predicts almost perfectly is mostly one that is known only afterwards."""
    most = rows.training.spec.checks.max_single_auc
    found = list(_revealing_columns(rows.frame, rows.training))
    violations = tuple(
        Violation(
            f"column {name!r} alone predicts the target with a ROC AUC of {area:.4f}: is it known only afterwards? "
            "Put it into spec.ignore, or raise spec.checks.maxSingleAuc if it is known before"
        )
        for name, area in found
    )
    yield Check(f"Does no column alone predict the target (ROC AUC above {most:g})?", f"{len(found)} do", violations)


def _schema(training: Training) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(
        {
            name: pa.Column(checks=list(_value_checks(column)), nullable=column.nullable)
            for name, column in training.columns.items()
        },
        strict=True,
        ordered=True,
    )


def _value_checks(column: Column) -> Iterator[pa.Check]:
    if column.minimum is not None:
        yield pa.Check.ge(column.minimum)
    if column.maximum is not None:
        yield pa.Check.le(column.maximum)
    if column.values is not None:
        yield pa.Check.isin(column.values)


def _violations(cases: pd.DataFrame, training: Training) -> Iterator[Violation]:
    actions = training.spec.checks.actions
    for (name, check), group in cases.groupby(["column", "check"], dropna=False, sort=True):
        column = training.columns.get(name)
        if column is None:
            yield Violation(f"the columns are not those of the definition: {group['failure_case'].iloc[0]!r}")
            continue
        positions = np.sort(group["index"].to_numpy(dtype=np.int64))
        count = f"{len(group)} value{'s' if len(group) > 1 else ''}"
        if check == "not_nullable":
            sentence = f"column {name!r} lacks {count} and may lack none: say nullable if they may be missing"
            yield Violation(sentence, actions.missing, positions, f"{name}: missing")
        elif column.values is not None:
            sentence = f"column {name!r} has {count} other than {', '.join(column.values)}"
            yield Violation(sentence, actions.categories, positions, f"{name}: none of its values")
        else:
            below = str(check).startswith("greater")
            limit = f"below {column.minimum:g}" if below else f"above {column.maximum:g}"
            yield Violation(f"column {name!r} has {count} {limit}", actions.limits, positions, f"{name}: {limit}")


def _revealing_columns(frame: pd.DataFrame, training: Training) -> Iterator[tuple[str, float]]:
    """Features that tell the target by themselves, with their ROC AUC, where that is above the limit.

    Numbers by their order, categories by how often the positive class comes with each. Whether a value is missing may
    tell it too, and counts as a value.
    """
    target = labels_of(frame[training.spec.target.column])
    known = target.notna()
    positive = (target[known] == training.spec.target.positive).to_numpy()
    if positive.all() or not positive.any():
        return
    features = features_of(frame[known], training)
    for name in features:
        values = features[name]
        if values.dtype == object or values.isna().all():
            scores = [_positive_rates(values, positive)]
        elif values.isna().any():
            scores = [values.fillna(values.min() - 1), values.fillna(values.max() + 1)]
        else:
            scores = [values]
        areas = [float(roc_auc_score(positive, score)) for score in scores]
        best = max(max(area, 1 - area) for area in areas)
        if best > training.spec.checks.max_single_auc:
            yield name, best


def _positive_rates(values: pd.Series, positive: object) -> pd.Series:
    """For each row how often the positive class comes with its value."""
    groups = values.astype(object).where(values.notna(), "missing")
    return pd.Series(positive, index=values.index).astype(float).groupby(groups).transform("mean")
