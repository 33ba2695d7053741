"""What a loaded model is asked, and what it answers: estimators of scikit-learn, and ONNX graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

# What a graph is told where a text is missing.
ONNX_GAP = ""
_ONNX_TYPES: Mapping[str, Any] = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(string)": object}


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
    """An ONNX graph: label first, then probabilities. Its inputs are one of numbers, of shape (n, features), or one of
    numbers or texts for each feature, of shape (n, 1), in the order of the features."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._inputs = [(entry.name, _ONNX_TYPES[entry.type]) for entry in session.get_inputs()]
        self._shape = session.get_inputs()[0].shape
        is_matrix = len(self._inputs) == 1 and self._inputs[0][1] is not object
        # Name of each input, and whether it is of texts; none where all features are one input.
        self.columns = [] if is_matrix else [(name, dtype is object) for name, dtype in self._inputs]

    @staticmethod
    def takes(inputs: Sequence[Any]) -> bool:
        """Whether a graph with these inputs can be asked."""
        if not all(entry.type in _ONNX_TYPES and len(entry.shape) == 2 for entry in inputs):
            return False
        is_matrix = len(inputs) == 1 and _ONNX_TYPES[inputs[0].type] is not object
        return is_matrix or all(entry.shape[1] == 1 for entry in inputs)

    @property
    def width(self) -> int | None:
        """Number of features that the graph wants, or None if it does not say."""
        if self.columns:
            return len(self._inputs)
        return self._shape[1] if isinstance(self._shape[1], int) else None

    def predict(self, frame: pd.DataFrame) -> Answer:
        outputs = [np.asarray(output) for output in self._session.run(None, self._fed(frame))]
        predictions = outputs[0].reshape(len(frame))
        return Answer(predictions, outputs[1] if len(outputs) > 1 else None)

    def _fed(self, frame: pd.DataFrame) -> dict[str, np.ndarray[Any, Any]]:
        if not self.columns:
            ((name, dtype),) = self._inputs
            return {name: frame.to_numpy(dtype=dtype)}
        named = zip(self._inputs, frame.columns, strict=True)
        return {name: _column(frame[column], dtype) for (name, dtype), column in named}


def _column(values: pd.Series, dtype: Any) -> np.ndarray[Any, Any]:
    known = values.fillna(ONNX_GAP) if dtype is object else values
    return np.asarray(known.to_numpy(dtype=dtype)).reshape(-1, 1)
