"""Accuracy: are values within the limits and among the categories that the definition describes, and credible?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from ..definition.columns import Column
from ..definition.metrics import REGRESSION
from ..definition.quality import Consequence, RowActions
from ..definition.training import Training
from ..features.rows import features_of, target_of
from ..ranking import area_under_roc
from .check import Check, CheckedRows, CheckKind, Positions, SeenSoFar, TableFacts, Violation

_ROWS = "rows"
TargetValues = np.ndarray[Any, Any]
_FEW_VALUES = 50
# Of each class, or in all of a number: fewer are ranked perfectly by chance.
_LEAST_ROWS = 10
# Of a value that fewer rows have, how often a class comes with it says no more than that class itself.
_ROWS_OF_A_VALUE = 5


def _look_at_values(rows: CheckedRows) -> SeenSoFar:
    """By column and kind of deviation, where the rows are."""
    try:
        _schema(rows.training).validate(rows.frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
        return SeenSoFar(
            rows.table.num_rows,
            pieces={
                (name, _kind_of(check)): (np.sort(group["index"].to_numpy(dtype=np.int64)),)
                for (name, check), group in cases.groupby(["column", "check"], dropna=False, sort=True)
            },
        )
    return SeenSoFar(rows.table.num_rows)


def _values_as_described(tally: SeenSoFar, facts: TableFacts) -> Iterator[Check]:
    """Limits, categories, and values that may not be missing; types were checked when the data came in."""
    violations = tuple(
        _violation(facts.training, name, kind, tally.whole((name, kind)))
        for name, kind in sorted(tally.pieces, key=str)
    )
    found = f"{len(violations)} deviations" if violations else f"those of all {len(facts.training.columns)} columns are"
    yield Check("Are all values among those that the definition allows?", found, violations)


def _look_at_some(rows: CheckedRows) -> SeenSoFar:
    """Features and target of the rows that are looked at."""
    some = rows.sampled().frame[[*rows.training.features, rows.training.spec.target.column]]
    return SeenSoFar(rows.table.num_rows, pieces={_ROWS: (some,)})


def _no_column_tells_the_target(tally: SeenSoFar, facts: TableFacts) -> Iterator[Check]:
    """A single feature that predicts almost perfectly is mostly one that is known only afterwards."""
    training = facts.training
    most = training.spec.checks.max_single_auc
    number = training.spec.task == REGRESSION
    found = list(_revealing_columns(pd.concat(tally.pieces[_ROWS]), training)) if tally.rows else []
    how = "follows the target with a rank correlation" if number else "predicts the target with a ROC AUC"
    violations = tuple(
        Violation(
            f"column {name!r} alone {how} of {figure:.4f}: is it known only afterwards? "
            "Put it into spec.ignore, or raise spec.checks.maxSingleAuc if it is known before"
        )
        for name, figure in found
    )
    limit = f"rank correlation above {_correlation(most):g}" if number else f"ROC AUC above {most:g}"
    yield Check(f"Does no column alone predict the target ({limit})?", f"{len(found)} do", violations)


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


def _kind_of(check: Any) -> str:
    """Which check of pandera it was, in one word."""
    said = str(check)
    words = {"not_nullable": "missing", "greater": "below", "less": "above", "isin": "none"}
    return next((word for begin, word in words.items() if said.startswith(begin)), said)


def _without_warnings(actions: RowActions) -> dict[str, Consequence]:
    said = {field: getattr(actions, field) for field in ("limits", "categories", "missing")}
    return {field: "Stop" for field, action in said.items() if action == "Warn"}


def _violation(training: Training, name: str, kind: str, positions: Positions) -> Violation:
    if name not in training.columns:
        return Violation(f"the columns are not those of the definition: {name!r}")
    spec, column = training.spec, training.columns[name]
    actions = spec.checks.actions
    if name in (spec.target.column, spec.split.order_by, spec.split.group_by):
        # A row without its answer, or of which nobody can tell where it belongs, is of no use to any step.
        actions = actions.model_copy(update=_without_warnings(actions))
    count = f"{len(positions)} value{'s' if len(positions) > 1 else ''}"
    if kind == "missing":
        sentence = f"column {name!r} lacks {count} and may lack none: say nullable if they may be missing"
        return Violation(sentence, actions.missing, positions, f"{name}: missing")
    if kind == "none":
        sentence = f"column {name!r} has {count} other than {', '.join(column.values or ())}"
        return Violation(sentence, actions.categories, positions, f"{name}: none of its values")
    limit = f"{kind} {column.minimum if kind == 'below' else column.maximum:g}"
    return Violation(f"column {name!r} has {count} {limit}", actions.limits, positions, f"{name}: {limit}")


def _revealing_columns(frame: pd.DataFrame, training: Training) -> Iterator[tuple[str, float]]:
    """Features that tell the target by themselves, with their figure, where that is above the limit.

    Of classes the ROC AUC, of several its mean over the classes; of a number the rank correlation.
    """
    known = frame[frame[training.spec.target.column].notna()]
    if known.empty:
        return
    target, features = target_of(known, training), features_of(known, training)
    most = training.spec.checks.max_single_auc
    for name in features:
        if training.spec.task == REGRESSION:
            figure, limit = _rank_correlation(features[name], target), _correlation(most)
        else:
            # Of two classes one says all.
            judged = training.classes[-1:] if len(training.classes) == 2 else training.classes
            areas = [_area(features[name], target == label) for label in judged]
            figure, limit = float(np.mean([area for area in areas if area is not None] or [0.0])), most
        if figure > limit:
            yield name, figure


def _area(values: pd.Series, positive: TargetValues) -> float | None:
    """How well a column tells rows of a class from others: numbers by their order, categories and numbers of few values
    by how often the class comes with each. Whether a value is missing may tell it too, and counts as a value."""
    if min(positive.sum(), (~positive).sum()) < _LEAST_ROWS:
        return None
    scores: list[pd.Series] = []
    if values.dtype != object and values.notna().any():
        gaps = values.isna().any()
        scores = [values.fillna(values.min() - 1), values.fillna(values.max() + 1)] if gaps else [values]
    different = values.nunique()
    if (not scores or different <= _FEW_VALUES) and different * _ROWS_OF_A_VALUE <= len(values):
        scores.append(_rates(values, positive.astype(float)))
    areas = [area_under_roc(np.asarray(positive), score.to_numpy()) for score in scores]
    return max((max(area, 1 - area) for area in areas), default=None)


def _rank_correlation(values: pd.Series, target: TargetValues) -> float:
    """Spearman's, of either sign; categories by the mean of the target that comes with each."""
    numbers = _rates(values, target) if values.dtype == object else values
    known = numbers.notna().to_numpy()
    if known.sum() < _LEAST_ROWS or numbers[known].nunique() < 2 or len(np.unique(target[known])) < 2:
        return 0.0
    return abs(float(numbers[known].rank().corr(pd.Series(target, index=values.index)[known].rank())))


def _correlation(area: float) -> float:
    """The rank correlation that is as telling as a ROC AUC: both are 1 at most, and this is 0 where that is 0.5."""
    return 2 * area - 1


def _rates(values: pd.Series, target: TargetValues) -> pd.Series:
    """For each row the mean of the target that comes with its value."""
    # No text is empty.
    groups = values.astype(object).where(values.notna(), "")
    return pd.Series(target, index=values.index).groupby(groups).transform("mean")


VALUES_AS_DESCRIBED = CheckKind(_look_at_values, _values_as_described)
NO_COLUMN_TELLS_THE_TARGET = CheckKind(_look_at_some, _no_column_tells_the_target)
