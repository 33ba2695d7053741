"""Which values of one parameter underfit and which overfit: computed over the folds, and said in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.loans import loans, several, table, trained
from timoneiro_components.errors import StepError
from timoneiro_components.training.preflight import check_model
from timoneiro_components.training.record import ParameterFindings, ValidationPoint, read_record
from timoneiro_components.training.validation import finding

DEPTHS = (
    "spec.model={algorithm: 'sklearn.tree:DecisionTreeClassifier', "
    "validationCurve: {parameter: max_depth, values: [1, 3, null]}}"
)


def found(folder: Path, *settings: str) -> ParameterFindings:
    validation = read_record(trained(loans("spec.split.folds=2", *settings), folder, table(400))).validation
    assert validation is not None
    return validation


def test_a_tree_without_a_limit_overfits(tmp_path: Path) -> None:
    validation = found(tmp_path, DEPTHS)
    assert validation.finding.startswith("max_depth is best at 3, with ROC AUC 0.")
    assert "with null it overfits (0." in validation.finding


def test_each_value_is_fitted_and_told_in_its_order(tmp_path: Path) -> None:
    validation = found(tmp_path, DEPTHS)
    assert [point.value for point in validation.points] == [1, 3, None]
    assert validation.points[-1].fitted == 1.0 > validation.points[-1].unseen


def test_the_same_seed_gives_the_same_curve(tmp_path: Path) -> None:
    one, other = (found(tmp_path / name, DEPTHS) for name in ("one", "other"))
    assert one == other


def test_nothing_is_looked_at_unless_it_is_asked_for(tmp_path: Path) -> None:
    assert read_record(trained(loans(), tmp_path, table(300))).validation is None


def test_the_other_parameters_are_those_that_a_search_has_found(tmp_path: Path) -> None:
    """A tree of one leaf says nothing, and the curve would not change."""
    model = (
        "{algorithm: 'sklearn.tree:DecisionTreeClassifier', search: {trials: 2, space: {max_leaf_nodes: "
        "{choices: [2]}}}, validationCurve: {parameter: max_depth, values: [1, 9]}}"
    )
    one, other = found(tmp_path, f"spec.model={model}").points
    assert (one.fitted, one.unseen) == (other.fitted, other.unseen)


def test_several_classes_have_a_curve_too(tmp_path: Path) -> None:
    training, rows = several(300, "spec.model.validationCurve={parameter: C, values: [1e-6, 1]}")
    validation = read_record(trained(training, tmp_path, rows)).validation
    assert validation is not None and "with 1e-06 it underfits" in validation.finding


@pytest.mark.parametrize(
    ("curve", "sentence"),
    [
        ("{parameter: depth, values: [1, 2]}", "LogisticRegression has no parameter 'depth'"),
        ("{parameter: C, values: [1, -2]}", "spec.model.validationCurve: The 'C' parameter of LogisticRegression must"),
    ],
)
def test_a_curve_that_cannot_be_is_told_before_anything_runs(curve: str, sentence: str) -> None:
    with pytest.raises(StepError, match=sentence):
        check_model(loans(f"spec.model.validationCurve={curve}"))


def test_a_value_that_only_the_fit_refuses_is_named(tmp_path: Path) -> None:
    training, rows = several(300, "spec.model.validationCurve={parameter: solver, values: [lbfgs, liblinear]}")
    with pytest.raises(StepError, match=r"^spec.model.validationCurve, solver liblinear: the model cannot be fitted: "):
        trained(training, tmp_path, rows)


def points(*figures: tuple[object, float, float]) -> list[ValidationPoint]:
    return [ValidationPoint(*entry) for entry in figures]


@pytest.mark.parametrize(
    ("metric", "curve", "sentence"),
    [
        (
            "rocAuc",
            points((2, 0.7, 0.7), (4, 0.85, 0.81), (8, 0.95, 0.78), (16, 1.0, 0.75)),
            "depth is best at 4, with ROC AUC 0.81 on rows that it has not seen; with 2 it underfits (0.7); "
            "with 8 and 16 it overfits (0.78 and 0.75).",
        ),
        (
            "mae",
            points((2, 30.0, 31.0), (4, 10.0, 12.0), (8, 1.0, 15.0)),
            "depth is best at 4, with mean absolute error 12 on rows that it has not seen; with 2 it underfits (31); "
            "with 8 it overfits (15).",
        ),
        (
            "rocAuc",
            points((0.5, 0.7, 0.7), (2.0, 0.8, 0.8)),
            "depth is best at 2, with ROC AUC 0.8 on rows that it has not seen; with 0.5 it underfits (0.7); "
            "it is at the end of the values: try others beyond 2.",
        ),
        (
            "rocAuc",
            points((4, 0.7, 0.7), (None, 0.9, 0.8)),
            "depth is best at null, with ROC AUC 0.8 on rows that it has not seen; with 4 it underfits (0.7).",
        ),
        (
            "rocAuc",
            points((True, 0.8, 0.801), (False, 0.8, 0.8)),
            "depth makes little difference: ROC AUC is 0.8 to 0.801 on rows that it has not seen with all values.",
        ),
        ("rocAuc", [], ""),
    ],
)
def test_a_curve_is_put_into_one_sentence(metric: str, curve: list[ValidationPoint], sentence: str) -> None:
    assert finding(metric, "depth", curve) == sentence
