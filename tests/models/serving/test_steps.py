"""The steps before a model give what scikit-learn gives, however they are asked."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from timoneiro_serving.derivation import Derivation
from timoneiro_serving.steps import transform_of

NUMBERS, TEXTS = ["age", "income"], ["town", "job"]


def numeric() -> list[Any]:
    return [SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()]


def categorical() -> Pipeline:
    return make_pipeline(
        SimpleImputer(strategy="most_frequent", keep_empty_features=True),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )


def split(*parts: tuple[str, Any, Any], **said: Any) -> ColumnTransformer:
    return ColumnTransformer([*parts], **said)


STEPS: dict[str, Callable[[], Sequence[Any]]] = {
    "numbers": numeric,
    "numbers and what tells that one was missing": lambda: [
        SimpleImputer(strategy="median", add_indicator=True),
        StandardScaler(),
    ],
    "numbers and categories": lambda: [
        split(("n", make_pipeline(*numeric()), NUMBERS), ("c", categorical(), TEXTS)),
    ],
    "numbers, categories, and what tells that one of either was missing": lambda: [
        split(
            ("n", make_pipeline(*numeric()), NUMBERS),
            ("m", MissingIndicator(features="all"), ["age", "town"]),
            ("c", categorical(), TEXTS),
        ),
    ],
    "categories alone": lambda: [split(("c", categorical(), TEXTS))],
    "one step a part": lambda: [
        split(
            ("n", SimpleImputer(), NUMBERS), ("c", OneHotEncoder(sparse_output=False, handle_unknown="ignore"), TEXTS)
        )
    ],
    "parts that are left out": lambda: [split(("n", "drop", ["age"]), ("c", SimpleImputer(), ["income"]))],
    "computed columns": lambda: [
        Derivation(formulas=[["ratio", ["/", ["column", "income"], ["column", "age"]]]]),
        split(("n", make_pipeline(*numeric()), [*NUMBERS, "ratio"]), ("c", categorical(), TEXTS)),
    ],
    # Asked as scikit-learn asks them.
    "a step that is not known": lambda: [split(("n", SimpleImputer(), NUMBERS)), MinMaxScaler()],
    "a part that is not known": lambda: [split(("n", FunctionTransformer(np.nan_to_num), NUMBERS))],
    "what passes through": lambda: [split(("c", categorical(), TEXTS), remainder="passthrough"), SimpleImputer()],
    "a step that is none": lambda: [split(("n", SimpleImputer(), NUMBERS)), "passthrough"],
    "columns by their position": lambda: [split(("n", SimpleImputer(), [0, 1]))],
    "sparse categories": lambda: [split(("c", OneHotEncoder(handle_unknown="ignore"), TEXTS), sparse_threshold=1)],
    "sparse categories that end dense": lambda: [
        split(("n", SimpleImputer(), NUMBERS), ("c", OneHotEncoder(handle_unknown="ignore"), TEXTS)),
    ],
    "sparse indicators": lambda: [
        split(("n", MissingIndicator(features="all", sparse=True), NUMBERS), sparse_threshold=0)
    ],
    "weighed parts": lambda: [
        split(("n", SimpleImputer(), NUMBERS), ("c", categorical(), TEXTS), transformer_weights={"n": 3.0}),
    ],
    "tables between steps": lambda: [
        split(("n", SimpleImputer(), NUMBERS)).set_output(transform="pandas"),
        StandardScaler(),
    ],
}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    random = np.random.default_rng(5)
    rows = pd.DataFrame(random.normal(50, 10, size=(60, 2)), columns=NUMBERS)
    rows["town"], rows["job"] = random.choice(["Rome", "Oslo"], 60), random.choice(["a", "b", "c"], 60)
    rows.loc[::7, "age"], rows.loc[::5, "town"] = np.nan, np.nan
    return rows


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("count", [1, 60])
def test_what_comes_out_is_what_scikit_learn_gives(table: pd.DataFrame, name: str, count: int) -> None:
    steps = STEPS[name]()
    rows = table[NUMBERS] if steps and not isinstance(steps[0], ColumnTransformer | Derivation) else table
    target = np.arange(60) % 2
    pipeline = Pipeline(
        [(f"s{at}", step) for at, step in enumerate(steps)] + [("model", DecisionTreeClassifier(max_depth=1))]
    )
    pipeline.fit(rows, target)
    asked = rows.head(count).assign(town="Paris") if "town" in rows else rows.head(count)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = transform_of(pipeline)(asked)
    assert np.array_equal(dense(found), dense(pipeline[:-1].transform(asked)))


def dense(found: Any) -> Any:
    return found.toarray() if hasattr(found, "toarray") else np.asarray(found)


def test_a_pipeline_that_was_asked_is_still_what_it_was(table: pd.DataFrame) -> None:
    pipeline = make_pipeline(*numeric(), DecisionTreeClassifier(max_depth=1)).fit(table[NUMBERS], np.arange(60) % 2)
    transform_of(pipeline)
    assert list(pipeline.feature_names_in_) == NUMBERS
