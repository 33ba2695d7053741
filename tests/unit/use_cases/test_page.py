"""Figures and pictures of the use cases, and that the pages are about the examples that there are."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from timoneiro_components.definition.reading import read_training
from timoneiro_components.examples.made import MadeUp
from use_cases.cases import PAGES, ROOT, USE_CASES, UseCase
from use_cases.measure import CaseResult, best_possible
from use_cases.page import case_table, overview, with_figures
from use_cases.pictures import draw

CASE = UseCase("loans", "Loans", "made up", "bad loans", lambda: MadeUp(pd.DataFrame(), np.array([])))
TRUTH = np.array([True, False, True, False, False])
TESTED = CaseResult(
    CASE,
    "LogisticRegression",
    1200,
    TRUTH,
    model=np.array([0.9, 0.8, 0.7, 0.2, 0.1]),
    best=np.array([0.9, 0.3, 0.8, 0.2, 0.1]),
)
MARKS = "<!-- Written by make use-cases -->", "<!-- Until here -->"


def test_figures_replace_what_is_between_the_marks_and_nothing_else() -> None:
    page = f"# Loans\n{MARKS[0]}\nold\n{MARKS[1]}\nwords\n"
    assert with_figures(page, ["new"]) == f"# Loans\n{MARKS[0]}\n\nnew\n\n{MARKS[1]}\nwords\n"


def test_written_twice_a_page_is_the_same() -> None:
    once = with_figures("\n".join(MARKS), ["| a |"])
    assert with_figures(once, ["| a |"]) == once


@pytest.mark.parametrize("page", ["", MARKS[0], "\n".join([*MARKS, *MARKS])])
def test_a_page_without_one_place_for_figures_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="and one is wanted"):
        with_figures(page, [])


def test_a_case_has_its_model_the_best_possible_and_no_model() -> None:
    assert case_table(TESTED) == [
        "| 5 test rows | 2 bad loans | ROC AUC | PR AUC | log loss |",
        "|---|---|---|---|---|",
        "| the model | LogisticRegression | 0.833 | 0.833 | 0.4800 |",
        "| the best possible | the true probabilities | 1.000 | 1.000 | 0.2027 |",
        "| no model | always the same | 0.500 | 0.400 | 0.6730 |",
    ]


def test_of_real_data_nobody_knows_the_best_possible() -> None:
    real = CaseResult(CASE, "RandomForest", 1200, TRUTH, TESTED.model, best=None)
    assert overview([real])[2] == (
        "| [Loans](loans.md) | made up | 1,200 | RandomForest | 0.833 | not known | 0.833 | not known |"
    )


def test_true_probabilities_are_found_by_key() -> None:
    made = MadeUp(pd.DataFrame({"key": ["a", "b", "c"]}), np.array([0.1, 0.2, 0.3]))
    assert best_possible(made, pd.DataFrame({"key": ["c", "a"]}), "key").tolist() == [0.3, 0.1]


@pytest.mark.parametrize("best", [TESTED.best, None])
def test_a_picture_is_svg_for_light_and_dark_pages(best: np.ndarray | None) -> None:
    drawn = draw(CaseResult(CASE, "RandomForest", 1200, TRUTH, TESTED.model, best))
    assert ElementTree.fromstring(drawn).tag.endswith("svg") and "prefers-color-scheme: dark" in drawn


def test_every_example_is_a_use_case_with_a_page_and_a_picture() -> None:
    names = sorted(case.name for case in USE_CASES)
    examples = ROOT / "pipelines" / "examples"
    assert sorted(path.name for path in examples.iterdir()) == names
    for name in names:
        assert f"]({name}.svg)" in (PAGES / f"{name}.md").read_text()
        ElementTree.parse(PAGES / f"{name}.svg")
        assert (examples / name / "modeldeployment.yaml").exists()


@pytest.mark.parametrize("case", USE_CASES, ids=lambda case: case.name)
def test_a_definition_has_the_name_of_its_example(case: UseCase) -> None:
    assert read_training(case.definition).metadata.name == case.name


@pytest.mark.parametrize("case", USE_CASES, ids=lambda case: case.name)
def test_a_deployment_has_the_name_of_its_example(case: UseCase) -> None:
    text = (case.definition.parent / "modeldeployment.yaml").read_text()
    assert re.findall(r"^  name: (\S+)$", text, re.MULTILINE) == [case.name]


@pytest.mark.parametrize("case", USE_CASES, ids=lambda case: case.name)
def test_the_overview_has_the_figures_of_the_page(case: UseCase) -> None:
    row = next(line for line in (PAGES / "README.md").read_text().splitlines() if f"]({case.name}.md)" in line)
    model = next(line for line in case.page.read_text().splitlines() if line.startswith("| the model |"))
    figures = [cell.strip() for cell in row.split("|")]
    assert [figures[5], figures[7]] == [cell.strip() for cell in model.split("|")][3:5]
