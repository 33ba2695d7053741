"""`timoneiro model ...` as a person types it: what is printed where, and the exit code."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from support.fake_google_storage import fake_google_storage
from support.fake_registries import FakeMlflow, FakeModelRegistry
from support.loopback import listening
from support.signing import KeyPair, key_pair
from timoneiro_components.stores.store import ModelStore
from timoneiro_operator.cli.main import app as program
from timoneiro_pipelines import model_commands
from timoneiro_serving.digest import directory_digest, file_digests

Address = Callable[[], str]
MANIFEST = {
    "schemaVersion": 1,
    "name": "loans",
    "version": "7",
    "format": {"name": "sklearn", "version": "1"},
    "features": [{"name": "age"}],
}


@pytest.fixture(scope="module")
def keys() -> KeyPair:
    return key_pair()


@pytest.fixture
def package(tmp_path: Path, keys: KeyPair, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that is not signed, in the current folder, with a public key beside it."""
    monkeypatch.chdir(tmp_path)
    Path("public.pem").write_text(keys.public)
    folder = Path("package")
    folder.mkdir()
    (folder / "model.skops").write_bytes(b"a model")
    (folder / "timoneiro.json").write_text(json.dumps({**MANIFEST, "files": file_digests(folder)}))
    return folder


def typed(*arguments: str) -> tuple[int, str, str]:
    """Exit code, and what was printed to stdout and to stderr."""
    done = CliRunner().invoke(program, ["model", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


def test_a_signed_package_is_told_with_its_digest(package: Path, keys: KeyPair) -> None:
    keys.sign(package)
    done = typed("verify", "package", "--public-key", "public.pem")
    assert done == (0, f"package: signed and whole, {directory_digest(package)}\n", "")


def test_one_of_several_keys_is_enough(package: Path, keys: KeyPair) -> None:
    keys.sign(package)
    Path("other.pem").write_text(key_pair().public)
    assert typed("verify", "package", "--public-key", "other.pem", "--public-key", "public.pem")[0] == 0


def test_an_unsigned_package_fails_with_a_sentence(package: Path) -> None:
    code, printed, told = typed("verify", "package", "--public-key", "public.pem")
    assert (code, printed) == (1, "") and told.startswith("package is not signed, and a signature is demanded")


def test_an_altered_package_fails_with_the_name_of_the_file(package: Path, keys: KeyPair) -> None:
    (keys.sign(package) / "model.skops").write_bytes(b"another model")
    code, printed, told = typed("verify", "package", "--public-key", "public.pem")
    assert (code, printed) == (1, "") and "model.skops is another one" in told


def test_a_signed_package_that_is_not_what_its_manifest_lists_fails(package: Path, keys: KeyPair) -> None:
    (package / "model.skops").write_bytes(b"another model")
    keys.sign(package)
    code, _, told = typed("verify", "package", "--public-key", "public.pem")
    assert code == 1 and "timoneiro.json lists: model.skops is another one" in told


def test_a_folder_without_a_manifest_can_be_verified(package: Path, keys: KeyPair) -> None:
    (package / "timoneiro.json").unlink()
    keys.sign(package)
    assert typed("verify", "package", "--public-key", "public.pem")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("verify", "nowhere", "--public-key", "public.pem"), "nowhere is not a folder\n"),
        (
            ("verify", "package", "--public-key", "nowhere.pem"),
            "nowhere.pem cannot be read: No such file or directory\n",
        ),
        (
            ("verify", "package", "--public-key", "package/model.skops"),
            "package/model.skops: it is no public key in PEM",
        ),
        (("show", "gs://models"), "'gs://models' is not the address of a package: write s3://bucket/folder, gs://"),
    ],
)
def test_what_cannot_be_looked_at_is_wrong_use(package: Path, arguments: tuple[str, ...], words: str) -> None:
    code, printed, told = typed(*arguments)
    assert (code, printed) == (2, "") and told.startswith(words)


def test_what_a_package_is_is_printed(package: Path) -> None:
    code, printed, told = typed("show", "package")
    assert (code, told) == (0, "")
    assert printed.splitlines() == [
        "name:      loans",
        "version:   7",
        "format:    sklearn",
        f"digest:    {directory_digest(package)}",
        "signature: none",
        "           7  model.skops",
        f"{(package / 'timoneiro.json').stat().st_size:>12}  timoneiro.json",
    ]


@pytest.fixture(params=["gs", "pvc"])
def address(request: pytest.FixtureRequest, package: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Address]:
    """Where the package is put by calling it."""
    if request.param == "pvc":
        monkeypatch.setenv("TIMONEIRO_CLAIMS", str(Path("claims").absolute()))
        Path("claims/models").mkdir(parents=True)
        yield lambda: (shutil.copytree(package, "claims/models/loans/7"), "pvc://models/loans/7/")[1]
        return
    with fake_google_storage("models") as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.address)

        def put() -> str:
            for file in package.iterdir():
                server.put("models", f"loans/7/{file.name}", file.read_bytes())
            return "gs://models/loans/7/"

        yield put


def test_a_package_in_a_store_is_shown_by_its_address(package: Path, address: Address) -> None:
    assert typed("show", address()) == typed("show", "package")


def test_a_package_in_a_store_is_verified_by_its_address(package: Path, keys: KeyPair, address: Address) -> None:
    keys.sign(package)
    uri = address()
    done = typed("verify", uri, "--public-key", "public.pem")
    assert done == (0, f"{uri}: signed and whole, {directory_digest(package)}\n", "")


def test_the_data_that_a_package_is_from_is_told(package: Path) -> None:
    manifest = json.loads((package / "timoneiro.json").read_text())
    (package / "timoneiro.json").write_text(json.dumps({**manifest, "data": {"dataset": "sha256:1"}}))
    assert "dataset:   sha256:1\n" in typed("show", "package")[1]


def test_a_signature_that_nobody_has_verified_is_told_as_such(package: Path, keys: KeyPair) -> None:
    keys.sign(package)
    assert "signature: model.sig, not verified here\n" in typed("show", "package")[1]


def test_a_folder_without_a_manifest_has_a_digest_and_no_name(package: Path) -> None:
    (package / "timoneiro.json").unlink()
    assert typed("show", "package")[1].splitlines()[0] == f"digest:    {directory_digest(package)}"


def test_a_folder_that_has_no_digest_fails_with_the_reason(package: Path) -> None:
    (package / "link").symlink_to("model.skops")
    code, printed, told = typed("show", "package")
    assert (code, printed) == (1, "") and "link is a symbolic link" in told


def test_without_what_it_needs_one_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_commands, "_NEEDED", ("nothing_like_it",))
    code, _, told = typed("show", "package")
    assert (code, told) == (1, "nothing_like_it is not installed: pip install 'timoneiro[components]'\n")


@pytest.mark.parametrize("heavy", ["boto3", "cryptography", "model_signing"])
def test_who_asks_for_help_imports_nothing_that_packages_need(heavy: str) -> None:
    code = f"import sys; from timoneiro_operator.cli.main import app; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_model_server_imports_cryptography_for_nobody_who_demands_no_signature() -> None:
    code = "import sys, timoneiro_serving.__main__; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_who_verifies_does_not_import_what_signs() -> None:
    code = "import sys, timoneiro_serving.signature; sys.exit('model_signing' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


DEFINITION = """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: loans}
spec:
  source: {csv: {path: loans.csv}}
  columns:
    age: {type: Integer}
    status: {type: Category, values: [good, bad]}
  target: {column: status, positive: bad}
"""
ADDRESS = "s3://models/loans/7"


@pytest.fixture
def registries(package: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[FakeMlflow, FakeModelRegistry]]:
    """A definition beside the package that names both, and a store that holds it."""
    told = {"task": "BinaryClassification", "training": {"algorithm": "Linear", "rows": 9}, "metrics": {}}
    (package / "timoneiro.json").write_text(json.dumps({**MANIFEST, **told, "files": file_digests(package)}))

    class FakeStore:
        @contextmanager
        def downloaded(self, uri: str) -> Iterator[Path]:
            assert uri == ADDRESS
            yield package

    monkeypatch.setattr(ModelStore, "connect", FakeStore)
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_TOKEN", "MODEL_REGISTRY_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    mlflow, kubeflow = FakeMlflow(), FakeModelRegistry()
    with listening(mlflow), listening(kubeflow):
        places = f"{{mlflow: {{url: '{mlflow.address}'}}, modelRegistry: {{url: '{kubeflow.address}'}}}}"
        Path("training.yaml").write_text(f"{DEFINITION}publish: {{registries: {places}}}\n")
        yield mlflow, kubeflow


def test_a_published_package_is_registered_where_the_definition_says(
    registries: tuple[FakeMlflow, FakeModelRegistry],
) -> None:
    mlflow, kubeflow = registries
    link = f"{mlflow.address}/#/models/loans/versions/1"
    new = f"MLflow: loans 1, {link}, registered\nModel Registry: loans 2, registered\n"
    assert typed("register", ADDRESS) == (0, new, "")
    assert typed("register", ADDRESS) == (0, new.replace("registered", "was registered already"), "")
    assert (mlflow.written[-1][1]["source"], kubeflow.written[-1][1]["uri"]) == (f"{ADDRESS}/", f"{ADDRESS}/")


def test_a_registry_that_does_not_take_it_is_a_failure(registries: tuple[FakeMlflow, FakeModelRegistry]) -> None:
    registries[0].failures["POST", "create"] = (500, {"message": "no room"})
    code, printed, told = typed("register", ADDRESS)
    assert (code, printed) == (1, "") and "answered 500 (no room)" in told


def test_what_is_not_published_is_not_registered(registries: tuple[FakeMlflow, FakeModelRegistry]) -> None:
    code, _, told = typed("register", "package")
    assert (code, told) == (
        2,
        "package is no address: a model is registered where it is published, as s3://bucket/folder/\n",
    )


def test_a_definition_without_registries_is_told(registries: tuple[FakeMlflow, FakeModelRegistry]) -> None:
    Path("training.yaml").write_text(DEFINITION)
    code, _, told = typed("register", ADDRESS)
    assert (code, told) == (2, "training.yaml names no registry: say where in publish.registries\n")


def test_a_definition_that_is_not_there_is_told(registries: tuple[FakeMlflow, FakeModelRegistry]) -> None:
    code, _, told = typed("register", ADDRESS, "--definition", "other.yaml")
    assert code == 2 and told.startswith("other.yaml is not there")
