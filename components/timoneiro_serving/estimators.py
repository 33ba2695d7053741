"""What a loaded model is asked, and what it answers: estimators of scikit-learn, and ONNX graphs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .steps import kind_of, transform_of

if TYPE_CHECKING:
    import pandas as pd

# Their `predict` is the class with the highest probability, and costs as much as the probabilities do. Known by name
# and place, so that nothing has to be imported; a subclass may have a `predict` of its own.
_LABELS_ARE_LIKELIEST = frozenset(
    {
        "sklearn.calibration.CalibratedClassifierCV",
        "sklearn.ensemble._forest.ExtraTreesClassifier",
        "sklearn.ensemble._forest.RandomForestClassifier",
        "sklearn.ensemble._gb.GradientBoostingClassifier",
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.tree._classes.DecisionTreeClassifier",
    }
)
_THRESHOLD = "sklearn.model_selection._classification_threshold.FixedThresholdClassifier"


@dataclass(frozen=True)
class Answer:
    """What a model says about n rows: `predictions` of shape (n,) and, from classifiers,
    `probabilities` of shape (n, classes) in the order of the model's classes."""

    predictions: np.ndarray[Any, Any]
    probabilities: np.ndarray[Any, Any] | None


class ModelPredictor(Protocol):
    """A loaded model. Whatever `predict` raises is the model's own failure."""

    def predict(self, frame: pd.DataFrame) -> Answer: ...


def sklearn_predictor(estimator: Any) -> ModelPredictor:
    """What asks an estimator of scikit-learn, or of anything that keeps to its conventions."""
    if kind_of(estimator) == _THRESHOLD and isinstance(estimator.threshold, float) and len(estimator.classes_) == 2:
        return ThresholdPredictor(estimator)
    return SklearnPredictor(estimator)


class ThresholdPredictor:
    """Two classes, of which one is answered from a probability on: asked once for both, where scikit-learn asks the
    model twice."""

    def __init__(self, estimator: Any) -> None:
        self._inner = SklearnPredictor(estimator.estimator_)
        self._classes = np.asarray(estimator.classes_)
        self._positive = int(np.flatnonzero(self._classes == estimator.pos_label)[0])
        self._threshold = estimator.threshold

    def predict(self, frame: pd.DataFrame) -> Answer:
        probabilities = self._inner.probabilities(frame)
        chosen = probabilities[:, self._positive] >= self._threshold
        return Answer(self._classes[np.where(chosen, self._positive, 1 - self._positive)], probabilities)


class SklearnPredictor:
    """An estimator without a threshold of its own.

    Rows go through the steps of a pipeline once, whether or not probabilities are asked for too.
    """

    def __init__(self, estimator: Any) -> None:
        # An estimator that was trained without column names complains when it is given some.
        named = getattr(estimator, "feature_names_in_", None) is not None
        in_steps = kind_of(estimator) == "sklearn.pipeline.Pipeline" and len(estimator.steps) > 1
        self._last = estimator.steps[-1][1] if in_steps else estimator
        prepare = transform_of(estimator) if in_steps else _as_it_is
        self._prepare = prepare if named else lambda frame: prepare(frame.to_numpy())
        # Where there are several targets, classes are a list.
        one_target = isinstance(getattr(self._last, "classes_", None), np.ndarray)
        self._likeliest = one_target and kind_of(self._last) in _LABELS_ARE_LIKELIEST

    def probabilities(self, frame: pd.DataFrame) -> np.ndarray[Any, Any]:
        """Those of each class, of shape (n, classes). Raises what an estimator without any raises."""
        return np.asarray(self._last.predict_proba(self._prepare(frame)))

    def predict(self, frame: pd.DataFrame) -> Answer:
        rows = self._prepare(frame)
        if not hasattr(self._last, "predict_proba"):
            return Answer(np.asarray(self._last.predict(rows)), None)
        probabilities = np.asarray(self._last.predict_proba(rows))
        if self._likeliest:
            return Answer(np.asarray(self._last.classes_)[probabilities.argmax(axis=1)], probabilities)
        return Answer(np.asarray(self._last.predict(rows)), probabilities)


def _as_it_is(rows: Any) -> Any:
    return rows


class OnnxPredictor:
    """An ONNX graph with one numeric input of shape (n, features): label first, then probabilities."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._input = session.get_inputs()[0]
        self._dtype = np.float64 if self._input.type == "tensor(double)" else np.float32

    @property
    def width(self) -> int | None:
        """Number of features that the graph wants, or None if it does not say."""
        shape = self._input.shape
        return shape[1] if len(shape) == 2 and isinstance(shape[1], int) else None

    def predict(self, frame: pd.DataFrame) -> Answer:
        rows = frame.to_numpy(dtype=self._dtype)
        outputs = [np.asarray(output) for output in self._session.run(None, {self._input.name: rows})]
        predictions = outputs[0].reshape(len(rows))
        return Answer(predictions, outputs[1] if len(outputs) > 1 else None)
