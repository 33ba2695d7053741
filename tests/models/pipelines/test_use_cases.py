"""The examples of pipelines/examples as a user runs them: the command line, every step a process."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from example_data import write_credit
from timoneiro_components.tables import frame_of, read_table
from timoneiro_serving.loading import load_model
from use_cases.cases import PAGES, USE_CASES, UseCase
from use_cases.measure import best_possible, scores

# The pipeline of diagnosis is run by test_run.py.
CASES = {case.name: case for case in USE_CASES if case.name != "diagnosis"}


class ExampleRun(NamedTuple):
    """One run of an example: what it printed, and where it left its artifacts."""

    case: UseCase
    outcome: subprocess.CompletedProcess[str]
    folder: Path

    def printed(self, figure: str) -> float:
        """Of the step that evaluates the model."""
        line = next(line for line in self.outcome.stdout.splitlines() if line.startswith("evaluate-model"))
        found = re.search(rf"\b{figure} ([0-9.e-]+)", line)
        assert found, line
        return float(found[1])


@pytest.fixture(scope="module", params=sorted(CASES))
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ExampleRun:
    case, folder = CASES[request.param], tmp_path_factory.mktemp(request.param)
    shutil.copy(case.definition, folder)
    if case.name == "credit-risk":
        write_credit(folder / "credit.csv")
    # Fewer folds: they take most of the time, and change nothing about the model.
    program = [sys.executable, "-m", "timoneiro_operator.cli.main", "training", "run"]
    outcome = subprocess.run(
        [*program, str(folder / "training.yaml"), "--root", str(folder / "runs"), "--set=spec.split.folds=2"],
        # One thread: those of boosting wait for one another where tests share the cores.
        env={**os.environ, "KUBECONFIG": "/nowhere", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return ExampleRun(case, outcome, folder)


def test_an_example_passes_all_its_gates(done: ExampleRun) -> None:
    assert done.outcome.returncode == 0, done.outcome.stdout + done.outcome.stderr


def test_its_page_says_how_good_the_model_is(done: ExampleRun) -> None:
    row = next(line for line in (PAGES / "README.md").read_text().splitlines() if f"]({done.case.name}.md)" in line)
    assert float(row.split("|")[5]) == pytest.approx(done.printed("rocAuc"), abs=0.002)


def test_its_package_answers_rows(done: ExampleRun) -> None:
    line = next(line for line in done.outcome.stdout.splitlines() if line.startswith("package:"))
    model = load_model(Path(line.split()[1]))
    test = frame_of(read_table(next(done.folder.glob("runs/**/train-model/test"))))
    answer = model.predictor.predict(test[[feature.name for feature in model.features]].astype(object).head(3))
    assert answer.probabilities is not None and answer.probabilities.shape == (3, 2)


@pytest.mark.parametrize("done", [name for name in sorted(CASES) if CASES[name].odds], indirect=True)
def test_no_model_is_better_than_the_best_possible(done: ExampleRun) -> None:
    assert done.case.odds is not None
    test = frame_of(read_table(next(done.folder.glob("runs/**/train-model/test"))))
    key, target = ("payment", test["label"] == "fraud") if done.case.name == "fraud" else ("machine", test["fails"])
    best = scores(target.to_numpy(dtype=bool), best_possible(done.case.odds(), test, key))
    assert done.printed("rocAuc") < best.roc_auc and done.printed("logLoss") > best.log_loss
