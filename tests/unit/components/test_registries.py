"""Registration in MLflow and in the Kubeflow Model Registry, in front of stand-ins that answer as they do."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.fake_registries import FakeMlflow, FakeModelRegistry, FakeRegistry
from support.loopback import listening
from timoneiro_components.definition import registries as said
from timoneiro_components.definition.reading import parse_training
from timoneiro_components.definition.training import Training
from timoneiro_components.errors import StepError
from timoneiro_components.register import check_registries, register, summary, write_records
from timoneiro_serving.digest import directory_digest

URI = "s3://models/loans/3/"
COMMIT = "c" * 40
SECRET = "hunter2-hunter2"
DEFINITION = """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: loans, title: Loans that fail}
spec:
  source: {csv: {path: s3://tables/loans.csv}}
  columns:
    age: {type: Integer, minimum: 18, maximum: 120}
    status: {type: Category, values: [good, bad]}
  target: {column: status, positive: bad}
"""
MANIFEST: dict[str, Any] = {
    "version": "3",
    "format": {"name": "sklearn", "version": "1"},
    "task": "BinaryClassification",
    "training": {"algorithm": "LogisticRegression", "rows": 1234},
    "metrics": {"testRows": 300, "rocAuc": 0.912345},
    "data": {"dataset": f"sha256:{'d' * 64}"},
}


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment says neither where a registry is nor who asks."""
    for name in (said.MLFLOW_URL, said.MLFLOW_USER, *said.SECRETS):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def mlflow() -> Iterator[FakeMlflow]:
    server = FakeMlflow()
    with listening(server):
        yield server


@pytest.fixture
def kubeflow() -> Iterator[FakeModelRegistry]:
    server = FakeModelRegistry()
    with listening(server):
        yield server


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return packaged(tmp_path / "package")


def packaged(folder: Path, **changes: Any) -> Path:
    folder.mkdir()
    (folder / "README.md").write_text("the card")
    (folder / "timoneiro.json").write_text(json.dumps({**MANIFEST, **changes}))
    return folder


def training(mlflow: str = "", kubeflow: str = "", name: str = "") -> Training:
    """Registers at these addresses. `name`: of the model there."""
    model = f", model: {name}" if name else ""
    entries = [f"mlflow: {{url: '{mlflow}'{model}}}"] if mlflow else []
    entries += [f"modelRegistry: {{url: '{kubeflow}'{model}}}"] if kubeflow else []
    return parse_training(DEFINITION, settings=[f"publish.registries={{{', '.join(entries)}}}"])


def one(server: FakeRegistry) -> Training:
    """Registers there and nowhere else."""
    return training(mlflow=server.address) if isinstance(server, FakeMlflow) else training(kubeflow=server.address)


def told(wanted: Training) -> str:
    with pytest.raises(StepError) as refused:
        check_registries(wanted, "3")
    return str(refused.value)


@pytest.fixture(params=["mlflow", "kubeflow"])
def either(request: pytest.FixtureRequest) -> FakeRegistry:
    """Each of both."""
    found: FakeRegistry = request.getfixturevalue(request.param)
    return found


def test_mlflow_is_told_of_the_package_in_one_version(mlflow: FakeMlflow, package: Path) -> None:
    register(one(mlflow), package, uri=URI, run="run-7", commit=COMMIT)
    (_, model), (kind, version) = mlflow.written
    assert (model["name"], model["description"], kind) == ("loans", "Loans that fail", "model-versions")
    assert version["source"] == URI
    assert version["description"] == (
        f"BinaryClassification by LogisticRegression, from 1,234 rows. Model card: {URI}README.md"
    )
    assert {tag["key"]: tag["value"] for tag in version["tags"]} == {
        "timoneiro.dev/version": "3",
        "timoneiro.dev/digest": directory_digest(package),
        "timoneiro.dev/run": "run-7",
        "timoneiro.dev/dataset": f"sha256:{'d' * 64}",
        "timoneiro.dev/commit": COMMIT,
        "timoneiro.dev/model-card": f"{URI}README.md",
        "testRows": "300",
        "rocAuc": "0.912345",
    }


def test_the_model_registry_is_told_of_model_version_and_artifact(kubeflow: FakeModelRegistry, package: Path) -> None:
    register(one(kubeflow), package, uri=URI, run="run-7", commit=COMMIT)
    (_, model), (_, version), (_, artifact) = kubeflow.written
    assert (model["name"], version["name"]) == ("loans", "3")
    assert version["customProperties"]["rocAuc"] == {"metadataType": "MetadataDoubleValue", "double_value": 0.912345}
    texts = {name: value.get("string_value") for name, value in version["customProperties"].items()}
    assert (texts["timoneiro.dev/digest"], texts["timoneiro.dev/run"]) == (directory_digest(package), "run-7")
    assert (artifact["uri"], artifact["modelFormatName"], artifact["modelFormatVersion"]) == (URI, "sklearn", "1")


def test_what_is_not_known_is_left_out(mlflow: FakeMlflow, tmp_path: Path) -> None:
    package = packaged(tmp_path / "package", data={})
    (package / "README.md").unlink()
    register(one(mlflow), package, uri=URI)
    version = mlflow.written[-1][1]
    assert version["description"] == "BinaryClassification by LogisticRegression, from 1,234 rows."
    assert {tag["key"] for tag in version["tags"] if "/" in tag["key"]} == {
        "timoneiro.dev/version",
        "timoneiro.dev/digest",
    }


def test_the_same_package_is_not_registered_twice(either: FakeRegistry, package: Path) -> None:
    (first,) = register(one(either), package, uri=URI)
    written = list(either.written)
    (again,) = register(one(either), package, uri=URI)
    assert (first.new, again.new, first.number == again.number) == (True, False, True)
    assert either.written == written


def test_the_next_version_belongs_to_the_same_model(either: FakeRegistry, package: Path, tmp_path: Path) -> None:
    register(one(either), package, uri=URI)
    register(one(either), packaged(tmp_path / "next", version="4"), uri="s3://models/loans/4/")
    kinds = [kind for kind, _ in either.written]
    assert sum(kind.startswith("registered") for kind in kinds) == 1
    assert sum(kind.startswith("model") and "version" in kind for kind in kinds) == 2


def test_another_package_of_the_same_version_is_refused(either: FakeRegistry, package: Path, tmp_path: Path) -> None:
    register(one(either), package, uri=URI)
    written = list(either.written)
    with pytest.raises(StepError, match=r"has version 3 of model 'loans' already, for another package \(sha256:"):
        register(one(either), packaged(tmp_path / "other", metrics={}), uri=URI)
    assert either.written == written


def test_a_version_that_was_cut_short_gets_its_artifact(kubeflow: FakeModelRegistry, package: Path) -> None:
    kubeflow.failures["POST", "artifacts"] = (503, {"code": "Unavailable", "message": "later"})
    with pytest.raises(StepError, match=r"answered 503 \(later\)"):
        register(one(kubeflow), package, uri=URI)
    kubeflow.failures.clear()
    (done,) = register(one(kubeflow), package, uri=URI)
    assert ([kind for kind, _ in kubeflow.written], done.new) == (
        ["registered_model", "model_version", "model_artifact"],
        True,
    )


def test_a_registry_that_fails_keeps_no_other_from_being_told(
    mlflow: FakeMlflow, kubeflow: FakeModelRegistry, package: Path
) -> None:
    mlflow.failures["POST", "create"] = (500, {"error_code": "INTERNAL_ERROR", "message": "the  disk\nis full"})
    with pytest.raises(StepError) as refused:
        register(training(mlflow.address, kubeflow.address), package, uri=URI)
    assert str(refused.value) == (
        f"{URI} is published, but not registered: MLflow at {mlflow.address} answered 500 (the disk is full); "
        f"`timoneiro model register {URI}` does what is left, as often as it is called"
    )
    assert [kind for kind, _ in kubeflow.written] == ["registered_model", "model_version", "model_artifact"]


def test_a_model_may_have_another_name_there(mlflow: FakeMlflow, kubeflow: FakeModelRegistry, package: Path) -> None:
    register(training(mlflow.address, kubeflow.address, name="Fraud 2.0"), package, uri=URI)
    assert (mlflow.written[0][1]["name"], kubeflow.written[0][1]["name"]) == ("Fraud 2.0", "Fraud 2.0")


def test_people_are_told_where_to_see_a_version(mlflow: FakeMlflow, kubeflow: FakeModelRegistry, package: Path) -> None:
    found = register(training(f"{mlflow.address}/", kubeflow.address, name="Fraud 2.0"), package, uri=URI)
    assert [record.address for record in found] == [f"{mlflow.address}/#/models/Fraud%202.0/versions/1", ""]
    assert summary(found) == "MLflow Fraud 2.0 1, Model Registry Fraud 2.0 2"


def test_where_it_is_registered_is_left_as_json(mlflow: FakeMlflow, package: Path, tmp_path: Path) -> None:
    path = tmp_path / "of" / "registration.json"
    write_records(register(one(mlflow), package, uri=URI), path)
    (record,) = json.loads(path.read_text())["registered"]
    assert (record["registry"], record["model"], record["number"], record["new"]) == ("MLflow", "loans", "1", True)


def test_what_is_no_package_is_a_sentence(mlflow: FakeMlflow, tmp_path: Path) -> None:
    (tmp_path / "timoneiro.json").write_text("{}")
    with pytest.raises(StepError, match=r"is published, but not registered: .* is not the manifest of a package"):
        register(one(mlflow), tmp_path, uri=URI)


def test_nothing_is_asked_of_nobody(package: Path) -> None:
    nowhere = parse_training(DEFINITION)
    check_registries(nowhere, "3")
    assert register(nowhere, package, uri=URI) == []


# Before anything is trained.


def test_a_registry_that_can_be_used_is_told_nothing_by_the_check(either: FakeRegistry) -> None:
    check_registries(one(either), "3")
    assert either.written == []


def test_a_model_that_is_there_may_get_another_version(either: FakeRegistry, package: Path) -> None:
    register(one(either), package, uri=URI)
    written = list(either.written)
    check_registries(one(either), "4")
    assert either.written == written


def test_a_version_that_is_taken_is_told_by_the_check(either: FakeRegistry, package: Path) -> None:
    register(one(either), package, uri=URI)
    assert told(one(either)).endswith("has version 3 of model 'loans' already: choose a version that is not taken")


@pytest.mark.parametrize("word", ["create", "registered_models"])
def test_who_may_not_write_is_told_by_the_check(
    word: str, mlflow: FakeMlflow, kubeflow: FakeModelRegistry, package: Path
) -> None:
    server: FakeRegistry = mlflow if word == "create" else kubeflow
    register(one(server), package, uri=URI)
    server.failures["POST", word] = (403, "Permission denied")
    assert "refuses access (Forbidden): allow whom M" in told(one(server))


def test_who_may_make_no_model_is_told_by_the_check(mlflow: FakeMlflow) -> None:
    mlflow.failures["POST", "create"] = (403, {"message": "no"})
    assert "refuses access (no): allow whom" in told(one(mlflow))


def test_a_registry_that_does_not_refuse_what_is_incomplete_is_told(either: FakeRegistry) -> None:
    word = "create" if isinstance(either, FakeMlflow) else "registered_models"
    either.failures["POST", word] = (500, {"message": "x" * 400})
    assert told(one(either)).endswith(f"answered 500 ({'x' * 300}...)")


def test_who_is_not_known_is_told_which_variables_say_it(mlflow: FakeMlflow, kubeflow: FakeModelRegistry) -> None:
    mlflow.authorization = kubeflow.authorization = "Bearer other"
    wanted = "does not know who asks: set "
    names = "MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
    assert f"{wanted}{names}, on a cluster" in told(one(mlflow))
    assert f"{wanted}MODEL_REGISTRY_TOKEN, on a cluster" in told(one(kubeflow))


def test_a_token_is_sent_without_the_line_break_of_its_file(
    either: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MLFLOW_TRACKING_TOKEN", "MODEL_REGISTRY_TOKEN"):
        monkeypatch.setenv(name, f"{SECRET}\n")
    either.authorization = f"Bearer {SECRET}"
    check_registries(one(either), "3")


def test_nobody_asks_whom_the_environment_does_not_name(
    either: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    either.authorization = f"Basic {base64.b64encode(f'me:{SECRET}'.encode()).decode()}"
    assert "does not know who asks" in told(one(either))


def test_a_password_goes_before_a_token_as_in_the_client_of_mlflow(
    mlflow: FakeMlflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("TOKEN", "other"), ("USERNAME", "me"), ("PASSWORD", SECRET)):
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", value)
    mlflow.authorization = f"Basic {base64.b64encode(f'me:{SECRET}'.encode()).decode()}"
    check_registries(one(mlflow), "3")


@pytest.mark.parametrize("token", [f"{SECRET} {SECRET}", f"{SECRET}\n{SECRET}", f"{SECRET}é"])
def test_what_is_no_token_is_not_in_its_sentence(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_REGISTRY_TOKEN", token)
    sentence = told(training(kubeflow="http://127.0.0.1:1"))
    assert "there is no token in MODEL_REGISTRY_TOKEN: it must be one word" in sentence and SECRET not in sentence


@pytest.mark.parametrize("name", ["MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME"])
def test_no_secret_goes_in_plain_text_beyond_machine_and_cluster(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, SECRET)
    sentence = told(training(mlflow="http://mlflow.example.com"))
    assert "a token or password is not sent in plain text: write https://" in sentence and SECRET not in sentence


def test_the_environment_may_say_where_mlflow_is(mlflow: FakeMlflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow.address)
    wanted = parse_training(DEFINITION, settings=["publish.registries={mlflow: {}}"])
    check_registries(wanted, "3")


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("", "where is MLflow? Say it in publish.registries.mlflow.url, or set MLFLOW_TRACKING_URI"),
        (f"http://me:{SECRET}@h", "MLflow: MLFLOW_TRACKING_URI must be an address without user and password"),
        ("databricks", "MLflow: MLFLOW_TRACKING_URI must be an address without user and password"),
    ],
)
def test_an_environment_that_does_not_say_it_is_told(
    value: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", value)
    found = told(parse_training(DEFINITION, settings=["publish.registries={mlflow: {}}"]))
    assert found.startswith(sentence) and SECRET not in found


def test_a_registry_that_is_not_there_is_a_sentence() -> None:
    sentence = told(training(kubeflow="http://127.0.0.1:1"))
    assert sentence.startswith("Model Registry at http://127.0.0.1:1 does not answer (ConnectionError): ")
    assert sentence.endswith("check publish.registries.modelRegistry.url")


def test_another_server_is_a_sentence(mlflow: FakeMlflow, kubeflow: FakeModelRegistry) -> None:
    assert "answers as no registry does (404): check publish.registries.mlflow" in told(training(kubeflow.address))
    assert "answers as no registry does (404): check publish.registries.modelR" in told(training("", mlflow.address))


@pytest.mark.parametrize("answer", [(302, "http://127.0.0.1:1/login"), (200, "<html>sign in</html>"), (200, [1])])
def test_a_page_where_people_sign_in_is_a_sentence(answer: Any, mlflow: FakeMlflow) -> None:
    mlflow.failures["GET", "get"] = answer
    assert f"answers as no registry does ({answer[0]}): check publish.registries.mlflow.url" in told(one(mlflow))


def test_a_server_that_is_down_behind_its_gateway_is_a_sentence(mlflow: FakeMlflow) -> None:
    mlflow.failures["GET", "get"] = (502, "<html>Bad Gateway</html>")
    assert told(one(mlflow)) == f"MLflow at {mlflow.address} answered 502 (Bad Gateway)"
