"""A function that makes the table as a source, for what no other source reads."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from ..definition.source import Python
from ..definition.training import Training
from ..errors import StepError
from ..functions import imported, place_of
from .columns import check_names, in_types
from .origin import Origin, Stream


def names(said: Python) -> None:
    """What it gives is not known before it is called. Raises StepError if there is no such function."""
    _function(said)


def read(said: Python, training: Training) -> Stream:
    """Every row that the function gives. Raises StepError if it fails, or gives what does not fit."""
    import pandas as pd  # noqa: PLC0415  # half a second, which the other sources do without

    load = _function(said)
    try:
        frame = load()
    except Exception as error:
        # Without its words, which may hold values of the data; the log has them.
        raise StepError(f"{said.function} failed: {type(error).__name__} at {place_of(error)}") from error
    if not isinstance(frame, pd.DataFrame):
        raise StepError(f"{said.function} gave a {type(frame).__name__}, and a pandas DataFrame is wanted")
    frame = frame.rename(columns=str)
    try:
        table = pa.table([pa.array(frame.iloc[:, n], from_pandas=True) for n in range(frame.shape[1])], list(frame))
    except (pa.ArrowException, TypeError, ValueError):
        raise StepError(f"{said.function} gave a column with values of several types, or of an odd type") from None
    check_names(training, said.function, table.column_names)
    yield in_types(training, said.function, table)
    return Origin("python", said.function)


def _function(said: Python) -> Any:
    return imported(said.function, what="spec.source.python.function")
