"""Turns the body of a request into the table that the model wants.

Guarantees: either a DataFrame with exactly the model's columns, in order, with JSON null as a
missing value and times in seconds since 1970, or a BadInput whose sentence says what is wrong and
where. Values of the request are never repeated in the sentence, so that it can be logged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from .coarsening import middles
from .manifest import TIME_DTYPE, Feature
from .times import NoTime, microseconds

# What single precision holds, with which some models count: nothing that is measured is larger.
LARGEST_NUMBER = 1e38
# Whole numbers below it are held by 64 bits.
_WHOLE = 2.0**63


class BadInput(ValueError):
    """The caller sent something that the model was not made for (HTTP 400)."""


@dataclass(frozen=True)
class Tensor:
    """One input of the v2 protocol; `data` is flat or nested and holds prod(shape) values."""

    name: str
    shape: tuple[int, ...]
    data: Sequence[Any]


@dataclass(frozen=True)
class OutsideValue:
    """The first value of a feature that the model was not made for, and why it was not. The row is counted from 0."""

    row: int
    feature: str
    reason: str

    def __str__(self) -> str:
        return f"row {self.row}, feature {self.feature!r}: {self.reason}"


@dataclass(frozen=True)
class InputRows:
    """The rows of a request: the table that the model wants, and for each feature with values that the model was not
    made for the first of them."""

    frame: pd.DataFrame
    outside: tuple[OutsideValue, ...]


def rows_of_instances(body: Any, features: tuple[Feature, ...]) -> InputRows:
    """Rows of a v1 body `{"instances": [[value, ...] or {feature: value, ...}, ...]}`."""
    if not isinstance(body, dict) or "instances" not in body:
        raise BadInput('send a JSON object with "instances": [[value, ...], ...]')
    instances = body["instances"]
    if not isinstance(instances, list):
        raise BadInput('"instances" must be a list of rows')
    if not instances:
        raise BadInput('"instances" is empty: send at least one row')
    rows = [_row(position, instance, features) for position, instance in enumerate(instances)]
    return _rows(list(zip(*rows, strict=True)), features)


def rows_of_tensors(tensors: Sequence[Tensor], features: tuple[Feature, ...]) -> InputRows:
    """Rows of a v2 request: one tensor of shape (rows, features), or for every feature one tensor
    of its name with shape (rows,) or (rows, 1)."""
    if not tensors:
        raise BadInput('"inputs" is empty: send one tensor of shape [rows, features]')
    names = [tensor.name for tensor in tensors]
    wanted = {feature.name for feature in features}
    # A model with one feature may be sent either form; a tensor with the feature's name is a column.
    if len(tensors) == 1 and names[0] not in wanted:
        return _rows(_matrix_columns(tensors[0], features), features)
    _check_names(names, features, where="inputs")
    by_name = {tensor.name: _column(tensor) for tensor in tensors}
    columns = [by_name[feature.name] for feature in features]
    if len({len(column) for column in columns}) > 1:
        raise BadInput("the tensors have different numbers of rows")
    if not columns[0]:
        raise BadInput("the tensors have no rows: send at least one")
    return _rows(columns, features)


def _row(position: int, instance: Any, features: tuple[Feature, ...]) -> Sequence[Any]:
    if isinstance(instance, dict):
        _check_names(list(instance), features, where=f"instance {position}")
        return [instance[feature.name] for feature in features]
    if not isinstance(instance, list):
        raise BadInput(f"instance {position} must be a list of values or an object of feature: value")
    if len(instance) != len(features):
        raise BadInput(f"instance {position} has {len(instance)} values, the model wants {len(features)}")
    return instance


def _check_names(names: list[str], features: tuple[Feature, ...], *, where: str) -> None:
    if len(set(names)) != len(names):
        raise BadInput(f"{where}: a feature is named twice")
    known = {feature.name for feature in features}
    for name in names:
        if name not in known:
            raise BadInput(f"{where}: the model has no feature {name[:100]!r}")
    for feature in features:
        if feature.name not in names:
            raise BadInput(f"{where}: feature {feature.name!r} is left out; send null for a missing value")


def _matrix_columns(tensor: Tensor, features: tuple[Feature, ...]) -> list[Sequence[Any]]:
    if len(tensor.shape) != 2 or tensor.shape[1] != len(features):
        raise BadInput(
            f"tensor {tensor.name[:100]!r} has shape {list(tensor.shape)}, the model wants [rows, {len(features)}]"
        )
    if tensor.shape[0] < 1:
        raise BadInput(f"tensor {tensor.name[:100]!r} has no rows: send at least one")
    values = _values(tensor)
    width = len(features)
    return [values[position::width] for position in range(width)]


def _column(tensor: Tensor) -> list[Any]:
    if len(tensor.shape) == 0 or len(tensor.shape) > 2 or (len(tensor.shape) == 2 and tensor.shape[1] != 1):
        raise BadInput(f"tensor {tensor.name!r} has shape {list(tensor.shape)}, a column is [rows] or [rows, 1]")
    return _values(tensor)


def _values(tensor: Tensor) -> list[Any]:
    flat: list[Any] = list(tensor.data)
    while flat and isinstance(flat[0], list):
        if not all(isinstance(part, list) for part in flat):
            raise BadInput(f"tensor {tensor.name[:100]!r} mixes values and lists")
        flat = [value for part in flat for value in part]
    wanted = math.prod(tensor.shape)
    if len(flat) != wanted:
        raise BadInput(
            f"tensor {tensor.name[:100]!r} holds {len(flat)} values, its shape {list(tensor.shape)} wants {wanted}"
        )
    return flat


def _rows(columns: Sequence[Sequence[Any]], features: tuple[Feature, ...]) -> InputRows:
    if any(feature.prefix_length is not None for feature in features):
        columns = [_beginnings(column, feature) for column, feature in zip(columns, features, strict=True)]
    # First, since it finds what is of another type.
    frame = _frame(columns, features)
    found = (_outside(column, feature) for column, feature in zip(columns, features, strict=True) if feature.is_limited)
    return InputRows(frame, tuple(value for value in found if value))


def _beginnings(column: Sequence[Any], feature: Feature) -> Sequence[Any]:
    """Texts as coarse as the model knows them: those are what it was made for."""
    if feature.prefix_length is None:
        return column
    return [value[: feature.prefix_length] if isinstance(value, str) else value for value in column]


def _outside(column: Sequence[Any], feature: Feature) -> OutsideValue | None:
    low, high, values = feature.minimum, feature.maximum, feature.values
    for row, value in enumerate(column):
        if value is None:
            continue
        if values is not None and value not in values:
            return OutsideValue(row, feature.name, "none of the values that are possible")
        if low is not None and value < low:
            return OutsideValue(row, feature.name, f"less than {low:g}, the smallest value that is possible")
        if high is not None and value > high:
            return OutsideValue(row, feature.name, f"more than {high:g}, the largest value that is possible")
    return None


def _frame(columns: Sequence[Sequence[Any]], features: tuple[Feature, ...]) -> pd.DataFrame:
    if not any(feature.is_text for feature in features):
        matrix = np.array([_as_numbers(column, feature) for column, feature in zip(columns, features, strict=True)])
        # One block of one type: ten times faster to build than a table of separate columns.
        return pd.DataFrame(matrix.T, columns=_index(tuple(feature.name for feature in features)))
    return pd.DataFrame(
        {
            feature.name: _texts(column, feature)
            if feature.is_text
            else np.array(_as_numbers(column, feature), dtype=np.float64)
            for column, feature in zip(columns, features, strict=True)
        }
    )


@lru_cache(maxsize=1)
def _index(names: tuple[str, ...]) -> pd.Index[str]:
    """Takes as long to make as the rest of the table of one row; a server has one model."""
    return pd.Index(names)


def _as_numbers(column: Sequence[Any], feature: Feature) -> Sequence[float]:
    return _times(column, feature) if feature.dtype == TIME_DTYPE else _numbers(column, feature)


def _times(column: Sequence[Any], feature: Feature) -> list[float]:
    """Seconds since 1970."""
    seconds = []
    wanted = "2025-01-31T12:00:00Z" if feature.zone is None else "2025-01-31T12:00:00"
    for position, text in enumerate(_texts(column, feature)):
        try:
            seconds.append(microseconds(text, feature.zone) / 1e6 if isinstance(text, str) else np.nan)
        except NoTime:
            raise BadInput(f"row {position}, feature {feature.name!r}: a time is wanted, such as {wanted}") from None
    return seconds


def _numbers(column: Sequence[Any], feature: Feature) -> Sequence[float]:
    values: list[float] = []
    for position, value in enumerate(column):
        if value is None:
            _check_nullable(position, feature)
            values.append(np.nan)
        elif isinstance(value, int | float) and (feature.dtype == "bool" or not isinstance(value, bool)):
            _check_kind(position, value, feature)
            # NaN is no number, and compares with none.
            if not -LARGEST_NUMBER <= value <= LARGEST_NUMBER:
                raise BadInput(
                    f"row {position}, feature {feature.name!r}: a number of at most {LARGEST_NUMBER:g} is wanted; a "
                    "missing value is null"
                )
            values.append(float(value))
        else:
            wanted = "true or false" if feature.dtype == "bool" else "a number"
            raise BadInput(f"row {position}, feature {feature.name!r}: {wanted} is wanted, not {_kind(value)}")
    return values if feature.bin_width is None else _coarse(np.array(values), feature, feature.bin_width)


def _coarse(values: np.ndarray[Any, Any], feature: Feature, width: float) -> Sequence[float]:
    """The middle of the bin of each, as in the rows that the model was trained on; NaN stays what it is."""
    known = ~np.isnan(values)
    try:
        numbers = values[known]
        # Training counts whole numbers as such; larger ones are in no table.
        if feature.dtype in ("int64", "int32") and (np.abs(numbers) < _WHOLE).all():
            numbers = numbers.astype(np.int64)
        values[known] = middles(numbers, width, feature.minimum, feature.maximum)
    except OverflowError as error:
        raise BadInput(f"feature {feature.name!r} has {error}") from None
    found: list[float] = values.tolist()
    return found


def _check_kind(position: int, value: float, feature: Feature) -> None:
    """The model was trained on whole numbers, or on truth values: another number is a mistake of the caller."""
    if feature.dtype == "bool" and value not in (0, 1):
        raise BadInput(f"row {position}, feature {feature.name!r}: true or false is wanted, not a number")
    if feature.dtype in ("int64", "int32") and isinstance(value, float) and not value.is_integer():
        raise BadInput(f"row {position}, feature {feature.name!r}: a whole number is wanted, not a fraction")


def _texts(column: Sequence[Any], feature: Feature) -> list[Any]:
    texts: list[Any] = []
    for position, value in enumerate(column):
        if value is None:
            _check_nullable(position, feature)
            texts.append(np.nan)
        elif isinstance(value, str):
            texts.append(value)
        else:
            raise BadInput(f"row {position}, feature {feature.name!r}: text is wanted, not {_kind(value)}")
    return texts


def _check_nullable(position: int, feature: Feature) -> None:
    if not feature.nullable:
        raise BadInput(f"row {position}, feature {feature.name!r}: a value is required, null was sent")


def _kind(value: Any) -> str:
    kinds = {str: "text", bool: "true or false", list: "a list", dict: "an object"}
    return kinds.get(type(value), "a number")
