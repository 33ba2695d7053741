"""`kubeflow` of a definition: what it may say, which step reads which variable, and what no cluster can do."""

from __future__ import annotations

import json

import pytest

from timoneiro_components.definition.environment import cluster_faults, readers_of
from timoneiro_components.definition.problems import DefinitionError, field_of
from timoneiro_components.definition.reading import encoded, parse_training, resolved
from timoneiro_components.definition.schema import fields_at
from timoneiro_components.definition.training import Training

SMALL = """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: loans}
spec:
  source: {csv: {path: s3://tables/loans.csv}}
  columns:
    loan: {type: Key, personal: Hash}
    age: {type: Integer, minimum: 18, maximum: 120}
    status: {type: Category, values: [good, bad]}
  target: {column: status, positive: bad}
  privacy: {hashKeyFrom: {env: HASH_KEY}}
"""
SQL = (
    "spec.source={sql: {url: 'postgresql://h/d', table: t, userFrom: {env: DB_USER}, passwordFrom: {env: DB_PASSWORD}}}"
)
LAKEFS_SECRET = "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY"  # a name, and no secret
STORE = {"find-champion", "validate-data", "evaluate-model", "publish-model"}
MODEL_REGISTRY, REGISTRATION = (
    "publish={registries: {modelRegistry: {url: 'http://h'}}}",
    {"find-champion", "register-model"},
)


def training(*settings: str) -> Training:
    return parse_training(SMALL, settings=settings)


def refused(*settings: str) -> str:
    """The one fault of the definition."""
    with pytest.raises(DefinitionError) as told:
        training(*settings)
    (problem,) = told.value.problems
    return str(problem)


FAULTS = {
    "an image that is none": (
        "kubeflow={image: a b}",
        "kubeflow.image: it must be the name of an image, best by digest",
    ),
    "a digest that is cut off": ("kubeflow={image: 'a@sha256:12'}", "kubeflow.image: it must be the name of an image"),
    "a service account that is none": (
        "kubeflow={serviceAccount: A_B}",
        "kubeflow.serviceAccount: it must be lower case",
    ),
    "a step that is none": ("kubeflow={steps: {train: {}}}", "kubeflow.steps.train: it must be 'resolve-definition', "),
    "memory without a unit": ("kubeflow={steps: {train-model: {memory: '8'}}}", "such as 8Gi"),
    "no core": ("kubeflow={steps: {train-model: {cpu: 0}}}", "kubeflow.steps.train-model.cpu: it must be at least 0.1"),
    "a time without a unit": ("kubeflow={steps: {train-model: {timeout: '2'}}}", "such as 45s, 15m, 12h or 30d"),
    "retries without an end": ("kubeflow={steps: {train-model: {retries: 11}}}", "it must be at most 10"),
    "a variable that is none": ("kubeflow={env: {a-b: c}}", "it must be the name of an environment variable"),
    "a key that is none": ("kubeflow={secrets: [{name: s, env: {HASH_KEY: a b}}]}", "it must be a key of the Secret"),
    "a secret in the file": (
        "kubeflow={env: {AWS_SECRET_ACCESS_KEY: x}}",
        "it is a secret: name a Secret of the cluster",
    ),
    "a secret of lakeFS in the file": (
        f"kubeflow={{env: {{{LAKEFS_SECRET}: x}}}}",
        "it is a secret: name a Secret of the cluster",
    ),
    "the key of hashes in the file": ("kubeflow={env: {HASH_KEY: x}}", "it is a secret: name a Secret of the cluster"),
    "a Secret without variables": (
        "kubeflow={secrets: [{name: s}]}",
        "kubeflow.secrets[0]: it gives nothing to anyone",
    ),
    "a Secret for no step": (
        "kubeflow={secrets: [{name: s, env: {HASH_KEY: k}, steps: []}]}",
        "it gives nothing to anyone",
    ),
    "a variable twice": (
        "kubeflow={secrets: [{name: s, env: {HASH_KEY: k}}, {name: t, files: {HASH_KEY: k}}]}",
        "kubeflow.secrets[1]: HASH_KEY comes twice: kubeflow.secrets[0] has it too",
    ),
    "a variable that nobody is known to read": (
        "kubeflow={secrets: [{name: s, env: {LICENCE: k}}]}",
        "which step reads LICENCE is not known: say it, as in steps: [ingest-data]",
    ),
    "a claim that is none": ("kubeflow={claims: [a/b]}", "kubeflow.claims[0]: it must be lower case letters, digits"),
    "a claim twice": ("kubeflow={claims: [models, other, models]}", "kubeflow.claims[2]: models comes twice"),
    "another place for claims": (
        "kubeflow={claims: [models], env: {TIMONEIRO_CLAIMS: /mnt}}",
        "kubeflow.env.TIMONEIRO_CLAIMS: leave it out: it says where the claims of kubeflow.claims are",
    ),
    "a place for claims from a Secret": (
        "kubeflow={claims: [models], secrets: [{name: s, env: {TIMONEIRO_CLAIMS: k}, steps: [publish-model]}]}",
        "kubeflow.secrets[0]: TIMONEIRO_CLAIMS comes twice: kubeflow.claims has it too",
    ),
    "a password of MLflow in the file": (
        "kubeflow={env: {MLFLOW_TRACKING_PASSWORD: x}}",
        "it is a secret: name a Secret of the cluster",
    ),
    "registries without one": (
        "publish={registries: {}}",
        "publish.registries: it names no registry: write mlflow or modelRegistry",
    ),
    "a registry that is none": ("publish={registries: {mlfow: {}}}", "there is no such field; did you mean mlflow?"),
    "a Model Registry without an address": (
        "publish={registries: {modelRegistry: {}}}",
        "publish.registries.modelRegistry.url: it is missing. Of its REST API without /api",
    ),
    "a user in the address of MLflow": (
        "publish={registries: {mlflow: {url: 'https://me:hunter2@h'}}}",
        "publish.registries.mlflow.url: it must be an address without user and password, such as https://mlflow.example",
    ),
    "a file as MLflow": (
        "publish={registries: {mlflow: {url: 'sqlite:///mlflow.db'}}}",
        "publish.registries.mlflow.url: it must be an address without user and password",
    ),
    "a port of a Model Registry that is none": (
        "publish={registries: {modelRegistry: {url: 'http://h:port'}}}",
        "publish.registries.modelRegistry.url: it must be an address without user and password",
    ),
    "an address of a registry with spaces": (
        "publish={registries: {mlflow: {url: 'https://a b'}}}",
        "publish.registries.mlflow.url: it must be an address, such as https://registry.example.com",
    ),
    "a name that no registry takes": (
        "publish={registries: {mlflow: {model: a/b}}}",
        "publish.registries.mlflow.model: it must be letters, digits, ' ', '.', '_' and '-', at most 200",
    ),
    "a wait without a unit": ("publish={wait: '2'}", "publish.wait: it must be a whole number of seconds"),
    "a wait that no step has the time for": ("publish={wait: 8d}", "publish.wait: it must be at most 7d"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_one_sentence_with_its_field(name: str) -> None:
    setting, sentence = FAULTS[name]
    assert sentence in refused(setting)


def test_a_step_that_would_be_ended_before_its_wait_is_told() -> None:
    timeout = "kubeflow={steps: {await-rollout: {timeout: 2h}}}"
    assert "timeout: it must be longer than publish.wait, which is 2h" in refused("publish={wait: 2h}", timeout)


def test_a_variable_that_nobody_is_known_to_read_may_be_given_to_steps() -> None:
    said = training("kubeflow={secrets: [{name: s, env: {LICENCE: k}, steps: [train-model]}]}").kubeflow
    assert said.secrets[0].steps == ("train-model",)


@pytest.mark.parametrize(
    ("variable", "settings", "readers"),
    [
        ("HASH_KEY", (), {"ingest-data"}),
        ("DB_PASSWORD", (SQL,), {"ingest-data"}),
        ("SIGNING", ("spec.package={signature: {keyFrom: {env: SIGNING}}}",), {"sign-model"}),
        ("AWS_ACCESS_KEY_ID", (), {"ingest-data", *STORE}),
        ("AWS_ACCESS_KEY_ID", (SQL,), STORE),
        (
            "GOOGLE_APPLICATION_CREDENTIALS",
            ("spec.source={csv: {path: 'gs://tables/loans.csv'}}",),
            {"ingest-data", *STORE},
        ),
        ("GOOGLE_APPLICATION_CREDENTIALS", (), STORE),
        (LAKEFS_SECRET, ("spec.source={csv: {path: 'lakefs://loans/main/loans.csv'}}",), {"ingest-data"}),
        (LAKEFS_SECRET, (), set()),
        ("AWS_ACCESS_KEY_ID", ("spec.source={csv: {path: /data/loans.csv.dvc}}",), {"ingest-data", *STORE}),
        (
            "GOOGLE_APPLICATION_CREDENTIALS",
            ("spec.source={csv: {path: /data/loans.csv.dvc}}",),
            {"ingest-data", *STORE},
        ),
        ("MLFLOW_TRACKING_TOKEN", ("publish={registries: {mlflow: {}}}",), REGISTRATION),
        ("MLFLOW_TRACKING_URI", ("publish={registries: {mlflow: {}}}",), REGISTRATION),
        ("MLFLOW_TRACKING_TOKEN", (MODEL_REGISTRY,), set()),
        ("MODEL_REGISTRY_TOKEN", (MODEL_REGISTRY,), REGISTRATION),
        ("MODEL_REGISTRY_TOKEN", (), set()),
        ("ANYTHING", ("spec.source={python: {function: 'loans:table'}}",), {"ingest-data"}),
        ("ANYTHING", (), set()),
    ],
)
def test_a_variable_is_for_the_steps_that_read_it(variable: str, settings: tuple[str, ...], readers: set[str]) -> None:
    assert readers_of(variable, training(*settings)) == readers


def told(*settings: str) -> list[tuple[str, str]]:
    return [(field_of(path), sentence) for path, sentence in cluster_faults(training(*settings))]


SECRET = "kubeflow={secrets: [{name: s, env: {HASH_KEY: k}}]}"  # a name, and no secret


def test_a_definition_whose_secrets_are_given_can_run_on_a_cluster() -> None:
    assert told(SECRET) == []


def test_a_named_variable_that_no_secret_gives_is_told() -> None:
    sentence = "no Secret of kubeflow.secrets gives HASH_KEY to the step that reads it"
    assert told() == [("spec.privacy.hashKeyFrom", sentence)]


@pytest.mark.parametrize(
    ("setting", "field"),
    [
        ("spec.source={jsonLines: {path: loans.jsonl}}", "spec.source.jsonLines.path"),
        ("spec.source={sql: {url: 'sqlite:///loans.db', table: loans}}", "spec.source.sql.url"),
        ("spec.privacy.erasure={path: erased.csv}", "spec.privacy.erasure.path"),
        (
            "spec.joins=[{source: {csv: {path: b.csv}}, on: [loan], columns: [age]}]",
            "spec.joins[0].source.csv.path",
        ),
    ],
)
def test_a_file_beside_the_definition_is_told(setting: str, field: str) -> None:
    assert [found for found, sentence in told(SECRET, setting) if "is a file of this machine" in sentence] == [field]


def test_what_dvc_tracks_beside_the_definition_has_an_address_that_a_cluster_can_read() -> None:
    ((field, sentence),) = told(SECRET, "spec.source={csv: {path: data/loans.csv.dvc}}")
    assert field == "spec.source.csv.path"
    assert "write the address that `dvc get --show-url . data/loans.csv` prints, or" in sentence


@pytest.mark.parametrize(
    "path", ["/data/loans.csv", "file:///data/loans.csv", "gs://tables/loans.csv", "lakefs://loans/main/loans.csv"]
)
def test_a_file_that_a_cluster_may_have_is_not_told(path: str) -> None:
    assert told(SECRET, f"spec.source={{csv: {{path: '{path}'}}}}") == []


def test_what_a_step_may_use_changes_nothing_that_a_step_reads() -> None:
    other = training(SECRET, "kubeflow.steps={train-model: {cpu: 8}}")
    assert (resolved(other), encoded(other)) == (resolved(training()), encoded(training()))
    assert "kubeflow" not in json.loads(resolved(other))


@pytest.mark.parametrize(
    ("registries", "called"),
    [
        ("{mlflow: {}}", "mlflow"),
        ("{modelRegistry: {url: 'http://h'}}", "modelRegistry"),
        ("{mlflow: {}, modelRegistry: {url: 'http://h'}}", "mlflow, modelRegistry"),
    ],
)
def test_registries_are_called_as_in_the_definition(registries: str, called: str) -> None:
    assert str(training(f"publish.registries={registries}").publish.registries) == called


def test_editors_know_the_fields() -> None:
    assert set(fields_at(("kubeflow",))) == {"image", "serviceAccount", "env", "secrets", "claims", "steps"}
    assert set(fields_at(("kubeflow", "steps", "train-model"))) == {"cpu", "memory", "retries", "timeout"}
    assert set(fields_at(("publish", "registries", "modelRegistry"))) == {"url", "model"}
