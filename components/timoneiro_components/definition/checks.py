"""What only several fields together can tell: columns that nobody describes, gates that never or always hold."""

from __future__ import annotations

from collections.abc import Iterator

from .columns import Column, classes_of
from .gates import SMALLER_IS_BETTER, Gate
from .join_checks import join_faults
from .problems import Path
from .source_checks import source_faults
from .training import Training, TrainingSpec

Contradiction = tuple[Path, str]
_NUMBERS = ("Number", "Integer")
# Where each metric can be.
_RANGES = {"rocAuc": (0.0, 1.0), "accuracy": (0.0, 1.0), "logLoss": (0.0, None)}


def faults(training: Training) -> Iterator[Contradiction]:
    """Every contradiction of a definition whose fields are right each for itself: where it is, and a sentence."""
    spec = training.spec
    yield from source_faults(spec.source, ("spec", "source"))
    yield from join_faults(spec)
    for name, column in spec.columns.items():
        yield from _column(("spec", "columns", name), column)
    yield from _target(spec)
    yield from _used(training)
    for position, gate in enumerate(spec.gates):
        yield from _gate(("spec", "gates", position), gate)


def _column(path: Path, column: Column) -> Iterator[Contradiction]:
    if column.type not in _NUMBERS:
        for field in ("minimum", "maximum", "unit"):
            if getattr(column, field) is not None:
                yield (*path, field), f"it is for numbers, and this column is of type {column.type}"
    if column.minimum is not None and column.maximum is not None and column.minimum > column.maximum:
        yield (*path, "minimum"), f"it is above the maximum, which is {column.maximum:g}: no value could be right"
    if column.type == "Category":
        if column.values is None:
            yield path, "a category needs `values`: all that are possible"
        elif any(value != value.strip() for value in column.values):
            yield (*path, "values"), "a value begins or ends with a space, which is cut off when the table is read"
        elif len(set(column.values)) != len(column.values):
            yield (*path, "values"), "a value is there twice"
        elif len(column.values) < 2:
            yield (*path, "values"), "a category with one value says nothing: add the others, or ignore the column"
    elif column.values is not None:
        yield (*path, "values"), f"it is for categories, and this column is of type {column.type}"
    if column.type == "Key" and column.nullable:
        yield (*path, "nullable"), "a key says which row it is, so that it cannot be missing"


def _target(spec: TrainingSpec) -> Iterator[Contradiction]:
    path: Path = ("spec", "target")
    column = spec.columns.get(spec.target.column)
    if column is None:
        yield (*path, "column"), f"spec.columns has no {spec.target.column!r}: describe it there"
        return
    if column.type not in ("Category", "Boolean"):
        yield (
            (*path, "column"),
            f"{spec.target.column!r} is of type {column.type}, and classes are a Category or a Boolean",
        )
        return
    classes = classes_of(column)
    if column.nullable:
        yield ("spec", "columns", spec.target.column, "nullable"), "a row without its answer teaches nothing"
    if len(set(classes)) > 2:
        yield (
            ("spec", "columns", spec.target.column, "values"),
            f"{spec.task} takes two classes, and there are {len(classes)}",
        )
    elif classes and spec.target.positive not in classes:
        yield (*path, "positive"), f"{spec.target.column!r} is one of {', '.join(classes)}"


def _used(training: Training) -> Iterator[Contradiction]:
    spec = training.spec
    for position, name in enumerate(spec.ignore):
        if name in spec.columns:
            yield ("spec", "ignore", position), f"spec.columns describes {name!r}: leave it out there or here"
    if not training.features:
        yield ("spec", "columns"), "there is nothing to learn from: describe a column that is neither key nor target"
    if spec.package.format == "Onnx":
        for name, column in training.features.items():
            if column.type == "Category":
                sentence = f"Onnx takes numbers only, and column {name!r} is a Category: write Sklearn"
                yield ("spec", "package", "format"), sentence
                return


def _gate(path: Path, gate: Gate) -> Iterator[Contradiction]:
    fields = {"atLeast": gate.at_least, "atMost": gate.at_most, "champion": gate.champion}
    given = {name: limit for name, limit in fields.items() if limit is not None}
    if len(given) != 1:
        found = f"there are {' and '.join(given)}" if given else "there is none"
        yield path, f"exactly one of atLeast, atMost and champion is wanted, and {found}"
        return
    ((field, limit),) = given.items()
    low, high = _RANGES[gate.metric]
    better = "atMost" if gate.metric in SMALLER_IS_BETTER else "atLeast"
    where = (
        f"{gate.metric} is between {low:g} and {high:g}" if high is not None else f"{gate.metric} is at least {low:g}"
    )
    if field == "champion":
        if high is not None and limit >= high - low:
            yield (*path, field), f"{where}: this gate would always pass"
    elif field != better:
        yield (
            (*path, field),
            f"{gate.metric} is better the {'smaller' if better == 'atMost' else 'larger'}: write {better}",
        )
    elif (limit <= low) if field == "atLeast" else (high is not None and limit >= high):
        yield (*path, field), f"{where}: this gate would always pass"
    elif (high is not None and limit > high) if field == "atLeast" else limit < low:
        yield (*path, field), f"{where}: this gate would never pass"
