"""What is uploaded to a cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

GOLDEN = Path(__file__).parent / "golden" / "training.yaml"


def compile_to(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "timoneiro_operator.cli.main", "training", "compile", "--output", str(path)]
    environment = {name: value for name, value in os.environ.items() if name != "TIMONEIRO_COMPONENTS_IMAGE"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    path = tmp_path_factory.mktemp("compiled") / "training.yaml"
    done = compile_to(path)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(path.read_text()))


def test_the_pipeline_is_the_one_that_was_reviewed(compiled: list[Any]) -> None:
    # After a wanted change: timoneiro training compile --output tests/models/pipelines/golden/training.yaml
    assert compiled == list(yaml.safe_load_all(GOLDEN.read_text()))


def test_no_step_installs_anything_at_run_time(compiled: list[Any]) -> None:
    assert "pip install" not in yaml.safe_dump(compiled)


def test_every_step_runs_in_the_project_s_image(compiled: list[Any]) -> None:
    images = {spec["container"]["image"] for spec in compiled[0]["deploymentSpec"]["executors"].values()}
    assert images == {"ghcr.io/timoneiro/components-python:0.1.0"}


def test_steps_that_look_at_the_outside_world_are_not_cached(compiled: list[Any]) -> None:
    tasks = {**compiled[0]["root"]["dag"]["tasks"]}
    tasks.update(compiled[0]["components"]["comp-condition-1"]["dag"]["tasks"])
    uncached = {name for name, task in tasks.items() if not task.get("cachingOptions", {}).get("enableCache")}
    assert uncached - {"condition-1"} == {"find-champion", "ingest-data", "publish-model", "sign-model"}


def test_only_the_step_that_signs_gets_the_key(compiled: list[Any]) -> None:
    executors = compiled[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert {step: secrets["secretAsEnv"][0]["secretName"] for step, secrets in executors.items()} == {
        "exec-sign-model": "timoneiro-signing"
    }


def test_a_file_that_is_no_yaml_is_refused_with_a_sentence(tmp_path: Path) -> None:
    done = compile_to(tmp_path / "training.json")
    assert (done.returncode, done.stderr.strip().endswith("choose a name that ends with .yaml")) == (2, True)
