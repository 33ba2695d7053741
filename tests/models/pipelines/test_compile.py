"""What is uploaded to a cluster."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.compiled import tasks_of
from support.recording_pipeline_api import check_ir, check_parameters
from timoneiro_components.definition.kubeflow import STEPS

GOLDEN = Path(__file__).parent / "golden" / "training.yaml"
EXAMPLE = Path(__file__).parents[3] / "pipelines" / "examples" / "diagnosis" / "training.yaml"
STORE = {"find-champion", "validate-data", "evaluate-model", "publish-model"}
DIGEST = f"registry.example.com/python-components@sha256:{'a' * 64}"


def compile_to(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "timoneiro_operator.cli.main", "training", "compile", "--output", str(path)]
    return subprocess.run([*program, *arguments], capture_output=True, text=True, check=False)


def documents(path: Path, *arguments: str) -> list[Any]:
    done = compile_to(path, *arguments)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(path.read_text()))


@pytest.fixture(scope="module")
def general(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The pipeline for any definition, with the image that has a tag."""
    return documents(tmp_path_factory.mktemp("compiled") / "training.yaml")


@pytest.fixture(scope="module")
def pinned(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The pipeline of one definition, with an image by digest and a file of a Secret."""
    settings = [f"kubeflow.image={DIGEST}", "kubeflow.env={AWS_ENDPOINT_URL: 'http://store'}"]
    settings += ["kubeflow.secrets=[{name: google, files: {GOOGLE_APPLICATION_CREDENTIALS: key.json}}]"]
    settings += ["kubeflow.claims=[models]"]
    settings += ["kubeflow.steps={train-model: {cpu: 4, memory: 16Gi, timeout: 2h, retries: 1}}"]
    made = tmp_path_factory.mktemp("compiled") / "diagnosis.yaml"
    return documents(made, str(EXAMPLE), *(f"--set={setting}" for setting in settings))


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The same definition as objects of Kubernetes."""
    made = tmp_path_factory.mktemp("compiled") / "objects.yaml"
    return documents(made, str(EXAMPLE), "--image", DIGEST, "--kubernetes-manifests", "--namespace", "pipelines")


def container(documents: list[Any], step: str) -> dict[str, Any]:
    found: dict[str, Any] = documents[0]["deploymentSpec"]["executors"][f"exec-{step}"]["container"]
    return found


def platform(documents: list[Any], step: str) -> dict[str, Any]:
    found: dict[str, Any] = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"][f"exec-{step}"]
    return found


def test_the_pipeline_is_the_one_that_was_reviewed(general: list[Any]) -> None:
    # After a wanted change: timoneiro training compile --output tests/models/pipelines/golden/training.yaml
    assert general == list(yaml.safe_load_all(GOLDEN.read_text()))


def test_the_same_pipeline_is_the_same_file(general: list[Any], tmp_path: Path) -> None:
    documents(tmp_path / "again.yaml")
    assert (tmp_path / "again.yaml").read_text() == yaml.safe_dump_all(general, sort_keys=True)


@pytest.mark.parametrize("kind", ["general", "pinned"])
def test_what_is_compiled_is_a_pipeline_for_kubernetes(kind: str, request: pytest.FixtureRequest) -> None:
    pipeline, of_kubernetes = request.getfixturevalue(kind)
    check_ir(pipeline, of_kubernetes)


def test_no_step_installs_anything_at_run_time(general: list[Any]) -> None:
    assert "pip install" not in yaml.safe_dump(general)


def test_every_step_of_a_definition_is_there_and_no_other(general: list[Any]) -> None:
    assert set(tasks_of(general[0])) == set(STEPS)


def test_every_step_runs_in_the_same_image(pinned: list[Any]) -> None:
    assert {container(pinned, step)["image"] for step in STEPS} == {DIGEST}


def test_steps_that_look_at_the_outside_world_are_not_cached(pinned: list[Any]) -> None:
    tasks = tasks_of(pinned[0]).items()
    uncached = {name for name, task in tasks if not task.get("cachingOptions", {}).get("enableCache")}
    assert uncached == {
        "find-champion",
        "ingest-data",
        "sign-model",
        "publish-model",
        "register-model",
        "await-rollout",
    }


def test_with_a_tag_no_step_is_cached(general: list[Any]) -> None:
    assert not any(task.get("cachingOptions", {}).get("enableCache") for task in tasks_of(general[0]).values())


def test_gates_are_not_tried_again_and_steps_that_ask_others_are(general: list[Any]) -> None:
    tasks = tasks_of(general[0])
    assert {name for name in tasks if "retryPolicy" in tasks[name]} == {
        "find-champion",
        "ingest-data",
        "validate-data",
        "evaluate-model",
        "publish-model",
        "register-model",
        "await-rollout",
    }
    assert tasks["ingest-data"]["retryPolicy"] == {
        "maxRetryCount": 2,
        "backoffDuration": "30s",
        "backoffFactor": 2.0,
        "backoffMaxDuration": "600s",
    }


def test_every_step_has_limits_of_memory_cores_and_time(general: list[Any]) -> None:
    for step in STEPS:
        resources = container(general, step)["resources"]
        assert resources["resourceMemoryLimit"] == resources["resourceMemoryRequest"]
        assert resources["resourceCpuLimit"] == resources["resourceCpuRequest"]
        assert int(platform(general, step)["activeDeadlineSeconds"]) >= 900


def test_kubeflow_does_not_end_the_longest_wait_for_a_rollout(general: list[Any]) -> None:
    assert int(platform(general, "await-rollout")["activeDeadlineSeconds"]) > 7 * 86400


def test_a_step_gets_what_its_definition_says(pinned: list[Any]) -> None:
    resources = container(pinned, "train-model")["resources"]
    assert (resources["resourceCpuLimit"], resources["resourceMemoryLimit"]) == ("4000m", "16Gi")
    assert platform(pinned, "train-model")["activeDeadlineSeconds"] == "7200"
    assert tasks_of(pinned[0])["train-model"]["retryPolicy"]["maxRetryCount"] == 1


def test_a_file_of_a_secret_is_where_its_variable_says(pinned: list[Any]) -> None:
    (volume,) = platform(pinned, "ingest-data")["secretAsVolume"]
    env = {each["name"]: each["value"] for each in container(pinned, "ingest-data")["env"]}
    assert (volume["secretName"], env["GOOGLE_APPLICATION_CREDENTIALS"]) == (
        "google",
        f"{volume['mountPath']}/key.json",
    )


def test_the_key_of_signatures_reaches_the_step_that_signs_and_no_other(general: list[Any]) -> None:
    (use,) = platform(general, "sign-model")["secretAsEnv"]
    key = [{"secretKey": "key.pem", "envVar": "TIMONEIRO_SIGNING_KEY"}]
    assert (use["secretName"], use["keyToEnv"], use["optional"]) == ("timoneiro-signing", key, True)
    assert {step for step in STEPS if "secretAsEnv" in platform(general, step)} == {"sign-model"}


def test_a_secret_is_only_where_it_is_read(pinned: list[Any]) -> None:
    # The source is a function of the user's own, which may read whatever it likes.
    assert {step for step in STEPS if "secretAsVolume" in platform(pinned, step)} == {"ingest-data", *STORE}


def test_a_claim_is_where_its_variable_says_in_the_steps_that_ask_the_model_store(pinned: list[Any]) -> None:
    for step in STORE:
        (mount,) = platform(pinned, step)["pvcMount"]
        env = {each["name"]: each["value"] for each in container(pinned, step)["env"]}
        assert mount["pvcNameParameter"] == {"runtimeValue": {"constant": "models"}}
        assert mount["mountPath"] == f"{env['TIMONEIRO_CLAIMS']}/models"
    assert {step for step in STEPS if "pvcMount" in platform(pinned, step)} == STORE


def test_a_pipeline_for_every_definition_has_no_claims(general: list[Any]) -> None:
    assert not any("pvcMount" in platform(general, step) for step in STEPS)


def test_a_variable_that_is_no_secret_is_in_every_step(pinned: list[Any]) -> None:
    for step in STEPS:
        assert {"name": "AWS_ENDPOINT_URL", "value": "http://store"} in container(pinned, step)["env"]


def test_the_pipeline_of_a_definition_needs_no_parameter(pinned: list[Any]) -> None:
    check_parameters(pinned[0], {})


def test_objects_of_kubernetes_are_a_pipeline_and_a_version_of_it(native: list[Any]) -> None:
    pipeline, version = native
    assert [each["apiVersion"] for each in native] == ["pipelines.kubeflow.org/v2beta1"] * 2
    assert [each["kind"] for each in native] == ["Pipeline", "PipelineVersion"]
    assert [each["metadata"]["namespace"] for each in native] == ["pipelines"] * 2
    assert pipeline["metadata"]["name"] == version["spec"]["pipelineName"] == "diagnosis"
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,251}[a-z0-9])?", version["metadata"]["name"])
    check_ir(version["spec"]["pipelineSpec"], version["spec"]["platformSpec"])


def test_another_pipeline_is_another_version(native: list[Any], tmp_path: Path) -> None:
    arguments = (str(EXAMPLE), "--image", DIGEST, "--kubernetes-manifests")
    same = documents(tmp_path / "same.yaml", *arguments)[1]["metadata"]["name"]
    other = documents(tmp_path / "other.yaml", *arguments, "--set=spec.model.seed=3")[1]["metadata"]["name"]
    assert (same == native[1]["metadata"]["name"], same == other) == (True, False)


def test_a_file_that_is_no_yaml_is_refused_with_a_sentence(tmp_path: Path) -> None:
    done = compile_to(tmp_path / "training.json")
    assert (done.returncode, done.stderr.strip().endswith("choose a name that ends with .yaml")) == (2, True)


def test_what_is_no_image_is_refused_with_a_sentence(tmp_path: Path) -> None:
    done = compile_to(tmp_path / "training.yaml", "--image", "components@latest")
    assert (done.returncode, done.stderr) == (
        2,
        "--image 'components@latest' must be the name of an image, best by digest: name@sha256:...\n",
    )
