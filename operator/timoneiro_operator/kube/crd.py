"""Our own CRD as the API server serves it: which fields of a status it keeps, and which it drops without a word."""

import logging
from collections.abc import Mapping
from typing import Any

from lightkube.core.exceptions import ApiError

from timoneiro_operator.api import names
from timoneiro_operator.api.declared import outermost, paths_of, undeclared
from timoneiro_operator.kube.client import KubeClient
from timoneiro_operator.telemetry import Telemetry

log = logging.getLogger(__name__)

_NAMED = 5


class ServedCrd:
    """What is known of the CRD: from itself, where it may be read, and from answers to what was written."""

    def __init__(self, client: KubeClient, telemetry: Telemetry) -> None:
        self._client = client
        self._telemetry = telemetry
        # Fields of the status, dotted, that the API server drops.
        self.lacking: frozenset[str] = frozenset()
        # The API server has answered once, with the CRD or with a refusal.
        self.asked = False

    async def read(self) -> None:
        """Reads the CRD; what is known stays when that is not possible. Never fails."""
        try:
            body = await self._client.crd()
        except ApiError as error:
            self.asked = True
            if error.status.code != 404:
                log.warning("the CRD cannot be read: %s", error.status.message)
            return
        except Exception as error:
            log.warning("the CRD cannot be read: %s", type(error).__name__)
            return
        self.asked = True
        schema = _status_schema(body)
        if schema is not None:
            self._set(undeclared(schema))

    def learn(self, sent: Mapping[str, Any], kept: Mapping[str, Any]) -> None:
        """What the API server has made of a status that was written."""
        if sent == kept and not self.lacking:
            return
        wanted, there = set(paths_of(sent)), set(paths_of(kept))
        self._set(outermost((self.lacking - there) | (wanted - there)))

    def sentence(self) -> str | None:
        """What a person has to know; None when the CRD has everything."""
        if not self.lacking:
            return None
        fields = sorted(self.lacking)
        more = f" and {len(fields) - _NAMED} more" if len(fields) > _NAMED else ""
        shown = ", ".join(f"status.{field}" for field in fields[:_NAMED])
        return f"the CRD is older than the operator and does not declare {shown}{more}: apply the CRD of this version"

    def _set(self, lacking: frozenset[str]) -> None:
        if lacking == self.lacking:
            return
        self.lacking = lacking
        self._telemetry.set_lacking_fields(len(lacking))
        log.warning("%s", self.sentence() or "the CRD has all fields now")


def _status_schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    versions = (body.get("spec") or {}).get("versions") or []
    version = next((version for version in versions if version.get("name") == names.VERSION), None)
    schema = ((version or {}).get("schema") or {}).get("openAPIV3Schema") or {}
    status = (schema.get("properties") or {}).get("status")
    return status if isinstance(status, Mapping) else None
