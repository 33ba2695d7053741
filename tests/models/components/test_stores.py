"""Packages in every kind of store: what holds for all of them, and what can go wrong with Google's and with claims."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kserve_storage import Storage

from support.fake_google_storage import PERSON, FakeGoogleStorage, fake_google_storage
from timoneiro_components.cluster import ModelDeployments
from timoneiro_components.errors import StepError
from timoneiro_components.publish import publish
from timoneiro_components.stores import claim_files, gs_files
from timoneiro_components.stores.claim_files import ClaimFiles
from timoneiro_components.stores.gs_files import GoogleFiles
from timoneiro_components.stores.store import ModelStore
from timoneiro_serving.digest import directory_digest
from timoneiro_serving.integrity import Contents

DEPLOYMENT = {"metadata": {"name": "diagnosis", "uid": "u-1"}}


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGoogleStorage]:
    with fake_google_storage("models", closed=("closed",), read_only=("museum",)) as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.address)
        yield server


@pytest.fixture
def claims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of all claims, with one of the name `models`."""
    folder = tmp_path / "claims"
    (folder / "models").mkdir(parents=True)
    monkeypatch.setenv("TIMONEIRO_CLAIMS", str(folder))
    return folder


@pytest.fixture(params=["s3", "gs", "pvc"])
def kind(request: pytest.FixtureRequest) -> str:
    """The protocol of a store that is there."""
    request.getfixturevalue({"s3": "s3", "gs": "google", "pvc": "claims"}[request.param])
    return str(request.param)


@pytest.fixture
def store(kind: str, s3: Any) -> ModelStore:
    return s3.store if kind == "s3" else ModelStore.connect()  # type: ignore[no-any-return]


@pytest.fixture
def uri(kind: str) -> str:
    return f"{kind}://models/diagnosis/1/"


@pytest.fixture
def put(kind: str, s3: Any, request: pytest.FixtureRequest) -> Callable[[str, bytes], None]:
    """Puts a file where `uri` is."""

    def write(name: str, content: bytes) -> None:
        if kind == "s3":
            s3.objects["models", f"diagnosis/1/{name}"] = content
        elif kind == "gs":
            request.getfixturevalue("google").put("models", f"diagnosis/1/{name}", content)
        else:
            file = Path(request.getfixturevalue("claims"), "models/diagnosis/1", name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)

    return write


@pytest.fixture
def altered(workspace: Any, tmp_path: Path) -> Path:
    """Another package of the same name and version."""
    folder = Path(shutil.copytree(workspace.package, tmp_path / "altered"))
    manifest = folder / "timoneiro.json"
    manifest.write_text(manifest.read_text() + "\n")
    return folder


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(StepError) as raised:
        call()
    assert PERSON not in str(raised.value)
    return str(raised.value)


def test_a_package_comes_back_as_it_was(workspace: Any, store: ModelStore, uri: str, tmp_path: Path) -> None:
    assert store.upload(workspace.package, uri) is True
    store.download(uri, tmp_path / "back")
    assert directory_digest(tmp_path / "back") == directory_digest(workspace.package)


def test_version_1_does_not_bring_the_files_of_version_14(
    workspace: Any, store: ModelStore, kind: str, tmp_path: Path
) -> None:
    for version in ("1", "14"):
        store.upload(workspace.package, f"{kind}://models/diagnosis/{version}")
    store.download(f"{kind}://models/diagnosis/1", tmp_path / "back")
    assert directory_digest(tmp_path / "back") == directory_digest(workspace.package)


def test_the_same_package_is_not_uploaded_twice(workspace: Any, store: ModelStore, uri: str) -> None:
    store.upload(workspace.package, uri)
    assert store.upload(workspace.package, uri) is False


def test_another_package_under_a_taken_version_is_refused(
    workspace: Any, altered: Path, store: ModelStore, uri: str
) -> None:
    store.upload(workspace.package, uri)
    assert refused(lambda: store.upload(altered, uri)) == (
        f"{uri} already holds another package: choose a version that is not taken"
    )


def test_a_signature_may_come_later_and_is_never_replaced(
    workspace: Any, store: ModelStore, uri: str, tmp_path: Path
) -> None:
    signed = Path(shutil.copytree(workspace.package, tmp_path / "signed"))
    store.upload(workspace.package, uri)
    (signed / "model.sig").write_bytes(b"first")
    assert store.upload(signed, uri) is True
    (signed / "model.sig").write_bytes(b"second")
    assert store.upload(signed, uri) is False
    store.download(uri, tmp_path / "back")
    assert (tmp_path / "back" / "model.sig").read_bytes() == b"first"


def test_a_folder_without_a_manifest_is_no_package(altered: Path, store: ModelStore, uri: str) -> None:
    (altered / "timoneiro.json").unlink()
    assert refused(lambda: store.upload(altered, uri)) == f"{altered} has no timoneiro.json: it is not a package"


def test_an_upload_that_was_cut_short_can_be_repeated(
    workspace: Any, store: ModelStore, uri: str, put: Callable[[str, bytes], None], tmp_path: Path
) -> None:
    put("model.skops", (workspace.package / "model.skops").read_bytes())
    store.upload(workspace.package, uri)
    store.download(uri, tmp_path / "back")
    assert directory_digest(tmp_path / "back") == directory_digest(workspace.package)


def test_leftovers_of_another_upload_are_refused_by_name(
    workspace: Any, store: ModelStore, uri: str, put: Callable[[str, bytes], None]
) -> None:
    put("model.onnx", b"left over")
    assert "holds files of another upload (model.onnx)" in refused(lambda: store.upload(workspace.package, uri))


def test_a_file_of_another_package_is_refused_and_stays_what_it_is(
    workspace: Any, store: ModelStore, uri: str, put: Callable[[str, bytes], None], tmp_path: Path
) -> None:
    put("model.skops", b"of another")
    assert "holds files of another upload (model.skops)" in refused(lambda: store.upload(workspace.package, uri))
    store.download(uri, tmp_path / "back")
    assert (tmp_path / "back" / "model.skops").read_bytes() == b"of another"
    assert [path.name for path in (tmp_path / "back").iterdir()] == ["model.skops"]


def test_a_version_that_is_not_taken_is_free(store: ModelStore, uri: str) -> None:
    store.require_free(uri)


def test_a_version_that_is_taken_is_told_before_training(workspace: Any, store: ModelStore, uri: str) -> None:
    store.upload(workspace.package, uri)
    assert refused(lambda: store.require_free(uri)).startswith(f"{uri} already holds a package: choose a version")


def test_where_no_package_is_that_is_told(store: ModelStore, uri: str, tmp_path: Path) -> None:
    assert refused(lambda: store.download(uri, tmp_path / "back")) == f"there is no package at {uri}"


def test_the_deployment_gets_the_address_that_kserve_reads(
    workspace: Any, store: ModelStore, kind: str, uri: str, api_type: type[Any]
) -> None:
    api = api_type(DEPLOYMENT)
    deployments = ModelDeployments(api, "ml")
    publish(workspace.package, model_store=f"{kind}://models", namespace="ml", store=store, deployments=deployments)
    model = api.patches[0]["body"]["spec"]["model"]
    assert (model["uri"], model["digest"]) == (uri, directory_digest(workspace.package))


@pytest.fixture
def nothing_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who publishes has looked before another one wrote its files."""
    monkeypatch.setattr(GoogleFiles, "names", lambda self: ())
    monkeypatch.setattr(ClaimFiles, "names", lambda self: ())


@pytest.mark.parametrize("kind", ["gs", "pvc"], indirect=True)
@pytest.mark.usefixtures("nothing_seen")
def test_of_two_that_publish_at_the_same_time_the_second_is_refused(
    workspace: Any, altered: Path, store: ModelStore, uri: str
) -> None:
    store.upload(workspace.package, uri)
    assert "already holds another package" in refused(lambda: store.upload(altered, uri))


@pytest.mark.parametrize("kind", ["gs", "pvc"], indirect=True)
@pytest.mark.usefixtures("nothing_seen")
def test_two_may_publish_the_same_package_at_the_same_time(workspace: Any, store: ModelStore, uri: str) -> None:
    store.upload(workspace.package, uri)
    assert store.upload(workspace.package, uri) is True


def test_google_gets_the_manifest_last(altered: Path, google: FakeGoogleStorage) -> None:
    (altered / "zones.json").write_text("{}")
    ModelStore.connect().upload(altered, "gs://models/diagnosis/1/")
    assert google.puts[-1] == "diagnosis/1/timoneiro.json"


def test_google_gets_a_large_file_as_it_is(altered: Path, google: FakeGoogleStorage) -> None:
    large = os.urandom(9 * 2**20)
    (altered / "model.skops").write_bytes(large)
    ModelStore.connect().upload(altered, "gs://models/diagnosis/1/")
    assert google.buckets["models"]["diagnosis/1/model.skops"].content == large


def test_kserve_downloads_from_google_exactly_what_was_published(
    workspace: Any, google: FakeGoogleStorage, tmp_path: Path
) -> None:
    for version in ("1", "14"):
        ModelStore.connect().upload(workspace.package, f"gs://models/diagnosis/{version}/")
    Storage.download("gs://models/diagnosis/1/", str(tmp_path / "models"))
    Contents(tmp_path / "models").check_digest(directory_digest(workspace.package))


@pytest.mark.parametrize(
    ("bucket", "sentence"),
    [
        ("none", "the model store cannot be asked for {uri}: there is no such bucket"),
        ("closed", "the model store cannot be asked for {uri}: these credentials may not do that"),
        (
            "museum",
            "the package cannot be written to {uri}: these credentials may not write to it: they need "
            "storage.objects.create",
        ),
    ],
)
def test_a_bucket_of_google_that_takes_nothing_is_told_before_training(
    google: FakeGoogleStorage, bucket: str, sentence: str
) -> None:
    uri = f"gs://{bucket}/diagnosis/1/"
    assert refused(lambda: ModelStore.connect().require_free(uri)) == sentence.format(uri=uri)


def test_a_store_that_knows_no_permissions_may_still_be_written_to(google: FakeGoogleStorage) -> None:
    google.knows_permissions = False
    ModelStore.connect().require_free("gs://models/diagnosis/1/")


def test_a_bucket_of_google_that_takes_nothing_is_told_when_it_is_written_to(
    workspace: Any, google: FakeGoogleStorage
) -> None:
    uri = "gs://museum/diagnosis/1/"
    told = refused(lambda: ModelStore.connect().upload(workspace.package, uri))
    assert told == f"the package cannot be written to {uri}: these credentials may not do that"


def test_an_object_of_google_that_goes_while_it_is_read_is_told(
    google: FakeGoogleStorage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(GoogleFiles, "names", lambda self: ("model.skops",))
    uri = "gs://models/diagnosis/1/"
    told = refused(lambda: ModelStore.connect().download(uri, tmp_path))
    assert told == f"the package {uri} cannot be read: it is gone"


def test_google_without_credentials_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")
    told = refused(lambda: ModelStore.connect().require_free("gs://models/diagnosis/1/"))
    assert "there are no credentials, or they are not accepted: check GOOGLE_APPLICATION_CREDENTIALS" in told


def test_a_store_of_google_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    monkeypatch.setattr(gs_files, "_ALL_SECONDS", 1)
    told = refused(lambda: ModelStore.connect().require_free("gs://models/diagnosis/1/"))
    assert told.endswith(": the store cannot be reached")


URI = "pvc://models/diagnosis/1/"


def test_a_model_server_finds_the_package_in_the_claim_as_it_was_published(workspace: Any, claims: Path) -> None:
    ModelStore.connect().upload(workspace.package, URI)
    # KServe mounts this folder as it is, and the server is another user.
    folder = claims / "models" / "diagnosis" / "1"
    Contents(folder).check_digest(directory_digest(workspace.package))
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o044 == 0o044 for path in (folder, *folder.rglob("*")))


def test_what_is_not_finished_is_nowhere_in_the_claim(
    workspace: Any, claims: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(claim_files.os, "fsync", full)
    told = refused(lambda: ModelStore.connect().upload(workspace.package, URI))
    assert told == f"the package cannot be written to {URI}: the file: No space left on device"
    assert [path for path in claims.rglob("*") if path.is_file()] == []


def test_nothing_but_the_package_is_left_in_the_claim(workspace: Any, claims: Path) -> None:
    ModelStore.connect().upload(workspace.package, URI)
    assert [path.name for path in (claims / "models").iterdir()] == ["diagnosis"]
    assert [path.name for path in (claims / "models" / "diagnosis").iterdir()] == ["1"]


@pytest.fixture
def without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system on which a file has one name."""

    def link(source: object, target: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(claim_files.os, "link", link)


@pytest.mark.usefixtures("without_links")
def test_a_claim_need_not_know_links(workspace: Any, claims: Path) -> None:
    ModelStore.connect().upload(workspace.package, URI)
    assert directory_digest(claims / "models" / "diagnosis" / "1") == directory_digest(workspace.package)


@pytest.mark.usefixtures("without_links", "nothing_seen")
def test_without_links_too_nothing_of_a_published_package_is_replaced(
    workspace: Any, altered: Path, claims: Path
) -> None:
    ModelStore.connect().upload(workspace.package, URI)
    assert "already holds another package" in refused(lambda: ModelStore.connect().upload(altered, URI))


def test_a_link_in_a_claim_is_no_part_of_a_package(workspace: Any, claims: Path, tmp_path: Path) -> None:
    ModelStore.connect().upload(workspace.package, URI)
    (claims / "models" / "diagnosis" / "1" / "link").symlink_to("/etc/hostname")
    told = refused(lambda: ModelStore.connect().download(URI, tmp_path / "back"))
    assert told.startswith(f"the package {URI} cannot be read: ") and "link is a symbolic link" in told


def test_where_claims_are_has_to_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIMONEIRO_CLAIMS", raising=False)
    assert refused(lambda: ModelStore.connect().require_free(URI)) == (
        f"the model store cannot be asked for {URI}: TIMONEIRO_CLAIMS is not set: it is the folder that has one for "
        "each claim; on a cluster, name models in kubeflow.claims"
    )


def test_a_claim_that_is_not_there_is_told(claims: Path) -> None:
    told = refused(lambda: ModelStore.connect().require_free("pvc://other/diagnosis/1/"))
    assert told.startswith("the model store cannot be asked for pvc://other/diagnosis/1/: ") and told.endswith(
        f"{claims}/other is no folder: TIMONEIRO_CLAIMS has one for each claim; on a cluster, name other in "
        "kubeflow.claims"
    )


def test_a_claim_that_takes_nothing_is_told_before_training(claims: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim_files.os, "access", lambda path, mode: False)
    assert refused(lambda: ModelStore.connect().require_free(URI)) == (
        f"the package cannot be written to {URI}: nothing can be written to {claims}/models"
    )
