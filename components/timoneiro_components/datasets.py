"""The data sets that the pipeline knows: where they come from and what valid rows look like.

A definition is the contract between the data, the model and its callers: names, types, plausible
ranges, and whether a caller may leave a value out. Every figure is a plausible range of the thing
that is measured, not the range of the rows at hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import StepError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Column:
    """One feature: a number in `minimum`..`maximum`; `nullable` if it may be missing."""

    name: str
    minimum: float
    maximum: float
    nullable: bool


@dataclass(frozen=True)
class DatasetDefinition:
    """A table with a binary target. `positive` is the class whose probability is judged."""

    name: str
    title: str
    source: str
    target: str
    classes: tuple[str, str]
    positive: str
    columns: tuple[Column, ...]
    load: Callable[[], pd.DataFrame]

    @property
    def feature_names(self) -> list[str]:
        return [column.name for column in self.columns]


def dataset_definition(name: str) -> DatasetDefinition:
    """The definition called `name`; raises StepError naming the known ones."""
    try:
        return _DATASETS[name]
    except KeyError:
        known = ", ".join(sorted(_DATASETS))
        raise StepError(f"there is no data set {name!r}; known are: {known}") from None


def _load_diagnosis() -> pd.DataFrame:
    from sklearn.datasets import load_breast_cancer  # noqa: PLC0415

    bunch = load_breast_cancer(as_frame=True)
    return bunch.data.assign(diagnosis=bunch.target_names[bunch.target])


# Largest plausible value of each measurement of a cell nucleus (lengths in micrometres).
_NUCLEUS_LIMITS = {
    "radius": 60.0,
    "texture": 100.0,
    "perimeter": 400.0,
    "area": 10_000.0,
    "smoothness": 1.0,
    "compactness": 3.0,
    "concavity": 3.0,
    "concave points": 1.0,
    "symmetry": 1.0,
    "fractal dimension": 0.5,
}


def _nucleus_columns() -> tuple[Column, ...]:
    # A laboratory may leave a measurement out, so callers may send null for any of them.
    names = [
        *((f"mean {name}", limit) for name, limit in _NUCLEUS_LIMITS.items()),
        *((f"{name} error", limit) for name, limit in _NUCLEUS_LIMITS.items()),
        *((f"worst {name}", limit) for name, limit in _NUCLEUS_LIMITS.items()),
    ]
    return tuple(Column(name, minimum=0.0, maximum=limit, nullable=True) for name, limit in names)


_DATASETS = {
    "diagnosis": DatasetDefinition(
        name="diagnosis",
        title="Breast cancer diagnosis from a fine needle aspirate",
        source="Breast Cancer Wisconsin (Diagnostic), UCI Machine Learning Repository, CC BY 4.0",
        target="diagnosis",
        classes=("benign", "malignant"),
        positive="malignant",
        columns=_nucleus_columns(),
        load=_load_diagnosis,
    ),
}
