"""Training, the evaluation gate and the package."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from timoneiro_components.definition.training import Training
from timoneiro_components.errors import GateFailed, StepError
from timoneiro_components.evaluate import ModelJudgement, evaluate
from timoneiro_components.features.rows import features_of
from timoneiro_components.markdown import row
from timoneiro_components.package import Package, package
from timoneiro_components.stores.store import ModelStore
from timoneiro_components.tables import frame_of, read_table, table_digest, write_table
from timoneiro_components.train import Trained, train
from timoneiro_components.training.algorithms import build
from timoneiro_serving.digest import directory_digest, file_digests
from timoneiro_serving.estimators import OnnxPredictor
from timoneiro_serving.loading import load_model, load_skops

# The converter's own habit; as an error it would make the conversion fail for another reason.
pytestmark = pytest.mark.filterwarnings("ignore:Field onnx:DeprecationWarning")


Diagnosis = Callable[..., Training]
ONNX = "spec.package.format=Onnx"


@pytest.fixture
def trained(diagnosis: Diagnosis, workspace: Any, tmp_path: Path) -> Callable[..., Trained]:
    """Trains in tmp_path (folder model, table test), with these settings of the definition."""

    def run(*settings: str) -> Trained:
        training = diagnosis(*settings)
        return train(training, data=workspace.data, model=tmp_path / "model", test=tmp_path / "test")

    return run


@pytest.fixture
def unseen(diagnosis: Diagnosis, workspace: Any) -> pd.DataFrame:
    """Rows of the holdout, as the model server makes them of requests."""
    return features_of(frame_of(read_table(workspace.holdout)), diagnosis())


@pytest.mark.parametrize("impute", [True, False])
@pytest.mark.parametrize("algorithm", ["LogisticRegression", "RandomForest", "HistGradientBoosting"])
def test_every_algorithm_learns_and_can_be_served(
    diagnosis: Diagnosis, trained: Callable[..., Trained], tmp_path: Path, algorithm: str, impute: bool
) -> None:
    trained(f"spec.model.algorithm={algorithm}", f"spec.model.impute={str(impute).lower()}")
    rows = frame_of(read_table(tmp_path / "test"))
    answer = load_model(tmp_path / "model").predictor.predict(features_of(rows, diagnosis()))
    assert np.mean(answer.predictions == rows["diagnosis"]) > 0.9


def test_cross_validation_gives_scores(trained: Callable[..., Trained]) -> None:
    assert 0.9 < trained().metrics["cv_rocAuc"] <= 1


def test_no_test_row_is_trained_on(trained: Callable[..., Trained], workspace: Any, tmp_path: Path) -> None:
    trained()
    fitted = load_skops(tmp_path / "model" / "model.skops").named_steps["scale"].n_samples_seen_
    assert fitted == read_table(workspace.data).num_rows - read_table(tmp_path / "test").num_rows


def test_the_same_seed_gives_the_same_model(
    trained: Callable[..., Trained], unseen: pd.DataFrame, tmp_path: Path
) -> None:
    answers = []
    for _ in range(2):
        trained("spec.model.algorithm=RandomForest", "spec.split.folds=2")
        answers.append(load_model(tmp_path / "model").predictor.predict(unseen).probabilities)
    np.testing.assert_array_equal(answers[0], answers[1])


def test_without_imputer_logistic_regression_refuses_missing_values(
    trained: Callable[..., Trained], unseen: pd.DataFrame, tmp_path: Path
) -> None:
    trained("spec.model.impute=false")
    with pytest.raises(ValueError, match="NaN"):
        load_model(tmp_path / "model").predictor.predict(unseen.assign(**{"mean area": np.nan}))


def test_with_imputer_missing_values_are_answered(workspace: Any, unseen: pd.DataFrame) -> None:
    rows = unseen.assign(**{"mean area": np.nan})
    assert len(load_model(workspace.model).predictor.predict(rows).predictions) == 60


def test_a_class_with_fewer_rows_than_folds_is_refused_with_the_remedy(
    diagnosis: Diagnosis, workspace: Any, tmp_path: Path
) -> None:
    rows = frame_of(read_table(workspace.data))
    few = rows[(rows["diagnosis"] == "benign") | (rows.index < 12)]
    write_table(pa.Table.from_pandas(few, preserve_index=False), tmp_path / "data")
    with pytest.raises(StepError, match=r"class 'malignant' has \d+ training rows, at least 40 are needed: "):
        train(diagnosis("spec.split.folds=40"), data=tmp_path / "data", model=tmp_path / "m", test=tmp_path / "test")


def test_the_imputer_is_left_out_only_if_asked(diagnosis: Diagnosis) -> None:
    pipelines = [build(diagnosis(f"spec.model.impute={impute}"), {}) for impute in ("true", "false")]
    assert [list(pipeline.named_steps) for pipeline in pipelines] == [
        ["impute", "scale", "model"],
        ["scale", "model"],
    ]


@pytest.fixture
def evaluated(diagnosis: Diagnosis, workspace: Any, tmp_path: Path) -> Callable[..., ModelJudgement]:
    def run(*settings: str, **changes: Any) -> ModelJudgement:
        places: dict[str, Any] = {
            "model": workspace.model,
            "test": workspace.test,
            "champion_uri": "",
            "evaluation": tmp_path / "evaluation.json",
        }
        return evaluate(diagnosis(*settings), **{**places, **changes})

    return run


@pytest.fixture
def champion(workspace: Any, s3: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """Address of a champion that is the candidate itself."""
    monkeypatch.setattr(ModelStore, "connect", lambda: s3.store)
    s3.store.upload(workspace.package, "s3://models/diagnosis/0/")
    return "s3://models/diagnosis/0/"


def test_a_good_candidate_passes(evaluated: Callable[..., ModelJudgement]) -> None:
    assert evaluated().reasons == ()


def test_a_candidate_below_the_limit_fails_with_both_figures(evaluated: Callable[..., ModelJudgement]) -> None:
    (reason,) = evaluated("spec.gates=[{metric: rocAuc, atLeast: 1}]").reasons
    assert re.fullmatch(r"ROC AUC is 0\.\d+; ROC AUC of at least 1 is wanted", reason)


def test_a_candidate_above_the_limit_of_a_loss_fails_with_both_figures(
    evaluated: Callable[..., ModelJudgement],
) -> None:
    (reason,) = evaluated("spec.gates=[{metric: logLoss, atMost: 0.001}]").reasons
    assert re.fullmatch(r"log loss is 0\.\d+; log loss of at most 0.001 is wanted", reason)


def test_a_candidate_as_good_as_the_champion_passes(evaluated: Callable[..., ModelJudgement], champion: str) -> None:
    done = evaluated(champion_uri=champion)
    assert done.reasons == () and done.metrics["champion_rocAuc"] == done.metrics["rocAuc"]


def test_a_candidate_worse_than_the_champion_fails(
    diagnosis: Diagnosis, evaluated: Callable[..., ModelJudgement], champion: str, workspace: Any, tmp_path: Path
) -> None:
    rows = frame_of(read_table(workspace.data))
    chance = rows.assign(diagnosis=rows["diagnosis"].sample(frac=1, random_state=1).to_numpy())
    write_table(pa.Table.from_pandas(chance, preserve_index=False), tmp_path / "chance")
    train(diagnosis(), data=tmp_path / "chance", model=tmp_path / "worse", test=tmp_path / "test")
    gates = "spec.gates=[{metric: rocAuc, champion: 0.01}]"
    reason = evaluated(gates, champion_uri=champion, model=tmp_path / "worse").reasons[-1]
    assert re.fullmatch(
        r"ROC AUC is 0\.\d+, the champion's is 0\.\d+ on the same rows: at most 0\.\d+ lower; "
        r"ROC AUC at most 0.01 worse than the champion's \(90% sure\) is wanted",
        reason,
    )


def test_a_champion_that_is_gone_is_an_error_with_its_address(
    evaluated: Callable[..., ModelJudgement], champion: str
) -> None:
    with pytest.raises(StepError, match="no package at s3://models/diagnosis/9/"):
        evaluated(champion_uri="s3://models/diagnosis/9/")


def test_the_roc_curve_is_finite_and_has_at_most_200_points(
    evaluated: Callable[..., ModelJudgement], workspace: Any, tmp_path: Path
) -> None:
    # Labels at random make a curve with a point for almost every row.
    rows = frame_of(read_table(workspace.data))
    random = rows.assign(diagnosis=rows["diagnosis"].sample(frac=1, random_state=1).to_numpy())
    write_table(pa.Table.from_pandas(random, preserve_index=False), tmp_path / "t")
    curve = evaluated(test=tmp_path / "t").curve
    assert curve is not None
    values = [*curve.false_positive_rate, *curve.true_positive_rate, *curve.thresholds]
    assert 100 < len(curve.thresholds) <= 200 and all(math.isfinite(value) for value in values)


def test_the_confusion_matrix_counts_every_test_row(evaluated: Callable[..., ModelJudgement]) -> None:
    done = evaluated()
    assert sum(map(sum, done.confusion)) == done.metrics["test_rows"]


@pytest.fixture
def packaged(diagnosis: Diagnosis, workspace: Any, tmp_path: Path) -> Callable[..., Package]:
    def run(*settings: str, **changes: Any) -> Package:
        options: dict[str, Any] = {
            "model": workspace.model,
            "data": workspace.data,
            "privacy": workspace.privacy,
            "dataset": workspace.dataset,
            "destination": tmp_path / "package",
            "version": "2",
            "evaluation": workspace.evaluation,
        }
        return package(diagnosis(*settings), **{**options, **changes})

    return run


def test_the_manifest_says_what_was_found_of_personal_data(packaged: Callable[..., Package], tmp_path: Path) -> None:
    packaged()
    manifest = json.loads((tmp_path / "package" / "timoneiro.json").read_text())
    assert manifest["privacy"]["findings"] == [] and manifest["privacy"]["rowsScanned"] == 569


def test_a_package_holds_model_manifest_card_and_reference(workspace: Any) -> None:
    assert list(file_digests(workspace.package)) == [
        "README.md",
        "evaluation.json",
        "model-card.json",
        "model.skops",
        "reference.json",
        "timoneiro.json",
    ]


def test_a_package_has_the_digest_that_the_server_computes(packaged: Callable[..., Package], tmp_path: Path) -> None:
    assert packaged().digest == directory_digest(tmp_path / "package")


def test_a_package_can_be_served(workspace: Any) -> None:
    assert len(load_model(workspace.package).features) == 30


def test_the_manifest_has_the_figures_of_the_evaluation(workspace: Any) -> None:
    manifest, seen = (
        json.loads((workspace.package / name).read_text()) for name in ("timoneiro.json", "evaluation.json")
    )
    assert manifest["metrics"]["rocAuc"] == pytest.approx(seen["metrics"]["rocAuc"]["value"], rel=1e-5)


def test_the_manifest_names_the_digest_of_every_other_file(workspace: Any) -> None:
    files = json.loads((workspace.package / "timoneiro.json").read_text())["files"]
    found = file_digests(workspace.package)
    del found["timoneiro.json"]
    assert files == found


def test_the_card_says_how_missing_values_are_treated(packaged: Callable[..., Package]) -> None:
    assert "missing values are replaced" in packaged().card


def test_an_onnx_package_answers_as_the_model_it_was_made_from(
    packaged: Callable[..., Package], workspace: Any, unseen: pd.DataFrame, tmp_path: Path
) -> None:
    packaged(ONNX)
    one, other = (load_model(folder).predictor.predict(unseen) for folder in (tmp_path / "package", workspace.model))
    assert one.probabilities == pytest.approx(other.probabilities, abs=1e-4)


def test_an_onnx_model_that_answers_differently_is_not_packaged(
    packaged: Callable[..., Package], trained: Callable[..., Trained], tmp_path: Path
) -> None:
    trained("spec.model.algorithm=HistGradientBoosting")
    with pytest.raises(GateFailed, match=r"ONNX parity failed: probabilities differ by up to 0\.\d"):
        packaged(ONNX, model=tmp_path / "model")


def test_an_onnx_model_that_answers_missing_values_differently_is_not_packaged(
    packaged: Callable[..., Package], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = OnnxPredictor.predict

    def without_gaps(self: OnnxPredictor, rows: pd.DataFrame) -> Any:
        return ask(self, rows.fillna(0.0))

    monkeypatch.setattr(OnnxPredictor, "predict", without_gaps)
    with pytest.raises(GateFailed, match="ONNX parity failed"):
        packaged(ONNX)


def test_the_tables_of_a_card_hold_whatever_a_column_is_called() -> None:
    assert row("a|b", "x\ny") == "| a\\|b | x y |"


def test_what_looks_like_a_tag_is_text_in_tables() -> None:
    assert row("<b>x</b>", "R&D") == "| &lt;b>x&lt;/b> | R&amp;D |"


def test_a_failed_package_leaves_nothing_behind(
    packaged: Callable[..., Package], trained: Callable[..., Trained], tmp_path: Path
) -> None:
    trained("spec.model.algorithm=HistGradientBoosting")
    with pytest.raises(GateFailed):
        packaged(ONNX, model=tmp_path / "model")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "test"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"version": "1/2"}, "version '1/2' must be"),
        ({"model": Path("nowhere")}, "training.json cannot be read"),
    ],
)
def test_an_impossible_package_is_refused_with_a_sentence(
    packaged: Callable[..., Package], changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(StepError, match=sentence):
        packaged(**changes)


def test_the_manifest_names_the_manifest_of_its_data(workspace: Any) -> None:
    manifest = json.loads((workspace.package / "timoneiro.json").read_text())
    assert manifest["data"]["dataset"] == table_digest(workspace.dataset)


def test_packaging_again_replaces_the_package(packaged: Callable[..., Package], tmp_path: Path) -> None:
    packaged(ONNX)
    packaged()
    assert not (tmp_path / "package" / "model.onnx").exists()


@pytest.mark.parametrize("step", ["champion", "ingest", "validate", "train", "evaluate", "package", "publish"])
def test_importing_a_step_imports_neither_kfp_nor_kserve(step: str) -> None:
    code = f"import sys, timoneiro_components.{step}; print({{'kfp', 'kserve'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_candidate_with_other_classes_cannot_be_judged(
    evaluated: Callable[..., ModelJudgement], workspace: Any, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(workspace.package, tmp_path / "other"))
    manifest = json.loads((folder / "timoneiro.json").read_text())
    manifest["target"]["classes"] = ["yes", "no"]
    del manifest["files"]
    shutil.copy(workspace.model / "training.json", folder)
    (folder / "timoneiro.json").write_text(json.dumps(manifest))
    with pytest.raises(StepError, match="the candidate knows the classes"):
        evaluated(model=folder)
