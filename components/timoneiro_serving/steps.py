"""The steps before a model, asked for a few rows at a time.

scikit-learn looks for tables of every kind, names of columns and parallel work in each call of each step: for one row
that takes five times what the steps need. The server knows the columns, so that the steps get plain arrays. What is
computed is what scikit-learn computes; any step that is not known here is asked as scikit-learn asks it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

Transform = Callable[[Any], Any]
# These want no names, and take an array as they take a table. Known by name and place, so that nothing has to be
# imported; a subclass may do something else.
_OF_ARRAYS = frozenset(
    {
        "sklearn.impute._base.MissingIndicator",
        "sklearn.impute._base.SimpleImputer",
        "sklearn.preprocessing._data.StandardScaler",
        "sklearn.preprocessing._encoders.OneHotEncoder",
    }
)
_DERIVATION = "timoneiro_serving.derivation.Derivation"
_COLUMNS = "sklearn.compose._column_transformer.ColumnTransformer"
_PIPELINE = "sklearn.pipeline.Pipeline"


class _Part(NamedTuple):
    """Some columns of a table, and what becomes of them."""

    columns: Sequence[str]
    transform: Transform


def transform_of(pipeline: Any) -> Transform:
    """From a table to what the last step of a fitted pipeline wants."""
    steps = [step for _, step in pipeline.steps[:-1]]
    before = [steps.pop(0).transform] if kind_of(steps[0]) == _DERIVATION else []
    is_split = len(steps) == 1 and kind_of(steps[0]) == _COLUMNS
    known = _of_columns(steps[0]) if is_split else _of_arrays(steps)
    as_scikit_learn_asks: Transform = pipeline[:-1].transform
    return as_scikit_learn_asks if known is None else _chain([*before, known])


def kind_of(estimator: Any) -> str:
    """The class of an estimator, by place and name."""
    return f"{type(estimator).__module__}.{type(estimator).__qualname__}"


def _of_arrays(steps: Sequence[Any]) -> Transform | None:
    """All of these in turn; None if one of them is not known."""
    if not all(kind_of(step) in _OF_ARRAYS and not _makes_no_array(step) for step in steps):
        return None
    return _chain([np.asarray, *(_nameless(step).transform for step in steps)])


def _nameless(step: Any) -> Any:
    """The same step, which does not complain of an array that has no names."""
    found = copy.copy(step)
    vars(found).pop("feature_names_in_", None)
    return found


def _of_columns(columns: Any) -> Transform | None:
    """What a ColumnTransformer does; None if it does anything that is not known."""
    if columns.sparse_output_ or columns.transformer_weights or _makes_no_array(columns):
        return None
    parts: list[_Part] = []
    for _, transformer, names in columns.transformers_:
        if isinstance(transformer, str) and transformer == "drop":
            continue
        is_named = isinstance(names, list) and all(isinstance(name, str) for name in names)
        inner = transformer.steps if kind_of(transformer) == _PIPELINE else [("", transformer)]
        transform = _of_arrays([step for _, step in inner]) if is_named and names else None
        if transform is None:
            return None
        parts.append(_Part(names, transform))
    return lambda frame: np.hstack([part.transform(_values(frame, part.columns)) for part in parts])


def _values(frame: pd.DataFrame, names: Sequence[str]) -> np.ndarray[Any, Any]:
    """These columns as one array: numbers, or objects where one of them is text."""
    return np.stack([frame[name].to_numpy() for name in names], axis=1)


def _makes_no_array(step: Any) -> bool:
    """Whether what comes out is no plain array: a table, or a sparse matrix."""
    if getattr(step, "sparse_output", False) is True or getattr(step, "sparse", False) is True:
        return True
    return bool(getattr(step, "_sklearn_output_config", None))


def _chain(transforms: Sequence[Transform]) -> Transform:
    def transform(rows: Any) -> Any:
        for one in transforms:
            rows = one(rows)
        return rows

    return transform
