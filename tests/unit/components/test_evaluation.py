"""Intervals, gates, slices, disturbances and the page of a model: what is decided from answers alone."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from timoneiro_components.definition.reading import parse_training
from timoneiro_components.definition.training import Training
from timoneiro_components.evaluation.document import document_of, read_document, write_document
from timoneiro_components.evaluation.explanation import Dependence, Importance
from timoneiro_components.evaluation.intervals import Resampling
from timoneiro_components.evaluation.report import report
from timoneiro_components.evaluation.robustness import disturbed
from timoneiro_components.evaluation.scoring import confusion, precision_recall, roc
from timoneiro_components.evaluation.slices import Slice, slices_of
from timoneiro_components.evaluation.verdicts import GateEvidence, GateVerdict, verdicts
from timoneiro_components.evaluation.worst import SliceExamples, worst_by_slice, worst_rows
from timoneiro_components.tasks.answers import ModelAnswers
from timoneiro_components.tasks.registry import figure_of
from timoneiro_components.training.record import (
    CurvePoint,
    ParameterFindings,
    StageFindings,
    TrainingRecord,
    ValidationPoint,
    baseline_answers,
)

TEXT = """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: loans, title: "Loans <script>"}
spec:
  source: {csv: {path: loans.csv}}
  columns:
    income: {type: Number, minimum: -3, maximum: 3, nullable: true}
    children: {type: Integer}
    job: {type: Category, values: [clerk, nurse, other]}
    owner: {type: Boolean}
    status: {type: Category, values: [good, bad]}
  target: {column: status, positive: bad}
"""
ROWS = 800


def loans(*gates: str) -> Training:
    return parse_training(TEXT, settings=[f"spec.gates=[{', '.join(gates)}]"] if gates else [])


def features(rows: int = ROWS) -> pd.DataFrame:
    random = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "income": random.normal(0, 1, rows),
            "children": random.integers(0, 4, rows).astype(float),
            "job": random.choice(["clerk", "nurse", "other"], rows),
            "owner": random.integers(0, 2, rows).astype(float),
        }
    )


def answers(noise: float, rows: int = ROWS, seed: int = 11) -> ModelAnswers:
    """Of a model that sees the risk through so much noise; the truth is the same for all."""
    random = np.random.default_rng(7)
    risk = random.normal(0, 2, rows)
    truth = np.where(random.random(rows) < 1 / (1 + np.exp(-risk)), "bad", "good")
    seen = risk + np.random.default_rng(seed).normal(0, noise, rows)
    score = 1 / (1 + np.exp(-seen))
    return ModelAnswers(
        truth, np.where(score >= 0.5, "bad", "good"), np.column_stack([1 - score, score]), ("good", "bad")
    )


def evidence(training: Training, candidate: ModelAnswers, champion: ModelAnswers | None = None) -> GateEvidence:
    rows = features(len(candidate))
    return GateEvidence(
        candidate=candidate,
        champion=champion,
        baseline=baseline_answers({"good": 0.5, "bad": 0.5}, candidate.truth, candidate.classes),
        parts=list(slices_of(rows, candidate, training)),
        disturbed={"Noise": answers(3.0, len(candidate)), "Missing": None},
        resampling=Resampling(np.arange(len(candidate)), 17),
    )


def judged(gate: str, candidate: ModelAnswers, champion: ModelAnswers | None = None) -> GateVerdict:
    training = loans(gate)
    return verdicts(training, evidence(training, candidate, champion))[-1]


def test_an_interval_holds_the_truth_as_often_as_it_says() -> None:
    """The accuracy of 300 rows, 100 times: 90 % intervals hold it about nine times in ten."""
    figure, held = figure_of("BinaryClassification", "accuracy"), 0
    for seed in range(100):
        right = np.random.default_rng(seed).random(300) < 0.8
        truth = np.full(300, "bad")
        found = ModelAnswers(truth, np.where(right, "bad", "good"), None, ("good", "bad"))
        estimate = Resampling(np.arange(300), seed).estimate(figure, found)
        held += estimate.low <= 0.8 <= estimate.high
    assert 80 <= held <= 98


def test_rows_of_one_group_say_less_than_rows_of_many() -> None:
    figure, found = figure_of("BinaryClassification", "accuracy"), answers(1.0)
    # Ten rows each that are right or wrong together.
    groups = np.argsort(np.argsort(found.truth == found.predicted, kind="stable")) // 10
    alone, together = (Resampling(g, 1).estimate(figure, found) for g in (np.arange(ROWS), groups))
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_the_same_rows_and_seed_give_the_same_interval() -> None:
    figure = figure_of("BinaryClassification", "rocAuc")
    found = [Resampling(np.arange(ROWS), 3).estimate(figure, answers(1.0)) for _ in range(2)]
    assert found[0] == found[1]


def test_of_many_rows_some_are_resampled_and_the_interval_is_as_narrow() -> None:
    figure = figure_of("BinaryClassification", "accuracy")
    many = answers(1.0, 80_000)
    estimate = Resampling(np.arange(80_000), 1).estimate(figure, many)
    expected = 2 * 1.645 * math.sqrt(estimate.value * (1 - estimate.value) / 80_000)
    assert estimate.high - estimate.low == pytest.approx(expected, rel=0.3)


def test_a_model_against_itself_differs_by_nothing_on_any_resample() -> None:
    figure, found = figure_of("BinaryClassification", "rocAuc"), answers(1.0)
    assert Resampling(np.arange(ROWS), 1).difference(figure, found, found, 0.9) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("gate", "candidate", "champion", "passed"),
    [
        ("{metric: rocAuc, atLeast: 0.7}", 1.0, None, True),
        ("{metric: rocAuc, atLeast: 0.95}", 1.0, None, False),
        ("{metric: logLoss, atMost: 0.6}", 1.0, None, True),
        ("{metric: logLoss, atMost: 0.1}", 1.0, None, False),
        ("{metric: rocAuc, champion: 0.01}", 1.0, None, True),
        ("{metric: rocAuc, champion: 0.05}", 1.0, 1.0, True),
        ("{metric: rocAuc, champion: 0.01}", 4.0, 1.0, False),
        ("{metric: rocAuc, champion: 0}", 0.5, 4.0, True),
        ("{metric: logLoss, champion: 0.01}", 4.0, 1.0, False),
        ("{metric: logLoss, champion: 0.01}", 0.5, 4.0, True),
        ("{metric: rocAuc, slice: job, atLeast: 0.7}", 1.0, None, True),
        ("{metric: rocAuc, slice: job, atLeast: 0.86}", 1.0, None, False),
        ("{metric: rocAuc, slice: job, champion: 0.05}", 4.0, 0.5, False),
        ("{metric: rocAuc, slice: job, champion: 0.15}", 1.0, 1.0, True),
        ("{metric: recall, fairness: owner, atMost: 0.5}", 1.0, None, True),
        ("{metric: recall, fairness: owner, atMost: 0.00001}", 1.0, None, False),
        ("{metric: rocAuc, robustness: Noise, atMost: 0.3}", 1.0, None, True),
        ("{metric: rocAuc, robustness: Noise, atMost: 0.001}", 1.0, None, False),
        ("{metric: rocAuc, robustness: Missing, atMost: 0.5}", 1.0, None, False),
        ("{metric: rocAuc, robustness: Shift, atMost: 0.5}", 1.0, None, False),
    ],
)
def test_a_gate_passes_or_not(gate: str, candidate: float, champion: float | None, passed: bool) -> None:
    found = judged(gate, answers(candidate), None if champion is None else answers(champion, seed=8))
    assert found.passed is passed, found


def test_a_candidate_that_may_be_worse_by_luck_passes_only_without_confidence() -> None:
    """A little more noise: the difference that is seen is within the margin, and so few rows do not prove it."""
    candidate, champion = answers(1.0, 200, seed=1), answers(1.0, 200, seed=2)
    figure = figure_of("BinaryClassification", "rocAuc")
    margin = max(0.0, figure(champion) - figure(candidate)) + 0.001
    sure = judged(f"{{metric: rocAuc, champion: {margin}, confidence: 0.95}}", candidate, champion)
    seen = judged(f"{{metric: rocAuc, champion: {margin}, confidence: 0.5}}", candidate, champion)
    assert (sure.passed, seen.passed) == (False, True)


@pytest.mark.parametrize(
    "gate",
    [
        "{metric: rocAuc, atLeast: 0.5}",
        "{metric: logLoss, atMost: 9}",
        "{metric: rocAuc, champion: 0.9}",
        "{metric: rocAuc, champion: 0.9, confidence: 0.5}",
        "{metric: rocAuc, slice: job, atLeast: 0.1}",
        "{metric: rocAuc, fairness: owner, atMost: 0.9}",
        "{metric: rocAuc, robustness: Noise, atMost: 0.9}",
    ],
)
def test_a_figure_that_is_no_number_passes_no_gate(gate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("timoneiro_components.evaluation.verdicts.figure_of", lambda *_: lambda _: math.nan)
    training = loans(gate)
    found = verdicts(training, evidence(training, answers(1.0), answers(1.0)))
    assert [verdict.passed for verdict in found] == [False, False]


def test_a_model_that_is_no_better_than_none_never_passes() -> None:
    known = answers(1.0)
    blind = ModelAnswers(known.truth, known.predicted, np.full((ROWS, 2), 0.5), known.classes)
    training = loans("{metric: rocAuc, atLeast: 0.01}")
    first = verdicts(training, evidence(training, blind))[0]
    assert not first.passed and first.reason == (
        "ROC AUC is 0.5000, and 0.5000 without any column; "
        "a better ROC AUC than without looking at any column is wanted"
    )


def test_a_slice_that_does_not_tell_the_metric_is_named() -> None:
    found = answers(1.0)
    jobs = features()["job"].to_numpy()
    kept = (jobs != "nurse") | (found.truth == "good")
    training = loans("{metric: recall, slice: job, atLeast: 0.01}")
    rows = features()[kept].reset_index(drop=True)
    parts = list(slices_of(rows, found.take(kept), training))
    whole = evidence(training, found.take(kept))
    verdict = verdicts(training, GateEvidence(**{**vars(whole), "parts": parts}))[-1]
    assert not verdict.passed and verdict.seen.startswith("recall of job nurse is nan (")


def test_few_rows_of_a_value_are_not_judged() -> None:
    rows = features().assign(job=["nurse"] * 20 + ["clerk"] * (ROWS - 20))
    values = [part.value for part in slices_of(rows, answers(1.0), loans()) if part.column == "job"]
    assert values == ["clerk"]


def test_numbers_are_looked_at_by_their_quarters_and_without_a_value_too() -> None:
    training = parse_training(TEXT, settings=["spec.evaluation.slices=[income]"])
    rows = features()
    rows.loc[:99, "income"] = np.nan
    parts = list(slices_of(rows, answers(1.0), training))
    assert [part.rows for part in parts] == [175, 175, 175, 175, 100] and parts[-1].value == "missing"


def test_disturbed_rows_keep_to_the_limits_and_to_whole_numbers() -> None:
    found = disturbed(features(), loans())
    assert set(found) == {"Noise", "Missing", "Shift"}
    for rows in (found["Noise"], found["Shift"]):
        assert rows["income"].between(-3, 3).all() and (rows["children"] == rows["children"].round()).all()
    assert 40 < found["Missing"]["income"].isna().sum() < 130 and not found["Missing"]["job"].isna().any()


def test_rows_are_disturbed_in_the_same_way_each_time() -> None:
    pd.testing.assert_frame_equal(disturbed(features(), loans())["Noise"], disturbed(features(), loans())["Noise"])


def test_curves_are_finite_short_and_end_where_they_should() -> None:
    curve = roc(answers(1.0, 5000))
    assert curve is not None and len(curve.thresholds) == 200
    assert (curve.false_positive_rate[0], curve.true_positive_rate[-1]) == (0.0, 1.0)
    assert len(precision_recall(answers(1.0, 5000))) == 200 and np.sum(confusion(answers(1.0))) == ROWS


def test_rows_of_one_class_have_no_curve() -> None:
    found = answers(1.0)
    assert roc(found.take(found.truth == "bad")) is None


def test_the_worst_rows_are_those_whose_truth_was_thought_least_likely() -> None:
    found = answers(1.0)
    assert found.probabilities is not None
    first = worst_rows(found)[0]
    told = np.where(found.truth == "bad", found.score, 1 - found.score)
    assert told[first] == told.min()


def test_the_worst_rows_of_the_worst_slices_are_told() -> None:
    training, found = loans(), answers(1.0)
    parts = list(slices_of(features(), found, training))
    told = worst_by_slice(training, found, parts)
    worst = min(parts, key=lambda part: part.figures["rocAuc"])
    assert told[0][0] is worst and 1 <= len(told) <= 3
    errors = np.where(found.truth == "bad", 1 - found.score, found.score)
    errors[~worst.chosen] = -1
    assert told[0][1] == np.argsort(-errors, kind="stable")[:3].tolist()


def test_no_slice_is_told_that_is_as_good_as_all_rows() -> None:
    found = answers(1.0)
    figure = figure_of("BinaryClassification", "rocAuc")(found)
    parts = [Slice("job", "nurse", np.ones(ROWS, dtype=bool), {"rocAuc": value}) for value in (figure, 0.99, math.nan)]
    assert worst_by_slice(loans(), found, parts) == []


def test_a_slice_of_personal_data_is_never_beside_a_key() -> None:
    training = parse_training(TEXT, settings=["spec.columns.job.personal=Keep", "spec.columns.job.legalBasis=contract"])
    parts = list(slices_of(features(), answers(1.0), training))
    assert {part.column for part, _ in worst_by_slice(training, answers(1.0), parts)} == {"owner"}


def record() -> TrainingRecord:
    return TrainingRecord(
        algorithm="LogisticRegression",
        parameters={"C": 1.0},
        impute=True,
        balanced=False,
        calibration=None,
        threshold=0.25,
        seed=1,
        rows=1000,
        classes=["bad", "good"],
        baseline={"good": 0.5, "bad": 0.5},
        folds={"rocAuc": [0.8, 0.01]},
        curve_metric="rocAuc",
        curve=[CurvePoint(500, 0.9, 0.7), CurvePoint(1000, 0.85, 0.8)],
        findings=["It overfits: <b>"],
        search={},
        stopping=StageFindings(
            "max_iter", "rocAuc", 40, [30, 50], [(1, 0.6), (40, 0.8), (60, 0.79)], "max_iter is 40 <stages>."
        ),
        validation=ParameterFindings(
            "C", [ValidationPoint(0.1, 0.6, 0.6), ValidationPoint(None, 0.9, 0.7)], "C is best at <null>."
        ),
    )


def document(champion: ModelAnswers | None = None) -> Mapping[str, Any]:
    training = loans("{metric: rocAuc, champion: 0.01}", "{metric: rocAuc, atLeast: 0.99}")
    found = evidence(training, answers(1.0), champion)
    return document_of(
        training,
        record(),
        found,
        verdicts(training, found),
        importances=[Importance("income", 0.2, 0.01), Importance("job", 0.0, 0.0)],
        dependences=[
            Dependence("income", [(-1.0, 0.2), (1.0, 0.6)]),
            Dependence("job", [("clerk", 0.3), ("<i>", 0.4)]),
        ],
        worst=[{"position": 3, "row": {"person": "a<b"}}],
        worst_by_slice=[SliceExamples(found.parts[0], [{"position": 5, "row": {"person": "c<d"}}])],
        champion_uri="s3://models/loans/1/",
    )


def test_what_was_seen_survives_being_written_and_read(tmp_path: Any) -> None:
    seen = document(answers(2.0))
    write_document(seen, tmp_path / "evaluation.json")
    assert read_document(tmp_path / "evaluation.json") == seen


def test_the_page_needs_nothing_else_and_shows_what_it_was_given_as_text() -> None:
    page = report(document(answers(2.0)))
    assert (
        "<script" not in page
        and "<i>" not in page
        and "a<b" not in page
        and "http" not in page.replace("http-equiv", "")
    )
    assert page.isascii() and "Loans &lt;script&gt;" in page


@pytest.mark.parametrize(
    "words",
    [
        "not published: 1 of 3 gates failed",
        "Which class is taken for which",
        "Are its probabilities true?",
        "0.25 on",
        "Among rows with job: clerk (ROC AUC 0.",
        "person c&lt;d",
        "by C. C is best at &lt;null&gt;.",
        "ROC AUC by the number of stages, mean of the folds. max_iter is 40 &lt;stages&gt;.",
    ],
)
def test_the_page_says(words: str) -> None:
    assert words in report(document())


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"impute": False}, "passed on"),
        ({"impute": True}, "replaced"),
        ({"missing_indicators": ["a<b", "c"]}, "replaced; indicated for a&lt;b, c"),
    ],
)
def test_the_page_says_what_became_of_missing_values(made: dict[str, Any], words: str) -> None:
    seen = document()
    assert f"<dd>{words}</dd>" in report({**seen, "training": {**seen["training"], **made}})


def test_a_number_of_stages_that_nobody_chose_is_not_drawn() -> None:
    seen = document()
    assert "Early stopping" in report(seen)
    assert "Early stopping" not in report({**seen, "training": {**seen["training"], "stopping": None}})


@pytest.mark.parametrize(("number", "ticks"), [(30, ["1", "30", "60"]), (55, ["1", "55"]), (2, ["2", "60"])])
def test_numbers_of_stages_are_not_written_on_each_other(number: int, ticks: list[str]) -> None:
    seen = document()
    stopping = {**seen["training"]["stopping"], "number": number, "curve": [[1, 0.6], [number, 0.8], [60, 0.7]]}
    page = report({**seen, "training": {**seen["training"], "stopping": stopping}})
    picture = page[page.index('id="stages-t"') :].partition("</svg>")[0]
    assert sorted(re.findall(r'class="tick middle"[^>]*>([^<]*)<', picture), key=int) == ticks
