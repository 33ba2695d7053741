"""From the definition and the environment to the registries that are told of a model."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Protocol

from ..definition import registries as said
from ..definition.training import Training
from ..errors import StepError
from . import kubeflow, mlflow
from .asking import RegistryApi, RegistryUser
from .entry import RegistryEntry, RegistryRecord


class Registry(Protocol):
    """Where the versions of one model are registered."""

    def check(self, version: str) -> None: ...

    def register(self, entry: RegistryEntry) -> RegistryRecord: ...


def registries_of(training: Training) -> Iterator[Registry]:
    """Those that the definition names; asks nothing. Raises StepError for an address or credentials that cannot be
    used."""
    wanted = training.publish.registries
    if wanted is not None and wanted.mlflow is not None:
        url = wanted.mlflow.url or _variable(said.MLFLOW_URL)
        field = "publish.registries.mlflow.url" if wanted.mlflow.url else said.MLFLOW_URL
        if not url:
            raise StepError(f"where is MLflow? Say it in publish.registries.mlflow.url, or set {said.MLFLOW_URL}")
        # A password goes before a token, as in MLflow's own client.
        user, password = _variable(said.MLFLOW_USER), _variable(said.MLFLOW_PASSWORD)
        credentials = RegistryUser(user=user, password=password) if user else RegistryUser(_variable(said.MLFLOW_TOKEN))
        variables = f"{said.MLFLOW_TOKEN}, or {said.MLFLOW_USER} and {said.MLFLOW_PASSWORD}"
        api = RegistryApi(mlflow.KIND, url, credentials, field=field, variables=variables)
        yield mlflow.Mlflow(api, url, wanted.mlflow.model or training.metadata.name)
    if wanted is not None and wanted.model_registry is not None:
        api = RegistryApi(
            kubeflow.KIND,
            wanted.model_registry.url,
            RegistryUser(_variable(said.MODEL_REGISTRY_TOKEN)),
            field="publish.registries.modelRegistry.url",
            variables=said.MODEL_REGISTRY_TOKEN,
        )
        yield kubeflow.ModelRegistry(api, wanted.model_registry.model or training.metadata.name)


def _variable(name: str) -> str:
    """Its value without the line break that a file gives to a Secret."""
    return os.environ.get(name, "").strip()
