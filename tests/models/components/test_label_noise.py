"""A second model of labels of which some are wrong: what it is fitted on, where it is kept, and how it is judged."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from support.loans import a_number, loans, several, table, trained
from timoneiro_components.definition.training import Training
from timoneiro_components.errors import StepError
from timoneiro_components.evaluate import ModelJudgement, evaluate
from timoneiro_components.package import package
from timoneiro_components.privacy.record import PrivacyRecord, write_record
from timoneiro_components.training.folds import TrainingRows
from timoneiro_components.training.label_noise import with_label_noise
from timoneiro_serving.loading import load_skops

NOISY = (
    "spec.gates=[{metric: logLoss, robustness: LabelNoise, atMost: 0.0001}]",
    "spec.evaluation.labelNoise=0.2",
)
MADE = {"with": loans(*NOISY), "without": loans()}


def judged(training: Training, folder: Path, rows: pa.Table | None = None) -> ModelJudgement:
    model = trained(training, folder, table(400) if rows is None else rows)
    places = {"model": model, "test": folder / "test", "evaluation": folder / "seen"}
    return evaluate(training, **places, champion_uri="")


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_this_share_of_the_labels_is_another_class(share: float) -> None:
    training, _ = several()
    target = np.array(["iris", "lily", "rose", "rose"] * 100)
    changed = with_label_noise(training, TrainingRows(target, np.arange(400)), share).target
    assert (changed != target).sum() == 400 * share and set(changed) == {"iris", "lily", "rose"}


def test_every_other_class_is_as_likely() -> None:
    training, _ = several()
    target = np.full(4000, "iris")
    changed = with_label_noise(training, TrainingRows(target, np.arange(4000)), 0.5).target
    counts = [int((changed == name).sum()) for name in ("lily", "rose")]
    assert sum(counts) == 2000 and 900 < counts[0] < 1100


def test_numbers_are_those_of_other_rows() -> None:
    training, _ = a_number()
    target = np.arange(200.0)
    changed = with_label_noise(training, TrainingRows(target, np.arange(200)), 0.1).target
    assert (changed != target).sum() == 20 and sorted(changed) == sorted(target)


def test_of_few_rows_two_are_changed() -> None:
    target = np.array(["good", "bad"] * 3)
    changed = with_label_noise(loans(), TrainingRows(target, np.arange(6)), 0.01).target
    assert (changed != target).sum() == 2


def test_the_same_labels_are_changed_each_time_and_nothing_else() -> None:
    rows = TrainingRows(np.array(["good", "bad"] * 50), np.arange(100), np.arange(100) // 2)
    one, other = (with_label_noise(loans(), rows, 0.1) for _ in range(2))
    assert (one.target == other.target).all() and (one.groups == rows.groups).all() and one.times is rows.times
    assert (rows.target == np.array(["good", "bad"] * 50)).all()


def test_there_is_no_second_model_unless_somebody_asks(tmp_path: Path) -> None:
    done = judged(loans(), tmp_path)
    assert not (tmp_path / "model" / "label-noise").exists()
    assert "LabelNoise" not in [entry["kind"] for entry in done.document["robustness"]]


def test_a_gate_tells_how_much_worse_the_second_model_is(tmp_path: Path) -> None:
    verdict = judged(loans(*NOISY), tmp_path).verdicts[-1]
    assert verdict.wanted == "log loss at most 0.0001 worse with 20% of the training labels changed"
    said = re.fullmatch(r"log loss is (.+), and (.+) with 20% of the training labels changed", verdict.seen)
    assert said is not None and float(said[2]) > float(said[1]) + 0.001 and not verdict.passed


def test_a_share_without_a_gate_is_reported(tmp_path: Path) -> None:
    done = judged(loans("spec.evaluation.labelNoise=0.3"), tmp_path)
    (entry,) = (entry for entry in done.document["robustness"] if entry["kind"] == "LabelNoise")
    assert entry["what"] == "30% of the training labels changed"
    assert entry["figure"] != done.document["metrics"]["rocAuc"]["value"]


def test_a_gate_without_a_share_asks_for_one_label_in_twenty() -> None:
    gate = "spec.gates=[{metric: logLoss, robustness: LabelNoise, atMost: 0.1}]"
    assert loans(gate).label_noise == 0.05 and loans().label_noise is None


def test_a_number_has_a_second_model_too(tmp_path: Path) -> None:
    training, rows = a_number(300)
    noisy = training.spec.evaluation.model_copy(update={"label_noise": 0.4})
    training = training.model_copy(update={"spec": training.spec.model_copy(update={"evaluation": noisy})})
    done = judged(training, tmp_path, rows)
    (entry,) = (entry for entry in done.document["robustness"] if entry["kind"] == "LabelNoise")
    assert entry["figure"] > 1.2 * done.document["metrics"]["mae"]["value"]


def test_the_second_model_is_made_like_the_first(tmp_path: Path) -> None:
    settings = ["spec.model.costs={falsePositive: 1, falseNegative: 4}", "spec.model.search={trials: 2}"]
    model = trained(loans(*NOISY, *settings), tmp_path, table(400))
    one, other = (load_skops(model / name / "model.skops") for name in ("", "label-noise"))
    assert one.threshold == other.threshold
    inner = [found.estimator_.named_steps["model"] for found in (one, other)]
    assert inner[0].C == inner[1].C and (inner[0].coef_ != inner[1].coef_).any()


def test_the_model_that_is_served_does_not_change_for_it(tmp_path: Path) -> None:
    one, other = (trained(training, tmp_path / name, table(300)) for name, training in MADE.items())
    for name in ("model.skops", "training.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_the_second_model_is_in_no_package(tmp_path: Path) -> None:
    model = trained(loans(*NOISY), tmp_path, table(300))
    nothing = PrivacyRecord((), {}, rows=0, rows_scanned=0, rows_erased=0, retention=None, withheld=False)
    write_record(nothing, tmp_path / "privacy")
    (tmp_path / "dataset").write_text("{}")
    files = {"model": model, **{name: tmp_path / name for name in ("data", "privacy", "dataset")}}
    package(loans(*NOISY), **files, destination=tmp_path / "package", version="1")
    assert sorted(path.name for path in (tmp_path / "package").rglob("*")) == [
        "README.md",
        "model-card.json",
        "model.skops",
        "reference.json",
        "timoneiro.json",
    ]


def test_a_second_model_that_was_not_made_is_told(tmp_path: Path) -> None:
    model = trained(loans(), tmp_path, table(300))
    with pytest.raises(StepError, match=r"^the model with changed labels cannot be loaded: "):
        evaluate(loans(*NOISY), model=model, test=tmp_path / "test", champion_uri="", evaluation=tmp_path / "seen")
