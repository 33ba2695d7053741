"""Metrics are those of the field, and a figure that rows do not tell is NaN and never a number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from timoneiro_components.definition.metrics import METRICS, PRIMARY, TaskName, metrics_of
from timoneiro_components.errors import StepError
from timoneiro_components.tasks.answers import ModelAnswers
from timoneiro_components.tasks.registry import better, figure_of, figures_of

TASKS: list[TaskName] = ["BinaryClassification", "MulticlassClassification", "Regression"]


def binary(seed: int = 1, rows: int = 200) -> ModelAnswers:
    random = np.random.default_rng(seed)
    score = random.random(rows)
    truth = np.where(random.random(rows) < score, "bad", "good")
    predicted = np.where(score >= 0.4, "bad", "good")
    return ModelAnswers(truth, predicted, np.column_stack([1 - score, score]), ("good", "bad"))


def several(seed: int = 1, rows: int = 200) -> ModelAnswers:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet([1, 1, 1], rows)
    classes = ("a", "b", "c")
    truth = np.array([random.choice(classes, p=row) for row in probabilities])
    return ModelAnswers(truth, np.array(classes)[probabilities.argmax(axis=1)], probabilities, classes)


def numbers(seed: int = 1, rows: int = 200) -> ModelAnswers:
    random = np.random.default_rng(seed)
    truth = random.normal(10, 5, rows)
    return ModelAnswers(truth, truth + random.normal(0, 2, rows))


@pytest.mark.parametrize("task", TASKS)
def test_every_metric_of_the_catalogue_is_computed(task: TaskName) -> None:
    answers = {"BinaryClassification": binary, "MulticlassClassification": several, "Regression": numbers}[task]()
    found = figures_of(task, answers)
    assert list(found) == metrics_of(task) and all(math.isfinite(figure) for figure in found.values())


def test_figures_of_two_classes_are_those_of_scikit_learn() -> None:
    answers = binary()
    y, score, said = answers.truth == "bad", answers.score, answers.predicted == "bad"
    assert figures_of("BinaryClassification", answers) == pytest.approx(
        {
            "rocAuc": sk.roc_auc_score(y, score),
            "prAuc": sk.average_precision_score(y, score),
            "accuracy": sk.accuracy_score(y, said),
            "balancedAccuracy": sk.balanced_accuracy_score(y, said),
            "precision": sk.precision_score(y, said),
            "recall": sk.recall_score(y, said),
            "f1": sk.f1_score(y, said),
            "logLoss": sk.log_loss(y, score),
            "brier": sk.brier_score_loss(y, score),
            "calibrationError": figure_of("BinaryClassification", "calibrationError")(answers),
        }
    )


def test_figures_of_several_classes_are_those_of_scikit_learn() -> None:
    answers = several()
    y, said = answers.truth, answers.predicted
    assert figures_of("MulticlassClassification", answers) == pytest.approx(
        {
            "rocAuc": sk.roc_auc_score(y, answers.probabilities, multi_class="ovr"),
            "accuracy": sk.accuracy_score(y, said),
            "balancedAccuracy": sk.balanced_accuracy_score(y, said),
            "precision": sk.precision_score(y, said, average="macro"),
            "recall": sk.recall_score(y, said, average="macro"),
            "f1": sk.f1_score(y, said, average="macro"),
            "logLoss": sk.log_loss(y, answers.probabilities),
            "brier": sk.brier_score_loss(y, answers.probabilities, labels=list(answers.classes), scale_by_half=False),
        }
    )


def test_figures_of_numbers_are_those_of_scikit_learn() -> None:
    answers = numbers()
    y, said = answers.truth, answers.predicted
    assert figures_of("Regression", answers) == pytest.approx(
        {
            "mae": sk.mean_absolute_error(y, said),
            "rmse": sk.root_mean_squared_error(y, said),
            "mape": sk.mean_absolute_percentage_error(y, said),
            "medianError": sk.median_absolute_error(y, said),
            "r2": sk.r2_score(y, said),
            "pinball10": sk.mean_pinball_loss(y, said, alpha=0.1),
            "pinball90": sk.mean_pinball_loss(y, said, alpha=0.9),
        }
    )


def test_probabilities_that_are_true_have_almost_no_calibration_error() -> None:
    figure = figure_of("BinaryClassification", "calibrationError")
    honest = binary(rows=20_000)
    boastful = ModelAnswers(honest.truth, honest.predicted, (honest.probabilities > 0.5) * 1.0, honest.classes)  # type: ignore[operator]
    assert figure(honest) < 0.02 < 0.2 < figure(boastful)


@pytest.mark.parametrize("metric", ["rocAuc", "balancedAccuracy"])
def test_rows_of_one_class_do_not_tell_how_classes_are_told_apart(metric: str) -> None:
    answers = binary()
    assert math.isnan(figure_of("BinaryClassification", metric)(answers.take(answers.truth == "bad")))


@pytest.mark.parametrize("task", TASKS)
def test_no_rows_tell_nothing(task: TaskName) -> None:
    answers = {"BinaryClassification": binary, "MulticlassClassification": several, "Regression": numbers}[task]()
    nothing = answers.take(np.zeros(len(answers), dtype=bool))
    assert all(math.isnan(figure) for figure in figures_of(task, nothing).values())


@given(st.integers(0, 2**31), st.integers(1, 30))
def test_no_figure_leaves_its_range(seed: int, rows: int) -> None:
    for task, answers in (
        ("BinaryClassification", binary(seed, rows)),
        ("MulticlassClassification", several(seed, rows)),
        ("Regression", numbers(seed, rows)),
    ):
        for name, figure in figures_of(task, answers).items():  # type: ignore[arg-type]
            low, high = METRICS[name].low, METRICS[name].high
            assert math.isnan(figure) or ((low is None or figure >= low) and (high is None or figure <= high + 1e-12))


def test_a_loss_is_better_the_smaller_it_is() -> None:
    assert better("logLoss", 0.2, 0.5) == pytest.approx(0.3) and better("rocAuc", 0.9, 0.8) == pytest.approx(0.1)


def test_every_task_has_a_primary_metric_of_its_own() -> None:
    assert all(PRIMARY[task] in metrics_of(task) for task in TASKS)


def test_a_metric_of_the_users_own_is_asked() -> None:
    answers = numbers()
    assert (
        figure_of("Regression", "sklearn.metrics:max_error")(answers) == np.abs(answers.truth - answers.predicted).max()
    )


def test_a_metric_that_fails_is_told_with_its_place_and_without_its_words() -> None:
    with pytest.raises(StepError, match=r"the metric posixpath:join failed: TypeError at [\w.<> ]+:\d+$"):
        figure_of("Regression", "posixpath:join")(numbers())
