"""Reads of pods, by HTTP: in time, not too much, and from nobody else."""

from collections.abc import Mapping

import aiohttp

from timoneiro_operator.metrics.look import Target
from timoneiro_operator.metrics.problem import ProblemError

_LARGEST_EXPOSITION = 4 * 1024 * 1024


class HttpPods:
    """Asks pods at their addresses."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def exposition(
        self, pod: Target, port: int, path: str, *, seconds: float, query: Mapping[str, str] | None = None
    ) -> str:
        """What a pod answers in that time. Raises ProblemError."""
        host = f"[{pod.address}]" if ":" in pod.address else pod.address
        timeout = aiohttp.ClientTimeout(total=seconds)
        body = bytearray()
        try:
            # Redirects are not followed: a pod must not choose what the operator reads.
            async with self._session.get(
                f"http://{host}:{port}{path}", params=query, timeout=timeout, allow_redirects=False
            ) as response:
                if response.status != 200:
                    raise ProblemError("ScrapeFailed", f"pod {pod.name} answers {path} with {response.status}")
                async for chunk in response.content.iter_chunked(65536):
                    body += chunk
                    if len(body) > _LARGEST_EXPOSITION:
                        raise ProblemError(
                            "ScrapeFailed", f"pod {pod.name} shows more than {_LARGEST_EXPOSITION} bytes of metrics"
                        )
        except TimeoutError as error:
            raise ProblemError("ScrapeFailed", f"pod {pod.name} did not answer within {seconds:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ProblemError("ScrapeFailed", _unreadable(pod, port, path, error)) from error
        if body and not body.endswith(b"\n"):
            raise ProblemError("ScrapeFailed", f"pod {pod.name} shows metrics that are cut off")
        return body.decode("utf-8", errors="replace")


def _unreadable(pod: Target, port: int, path: str, error: Exception) -> str:
    where = f"pod {pod.name} cannot be read at port {port}, path {path}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"{where}: it takes no connection there; analysis.source.port says where its metrics are"
    return f"{where}: {type(error).__name__}"
