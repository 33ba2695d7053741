"""What only several fields together can tell: columns that nobody describes, gates that never or always hold.

Here what is about sources and columns; what is about target, model and gates is in model_checks.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from .base import seconds_of
from .columns import NUMBERS, Column
from .environment import kubeflow_faults
from .feature_checks import feature_faults
from .join_checks import join_faults
from .model_checks import gate_faults, model_faults, target_faults
from .personal import privacy_faults
from .problems import Contradiction, Path
from .registries import registry_faults
from .rules import rule_faults
from .source_checks import source_faults
from .training import Training

_LONGEST_WAIT = "7d"


def faults(training: Training) -> Iterator[Contradiction]:
    """Every contradiction of a definition whose fields are right each for itself: where it is, and a sentence."""
    spec = training.spec
    yield from source_faults(spec.source, ("spec", "source"))
    yield from join_faults(spec)
    for name, column in spec.columns.items():
        yield from _column(("spec", "columns", name), column)
    yield from target_faults(spec)
    yield from _used(training)
    yield from feature_faults(training)
    yield from model_faults(training)
    yield from rule_faults(training)
    yield from privacy_faults(training)
    yield from kubeflow_faults(training)
    yield from _wait(training)
    yield from registry_faults(training.publish.registries)
    for position, gate in enumerate(spec.gates):
        yield from gate_faults(("spec", "gates", position), gate, training)


def _wait(training: Training) -> Iterator[Contradiction]:
    wait, choice = training.publish.wait, training.kubeflow.steps.get("await-rollout")
    if wait is None:
        return
    if seconds_of(wait) > seconds_of(_LONGEST_WAIT):
        yield ("publish", "wait"), f"it must be at most {_LONGEST_WAIT}: a step of Kubeflow waits for as long"
    if choice is not None and choice.timeout is not None and seconds_of(choice.timeout) <= seconds_of(wait):
        where = ("kubeflow", "steps", "await-rollout", "timeout")
        yield where, f"it must be longer than publish.wait, which is {wait}: the step would be ended before"


def _column(path: Path, column: Column) -> Iterator[Contradiction]:
    if column.type not in NUMBERS:
        for field in ("minimum", "maximum", "unit", "clip"):
            said = getattr(column, field)
            if said is not None and said is not False:
                yield (*path, field), f"it is for numbers, and this column is of type {column.type}"
    elif column.clip and column.minimum is None and column.maximum is None:
        yield (*path, "clip"), "it needs a minimum or a maximum, beyond which values are clipped"
    if column.minimum is not None and column.maximum is not None and column.minimum > column.maximum:
        yield (*path, "minimum"), f"it is above the maximum, which is {column.maximum:g}: no value could be right"
    yield from _values(path, column)
    if column.type == "Key" and column.nullable:
        yield (*path, "nullable"), "a key says which row it is, so that it cannot be missing"


def _values(path: Path, column: Column) -> Iterator[Contradiction]:
    if column.type == "Category":
        if column.values is None:
            # Of what is not read nobody needs to know what it may be.
            if column.personal != "Drop":
                yield path, "a category needs `values`: all that are possible"
        elif any(value != value.strip() for value in column.values):
            yield (*path, "values"), "a value begins or ends with a space, which is cut off when the table is read"
        elif len(set(column.values)) != len(column.values):
            yield (*path, "values"), "a value is there twice"
        elif len(column.values) < 2:
            yield (*path, "values"), "a category with one value says nothing: add the others, or ignore the column"
    elif column.values is not None:
        yield (*path, "values"), f"it is for categories, and this column is of type {column.type}"


def _used(training: Training) -> Iterator[Contradiction]:
    spec = training.spec
    for position, name in enumerate(spec.ignore):
        if name in spec.columns:
            yield ("spec", "ignore", position), f"spec.columns describes {name!r}: leave it out there or here"
    if not training.features:
        yield ("spec", "columns"), "there is nothing to learn from: describe a column that is neither key nor target"
