"""How a model is made: algorithms, folds, search, calibration, threshold. Data is made here, and says how."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from support.loans import TEXT, a_number, loans, several, table, trained
from timoneiro_components.definition.model import Costs
from timoneiro_components.definition.problems import DefinitionError
from timoneiro_components.errors import StepError
from timoneiro_components.packaging.onnx_export import export_onnx
from timoneiro_components.packaging.skops_files import write_skops
from timoneiro_components.tables import take_test, write_table
from timoneiro_components.tasks.answers import ModelAnswers
from timoneiro_components.training.algorithms import build
from timoneiro_components.training.curve import findings, learning_curve
from timoneiro_components.training.folds import TrainingRows, calibration_folds, folds_of
from timoneiro_components.training.preflight import check_model
from timoneiro_components.training.record import CurvePoint, read_record
from timoneiro_components.training.threshold import cheapest_threshold
from timoneiro_serving.estimators import ThresholdPredictor
from timoneiro_serving.loading import load_model


def rows_of(times: bool = False, groups: int | None = None, count: int = 90) -> TrainingRows:
    target = np.where(np.arange(count) % 3 == 0, "bad", "good")
    numbers = np.arange(count) if groups is None else np.arange(count) % groups
    return TrainingRows(target, numbers, np.arange(count) // 2 if times else None)


def test_every_row_is_judged_once_by_the_folds() -> None:
    judged = np.concatenate([judged for _, judged in folds_of(loans(), rows_of())])
    assert sorted(judged) == list(range(90))


def test_no_group_is_on_both_sides_of_a_fold() -> None:
    rows = rows_of(groups=17)
    for fit, judged in folds_of(loans(), rows):
        assert not set(rows.groups[fit]) & set(rows.groups[judged])


def test_where_an_order_is_said_a_fold_is_judged_on_later_rows() -> None:
    rows = rows_of(times=True)
    assert rows.times is not None
    folds = folds_of(loans("spec.split.orderBy=day"), rows)
    assert len(folds) == 3 and all(rows.times[fit].max() < rows.times[judged].min() for fit, judged in folds)


def test_too_few_groups_are_told_with_the_remedy() -> None:
    with pytest.raises(StepError, match=r"2 groups of training rows cannot make 3 folds: lower spec.split.folds"):
        folds_of(loans(), rows_of(groups=2))


def test_rows_of_one_time_cannot_be_put_in_an_order() -> None:
    rows = TrainingRows(np.array(["good", "bad"] * 20), np.arange(40), np.zeros(40))
    with pytest.raises(StepError, match=r"too many rows of the same time for 3 folds"):
        folds_of(loans("spec.split.orderBy=day"), rows)


def test_the_test_rows_are_the_latest_where_an_order_is_said() -> None:
    chosen, others = take_test(table(), loans("spec.split.orderBy=day"))
    assert min(chosen["day"].to_pylist()) > max(others["day"].to_pylist()) and 140 <= chosen.num_rows <= 160


def test_rows_of_a_group_stay_together_in_the_test() -> None:
    training = loans("spec.split.groupBy=job")
    chosen, others = take_test(table(), training)
    assert not set(chosen["job"].to_pylist()) & set(others["job"].to_pylist())


def test_what_prepares_the_rows_of_a_fold_has_not_seen_the_others() -> None:
    """A leak is planted: the scaler would know the huge incomes of the judged rows."""
    training = loans("spec.model.calibration=Sigmoid")
    rows = rows_of()
    fit, judged = folds_of(training, rows)[0]
    incomes = np.zeros(90)
    incomes[judged] = 1e9
    features = pd.DataFrame({"day": 0.0, "income": incomes, "job": "clerk"})
    features.loc[fit, "income"] = np.random.default_rng(1).normal(0, 1, len(fit))
    model = build(training, {}, calibration_folds(training, rows.take(fit))).fit(features.iloc[fit], rows.target[fit])
    inner = model.calibrated_classifiers_[0].estimator
    scaler = inner.named_steps["prepare"].named_transformers_["numbers"].named_steps["scale"]
    assert scaler.var_[1] < 10


def test_a_search_finds_better_parameters_than_bad_ones(tmp_path: Path) -> None:
    bad = read_record(trained(loans("spec.model.parameters={C: 1e-9}"), tmp_path / "a")).folds["logLoss"][0]
    training = loans("spec.model.search={trials: 6, metric: logLoss, space: {C: {low: 1e-9, high: 10, log: true}}}")
    found = read_record(trained(training, tmp_path / "b"))
    assert found.folds["logLoss"][0] < bad and found.search["completed"] + found.search["pruned"] == 6


def test_a_search_that_has_no_time_left_says_so(tmp_path: Path) -> None:
    found = read_record(trained(loans("spec.model.search={trials: 500, seconds: 0.01}"), tmp_path))
    assert found.search["out_of_time"] is True and found.search["completed"] >= 1


def test_a_search_without_time_for_one_trial_says_what_to_raise(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"^spec.model.search.seconds: no trial began within 1e-09 seconds: raise it"):
        trained(loans("spec.model.search={trials: 1, seconds: 1e-9}"), tmp_path)


def test_a_choice_that_only_the_fit_refuses_is_named(tmp_path: Path) -> None:
    training, rows = several(300, "spec.model.search={trials: 2, space: {solver: {choices: [liblinear]}}}")
    with pytest.raises(StepError, match=r"^spec.model.search, with solver liblinear: the model cannot be fitted: "):
        trained(training, tmp_path, rows)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (["spec.model.search={space: {C: {low: -1, high: 3}}}"], "spec.model.search.space.C: The 'C' parameter of"),
        (["spec.model.parameters={c: 1}"], "LogisticRegression has no parameter 'c'; did you mean C?"),
        (["spec.model.search={space: {depth: {low: 1, high: 3}}}"], "has no parameter 'depth'"),
        (["spec.model.algorithm=nowhere:Model"], "spec.model.algorithm nowhere:Model cannot be imported"),
        (["spec.model.algorithm=json:loads"], "json:loads is no estimator of scikit-learn"),
        (["spec.model.algorithm=builtins:list"], "builtins:list is no estimator of scikit-learn"),
        (["spec.model.algorithm=sklearn.ensemble:VotingClassifier"], "cannot be made without arguments: TypeError"),
        (["spec.model.algorithm=sklearn.linear_model:Ridge"], "gives no probabilities, which .*: choose another"),
        (["spec.model.algorithm=sklearn.svm:SVC"], "gives no probabilities, which .*: choose parameters with which"),
        (["spec.model.algorithm=sklearn.neighbors:KNeighborsClassifier", "spec.model.balanced=true"], "does not weigh"),
    ],
)
def test_a_model_that_cannot_be_is_told_before_anything_runs(settings: list[str], sentence: str) -> None:
    with pytest.raises(StepError, match=r".*" + sentence.replace("?", r"\?")):
        check_model(loans(*settings))


def test_an_estimator_that_gives_probabilities_with_its_parameters_is_fine() -> None:
    check_model(
        loans("spec.model.algorithm=sklearn.linear_model:SGDClassifier", "spec.model.parameters={loss: log_loss}")
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_algorithm_that_ended_before_it_had_converged_is_told(tmp_path: Path) -> None:
    found = read_record(trained(loans("spec.model.parameters={max_iter: 1}"), tmp_path))
    assert any("ended before it had converged" in sentence for sentence in found.findings)


def test_a_parameter_that_is_out_of_range_is_told_in_the_words_of_scikit_learn(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"spec.model.parameters.C: The 'C' parameter of LogisticRegression must be"):
        trained(loans("spec.model.parameters={C: -1}"), tmp_path)


def test_an_estimator_by_its_import_path_is_trained_and_served(tmp_path: Path) -> None:
    folder = trained(loans("spec.model.algorithm=sklearn.ensemble:ExtraTreesClassifier"), tmp_path)
    assert read_record(folder).folds["rocAuc"][0] > 0.7 and load_model(folder).classes == ("bad", "good")


@pytest.mark.parametrize("calibration", ["Sigmoid", "Isotonic"])
def test_calibration_makes_probabilities_of_a_balanced_model_true(tmp_path: Path, calibration: str) -> None:
    rare = table(1500)
    balanced = ["spec.model.balanced=true", "spec.split.folds=3"]
    plain = read_record(trained(loans(*balanced), tmp_path / "a", rare)).folds["brier"][0]
    calibrated = trained(loans(*balanced, f"spec.model.calibration={calibration}"), tmp_path / "b", rare)
    assert read_record(calibrated).folds["brier"][0] < plain


def test_of_costs_only_the_ratio_matters() -> None:
    random = np.random.default_rng(3)
    truth = random.random(200) < 0.3
    score = np.clip(truth * 0.3 + random.random(200) * 0.7, 0, 1)
    answers = ModelAnswers(
        np.where(truth, "bad", "good"), np.full(200, "good"), np.column_stack([1 - score, score]), ("good", "bad")
    )
    found = [
        cheapest_threshold(answers, Costs(false_positive=scale, false_negative=4 * scale))
        for scale in (1.0, 1e-300, 4e307)
    ]
    assert found[0] == found[1] == found[2]


def test_costs_choose_the_threshold_and_the_server_keeps_to_it(tmp_path: Path) -> None:
    folder = trained(loans("spec.model.costs={falsePositive: 1, falseNegative: 20}"), tmp_path)
    predictor = load_model(folder).predictor
    threshold = read_record(folder).threshold
    assert isinstance(predictor, ThresholdPredictor) and threshold is not None and threshold < 0.3
    features = pd.DataFrame({"day": 0.0, "income": np.linspace(-3, 3, 40), "job": "nurse"})
    answer = predictor.predict(features)
    assert answer.probabilities is not None
    assert ((answer.predictions == "bad") == (answer.probabilities[:, 0] >= threshold)).all()


def test_equal_costs_and_true_probabilities_give_about_one_half() -> None:
    random = np.random.default_rng(3)
    score = random.random(20_000)
    truth = np.where(random.random(20_000) < score, "bad", "good")
    answers = ModelAnswers(truth, truth, np.column_stack([1 - score, score]), ("good", "bad"))
    assert cheapest_threshold(answers, Costs(false_positive=1, false_negative=1)) == pytest.approx(0.5, abs=0.03)
    assert cheapest_threshold(answers, Costs(false_positive=1, false_negative=9)) == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize(
    ("curve", "baseline", "beginning"),
    [
        ([CurvePoint(100, 0.9, 0.9), CurvePoint(200, 1.0, 0.8)], 0.5, ["It overfits: "]),
        ([CurvePoint(100, 0.52, 0.5), CurvePoint(200, 0.52, 0.5)], 0.5, ["It underfits: "]),
        ([CurvePoint(100, 0.9, 0.8), CurvePoint(200, 0.9, 0.88)], 0.5, ["More rows would help: "]),
        ([CurvePoint(100, 0.9, 0.89), CurvePoint(200, 0.9, 0.89)], 0.5, []),
    ],
)
def test_a_learning_curve_is_put_into_words(curve: list[CurvePoint], baseline: float, beginning: list[str]) -> None:
    said = findings("rocAuc", curve, baseline)
    assert len(said) == len(beginning) and all(map(str.startswith, said, beginning))


@pytest.mark.parametrize(
    "model",
    [
        "{algorithm: LogisticRegression, calibration: Isotonic, search: {trials: 3}}",
        "{algorithm: RandomForest, parameters: {n_estimators: 10}}",
        "{algorithm: HistGradientBoosting, parameters: {max_iter: 10}, calibration: Sigmoid}",
    ],
)
def test_the_same_data_definition_and_seed_give_the_same_bits_in_another_process(tmp_path: Path, model: str) -> None:
    """Another hash seed, and another number of threads."""
    settings = [f"spec.model={model}", "spec.split.folds=2"]
    definition = tmp_path / "training.yaml"
    definition.write_text(TEXT)
    write_table(table(300), tmp_path / "data")
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from timoneiro_components.definition.reading import read_training\n"
        "from timoneiro_components.train import train\n"
        "root, to, *settings = sys.argv[1:]\n"
        "train(read_training(Path(root) / 'training.yaml', settings), data=Path(root) / 'data',"
        " model=Path(to) / 'model', test=Path(to) / 'test')\n"
    )
    written: list[dict[str, bytes]] = []
    for number, threads in (("0", "1"), ("4242", "2")):
        folder = tmp_path / number
        environment = {**os.environ, "PYTHONHASHSEED": number, "OMP_NUM_THREADS": threads}
        command = [sys.executable, "-c", code, str(tmp_path), str(folder), *settings]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        written.append({path.name: path.read_bytes() for path in (folder / "model").iterdir()})
    assert written[0] == written[1] and set(written[0]) == {"model.skops", "training.json"}


def test_the_record_has_no_time_and_no_path(tmp_path: Path) -> None:
    text = (trained(loans(), tmp_path) / "training.json").read_text()
    assert str(tmp_path) not in text and "202" not in json.dumps(json.loads(text).get("search", {}))


def test_a_record_of_another_version_is_told(tmp_path: Path) -> None:
    (tmp_path / "training.json").write_text('{"algorithm": "x", "curve": []}')
    with pytest.raises(StepError, match=r"training.json cannot be read .*: take the folder that the training step"):
        read_record(tmp_path)


def test_several_classes_are_learnt_and_served_with_their_probabilities(tmp_path: Path) -> None:
    training, rows = several()
    folder = trained(training, tmp_path, rows)
    model = load_model(folder)
    answer = model.predictor.predict(pd.DataFrame({"day": [0.0], "income": [5.0], "job": ["clerk"]}))
    assert model.classes == ("iris", "lily", "rose") and answer.predictions[0] == "rose"


@pytest.mark.parametrize("algorithm", ["Ridge", "RandomForest", "HistGradientBoosting"])
def test_a_number_is_learnt_and_served(tmp_path: Path, algorithm: str) -> None:
    training, rows = a_number()
    model_choice = training.spec.model.model_copy(update={"algorithm": algorithm})
    training = training.model_copy(update={"spec": training.spec.model_copy(update={"model": model_choice})})
    folder = trained(training, tmp_path, rows)
    answer = load_model(folder).predictor.predict(pd.DataFrame({"day": [100.0], "income": [15.0], "job": ["clerk"]}))
    assert answer.probabilities is None and answer.predictions[0] == pytest.approx(70, abs=8)


@pytest.mark.filterwarnings("ignore:Field onnx:DeprecationWarning")
def test_a_regression_is_the_same_as_onnx(tmp_path: Path) -> None:
    features = pd.DataFrame({"day": [0.0, 50.0, 7.0], "heat": [3.0, 20.0, 11.0]})
    write_skops(Ridge().fit(features.to_numpy(), [90.0, 60.0, 75.0]), tmp_path / "model.skops")
    assert export_onnx(tmp_path / "model.skops", tmp_path / "model.onnx", features) < 1e-4


def test_a_fold_of_one_group_has_no_smaller_part_to_learn_from() -> None:
    rows = rows_of(groups=2)
    features = pd.DataFrame({"day": 0.0, "income": np.linspace(-1, 1, 90), "job": "clerk"})
    assert learning_curve(loans(), features, rows, folds_of(loans("spec.split.folds=2"), rows), {}) == []


@pytest.mark.parametrize("field", ["calibration=Sigmoid", "costs={falsePositive: 1, falseNegative: 2}"])
def test_onnx_holds_neither_calibration_nor_threshold(field: str) -> None:
    settings = ["spec.columns.job={type: Boolean}", "spec.package.format=Onnx", f"spec.model.{field}"]
    with pytest.raises(DefinitionError, match=r"spec\.package\.format: Onnx holds no (calibration|costs): leave out"):
        loans(*settings)
