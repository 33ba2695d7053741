"""Contradictions between target, model, evaluation and gates: each with the field that it is about."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from .columns import NUMBERS, classes_of
from .gates import Disturbance, Gate
from .metrics import BINARY, METRICS, REGRESSION, is_function, metrics_of
from .model import ALGORITHMS, Range
from .problems import Contradiction, Path
from .training import Training, TrainingSpec

_MODEL: Path = ("spec", "model")


def target_faults(spec: TrainingSpec) -> Iterator[Contradiction]:
    """Whether the target is what the task predicts."""
    path: Path = ("spec", "target")
    name, positive = spec.target.column, spec.target.positive
    column = spec.columns.get(name)
    if column is None:
        yield (*path, "column"), f"spec.columns has no {name!r}: describe it there"
        return
    if column.nullable:
        yield ("spec", "columns", name, "nullable"), "a row without its answer teaches nothing"
    if spec.task != BINARY and positive is not None:
        yield (*path, "positive"), f"it is for BinaryClassification, and the task is {spec.task}: leave it out"
    if spec.task == REGRESSION:
        if column.type not in NUMBERS:
            yield (
                (*path, "column"),
                f"{name!r} is of type {column.type}, and Regression predicts a Number",
            )
        return
    if column.type not in ("Category", "Boolean"):
        wanted = "classes are a Category or a Boolean; of numbers the task is Regression"
        yield (*path, "column"), f"{name!r} is of type {column.type}, and {wanted}"
        return
    classes = classes_of(column)
    if spec.task != BINARY:
        if len(set(classes)) == 2:
            yield ("spec", "task"), f"{name!r} has two classes: write BinaryClassification"
    elif len(set(classes)) > 2:
        several = f"{spec.task} takes two classes, and there are {len(classes)}; several are MulticlassClassification"
        yield ("spec", "columns", name, "values"), several
    elif positive is None:
        yield (*path, "positive"), f"it is missing: the class whose probability is judged, one of {', '.join(classes)}"
    elif classes and positive not in classes:
        yield (*path, "positive"), f"{name!r} is one of {', '.join(classes)}"


def model_faults(training: Training) -> Iterator[Contradiction]:
    """Whether model, split and package fit the task and each other."""
    spec = training.spec
    yield from _algorithm(spec)
    yield from _split(spec)
    if spec.task == REGRESSION:
        for field in ("calibration", "costs"):
            if getattr(spec.model, field) is not None:
                yield (*_MODEL, field), "it is for classes, and the task is Regression"
        if spec.model.balanced:
            yield (*_MODEL, "balanced"), "it is for classes, and the task is Regression"
    elif spec.task != BINARY and spec.model.costs is not None:
        yield (*_MODEL, "costs"), f"it is for two classes, and the task is {spec.task}"
    if spec.package.format == "Onnx":
        for field in ("calibration", "costs"):
            if getattr(spec.model, field) is not None:
                yield (
                    ("spec", "package", "format"),
                    f"Onnx holds no {field}: leave out spec.model.{field}, or write Sklearn",
                )
        if spec.model.missing_indicators:
            yield (
                ("spec", "package", "format"),
                "Onnx cannot say which values were missing: leave out spec.model.missingIndicators, or write Sklearn",
            )
        for what in _not_in_onnx(training):
            yield ("spec", "package", "format"), f"Onnx takes columns as they are, and {what}: write Sklearn"
            break
    for position, name in enumerate(spec.evaluation.slices or ()):
        yield from _slice_column(("spec", "evaluation", "slices", position), name, spec)


def _not_in_onnx(training: Training) -> Iterator[str]:
    for name, column in training.features.items():
        if column.type == "Time":
            yield f"column {name!r} is a {column.type}"
        elif column.clip:
            yield f"column {name!r} is clipped"
    yield from (f"feature {name!r} is computed" for name in training.spec.features)


def _algorithm(spec: TrainingSpec) -> Iterator[Contradiction]:
    name, search, curve = spec.model.algorithm, spec.model.search, spec.model.validation_curve
    if name not in ALGORITHMS and not is_function(name):
        close = get_close_matches(name, ALGORITHMS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"it is one of {', '.join(ALGORITHMS)}, or module:Class"
        yield (*_MODEL, "algorithm"), f"there is no such algorithm; {hint}"
    elif name in ALGORITHMS and spec.task not in ALGORITHMS[name]:
        fitting = ", ".join(other for other, tasks in ALGORITHMS.items() if spec.task in tasks)
        yield (*_MODEL, "algorithm"), f"{name} is not for {spec.task}: choose {fitting}"
    if curve is not None and len(set(curve.values)) < len(curve.values):
        yield (*_MODEL, "validationCurve", "values"), "a value is there twice"
    if search is None:
        return
    if search.metric is not None:
        yield from _metric((*_MODEL, "search", "metric"), search.metric, spec)
        if is_function(search.metric):
            yield (*_MODEL, "search", "metric"), "which way one of your own is better is not known: choose a known one"
    if is_function(name) and not search.space:
        yield (*_MODEL, "search", "space"), f"where to look is not known of {name}: say it"
    for parameter, found in search.space.items():
        where: Path = (*_MODEL, "search", "space", parameter)
        if parameter in spec.model.parameters:
            yield where, "spec.model.parameters has it too: leave it out there or here"
        yield from _range(where, found)


def _range(path: Path, found: Range) -> Iterator[Contradiction]:
    if found.choices is not None:
        if found.low is not None or found.high is not None or found.log:
            yield path, "either choices or low and high, not both"
        elif not found.choices:
            yield (*path, "choices"), "at least 1 is wanted"
    elif found.low is None or found.high is None:
        yield path, "write low and high, or choices"
    elif found.low >= found.high:
        yield (*path, "low"), f"it must be less than high, which is {found.high:g}"
    elif found.log and found.low <= 0:
        yield (*path, "low"), "with log it must be more than 0"


def _split(spec: TrainingSpec) -> Iterator[Contradiction]:
    for field, name in (("groupBy", spec.split.group_by), ("orderBy", spec.split.order_by)):
        if name is None:
            continue
        path: Path = ("spec", "split", field)
        column = spec.columns.get(name)
        if column is None:
            yield path, f"spec.columns has no {name!r}: describe it there"
        elif name == spec.target.column:
            yield path, "it is the target"
        elif column.nullable:
            yield path, f"{name!r} may be missing, and then nobody could tell where a row belongs"
        elif field == "orderBy" and column.type not in (*NUMBERS, "Time", "Key"):
            sentence = f"{name!r} is of type {column.type}: what says when is a time, a number, or a key that sorts"
            yield path, sentence
    if spec.split.group_by is not None and spec.split.order_by is not None:
        yield ("spec", "split", "groupBy"), "either groupBy or orderBy: the rows of a group are of many times"


def _slice_column(path: Path, name: str, spec: TrainingSpec) -> Iterator[Contradiction]:
    column = spec.columns.get(name)
    if column is None:
        yield path, f"spec.columns has no {name!r}: describe it there"
    elif column.type in ("Key", "Time") or name == spec.target.column:
        what = {"Key": "a key", "Time": "a time"}.get(column.type, "the target")
        yield path, f"{name!r} is {what}: rows are judged by what a model sees of them"


def gate_faults(path: Path, gate: Gate, training: Training) -> Iterator[Contradiction]:
    """Whether a gate is one, and can both hold and not hold."""
    spec = training.spec
    fields = {"atLeast": gate.at_least, "atMost": gate.at_most, "champion": gate.champion}
    given = {name: limit for name, limit in fields.items() if limit is not None}
    about = {"slice": gate.slice, "fairness": gate.fairness, "robustness": gate.robustness}
    kinds = [name for name, value in about.items() if value is not None]
    yield from _metric((*path, "metric"), gate.metric, spec)
    if len(given) != 1:
        found = f"there are {' and '.join(given)}" if given else "there is none"
        yield path, f"exactly one of atLeast, atMost and champion is wanted, and {found}"
        return
    if len(kinds) > 1:
        yield path, f"at most one of slice, fairness and robustness is wanted, and there are {' and '.join(kinds)}"
        return
    ((field, limit),) = given.items()
    for kind in ("slice", "fairness"):
        if (name := about[kind]) is not None:
            yield from _slice_column((*path, kind), name, spec)
    if gate.robustness is not None and not _disturbed(gate.robustness, training):
        wanted = "nullable" if gate.robustness == "Missing" else "a number"
        yield (*path, "robustness"), f"no column that the model is asked with is {wanted}: leave this gate out"
    if gate.confidence is not None and field != "champion":
        yield (*path, "confidence"), "it is for a comparison with the champion"
    if kinds and kinds[0] != "slice":
        if field != "atMost":
            yield (*path, field), f"{kinds[0]} is about a difference: write atMost"
        elif limit <= 0:
            yield (*path, field), "it must be more than 0: no two figures are quite the same"
        return
    yield from _limit(path, gate.metric, field, limit)


def _disturbed(kind: Disturbance, training: Training) -> bool:
    """Whether there is a column that can be disturbed so; labels always can."""
    columns = training.features.values()
    return kind == "LabelNoise" or any(
        column.nullable if kind == "Missing" else column.type in NUMBERS for column in columns
    )


def _metric(path: Path, name: str, spec: TrainingSpec) -> Iterator[Contradiction]:
    known = metrics_of(spec.task)
    if name in known or is_function(name):
        return
    if name in METRICS:
        yield path, f"{name} is not for {spec.task}: choose one of {', '.join(known)}"
        return
    close = get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"it is one of {', '.join(known)}, or module:function"
    yield path, f"there is no such metric; {hint}"


def _limit(path: Path, name: str, field: str, limit: float) -> Iterator[Contradiction]:
    metric = METRICS.get(name)
    if metric is None:
        return
    low, high = metric.low, metric.high
    better = "atMost" if metric.smaller_is_better else "atLeast"
    if low is not None and high is not None:
        where = f"{name} is between {low:g} and {high:g}"
    else:
        where = f"{name} is at least {low:g}" if low is not None else f"{name} is at most {high:g}"
    if field == "champion":
        if low is not None and high is not None and limit >= high - low:
            yield (*path, field), f"{where}: this gate would always pass"
    elif field != better:
        way = "smaller" if metric.smaller_is_better else "larger"
        yield (*path, field), f"{name} is better the {way}: write {better}"
    elif _beyond(limit, low, high, above=field == "atMost", inclusive=True):
        yield (*path, field), f"{where}: this gate would always pass"
    elif _beyond(limit, low, high, above=field == "atLeast", inclusive=False):
        yield (*path, field), f"{where}: this gate would never pass"


def _beyond(limit: float, low: float | None, high: float | None, *, above: bool, inclusive: bool) -> bool:
    """Whether nothing is left on that side of the limit."""
    if above:
        return high is not None and (limit > high or (inclusive and limit == high))
    return low is not None and (limit < low or (inclusive and limit == low))
