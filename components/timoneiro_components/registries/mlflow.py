"""The registry of an MLflow server (REST API 2.0).

MLflow counts versions by itself: ours is a tag, by which it is known again. One request makes a version with all that
is said of it, so that none is ever there by half.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from .asking import RegistryApi
from .entry import DIGEST, VERSION, RegistryEntry, RegistryRecord, require_same, taken

KIND = "MLflow"
_ROOT = "/api/2.0/mlflow"


class Mlflow:
    """The versions of one registered model. `url`: of the server, for people."""

    def __init__(self, api: RegistryApi, url: str, model: str) -> None:
        self._api, self._url, self._model = api, url.rstrip("/"), model

    def check(self, version: str) -> None:
        """Raises StepError if `version` could not be registered, as far as that can be told before it is made."""
        if self._registered():
            self._api.require_permission(f"{_ROOT}/model-versions/create", {"name": self._model})
            if self._version(version) is not None:
                raise taken(self._api.who, self._model, version)
        else:
            self._api.require_permission(f"{_ROOT}/registered-models/create", {})

    def register(self, entry: RegistryEntry) -> RegistryRecord:
        """Registers the package, unless it is. Raises StepError."""
        found = self._version(entry.version)
        if found is not None:
            digest = next((tag["value"] for tag in found.get("tags", ()) if tag["key"] == DIGEST), "no digest")
            require_same(self._api.who, self._model, entry, digest)
            return self._record(found, new=False)
        if not self._registered():
            self._api.create(f"{_ROOT}/registered-models/create", {"name": self._model, "description": entry.title})
        said = {**entry.properties, **{name: str(value) for name, value in entry.metrics.items()}}
        body = {
            "name": self._model,
            "source": entry.uri,
            "description": entry.description,
            "tags": [{"key": name, "value": text} for name, text in said.items()],
        }
        return self._record(self._api.create(f"{_ROOT}/model-versions/create", body)["model_version"], new=True)

    def _registered(self) -> bool:
        return self._api.find(f"{_ROOT}/registered-models/get", name=self._model) is not None

    def _version(self, version: str) -> dict[str, Any] | None:
        # Neither can hold a quote.
        wanted = f"name='{self._model}' and tags.`{VERSION}`='{version}'"
        found = self._api.find(f"{_ROOT}/model-versions/search", filter=wanted, max_results="1") or {}
        return next(iter(found.get("model_versions", ())), None)

    def _record(self, found: dict[str, Any], *, new: bool) -> RegistryRecord:
        number = str(found["version"])
        address = f"{self._url}/#/models/{quote(self._model, safe='')}/versions/{number}"
        return RegistryRecord(KIND, self._model, number, address, new)
