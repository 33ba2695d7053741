"""What a loaded model is asked, and what it answers: estimators of scikit-learn, and ONNX graphs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

# Their `predict` is the class with the highest probability, and costs as much as the probabilities do. Known by name
# and place, so that nothing has to be imported; a subclass may have a `predict` of its own.
_LABELS_ARE_LIKELIEST = frozenset(
    {
        "sklearn.calibration.CalibratedClassifierCV",
        "sklearn.ensemble._forest.ExtraTreesClassifier",
        "sklearn.ensemble._forest.RandomForestClassifier",
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
    if _kind(estimator) == _THRESHOLD and isinstance(estimator.threshold, float) and len(estimator.classes_) == 2:
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
        probabilities = self._inner.predict(frame).probabilities
        if probabilities is None:
            raise TypeError("a model with a threshold has to give probabilities")
        chosen = probabilities[:, self._positive] >= self._threshold
        return Answer(self._classes[np.where(chosen, self._positive, 1 - self._positive)], probabilities)


class SklearnPredictor:
    """An estimator without a threshold of its own.

    Rows go through the steps of a pipeline once, whether or not probabilities are asked for too.
    """

    def __init__(self, estimator: Any) -> None:
        # An estimator that was trained without column names complains when it is given some.
        self._named = getattr(estimator, "feature_names_in_", None) is not None
        in_steps = _kind(estimator) == "sklearn.pipeline.Pipeline" and len(estimator.steps) > 1
        self._prepare = estimator[:-1].transform if in_steps else None
        self._last = estimator.steps[-1][1] if in_steps else estimator
        # Where there are several targets, classes are a list.
        one_target = isinstance(getattr(self._last, "classes_", None), np.ndarray)
        self._likeliest = one_target and _kind(self._last) in _LABELS_ARE_LIKELIEST

    def predict(self, frame: pd.DataFrame) -> Answer:
        rows: Any = frame if self._named else frame.to_numpy()
        if self._prepare is not None:
            rows = self._prepare(rows)
        if not hasattr(self._last, "predict_proba"):
            return Answer(np.asarray(self._last.predict(rows)), None)
        probabilities = np.asarray(self._last.predict_proba(rows))
        if self._likeliest:
            return Answer(np.asarray(self._last.classes_)[probabilities.argmax(axis=1)], probabilities)
        return Answer(np.asarray(self._last.predict(rows)), probabilities)


def _kind(estimator: Any) -> str:
    return f"{type(estimator).__module__}.{type(estimator).__qualname__}"


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
