"""One small run of the steps, and stand-ins for the store and the cluster."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import ApiException

from timoneiro_components.definition.reading import read_training
from timoneiro_components.definition.training import Training
from timoneiro_components.evaluate import evaluate
from timoneiro_components.ingest import ingest
from timoneiro_components.package import package
from timoneiro_components.stores.s3_files import S3Files
from timoneiro_components.stores.store import ModelStore
from timoneiro_components.train import train

EXAMPLE = Path(__file__).parents[3] / "pipelines" / "examples" / "diagnosis" / "training.yaml"


def diagnosis(*settings: str) -> Training:
    """The definition of the example, with a few folds and these settings."""
    return read_training(EXAMPLE, ["spec.split.folds=3", *settings])


@dataclass(frozen=True)
class Workspace:
    """Files of one run of the steps up to the package, with an imputer."""

    data: Path
    holdout: Path
    privacy: Path
    dataset: Path
    model: Path
    test: Path
    evaluation: Path
    package: Path


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("run")
    names = ("data", "holdout", "privacy", "dataset", "model", "test", "seen", "package")
    made = Workspace(*(root / name for name in names))
    training = diagnosis()
    ingest(training, data=made.data, holdout=made.holdout, privacy=made.privacy, dataset=made.dataset)
    train(training, data=made.data, model=made.model, test=made.test)
    evaluate(training, model=made.model, test=made.test, champion_uri="", evaluation=made.evaluation)
    files = {"model": made.model, "data": made.data, "privacy": made.privacy, "dataset": made.dataset}
    package(training, **files, destination=made.package, version="1", evaluation=made.evaluation)
    return made


class FakeS3:
    """The part of boto3's S3 client that a ModelStore uses; `objects` by bucket and key, `puts` in order. `store`: the
    ModelStore in front of it."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.puts: list[str] = []
        self.store = ModelStore(lambda address: S3Files(self, address))

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803  # boto3's names
        self.objects[Bucket, Key] = Body
        self.puts.append(Key)

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        return {"Body": io.BytesIO(self.objects[Bucket, Key])}

    def get_paginator(self, name: str) -> FakeS3:
        assert name == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        for bucket, key in sorted(self.objects):
            if bucket == Bucket and key.startswith(Prefix):
                yield {"Contents": [{"Key": key}]}
        yield {}


class FakeApi:
    """The ApiClient of `kubernetes`, in front of one ModelDeployment called diagnosis (or none)."""

    def __init__(
        self, deployment: dict[str, Any] | None, *, conflict_with: str = "", field: str = ".spec.model"
    ) -> None:
        self.deployment = deployment
        self.conflict_with, self.field = conflict_with, field
        self.patches: list[dict[str, Any]] = []

    def call_api(self, path: str, method: str, **arguments: Any) -> dict[str, Any]:
        if self.deployment is None:
            raise self._error(404, "not found")
        assert path == "/apis/timoneiro.dev/v1alpha1/namespaces/ml/modeldeployments/diagnosis"
        if method == "GET":
            return self.deployment
        if self.conflict_with:
            raise self._error(409, f'Apply failed with 1 conflict: conflict with "{self.conflict_with}": {self.field}')
        self.patches.append(arguments)
        return self.deployment

    @staticmethod
    def _error(status: int, message: str) -> ApiException:
        error = ApiException(status=status, reason=message)
        error.body = json.dumps({"kind": "Status", "message": message})
        return error


@pytest.fixture
def s3() -> FakeS3:
    return FakeS3()


@pytest.fixture
def api_type() -> type[FakeApi]:
    return FakeApi


@pytest.fixture(scope="session", name="diagnosis")
def definition_of_the_example() -> Callable[..., Training]:
    """The definition of the example with these settings."""
    return diagnosis
