"""Everything that the API server says of some kinds of objects, to the write.

All objects of a cluster share one order of versions, so that what several watches bring can be replayed in the order in
which it happened.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from lightkube import Client
from lightkube.config.kubeconfig import KubeConfig
from lightkube.core.exceptions import ApiError


@dataclass(frozen=True)
class Seen:
    """One version of one object. `gone`: it was deleted."""

    version: int
    kind: str
    body: dict[str, Any]
    gone: bool


class Versions:
    """Watches all objects of `kinds` in a namespace, each in a thread, until close()."""

    def __init__(self, kubeconfig: Path, *, namespace: str, kinds: Mapping[str, Any]) -> None:
        self._client = Client(config=KubeConfig.from_file(kubeconfig), trust_env=False)
        self._namespace, self._kinds = namespace, kinds
        self._seen: dict[tuple[int, str], Seen] = {}
        self._ending = False
        for kind in kinds:
            threading.Thread(target=self._watch, args=(kind,), daemon=True).start()

    def close(self) -> None:
        self._ending = True
        self._client.close()

    def ordered(self) -> list[Seen]:
        """What was seen so far, in the order in which it happened."""
        seen = dict(self._seen)
        return [seen[key] for key in sorted(seen)]

    def _watch(self, kind: str) -> None:
        """Everything from the beginning on; a watch that ends goes on where it was, so that nothing between is lost."""
        seen: str | None = None
        while not self._ending:
            try:
                resource = self._kinds[kind]
                for event, item in self._client.watch(resource, namespace=self._namespace, resource_version=seen):
                    body = dict(item.to_dict())
                    seen = str(body["metadata"]["resourceVersion"])
                    known = int(seen), kind + body["metadata"]["name"]
                    self._seen[known] = Seen(int(seen), kind, body, event == "DELETED")
            except (ApiError, httpx2.HTTPError, RuntimeError):
                if self._ending:
                    return
