"""A package is asked in the real model server, a process on loopback, before anything is published."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from timoneiro_components.definition.training import Training
from timoneiro_components.errors import StepError
from timoneiro_components.features.rows import features_of
from timoneiro_components.package import package
from timoneiro_components.rehearsal.questions import bad_questions, good_questions, rows_of
from timoneiro_components.rehearse import rehearse, report_of
from timoneiro_components.tables import frame_of, read_table
from timoneiro_components.train import train

Diagnosis = Callable[..., Training]


def test_a_good_package_answers_every_question_as_the_model_does(diagnosis: Diagnosis, workspace: Any) -> None:
    done = rehearse(diagnosis(), package=workspace.package, test=workspace.test)
    assert done.reasons == () and done.asked == 44 and done.metrics["memory_mib"] > 50
    assert report_of(done).startswith("# Rehearsal: passed")


def test_a_model_that_fails_on_gaps_that_callers_may_leave_is_found(
    diagnosis: Diagnosis, workspace: Any, tmp_path: Path
) -> None:
    training = diagnosis("spec.model.impute=false")
    train(training, data=workspace.data, model=tmp_path / "model", test=tmp_path / "test")
    said = {"data": workspace.data, "privacy": workspace.privacy, "dataset": workspace.dataset}
    package(training, **said, model=tmp_path / "model", destination=tmp_path / "package", version="1")
    (reason,) = rehearse(training, package=tmp_path / "package", test=tmp_path / "test").reasons
    assert reason == (
        "a row without 'mean radius', a row without 'mean texture', a row without 'mean perimeter' and 28 more: "
        "answered with 500 (v1)"
    )


def test_a_server_that_takes_what_it_has_to_refuse_is_found(
    diagnosis: Diagnosis, workspace: Any, tmp_path: Path
) -> None:
    """Its manifest lets callers leave out what the definition does not."""
    strict = "spec.columns['mean radius'].nullable=false".replace("'", '"')
    done = rehearse(diagnosis(strict), package=workspace.package, test=workspace.test)
    assert done.reasons == ("null for 'mean radius', which may not be missing: answered with 200, and 400 is due",)


def test_a_package_that_the_server_does_not_load_is_told_in_the_servers_words(
    diagnosis: Diagnosis, workspace: Any, tmp_path: Path
) -> None:
    broken = Path(shutil.copytree(workspace.package, tmp_path / "broken"))
    (broken / "model.skops").write_bytes(b"PK")
    with pytest.raises(StepError, match=r"the model server ended with exit code 1: .*model.skops is another one"):
        rehearse(diagnosis(), package=broken, test=workspace.test)


def test_a_package_is_not_asked_where_the_definition_says_so(diagnosis: Diagnosis, tmp_path: Path) -> None:
    done = rehearse(diagnosis("spec.package.rehearse=false"), package=tmp_path, test=tmp_path)
    assert done.reasons == () and "left out" in report_of(done)


def test_rows_are_sent_as_callers_send_them(diagnosis: Diagnosis, workspace: Any) -> None:
    features = features_of(frame_of(read_table(workspace.test)), diagnosis())
    features.loc[features.index[0], "mean area"] = float("nan")
    first = rows_of(features.head(1), diagnosis())[0]
    assert first["mean area"] is None and json.loads(json.dumps(first)) == first


def test_bodies_that_are_wrong_are_no_two_alike(diagnosis: Diagnosis, workspace: Any) -> None:
    features = features_of(frame_of(read_table(workspace.test)), diagnosis())
    bodies = [question.body for question in bad_questions(features, diagnosis())]
    assert len(bodies) == len(set(bodies)) == 9
    assert {question.protocol for question in good_questions(features.head(3), diagnosis())} == {"v1", "v2"}
