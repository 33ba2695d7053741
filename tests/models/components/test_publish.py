"""The model store, the ModelDeployment, and the steps that talk to them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from timoneiro_components.champion import champion_uri
from timoneiro_components.cluster import ModelDeployments
from timoneiro_components.errors import StepError
from timoneiro_components.publish import Published, publish
from timoneiro_components.stores.address import PackageAddress, parse_uri
from timoneiro_components.stores.s3_files import S3Files
from timoneiro_components.stores.store import ModelStore
from timoneiro_components.tables import table_digest
from timoneiro_serving.digest import directory_digest, file_digests

URI = "s3://models/diagnosis/1/"
DEPLOYMENT = {"metadata": {"name": "diagnosis", "uid": "u-1"}, "status": {"stable": {"uri": "s3://models/old/"}}}


def release(folder: Path, s3: Any, api: Any) -> Published:
    return publish(
        folder,
        model_store="s3://models",
        namespace="ml",
        run="20260131-030000",
        commit="c" * 40,
        store=s3.store,
        deployments=ModelDeployments(api, "ml"),
    )


@pytest.fixture
def altered(workspace: Any, tmp_path: Path) -> Path:
    """Another package of the same name and version."""
    folder = Path(shutil.copytree(workspace.package, tmp_path / "altered"))
    manifest = folder / "timoneiro.json"
    manifest.write_text(manifest.read_text() + "\n")
    return folder


def test_the_manifest_is_uploaded_last(altered: Path, s3: Any) -> None:
    (altered / "zones.json").write_text("{}")
    s3.store.upload(altered, URI)
    assert s3.puts[-1] == "diagnosis/1/timoneiro.json" and len(s3.puts) == len(file_digests(altered))


def test_an_empty_file_is_refused_because_kserve_would_drop_it(altered: Path, s3: Any) -> None:
    (altered / "notes.txt").touch()
    with pytest.raises(StepError, match=r"notes.txt is empty"):
        s3.store.upload(altered, URI)


def test_an_object_that_leads_out_of_the_package_is_not_written(s3: Any, tmp_path: Path) -> None:
    s3.objects["models", "diagnosis/1/../../evil"] = b"x"
    with pytest.raises(StepError, match="leads out of the package"):
        s3.store.download(URI, tmp_path / "back")


def test_what_the_store_refuses_is_a_sentence_with_the_remedy(workspace: Any) -> None:
    client = boto3.client("s3", region_name="x", aws_access_key_id="a", aws_secret_access_key="b")
    with Stubber(client) as stubber:
        stubber.add_client_error("list_objects_v2", service_error_code="AccessDenied")
        with pytest.raises(StepError, match=r"AccessDenied.*check AWS_ENDPOINT_URL"):
            ModelStore(lambda address: S3Files(client, address)).upload(workspace.package, URI)
    client.close()


@pytest.mark.parametrize(
    "uri",
    [
        "models/diagnosis",
        "s3://",
        "s3://models",
        "s3://models/",
        "gs://",
        "pvc://models",
        "pvc://models/../other",
        "pvc://../other",
        "pvc://models/a//b",
        "hf://models/a",
    ],
)
def test_an_address_that_is_no_place_for_a_package_is_refused(uri: str) -> None:
    with pytest.raises(StepError, match="is not the address of a package: write s3://bucket/folder, gs://bucket/fol"):
        parse_uri(uri)


@pytest.mark.parametrize("scheme", ["s3", "gs", "pvc"])
def test_an_address_has_a_place_and_a_prefix_of_names(scheme: str) -> None:
    assert parse_uri(f"{scheme}://models/loans/1") == PackageAddress(scheme, "models", "loans/1/")


def test_publishing_sets_spec_model_and_nothing_else(workspace: Any, s3: Any, api_type: type[Any]) -> None:
    api = api_type(DEPLOYMENT)
    release(workspace.package, s3, api)
    assert api.patches[0]["body"]["spec"] == {
        "model": {
            "format": {"name": "sklearn", "version": "1"},
            "uri": URI,
            "digest": directory_digest(workspace.package),
            "version": "1",
        }
    }


def test_where_the_model_comes_from_is_in_the_same_apply(workspace: Any, s3: Any, api_type: type[Any]) -> None:
    api = api_type(DEPLOYMENT)
    release(workspace.package, s3, api)
    (sent,) = api.patches
    assert sent["body"]["metadata"]["annotations"] == {
        "timoneiro.dev/run": "20260131-030000",
        "timoneiro.dev/dataset": table_digest(workspace.dataset),
        "timoneiro.dev/commit": "c" * 40,
        "timoneiro.dev/model-card": f"{URI}README.md",
    }


def test_publishing_is_a_server_side_apply_without_force(workspace: Any, s3: Any, api_type: type[Any]) -> None:
    api = api_type(DEPLOYMENT)
    release(workspace.package, s3, api)
    sent = api.patches[0]
    assert (sent["header_params"]["Content-Type"], dict(sent["query_params"])) == (
        "application/apply-patch+yaml",
        {"fieldManager": "timoneiro-pipeline", "force": "false"},
    )


def test_publishing_can_never_create_a_deployment(workspace: Any, s3: Any, api_type: type[Any]) -> None:
    api = api_type(DEPLOYMENT)
    release(workspace.package, s3, api)
    assert api.patches[0]["body"]["metadata"]["uid"] == "u-1"


def test_the_package_is_in_the_store_before_the_deployment_changes(
    workspace: Any, s3: Any, api_type: type[Any]
) -> None:
    with pytest.raises(StepError):
        release(workspace.package, s3, api_type(DEPLOYMENT, conflict_with="kubectl"))
    assert ("models", "diagnosis/1/timoneiro.json") in s3.objects


def test_a_missing_deployment_is_an_error_that_says_what_to_do(workspace: Any, s3: Any, api_type: type[Any]) -> None:
    with pytest.raises(StepError, match="ModelDeployment ml/diagnosis is not there: apply one first"):
        release(workspace.package, s3, api_type(None))


def test_nothing_is_uploaded_for_a_missing_deployment(workspace: Any, s3: Any, api_type: type[Any]) -> None:
    with pytest.raises(StepError):
        release(workspace.package, s3, api_type(None))
    assert not s3.objects


def test_a_conflict_names_the_owner(workspace: Any, s3: Any, api_type: type[Any]) -> None:
    with pytest.raises(StepError, match=r"spec.model belongs to argocd"):
        release(workspace.package, s3, api_type(DEPLOYMENT, conflict_with="argocd"))


def test_a_conflict_about_an_annotation_alone_does_not_blame_the_model(
    workspace: Any, s3: Any, api_type: type[Any]
) -> None:
    api = api_type(DEPLOYMENT, conflict_with="argocd", field=".metadata.annotations.timoneiro.dev/run")
    with pytest.raises(StepError, match=r"an annotation of the model belongs to argocd"):
        release(workspace.package, s3, api)


def test_a_folder_that_is_no_package_is_refused(tmp_path: Path, s3: Any, api_type: type[Any]) -> None:
    with pytest.raises(StepError, match=r"timoneiro.json is not the manifest of a package"):
        release(tmp_path, s3, api_type(DEPLOYMENT))


@pytest.fixture
def cluster(api_type: type[Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the cluster that `connect` finds."""

    def use(deployment: dict[str, Any] | None) -> None:
        deployments = ModelDeployments(api_type(deployment), "ml")
        monkeypatch.setattr(ModelDeployments, "connect", lambda namespace: deployments)

    return use


def champion(version: str, s3: Any, *, model_store: str = "s3://models") -> str:
    return champion_uri("diagnosis", version, namespace="ml", model_store=model_store, store=s3.store)


def test_the_champion_is_the_package_that_is_stable(cluster: Any, s3: Any) -> None:
    cluster(DEPLOYMENT)
    assert champion("2", s3) == "s3://models/old/"


@pytest.mark.parametrize("status", [{}, {"status": {}}, {"status": {"stable": None}}, {"status": {"stable": {}}}])
def test_a_new_deployment_has_no_champion(cluster: Any, s3: Any, status: dict[str, Any]) -> None:
    cluster({"metadata": {"uid": "u"}, **status})
    assert champion("2", s3) == ""


def test_a_missing_deployment_stops_the_pipeline_before_training(cluster: Any, s3: Any) -> None:
    cluster(None)
    with pytest.raises(StepError, match="apply one first"):
        champion("2", s3)


def test_a_bad_version_stops_the_pipeline_before_training(cluster: Any, s3: Any) -> None:
    cluster(DEPLOYMENT)
    with pytest.raises(StepError, match="version '' must be"):
        champion("", s3)


def test_a_version_that_is_taken_stops_the_pipeline_before_training(cluster: Any, s3: Any, workspace: Any) -> None:
    cluster(DEPLOYMENT)
    s3.store.upload(workspace.package, URI)
    with pytest.raises(StepError, match="s3://models/diagnosis/1/ already holds a package: choose a version"):
        champion("1", s3)


def test_a_store_that_is_none_stops_the_pipeline_before_training(cluster: Any, s3: Any) -> None:
    cluster(DEPLOYMENT)
    with pytest.raises(StepError, match="is not the address of a package: write s3://bucket/folder"):
        champion("2", s3, model_store="/tmp/models")


def test_without_credentials_of_the_store_nothing_is_trained(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster(DEPLOYMENT)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "here")
    with pytest.raises(StepError, match=r"cannot be asked for .*: Unable to locate credentials; check AWS_"):
        champion_uri("diagnosis", "2", namespace="ml", model_store="s3://models")


def test_without_any_cluster_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(StepError, match="set KUBECONFIG, or use publish: false"):
        ModelDeployments.connect("ml")
