"""`timoneiro training submit|schedule`: what reaches Kubeflow, and how what goes wrong there is told."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from support.compiled import tasks_of
from support.loopback import listening
from support.recording_pipeline_api import RecordingPipelineApi
from timoneiro_operator.cli.main import app as program

TOKEN = "token-of-the-service-account"
DIGEST = f"registry.example.com/python-components@sha256:{'a' * 64}"
DEFINITION = f"""\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {{name: loans}}
spec:
  source:
    sql:
      url: postgresql://db.example.com/bank
      table: loans
      userFrom: {{env: LOANS_USER}}
      passwordFrom: {{env: LOANS_PASSWORD}}
  columns:
    age: {{type: Integer, minimum: 18, maximum: 120}}
    status: {{type: Category, values: [good, bad]}}
  target: {{column: status, positive: bad}}
kubeflow:
  image: {DIGEST}
  serviceAccount: trainer
  secrets:
    - {{name: loans-db, env: {{LOANS_USER: user, LOANS_PASSWORD: password}}}}
    - {{name: model-store, env: {{AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: key}}}}
  steps:
    train-model: {{cpu: 4, memory: 16Gi, timeout: 2h}}
"""


@pytest.fixture
def api() -> Iterator[RecordingPipelineApi]:
    server = RecordingPipelineApi(token=TOKEN)
    with listening(server):
        yield server


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, api: RecordingPipelineApi) -> Path:
    (tmp_path / "training.yaml").write_text(DEFINITION)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", api.address)
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "token"))
    return tmp_path


def typed(*arguments: str) -> tuple[int, str, str]:
    """Exit code, and what was printed to stdout and to stderr. Never the token."""
    done = CliRunner().invoke(program, ["training", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert TOKEN not in done.output
    return done.exit_code, done.stdout, done.stderr


def executors(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = body["pipeline_spec"]["platform_spec"]["platforms"]["kubernetes"]["deploymentSpec"]
    return found["executors"]


def task(name: str, state: str, **more: Any) -> dict[str, Any]:
    moments = {"start_time": "2026-01-31T03:00:00Z", "end_time": "2026-01-31T03:00:07Z"}
    return {"display_name": name, "state": state, **moments, **more}


def test_a_run_is_made_with_one_request_that_carries_its_pipeline(folder: Path, api: RecordingPipelineApi) -> None:
    assert typed("submit", "--version", "7", "--publish", "--namespace", "bank") == (
        0,
        f"run:                runs-1\nsee:                {api.address}/#/runs/details/runs-1\n",
        "",
    )
    (body,) = api.written("runs")
    assert (body["display_name"], body["service_account"]) == ("loans 7", "trainer")
    parameters = body["runtime_config"]["parameters"]
    word = parameters.pop("definition").removeprefix("timoneiro-definition:")
    assert '"name": "loans"' in zlib.decompress(base64.b64decode(word)).decode()
    said = {"version": "7", "namespace": "bank", "model_store": "s3://models", "publish": True}
    # The definition of this test is in no repository.
    assert parameters == {**said, "commit": ""}


def test_a_run_is_in_the_experiment_of_its_model(folder: Path, api: RecordingPipelineApi) -> None:
    typed("submit")
    typed("submit", "--version", "2")
    assert [each["display_name"] for each in api.written("experiments")] == ["loans"]
    assert [each["experiment_id"] for each in api.written("runs")] == ["experiments-1", "experiments-1"]


def test_secrets_of_a_source_reach_the_step_that_reads_it_and_no_other(folder: Path, api: RecordingPipelineApi) -> None:
    typed("submit")
    uses = {
        step: {variable["envVar"] for use in said.get("secretAsEnv", ()) for variable in use["keyToEnv"]}
        for step, said in executors(api.written("runs")[0]).items()
    }
    store = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert {step: said for step, said in uses.items() if said} == {
        "exec-ingest-data": {"LOANS_USER", "LOANS_PASSWORD"},
        "exec-find-champion": store,
        "exec-validate-data": store,
        "exec-evaluate-model": store,
        "exec-publish-model": store,
    }


@pytest.mark.parametrize("command", [("submit",), ("schedule", "--cron", "0 3 * * 1")])
def test_a_claim_that_would_reach_no_step_is_told_before_anything_is_sent(
    folder: Path, api: RecordingPipelineApi, command: tuple[str, ...]
) -> None:
    assert typed(*command, "--publish", "--model-store", "pvc://models/loans") == (
        2,
        "",
        "the claim models of pvc://models/loans reaches no step: add it to the definition, as in kubeflow.claims: "
        "[models]\n",
    )
    assert api.written("runs") == api.written("recurringruns") == []


def test_a_claim_of_the_definition_is_mounted_where_the_model_store_is_asked(
    folder: Path, api: RecordingPipelineApi
) -> None:
    typed("submit", "--publish", "--model-store", "pvc://models/loans", "--set", "kubeflow.claims=[models]")
    (body,) = api.written("runs")
    assert body["runtime_config"]["parameters"]["model_store"] == "pvc://models/loans"
    assert {step for step, said in executors(body).items() if "pvcMount" in said} == {
        "exec-find-champion",
        "exec-validate-data",
        "exec-evaluate-model",
        "exec-publish-model",
    }


def test_two_variables_may_have_the_same_key(folder: Path, api: RecordingPipelineApi) -> None:
    secret = "{name: loans-db, env: {LOANS_USER: same, LOANS_PASSWORD: same}}"
    typed("submit", "--set", f"kubeflow.secrets=[{secret}]")
    uses = executors(api.written("runs")[0])["exec-ingest-data"]["secretAsEnv"]
    assert [each["keyToEnv"] for each in uses] == [
        [{"secretKey": "same", "envVar": "LOANS_USER"}],
        [{"secretKey": "same", "envVar": "LOANS_PASSWORD"}],
    ]


def test_the_schedule_is_as_it_was_wished(folder: Path, api: RecordingPipelineApi) -> None:
    assert typed("schedule", "--cron", "30 3 * * 1")[:2] == (0, "schedule:           recurringruns-1\n")
    (body,) = api.written("recurringruns")
    assert body["trigger"]["cron_schedule"]["cron"] == "0 30 3 * * 1"
    assert (body["no_catchup"], body["max_concurrency"], body["mode"]) == (True, "1", "ENABLE")


def test_each_run_of_a_schedule_has_a_version_of_its_own(folder: Path, api: RecordingPipelineApi) -> None:
    typed("schedule", "--cron", "30 3 * * 1")
    assert api.written("recurringruns")[0]["runtime_config"]["parameters"]["version"] == "[[ScheduledTime]]"


def test_a_schedule_takes_the_place_of_the_one_before_it(folder: Path, api: RecordingPipelineApi) -> None:
    typed("schedule", "--cron", "30 3 * * 1")
    typed("schedule", "--cron", "30 4 * * 1")
    (left,) = api.resources["recurringruns"].values()
    assert left["trigger"]["cron_schedule"]["cron"] == "0 30 4 * * 1"


def test_a_schedule_that_is_refused_leaves_the_one_before_it(folder: Path, api: RecordingPipelineApi) -> None:
    typed("schedule", "--cron", "30 3 * * 1")
    api.failures["POST", "recurringruns"] = (400, "InvalidInputError: no")
    assert typed("schedule", "--cron", "30 4 * * 1") == (
        1,
        "",
        "the schedule loans: Kubeflow answered 400 (InvalidInputError: no)\n",
    )
    assert list(api.resources["recurringruns"]) == ["recurringruns-1"]


def test_a_run_that_is_refused_leaves_no_experiment(folder: Path, api: RecordingPipelineApi) -> None:
    api.failures["POST", "runs"] = (403, "PermissionDenied: trainer may not")
    assert typed("submit") == (
        5,
        "",
        "the run loans 1: access is refused (PermissionDenied: trainer may not): let the service account in, or is "
        "this profile the right one?\n",
    )
    assert api.resources["experiments"] == {}


def test_the_experiment_of_other_runs_stays(folder: Path, api: RecordingPipelineApi) -> None:
    typed("submit")
    api.failures["POST", "runs"] = (403, "PermissionDenied")
    typed("submit", "--version", "2")
    assert list(api.resources["experiments"]) == ["experiments-1"]


def test_an_experiment_that_a_run_may_be_in_is_not_taken_away(folder: Path, api: RecordingPipelineApi) -> None:
    api.failures["POST", "runs"] = (503, "upstream request timeout")
    assert typed("submit")[0] == 1
    assert list(api.resources["experiments"]) == ["experiments-1"]


def test_after_a_lost_answer_nobody_says_that_nothing_was_made(folder: Path, api: RecordingPipelineApi) -> None:
    api.failures["POST", "runs"] = (0, "")
    code, _, told = typed("submit")
    assert code == 5
    assert told.endswith("; whether the run loans 1 was written is not known: see `timoneiro training status`\n")
    assert list(api.resources["experiments"]) == ["experiments-1"]


def test_a_schedule_whose_predecessor_stays_is_told(folder: Path, api: RecordingPipelineApi) -> None:
    typed("schedule", "--cron", "30 3 * * 1")
    api.failures["DELETE", "recurringruns-1"] = (403, "PermissionDenied")
    code, _, told = typed("schedule", "--cron", "30 4 * * 1")
    assert code == 5
    assert told.startswith("schedule recurringruns-2 is there, and the one before it (recurringruns-1) still is: ")


def test_a_schedule_that_is_not_there_cannot_be_paused(folder: Path, api: RecordingPipelineApi) -> None:
    assert typed("schedule", "--pause") == (4, "", "experiment loans has no schedule loans: make one with --cron\n")


def test_a_schedule_is_paused_resumed_and_deleted(folder: Path, api: RecordingPipelineApi) -> None:
    typed("schedule", "--cron", "30 3 * * 1")
    modes = []
    for change in ("--pause", "--resume"):
        typed("schedule", change)
        modes.append(api.resources["recurringruns"]["recurringruns-1"]["mode"])
    assert modes == ["DISABLE", "ENABLE"]
    assert typed("schedule", "--delete") == (0, "schedule:           recurringruns-1 deleted\n", "")
    assert api.resources["recurringruns"] == {}


def test_a_wait_tells_each_step_once_and_ends_with_the_run(folder: Path, api: RecordingPipelineApi) -> None:
    done = task("ingest-data", "SUCCEEDED")
    api.script = [
        {"state": "RUNNING", "run_details": {"task_details": [done, task("root", "RUNNING")]}},
        {"state": "RUNNING", "run_details": {"task_details": [done, task("train-model", "RUNNING")]}},
        {"state": "SUCCEEDED", "finished_at": "2026-01-31T03:02:05Z", "run_details": {"task_details": [done]}},
    ]
    code, printed, _ = typed("submit", "--wait")
    assert (code, printed.splitlines()[2:]) == (
        0,
        ["ingest-data                7s  SUCCEEDED", "state:              SUCCEEDED after 2m05s"],
    )


def test_a_failed_run_names_the_step_and_its_reason(folder: Path, api: RecordingPipelineApi) -> None:
    failed = task("train-model", "FAILED", error={"code": 13, "message": "main:\n  exit code 1"})
    api.script = [{"state": "FAILED", "run_details": {"task_details": [failed]}}]
    code, _, told = typed("submit", "--wait")
    assert (code, told) == (1, "run runs-1 ended as FAILED: train-model failed: main: exit code 1\n")


def test_a_run_that_was_cancelled_ends_the_wait(folder: Path, api: RecordingPipelineApi) -> None:
    api.script = [{"state": "CANCELED"}]
    assert typed("submit", "--wait")[::2] == (1, "run runs-1 ended as CANCELED\n")


def test_a_run_that_takes_longer_than_the_wait_goes_on(folder: Path, api: RecordingPipelineApi) -> None:
    api.script = [{"state": "RUNNING"}]
    code, _, told = typed("submit", "--wait", "--timeout", "0")
    assert (code, told) == (3, "run runs-1 is not over after 0 s, and goes on\n")


def test_with_a_tag_nothing_comes_from_the_cache_and_that_is_said(folder: Path, api: RecordingPipelineApi) -> None:
    _, _, told = typed("submit", "--image", "registry.example.com/python-components:7")
    assert told == (
        "registry.example.com/python-components:7 is no image by digest, so that nothing is taken from the cache: "
        "write name@sha256:...\n"
    )
    steps = tasks_of(api.written("runs")[0]["pipeline_spec"]["pipeline_spec"])
    assert not any(step["cachingOptions"].get("enableCache") for step in steps.values())


def test_a_file_of_this_machine_is_refused_before_anything_is_asked(folder: Path, api: RecordingPipelineApi) -> None:
    code, _, told = typed("submit", "--set", "spec.source={csv: {path: loans.csv}}", "--set", "kubeflow={}")
    assert (code, told) == (
        2,
        "training.yaml: spec.source.csv.path: loans.csv is a file of this machine, which no cluster has: write "
        "s3://bucket/key or gs://bucket/key, or the whole path of a file in the image\n",
    )
    assert api.requests == []


def test_a_variable_that_no_secret_gives_is_refused(folder: Path, api: RecordingPipelineApi) -> None:
    code, _, told = typed("submit", "--set", "kubeflow.secrets=[]")
    where = "training.yaml: spec.source.sql"
    assert code == 2 and told.splitlines() == [
        f"{where}.passwordFrom: no Secret of kubeflow.secrets gives LOANS_PASSWORD to the step that reads it",
        f"{where}.userFrom: no Secret of kubeflow.secrets gives LOANS_USER to the step that reads it",
    ]


@pytest.mark.parametrize(
    ("cron", "sentence"),
    [
        ("3 * *", "--cron '3 * *' has 3 fields: write minute, hour, day, month and day of the week\n"),
        (
            "61 3 * * 1",
            "--cron '61 3 * * 1': '61' is no minute: write *, a number from 0 to 59, a range such as 0-59, or */2\n",
        ),
    ],
)
def test_what_is_no_time_is_refused_before_anything_is_asked(
    folder: Path, api: RecordingPipelineApi, cron: str, sentence: str
) -> None:
    assert typed("schedule", "--cron", cron) == (2, "", sentence)
    assert api.requests == []


def test_a_schedule_needs_a_time_or_a_change(folder: Path) -> None:
    assert typed("schedule") == (2, "", "say one of --cron, --pause, --resume and --delete\n")


def test_in_a_profile_everything_is_in_its_namespace(folder: Path, api: RecordingPipelineApi) -> None:
    api.multi_user = True
    assert typed("submit", "--profile", "team")[0] == 0
    assert api.written("experiments")[0]["namespace"] == "team"


def test_a_profile_that_is_missing_is_asked_for(folder: Path, api: RecordingPipelineApi) -> None:
    api.multi_user = True
    code, _, told = typed("submit")
    assert code == 1 and told.endswith("say with --profile whose namespace it is\n")
