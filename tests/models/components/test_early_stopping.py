"""The number of stages of a boosted model, chosen by the folds of the definition."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from support.loans import TEXT, a_number, loans, several, table, trained
from timoneiro_components.definition.model import EarlyStopping
from timoneiro_components.definition.reading import parse_training
from timoneiro_components.definition.training import Training
from timoneiro_components.errors import StepError
from timoneiro_components.features.rows import features_of, target_of
from timoneiro_components.packaging.card import model_card
from timoneiro_components.tables import frame_of, groups_of
from timoneiro_components.tasks.registry import figure_of
from timoneiro_components.training.algorithms import build, space_of
from timoneiro_components.training.crossing import cross
from timoneiro_components.training.folds import TrainingRows, folds_of
from timoneiro_components.training.preflight import check_model
from timoneiro_components.training.record import read_record
from timoneiro_components.training.stopping import (
    BestStage,
    best_stage,
    finding,
    mean_curve,
    stage_curves,
    stopped,
)
from timoneiro_serving.loading import load_skops

GRADIENT, ADA = "sklearn.ensemble:GradientBoosting", "sklearn.ensemble:AdaBoost"


def boosted(algorithm: str, most: str, *settings: str) -> list[str]:
    return [
        f"spec.model={{algorithm: '{algorithm}', parameters: {{{most}}}, earlyStopping: {{patience: 10}}}}",
        *settings,
    ]


def rows_of(training: Training, rows: pa.Table) -> tuple[Any, TrainingRows]:
    frame = frame_of(rows)
    return features_of(frame, training), TrainingRows(target_of(frame, training), groups_of(rows, training))


@pytest.mark.parametrize(
    ("algorithm", "most", "settings"),
    [
        ("HistGradientBoosting", "max_iter: 9", []),
        ("HistGradientBoosting", "max_iter: 9", ["spec.model.balanced=true"]),
        ("HistGradientBoosting", "max_iter: 9", ["spec.model.search={metric: logLoss}"]),
        (f"{GRADIENT}Classifier", "n_estimators: 9", []),
        (f"{ADA}Classifier", "n_estimators: 9", []),
    ],
)
def test_a_stage_is_judged_as_a_model_of_so_many_stages(algorithm: str, most: str, settings: list[str]) -> None:
    training = loans(*boosted(algorithm, most, *settings))
    features, rows = rows_of(training, table(400))
    folds = folds_of(training, rows)
    name = most.partition(":")[0]
    search = training.spec.model.search
    figure = figure_of(training.spec.task, search.metric if search and search.metric else "rocAuc")
    curves = list(stage_curves(training, features, rows, folds, {}))
    for stages in (1, 4, 9):
        expected = [figure(part.unseen) for part in cross(training, features, rows, folds, {name: stages})]
        assert [curve[stages - 1] for curve in curves] == pytest.approx(expected, abs=1e-12)


def test_a_boosted_model_stops_before_it_overfits(tmp_path: Path) -> None:
    training = loans(*boosted("HistGradientBoosting", "max_iter: 40, learning_rate: 0.3"))
    folder = trained(training, tmp_path, table(400))
    record = read_record(folder)
    assert record.stopping is not None and record.stopping.number < 30
    assert record.parameters["max_iter"] == record.stopping.number
    assert load_skops(folder / "model.skops").named_steps["model"].n_iter_ == record.stopping.number
    figures = dict(record.stopping.curve)
    assert record.folds["rocAuc"][0] == pytest.approx(figures[record.stopping.number])
    assert figures[record.stopping.number] > figures[record.stopping.number + 10]
    assert max(figures) == record.stopping.number + 10 and len(record.stopping.by_fold) == 3


@pytest.mark.parametrize("algorithm", [GRADIENT, ADA])
def test_a_number_is_predicted_in_stages_too(tmp_path: Path, algorithm: str) -> None:
    training, rows = a_number(300)
    changed = boosted(f"{algorithm}Regressor", "n_estimators: 30")
    text = TEXT.replace("{type: Category, values: [good, bad]}", "{type: Number}").replace(", positive: bad", "")
    training = parse_training(text.replace("spec:\n", "spec:\n  task: Regression\n"), settings=changed)
    record = read_record(trained(training, tmp_path, rows))
    assert record.stopping is not None and record.stopping.metric == "mae"
    assert (
        len(load_skops(tmp_path / "model" / "model.skops").named_steps["model"].estimators_) == record.stopping.number
    )


def test_several_classes_are_told_apart_in_stages_too(tmp_path: Path) -> None:
    training, rows = several(300, *boosted("HistGradientBoosting", "max_iter: 30"))
    record = read_record(trained(training, tmp_path, rows))
    assert record.stopping is not None and 1 <= record.stopping.number < 30
    assert record.stopping.finding.startswith(f"max_iter is {record.stopping.number} of at most 30: ")


def test_the_card_says_how_many_stages_there_are(tmp_path: Path) -> None:
    training = loans(*boosted("HistGradientBoosting", "max_iter: 5"))
    record = read_record(trained(training, tmp_path, table(300)))
    manifest = {"name": "loans", "version": "1", "format": {"name": "sklearn"}}
    data = {"name": "loans", "rows": 300, "digest": "sha256:0"}
    assert record.stopping is not None
    assert record.stopping.finding in model_card({**manifest, "data": data}, training, record, None)


def test_a_calibrated_model_has_the_number_of_the_folds(tmp_path: Path) -> None:
    training = loans(*boosted("HistGradientBoosting", "max_iter: 30", "spec.model.calibration=Sigmoid"))
    record = read_record(trained(training, tmp_path, table(400)))
    inner = load_skops(tmp_path / "model" / "model.skops").calibrated_classifiers_[0].estimator
    assert record.stopping is not None and inner.named_steps["model"].n_iter_ == record.stopping.number


def test_the_trials_of_a_search_are_judged_at_their_best_stage(tmp_path: Path) -> None:
    settings = "spec.model.search={trials: 3, space: {learning_rate: {low: 0.1, high: 0.9}}}"
    training = loans(*boosted("HistGradientBoosting", "max_iter: 40", settings))
    record = read_record(trained(training, tmp_path, table(400)))
    assert record.stopping is not None and set(record.search["parameters"]) == {"learning_rate"}
    assert record.search["figure"] == pytest.approx(dict(record.stopping.curve)[record.stopping.number])


def test_the_usual_search_leaves_the_number_to_the_folds() -> None:
    settings = "spec.model={algorithm: HistGradientBoosting, search: {}, earlyStopping: {}}"
    assert "max_iter" not in space_of(loans(settings)) and "learning_rate" in space_of(loans(settings))


def test_the_same_seed_gives_the_same_number_and_the_same_file(tmp_path: Path) -> None:
    training = loans(*boosted("HistGradientBoosting", "max_iter: 20"))
    one, other = (trained(training, tmp_path / name, table(300)) for name in ("one", "other"))
    for name in ("model.skops", "training.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_what_scikit_learn_would_stop_by_itself_goes_on() -> None:
    model = build(loans("spec.model={algorithm: HistGradientBoosting, earlyStopping: {}}"), {}).named_steps["model"]
    assert model.early_stopping is False


def test_nothing_is_stopped_unless_it_is_asked_for(tmp_path: Path) -> None:
    assert read_record(trained(loans(), tmp_path, table(300))).stopping is None


def test_folds_that_judge_one_class_only_cannot_choose() -> None:
    training = loans(*boosted("HistGradientBoosting", "max_iter: 3"))
    features, rows = rows_of(training, table(300))
    good = np.flatnonzero(rows.target == "good")
    folds = [(np.setdiff1d(np.arange(300), good[:50]), good[:50])]
    with pytest.raises(StepError, match=r"^no fold has a finite ROC AUC: use fewer folds or bring more data"):
        stopped(training, EarlyStopping(), features, rows, folds, {})


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (
            "{earlyStopping: {}}",
            "^LogisticRegression does not learn in stages that could be judged: leave out spec.mod",
        ),
        ("{algorithm: RandomForest, earlyStopping: {}}", "^RandomForest does not learn in stages that could be judged"),
        (
            "{algorithm: HistGradientBoosting, earlyStopping: {}, parameters: {early_stopping: true}}",
            "^spec.model.parameters.early_stopping: with spec.model.earlyStopping the folds say when it stops",
        ),
        (
            "{algorithm: HistGradientBoosting, earlyStopping: {}, search: {space: {max_iter: {low: 5, high: 9}}}}",
            "^spec.model.search.space.max_iter: with spec.model.earlyStopping it is for the folds to choose: leave",
        ),
    ],
)
def test_stages_that_cannot_be_are_told_before_anything_runs(model: str, sentence: str) -> None:
    with pytest.raises(StepError, match=sentence):
        check_model(loans(f"spec.model={model}"))


def test_a_search_elsewhere_and_early_stopping_go_together() -> None:
    check_model(
        loans(
            "spec.model={algorithm: HistGradientBoosting, earlyStopping: {}, "
            "search: {space: {max_depth: {low: 2, high: 9}}}}"
        )
    )


@pytest.mark.parametrize(
    ("metric", "curve", "best"),
    [
        ("rocAuc", [0.5, 0.7, 0.6, 0.7, 0.9], BestStage(2, 0.7, waited=True)),
        ("rocAuc", [0.5, 0.7, 0.6, 0.8, 0.7], BestStage(4, 0.8, waited=False)),
        ("logLoss", [0.5, 0.4, 0.41, 0.42, 0.1], BestStage(2, 0.4, waited=True)),
        ("precision", [math.nan, math.nan, math.nan, 0.5, math.nan, 0.6], BestStage(6, 0.6, waited=False)),
        ("rocAuc", [0.5, math.nan, math.nan, 0.9], BestStage(1, 0.5, waited=True)),
    ],
)
def test_the_best_stage_is_the_first_that_none_soon_after_is_better_than(
    metric: str, curve: list[float], best: BestStage
) -> None:
    assert best_stage(metric, curve, patience=2) == best


def test_without_any_figure_no_stage_is_best() -> None:
    found = best_stage("rocAuc", [math.nan] * 9, patience=2)
    assert math.isnan(found.figure) and not found.waited


def test_a_fold_without_a_figure_in_the_end_has_no_say() -> None:
    assert mean_curve([[0.5, 0.6], [0.7, 0.9], [0.1, math.nan]]) == pytest.approx([0.6, 0.75])


@pytest.mark.parametrize(
    ("best", "by_fold", "sentence"),
    [
        (
            BestStage(87, 0.91234, waited=True),
            [60, 1100, 87],
            "max_iter is 87 of at most 1,300: with so many stages ROC AUC is best on rows that it has not seen "
            "(0.9123, mean of the folds), and no better in the 20 after it. For single folds 60 to 1,100 is best.",
        ),
        (
            BestStage(1299, 0.9, waited=False),
            [1299, 1299],
            "max_iter is 1,299 of at most 1,300: with so many stages ROC AUC is best on rows that it has not seen "
            "(0.9, mean of the folds), and so near to the end that it may get better still: raise max_iter. For "
            "single folds 1,299 is best.",
        ),
    ],
)
def test_the_choice_is_put_into_words(best: BestStage, by_fold: list[int], sentence: str) -> None:
    assert finding("rocAuc", "max_iter", 1300, best, 20, by_fold) == sentence
