"""The Kubeflow Model Registry (REST API v1alpha3).

A version takes two requests, itself and the artifact that has its address: what is missing is made, so that a run that
was cut short between them is completed by the next one.
"""

from __future__ import annotations

from typing import Any

from .asking import RegistryApi
from .entry import DIGEST, RegistryEntry, RegistryRecord, require_same, taken

KIND = "Model Registry"
_ROOT = "/api/model_registry/v1alpha3"


class ModelRegistry:
    """The versions of one registered model."""

    def __init__(self, api: RegistryApi, model: str) -> None:
        self._api, self._model = api, model

    def check(self, version: str) -> None:
        """Raises StepError if `version` could not be registered, as far as that can be told before it is made."""
        self._api.require_permission(f"{_ROOT}/registered_models", {})
        model = self._registered()
        if model is not None and self._version(model, version) is not None:
            raise taken(self._api.who, self._model, version)

    def register(self, entry: RegistryEntry) -> RegistryRecord:
        """Registers the package, or what of it is not registered yet. Raises StepError."""
        model = self._registered() or self._api.create(
            f"{_ROOT}/registered_models", {"name": self._model, "description": entry.title, "state": "LIVE"}
        )
        version = self._version(model, entry.version)
        if version is not None:
            digest = version.get("customProperties", {}).get(DIGEST, {}).get("string_value", "no digest")
            require_same(self._api.who, self._model, entry, digest)
        else:
            version = self._api.create(f"{_ROOT}/model_versions", self._body(model, entry))
        artifact = self._api.find(f"{_ROOT}/model_artifact", name=self._model, parentResourceId=version["id"])
        if artifact is None:
            body = {
                "artifactType": "model-artifact",
                "name": self._model,
                "uri": entry.uri,
                "state": "LIVE",
                "modelFormatName": entry.format[0],
                "modelFormatVersion": entry.format[1],
            }
            self._api.create(f"{_ROOT}/model_versions/{version['id']}/artifacts", body)
        return RegistryRecord(KIND, self._model, str(version["id"]), "", new=artifact is None)

    def _body(self, model: dict[str, Any], entry: RegistryEntry) -> dict[str, Any]:
        texts = {
            name: {"metadataType": "MetadataStringValue", "string_value": text}
            for name, text in entry.properties.items()
        }
        numbers = {
            name: {"metadataType": "MetadataDoubleValue", "double_value": value}
            for name, value in entry.metrics.items()
        }
        return {
            "registeredModelId": model["id"],
            "name": entry.version,
            "description": entry.description,
            "state": "LIVE",
            "customProperties": {**texts, **numbers},
        }

    def _registered(self) -> dict[str, Any] | None:
        return self._api.find(f"{_ROOT}/registered_model", name=self._model)

    def _version(self, model: dict[str, Any], version: str) -> dict[str, Any] | None:
        return self._api.find(f"{_ROOT}/model_version", name=version, parentResourceId=model["id"])
