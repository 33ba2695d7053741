"""`publish.registries`: where a published model is registered too, and which variables tell who registers it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from ..addresses import host_of
from .base import DefinitionObject
from .problems import Contradiction, Path

# As both registries take it, and as it needs no quoting in what they are asked.
REGISTERED_NAME = r"^[A-Za-z0-9]([A-Za-z0-9 ._-]{0,198}[A-Za-z0-9])?$"
MLFLOW_URL, MLFLOW_TOKEN = "MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_TOKEN"  # names, and no secret
MLFLOW_USER, MLFLOW_PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
MODEL_REGISTRY_TOKEN = "MODEL_REGISTRY_TOKEN"  # noqa: S105  # a name, and no secret
SECRETS = frozenset({MLFLOW_TOKEN, MLFLOW_PASSWORD, MODEL_REGISTRY_TOKEN})
_URL = r"^[^\s\x00-\x1f]{1,2000}$"
_RegisteredName = Annotated[str, Field(pattern=REGISTERED_NAME)]


class MlflowRegistry(DefinitionObject):
    """The model registry of an MLflow server."""

    url: Annotated[str, Field(pattern=_URL)] | None = Field(
        default=None,
        description="Of the tracking server, such as https://mlflow.example.com. Left out: the variable "
        "MLFLOW_TRACKING_URI says it where the pipeline runs.",
    )
    model: _RegisteredName | None = Field(
        default=None, description="What the model is called there. Left out: metadata.name."
    )


class KubeflowRegistry(DefinitionObject):
    """A Kubeflow Model Registry."""

    url: Annotated[str, Field(pattern=_URL)] = Field(
        description="Of its REST API without /api, such as http://model-registry-service.kubeflow.svc:8080."
    )
    model: _RegisteredName | None = Field(
        default=None, description="What the model is called there. Left out: metadata.name."
    )


class Registries(DefinitionObject):
    """Registries that are told of each published model."""

    mlflow: MlflowRegistry | None = None
    model_registry: KubeflowRegistry | None = None

    def __str__(self) -> str:
        """Which there are, as they are called in a definition."""
        given = {"mlflow": self.mlflow, "modelRegistry": self.model_registry}
        return ", ".join(name for name, said in given.items() if said is not None)


def registry_faults(said: Registries | None) -> Iterator[Contradiction]:
    """Every contradiction: its place, and a sentence. Nothing of a URL is in one: it may hold a password."""
    if said is None:
        return
    where: Path = ("publish", "registries")
    if said.mlflow is None and said.model_registry is None:
        yield where, "it names no registry: write mlflow or modelRegistry, or leave it out"
    if said.mlflow is not None and said.mlflow.url is not None:
        remedy = f"https://mlflow.example.com, and set {MLFLOW_TOKEN}, or {MLFLOW_USER} and {MLFLOW_PASSWORD}"
        yield from _url((*where, "mlflow", "url"), said.mlflow.url, remedy)
    if said.model_registry is not None:
        remedy = f"https://registry.example.com, and set {MODEL_REGISTRY_TOKEN}"
        yield from _url((*where, "modelRegistry", "url"), said.model_registry.url, remedy)


def variables_of(said: Registries | None) -> frozenset[str]:
    """The variables that registration reads."""
    found: set[str] = set()
    if said is not None and said.mlflow is not None:
        found |= {MLFLOW_URL, MLFLOW_TOKEN, MLFLOW_USER, MLFLOW_PASSWORD}
    if said is not None and said.model_registry is not None:
        found |= {MODEL_REGISTRY_TOKEN}
    return frozenset(found)


def _url(where: Path, url: str, remedy: str) -> Iterator[Contradiction]:
    if host_of(url) is None:
        yield where, f"it must be an address without user and password, such as {remedy}"
