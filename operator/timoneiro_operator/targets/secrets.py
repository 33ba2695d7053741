"""Secrets that a source of counts needs: read when they are needed, kept for a minute, shown to nobody."""

import base64
import time
from collections.abc import Callable, Mapping

from lightkube.core.exceptions import ApiError

from timoneiro_operator.api.kinds import Key
from timoneiro_operator.kube.client import KubeClient
from timoneiro_operator.metrics.problem import ProblemError

_KEPT_SECONDS = 60.0


class SecretReader:
    """The content of Secrets by namespace and name."""

    def __init__(self, client: KubeClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._kept: dict[Key, tuple[float, Mapping[str, bytes]]] = {}

    async def read(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """Raises ProblemError with what is to be done when it cannot be read."""
        key, now = (namespace, name), self._clock()
        until, content = self._kept.get(key, (float("-inf"), {}))
        if now < until:
            return content
        try:
            body = await self._client.secret(key)
        except ApiError as error:
            sentence = f"the Secret {name} cannot be read: {error.status.message}"
            if error.status.code == 403:
                sentence = f"the operator may not read the Secret {name}: give it the Role of docs/metrics.md"
            elif error.status.code == 404:
                sentence = f"there is no Secret {name} in namespace {namespace}"
            raise ProblemError("SecretUnreadable", sentence) from error
        content = {field: base64.b64decode(value) for field, value in (body.get("data") or {}).items()}
        self._kept[key] = now + _KEPT_SECONDS, content
        return content
