"""The step of the served pipeline that clips, takes times apart, and computes features, as the definition says."""

from __future__ import annotations

from typing import Any

from timoneiro_serving.derivation import Derivation, Formula
from timoneiro_serving.times import part_columns

from ..definition.expressions import ColumnOperand, ConstantOperand, Expression, parse_formula
from ..definition.training import Training


def derivation_of(training: Training) -> list[tuple[str, Any]]:
    """That step, unfitted; none where there is nothing to do."""
    features = training.features
    times = [name for name, column in features.items() if column.type == "Time"]
    limits = [[name, column.minimum, column.maximum] for name, column in features.items() if column.clip]
    if not (times or limits or training.spec.features):
        return []
    calendar = [[name, part, features[name].time_zone or "UTC"] for name in times for part in features[name].parts]
    formulas = [[name, _formula(parse_formula(text, features))] for name, text in training.spec.features.items()]
    return [("derive", Derivation(limits=limits, calendar=calendar, formulas=formulas, times=times))]


def derived_columns(training: Training) -> list[str]:
    """Names of the columns that it adds, in their order."""
    parts = [
        added
        for name, column in training.features.items()
        if column.type == "Time"
        for part in column.parts
        for added in part_columns(name, part)
    ]
    return [*parts, *training.spec.features]


def columns_with_gaps(training: Training) -> list[str]:
    """Columns that a model learns from and that may have no value, in their order; of the parts of a time, which are
    missing together, the first. It is the definition that says it and no row, so that all folds have the same."""
    nullable = [(name, column) for name, column in training.features.items() if column.nullable]
    asked = [name for name, column in nullable if column.type != "Time"]
    times = [part_columns(name, column.parts[0])[0] for name, column in nullable if column.parts]
    return [*asked, *times, *training.spec.features]


def _formula(expression: Expression) -> Formula:
    match expression:
        case ColumnOperand(name=name):
            return ["column", name]
        case ConstantOperand(value=value):
            return float(value)
    return [expression.operator, *(_formula(operand) for operand in expression.operands)]
