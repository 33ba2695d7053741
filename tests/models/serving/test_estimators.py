from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from timoneiro_serving.estimators import SklearnPredictor

CLASSIFIERS: dict[str, Callable[[], Any]] = {
    "calibrated": lambda: CalibratedClassifierCV(LinearSVC(random_state=1), cv=3),
    "extra trees": lambda: ExtraTreesClassifier(n_estimators=5, random_state=1),
    "forest": lambda: RandomForestClassifier(n_estimators=4, random_state=1),
    "boosting": lambda: HistGradientBoostingClassifier(max_iter=5, random_state=1),
    "linear": LogisticRegression,
    "threshold": lambda: FixedThresholdClassifier(LogisticRegression(), threshold=0.8),
    "tree": lambda: DecisionTreeClassifier(max_depth=2, random_state=1),
}


@pytest.fixture(scope="module")
def table() -> tuple[pd.DataFrame, pd.Series]:
    """Numbers, and classes of which half are chance: an even forest has ties."""
    random = np.random.default_rng(3)
    rows = pd.DataFrame(random.normal(size=(300, 3)), columns=["a", "b", "c"])
    return rows, pd.Series(np.where(rows["a"] + random.normal(size=300) > 0, "yes", "no"))


def counted(rows: list[int]) -> FunctionTransformer:
    """A step that notes how many rows it has seen."""

    def note(frame: Any) -> Any:
        rows.append(len(frame))
        return frame

    return FunctionTransformer(note)


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("prepared", [True, False], ids=["in a pipeline", "alone"])
def test_labels_and_probabilities_are_those_of_the_estimator(
    table: tuple[pd.DataFrame, pd.Series], name: str, prepared: bool
) -> None:
    rows, target = table
    classifier = CLASSIFIERS[name]()
    estimator = make_pipeline(StandardScaler(), classifier) if prepared else classifier
    estimator.fit(rows, target)
    answer = SklearnPredictor(estimator).predict(rows)
    assert answer.predictions.tolist() == estimator.predict(rows).tolist()
    assert answer.probabilities is not None
    assert answer.probabilities.tolist() == estimator.predict_proba(rows).tolist()


def test_rows_go_through_the_steps_of_a_pipeline_once(table: tuple[pd.DataFrame, pd.Series]) -> None:
    rows, target = table
    seen: list[int] = []
    estimator = Pipeline([("count", counted(seen)), ("classify", LogisticRegression())]).fit(rows, target)
    seen.clear()
    SklearnPredictor(estimator).predict(rows.head(7))
    assert seen == [7]


def test_a_forest_is_asked_once(table: tuple[pd.DataFrame, pd.Series], monkeypatch: pytest.MonkeyPatch) -> None:
    rows, target = table
    forest = RandomForestClassifier(n_estimators=4, random_state=1).fit(rows, target)
    predictor, asked = SklearnPredictor(forest), list[int]()
    ask = forest.predict_proba
    monkeypatch.setattr(forest, "predict_proba", lambda frame: (asked.append(len(frame)), ask(frame))[1])
    predictor.predict(rows)
    assert asked == [300]


def test_a_subclass_answers_with_a_predict_of_its_own(table: tuple[pd.DataFrame, pd.Series]) -> None:
    class Careful(RandomForestClassifier):
        def predict(self, rows: Any) -> Any:
            return np.full(len(rows), "no")

    rows, target = table
    answer = SklearnPredictor(Careful(n_estimators=4, random_state=1).fit(rows, target)).predict(rows)
    assert set(answer.predictions) == {"no"}
