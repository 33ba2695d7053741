"""The table of a definition, whatever its source: in the types and the order that the definition says."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..definition.training import Csv, Python, Training
from ..errors import StepError
from .dialect import dialect_of
from .text import read_text
from .typed import ARROW_TYPES, Misfits, misfit_sentence, typed


def read_source(training: Training) -> pa.Table:
    """Every row of the source. Raises StepError with all that does not fit: columns, or values of columns."""
    source = training.spec.source
    if source.csv is not None:
        return _from_csv(training, Path(source.csv.path), source.csv)
    assert source.python is not None
    return _from_python(training, source.python)


def check_source(training: Training) -> None:
    """Raises StepError if the source is not there, or has other columns than the definition. Reads no more than that.

    What a Python function would give is not known before it is called, and that is left to `read_source`.
    """
    source = training.spec.source
    if source.csv is not None:
        _check_names(training, source.csv.path, dialect_of(Path(source.csv.path), source.csv).names)
    elif source.python is not None:
        _function(source.python)


def _from_csv(training: Training, file: Path, said: Csv) -> pa.Table:
    columns = training.spec.columns
    _check_names(training, str(file), dialect_of(file, said).names)
    batches: list[pa.RecordBatch] = []
    misfits: dict[str, Misfits] = {}
    rows = 0
    for batch in read_text(file, said):
        found = typed(batch, columns, first_row=rows + 1, decimal=said.decimal, missing=said.missing)
        rows += batch.num_rows
        batches.append(found.batch)
        for name, more in found.misfits.items():
            first = misfits.get(name)
            misfits[name] = more if first is None else Misfits(first.count + more.count, first.first_row)
    if misfits:
        found_sentences = (
            misfit_sentence(name, columns[name], misfits[name], decimal=said.decimal) for name in misfits
        )
        raise StepError(f"{file}: {'. '.join(found_sentences)}")
    if not rows:
        raise StepError(f"{file} has a header and no rows")
    return pa.Table.from_batches(batches)


def _from_python(training: Training, said: Python) -> pa.Table:
    import pandas as pd  # noqa: PLC0415  # it takes half a second, and a CSV file does without

    load = _function(said)
    try:
        frame = load()
    except Exception as error:
        raise StepError(f"{said.function} failed: {type(error).__name__}: {error}") from error
    if not isinstance(frame, pd.DataFrame):
        raise StepError(f"{said.function} gave a {type(frame).__name__}, and a pandas DataFrame is wanted")
    _check_names(training, said.function, [str(name) for name in frame.columns])
    if frame.empty:
        raise StepError(f"{said.function} gave no rows")
    arrays = []
    for name, column in training.spec.columns.items():
        array = pa.array(frame[name], from_pandas=True)
        try:
            arrays.append(pc.cast(array, ARROW_TYPES[column.type]))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise StepError(f"{said.function}: column {name!r} is {array.type}, and no {column.type}") from None
    return pa.table(arrays, schema=pa.schema([(n, ARROW_TYPES[c.type]) for n, c in training.spec.columns.items()]))


def _function(said: Python) -> Any:
    module, _, name = said.function.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise StepError(
            f"spec.source.python.function {said.function} cannot be imported ({error}): it has to be in the image "
            "of the components, or on PYTHONPATH"
        ) from error


def _check_names(training: Training, source: str, names: Iterable[str]) -> None:
    found = list(names)
    if faults := list(_name_faults(training, found)):
        raise StepError(f"{source}: {'. '.join(faults)}")


def _name_faults(training: Training, names: list[str]) -> Iterator[str]:
    described, ignored = training.spec.columns, training.spec.ignore
    for name in (*described, *ignored):
        if name not in names:
            close = get_close_matches(name, names, n=1)
            yield f"there is no column {name!r}{f'; did you mean {close[0]!r}?' if close else ''}"
    for name in names:
        if name not in described and name not in ignored:
            yield f"column {name!r} is not described: add it to spec.columns, or to spec.ignore"
