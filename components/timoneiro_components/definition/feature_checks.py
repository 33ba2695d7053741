"""What is wrong with times and computed features: `timeZone`, `parts`, `spec.checks.timeliness` and `spec.features`."""

from __future__ import annotations

from collections.abc import Iterator

from timoneiro_serving.times import part_columns, zone_of

from .columns import Column
from .expressions import ExpressionError, parse_formula
from .problems import Contradiction, Path
from .quality import Timeliness
from .training import Training

# Whose model cannot answer a row in which a value is missing.
_NEED_EVERY_VALUE = ("LogisticRegression", "Ridge")


def feature_faults(training: Training) -> Iterator[Contradiction]:
    """Every fault: where it is, and a sentence."""
    for name, column in training.spec.columns.items():
        yield from _time(("spec", "columns", name), column)
    for position, said in enumerate(training.spec.checks.timeliness):
        yield from _timeliness(("spec", "checks", "timeliness", position), said, training)
    parts = {
        added
        for name, column in training.spec.columns.items()
        for part in column.parts
        for added in part_columns(name, part)
    }
    for name in parts & training.spec.columns.keys():
        yield ("spec", "columns", name), "a part of a time is called so: rename the column"
    yield from _indicators(training)
    model = training.spec.model
    if training.spec.features and not model.impute and model.algorithm in _NEED_EVERY_VALUE:
        yield (
            ("spec", "model", "impute"),
            f"computed features may be missing, and {model.algorithm} takes no row without a value: leave it out",
        )
    for name, text in training.spec.features.items():
        path: Path = ("spec", "features", name)
        if name in training.spec.columns:
            yield path, "spec.columns describes a column of that name: choose another one"
        if name in parts or name in training.spec.ignore:
            yield path, "a part of a time, or a column that is ignored, is called so: choose another name"
        try:
            # Only of what callers of the model send.
            parse_formula(text, training.features)
        except ExpressionError as error:
            yield path, str(error)


def _indicators(training: Training) -> Iterator[Contradiction]:
    path: Path = ("spec", "model", "missingIndicators")
    if not training.spec.model.missing_indicators:
        return
    if not training.spec.model.impute:
        yield path, "with impute: false the model sees itself which values are missing: leave out one of both"
    elif not training.spec.features and not any(column.nullable for column in training.features.values()):
        yield path, "no column that the model learns from is nullable: there is nothing to indicate"


def _timeliness(path: Path, said: Timeliness, training: Training) -> Iterator[Contradiction]:
    column = training.columns.get(said.column)
    if column is None:
        yield (*path, "column"), f"the data has no {said.column!r}: describe it in spec.columns"
    elif column.type != "Time":
        yield (*path, "column"), f"{said.column!r} is of type {column.type}, and a Time is wanted"
    if said.max_age is None and said.max_gap is None:
        yield path, "it says neither maxAge nor maxGap, and so nothing"


def _time(path: Path, column: Column) -> Iterator[Contradiction]:
    if column.type != "Time":
        for field, said in (("timeZone", column.time_zone), ("parts", column.parts), ("future", column.future)):
            if said:
                yield (*path, field), f"it is for times, and this column is of type {column.type}"
        return
    if column.time_zone is not None:
        try:
            zone_of(column.time_zone)
        except ValueError as error:
            yield (*path, "timeZone"), f"{error}: write one of the tz database, such as America/Sao_Paulo or UTC"
    if len(set(column.parts)) != len(column.parts):
        yield (*path, "parts"), "a part is there twice"
