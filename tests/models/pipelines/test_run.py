"""The pipeline as a user runs it: the command line, every step a process, store and cluster on loopback."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from support.fake_registries import FakeMlflow
from support.loopback import listening
from support.signing import KeyPair, key_pair
from support.waiting import wait
from timoneiro_serving.digest import directory_digest
from timoneiro_serving.loading import load_model

Outcome = subprocess.CompletedProcess[str]
EXAMPLE = Path(__file__).parents[3] / "pipelines" / "examples" / "diagnosis" / "training.yaml"


def run(root: Path, environment: dict[str, str], *arguments: str, definition: Path = EXAMPLE) -> Outcome:
    program = [sys.executable, "-m", "timoneiro_operator.cli.main", "training", "run"]
    command = [*program, str(definition), "--root", str(root), *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


def steps_of(outcome: Outcome) -> list[str]:
    return sorted(line.split()[0] for line in outcome.stdout.splitlines() if " s  " in line or line.endswith(" s"))


SIGNED = "--set=spec.package.signature.keyFrom.env=TIMONEIRO_SIGNING_KEY"


@pytest.fixture(scope="module")
def keys() -> KeyPair:
    return key_pair()


@pytest.fixture(scope="module")
def mlflow() -> Iterator[FakeMlflow]:
    server = FakeMlflow()
    with listening(server):
        yield server


@pytest.fixture(scope="module")
def published(
    environment: dict[str, str], keys: KeyPair, mlflow: FakeMlflow, tmp_path_factory: pytest.TempPathFactory
) -> Outcome:
    """A run that goes through, publishes version 1 signed, registers it, and waits for its rollout."""
    with_key = {**environment, "TIMONEIRO_SIGNING_KEY": keys.private, "MLFLOW_TRACKING_URI": mlflow.address}
    then = ("--set=publish.wait=5m", "--set=publish.registries={mlflow: {}}")
    outcome = run(tmp_path_factory.mktemp("runs"), with_key, "--publish", SIGNED, *then)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return outcome


def test_every_step_is_reported_once(published: Outcome) -> None:
    assert steps_of(published) == [
        "await-rollout",
        "evaluate-model",
        "find-champion",
        "ingest-data",
        "package-model",
        "publish-model",
        "register-model",
        "rehearse-model",
        "require-good-model",
        "require-promotion",
        "require-valid-data",
        "require-working-model",
        "resolve-definition",
        "sign-model",
        "train-model",
        "validate-data",
    ]


def test_the_output_is_short_and_has_none_of_kfp_s(published: Outcome) -> None:
    assert len(published.stdout.splitlines()) == 27 and "KFP Executor" not in published.stdout


def test_what_kfp_wrote_is_in_the_log(published: Outcome) -> None:
    log = next(line.split()[1] for line in published.stdout.splitlines() if line.startswith("log:"))
    assert "KFP Executor" in Path(log).read_text()


def test_figures_of_a_step_are_next_to_it(published: Outcome) -> None:
    assert "rows 569, columns 31, missing_share 0, duplicates 0" in published.stdout


def test_the_package_in_the_store_is_the_one_that_the_deployment_names(
    published: Outcome, store: Any, cluster: Any, tmp_path: Path
) -> None:
    for path, content in store.objects.items():
        if path.startswith("/models/diagnosis/1/"):
            (tmp_path / Path(path).name).write_bytes(content)
    assert cluster.applied[0]["body"]["spec"]["model"]["digest"] == directory_digest(tmp_path)


def verified(environment: dict[str, str], keys: KeyPair, folder: Path) -> Outcome:
    """What `timoneiro model verify` says of the package in the store."""
    (folder / "public.pem").write_text(keys.public)
    program = [sys.executable, "-m", "timoneiro_operator.cli.main", "model", "verify", "s3://models/diagnosis/1/"]
    command = [*program, "--public-key", str(folder / "public.pem")]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


def test_the_package_in_the_store_is_signed(
    published: Outcome, environment: dict[str, str], cluster: Any, keys: KeyPair, tmp_path: Path
) -> None:
    done = verified(environment, keys, tmp_path)
    digest = cluster.applied[0]["body"]["spec"]["model"]["digest"]
    assert (done.returncode, done.stdout) == (0, f"s3://models/diagnosis/1/: signed and whole, {digest}\n")


def test_a_package_that_is_altered_in_the_store_is_refused_by_its_address(
    published: Outcome,
    environment: dict[str, str],
    store: Any,
    keys: KeyPair,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(store.objects, "/models/diagnosis/1/README.md", b"the best model of all")
    done = verified(environment, keys, tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "s3://models/diagnosis/1 does not hold the bytes that model.sig was made for: README.md"
    )


def test_the_key_is_nowhere_in_what_a_run_leaves(published: Outcome, keys: KeyPair) -> None:
    log = Path(next(line.split()[1] for line in published.stdout.splitlines() if line.startswith("log:")))
    middle = keys.private.splitlines()[1].encode()
    assert not any(middle in path.read_bytes() for path in log.parent.rglob("*") if path.is_file())


def test_the_deployment_is_applied_by_the_pipeline_s_own_manager(published: Outcome, cluster: Any) -> None:
    sent = cluster.applied[0]
    assert (sent["manager"], sent["type"]) == ("timoneiro-pipeline", "application/apply-patch+yaml")


def test_the_deployment_says_which_run_and_which_data_the_model_is_from(published: Outcome, cluster: Any) -> None:
    said = cluster.applied[0]["body"]["metadata"]["annotations"]
    log = Path(next(line.split()[1] for line in published.stdout.splitlines() if line.startswith("log:")))
    manifest = artifact(published, "ingest-data", "dataset").read_bytes()
    assert said["timoneiro.dev/run"] == log.parent.name
    assert said["timoneiro.dev/dataset"] == f"sha256:{hashlib.sha256(manifest).hexdigest()}"


def test_the_registry_is_told_what_the_deployment_is_told(published: Outcome, cluster: Any, mlflow: FakeMlflow) -> None:
    sent = cluster.applied[0]["body"]
    version = mlflow.written[-1][1]
    tags = {tag["key"]: tag["value"] for tag in version["tags"]}
    assert (version["name"], version["source"]) == ("diagnosis", sent["spec"]["model"]["uri"])
    assert tags["timoneiro.dev/digest"] == sent["spec"]["model"]["digest"]
    assert sent["metadata"]["annotations"].items() <= tags.items()
    assert float(tags["rocAuc"]) > 0.9


def test_where_the_model_is_registered_is_an_artifact(published: Outcome) -> None:
    told = json.loads(artifact(published, "register-model", "registration").read_text())
    assert [(each["registry"], each["model"], each["number"]) for each in told["registered"]] == [
        ("MLflow", "diagnosis", "1")
    ]


def test_the_outcome_of_the_rollout_is_an_artifact(published: Outcome) -> None:
    told = json.loads(artifact(published, "await-rollout", "rollout").read_text())
    assert (told["outcome"], told["publication"]["version"]) == ("Promoted", "1")


def test_the_summary_names_what_was_published(published: Outcome, cluster: Any) -> None:
    model = cluster.applied[0]["body"]["spec"]["model"]
    assert published.stdout.splitlines()[-1].split() == ["published:", model["uri"], model["digest"]]


def artifact(outcome: Outcome, step: str, name: str) -> Path:
    log = next(line.split()[1] for line in outcome.stdout.splitlines() if line.startswith("log:"))
    return next(Path(log).parent.glob(f"**/{step}/{name}"))


def test_curve_and_confusion_matrix_are_what_kubeflow_draws(published: Outcome) -> None:
    output = json.loads(artifact(published, "evaluate-model", "executor_output.json").read_text())
    drawn = output["artifacts"]["curves"]["artifacts"][0]["metadata"]
    points, matrix = drawn["confidenceMetrics"], drawn["confusionMatrix"]
    assert 2 <= len(points) <= 200
    assert all(0 <= value <= 1 for point in points for value in point.values())
    classes = [each["displayName"] for each in matrix["annotationSpecs"]]
    assert (classes, [len(row["row"]) for row in matrix["rows"]]) == (["benign", "malignant"], [2, 2])


def test_the_report_of_the_model_is_a_page_that_kubeflow_can_show_in_a_frame(published: Outcome) -> None:
    page = artifact(published, "evaluate-model", "report").read_text()
    assert page.startswith("<!DOCTYPE html>") and not re.findall(r"(?:src|href)=[\"']?(?!#|data:)", page)


@pytest.mark.parametrize("step", ["validate-data", "rehearse-model", "await-rollout"])
def test_reports_of_other_steps_are_markdown_as_kubeflow_shows_it(published: Outcome, step: str) -> None:
    page = artifact(published, step, "report").read_text()
    # Longer ones are cut off, and HTML is shown as text.
    assert len(page) < 400_000 and page.startswith("#") and not re.search(r"<[a-z]+[ >]", page)


@pytest.fixture(scope="module")
def careless(published: Outcome, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A second version without imputer, judged against the first."""
    careless = ("--version=2", "--publish", "--set=spec.model.impute=false", "--set=spec.package.rehearse=false")
    return run(tmp_path_factory.mktemp("runs"), environment, *careless)


def test_a_model_without_imputer_passes_every_offline_gate(careless: Outcome) -> None:
    assert careless.returncode == 0, careless.stdout + careless.stderr


def test_the_champion_is_judged_on_the_same_rows(careless: Outcome) -> None:
    assert "champion_rocAuc" in careless.stdout


def test_the_data_is_compared_with_what_the_champion_was_trained_on(careless: Outcome) -> None:
    report = next(line.split()[2] for line in careless.stdout.splitlines() if line.startswith("data report:"))
    assert "0 have drifted, the largest PSI is" in Path(report).read_text()


def test_and_then_fails_for_inputs_with_missing_values(careless: Outcome) -> None:
    package = next(line.split()[1] for line in careless.stdout.splitlines() if line.startswith("package:"))
    model = load_model(Path(package))
    row = pd.DataFrame([[None] * len(model.features)], columns=[f.name for f in model.features], dtype=float)
    with pytest.raises(ValueError, match="NaN"):
        model.predictor.predict(row)


@pytest.fixture(scope="module")
def dry(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A run without store, cluster and registry."""
    then = ("--set=publish.wait=5m", "--set=publish.registries={mlflow: {}}")
    return run(tmp_path_factory.mktemp("runs"), {"KUBECONFIG": "/nowhere"}, "--set=spec.split.folds=2", *then)


def test_a_dry_run_needs_neither_store_nor_cluster_nor_registry(dry: Outcome) -> None:
    assert dry.returncode == 0, dry.stdout + dry.stderr


def test_a_dry_run_starts_none_of_the_steps_of_publishing(dry: Outcome) -> None:
    assert not {"publish-model", "register-model", "await-rollout", "require-promotion"} & set(steps_of(dry))


def test_without_a_wait_a_run_ends_when_the_model_is_published(careless: Outcome) -> None:
    assert {"publish-model", "await-rollout"} & set(steps_of(careless)) == {"publish-model"}


def test_without_registries_nobody_is_told(careless: Outcome) -> None:
    assert "register-model" not in steps_of(careless)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A run that the evaluation gate stops."""
    return run(tmp_path_factory.mktemp("runs"), {}, "--set=spec.split.folds=2", "--set=spec.gates[0].atLeast=0.9999")


def test_a_failed_gate_gives_exit_code_1(stopped: Outcome) -> None:
    assert stopped.returncode == 1


def test_a_failed_gate_is_reported_in_its_own_words_without_colours(stopped: Outcome) -> None:
    assert re.fullmatch(
        r"require-good-model failed: evaluation failed: ROC AUC is 0\.\d+; ROC AUC of at least 0.9999 is wanted\n",
        stopped.stderr,
    )


def test_what_a_failed_gate_is_about_is_there(stopped: Outcome) -> None:
    figures = next(line for line in stopped.stdout.splitlines() if line.startswith("evaluate-model"))
    assert "rocAuc 0.99" in figures and "FAILED" not in figures


def test_nothing_is_started_after_a_failed_gate(stopped: Outcome) -> None:
    assert "package-model" not in steps_of(stopped)


def test_nothing_is_trained_for_a_deployment_that_is_not_there(environment: dict[str, str], tmp_path: Path) -> None:
    outcome = run(tmp_path, environment, "--publish", "--set=metadata.name=unknown")
    assert outcome.stderr.startswith("find-champion failed: ModelDeployment default/unknown is not there: apply one")
    assert "train-model" not in steps_of(outcome)


def test_nothing_is_trained_for_a_registry_that_is_not_there(environment: dict[str, str], tmp_path: Path) -> None:
    nowhere = {**environment, "MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}
    outcome = run(tmp_path, nowhere, "--publish", "--version=9", "--set=publish.registries={mlflow: {}}")
    assert outcome.stderr.startswith("find-champion failed: MLflow at http://127.0.0.1:1 does not answer")
    assert "train-model" not in steps_of(outcome)


def refused(call: Callable[[], Outcome]) -> str:
    outcome = call()
    assert outcome.returncode in (1, 2)
    return outcome.stderr.strip()


def test_a_definition_with_faults_stops_the_run_before_it_starts(tmp_path: Path) -> None:
    told = refused(lambda: run(tmp_path, {}, "--set=spec.modl.seed=1", "--set=spec.split.folds=1"))
    assert told.splitlines() == [
        "training.yaml: spec.modl: there is no such field; did you mean model?",
        "training.yaml: spec.split.folds: it must be at least 2",
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_version_that_is_no_name_stops_the_run_before_it_starts(tmp_path: Path) -> None:
    assert "version '1/2' must be" in refused(lambda: run(tmp_path, {}, "--version=1/2"))


def test_a_root_that_kfp_would_garble_is_refused(tmp_path: Path) -> None:
    assert "KFP cannot work below a folder" in refused(lambda: run(tmp_path / "python3", {}))


def working_in(folder: Path) -> list[psutil.Process]:
    """Processes that a run below `folder` has started: the folder is in what they were started with."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if str(folder) in " ".join([*process.cmdline(), process.environ().get("TMPDIR", "")]):
                found.append(process)
    return found


def test_a_run_that_is_told_to_stop_leaves_neither_processes_nor_temporary_files(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "timoneiro_operator.cli.main", "training", "run"]
    command = [*program, str(EXAMPLE), "--root", str(tmp_path), "--set=spec.model.search.trials=500"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        while not running.stdout.readline().startswith("validate-data"):
            assert running.poll() is None
        wait("the step that trains", lambda: len(working_in(tmp_path)) > 1, seconds=60)
        running.terminate()
        assert running.wait() == 128 + signal.SIGTERM
    assert working_in(tmp_path) == []
    assert not list(tmp_path.glob("*/temporary"))
