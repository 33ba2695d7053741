"""How sources ask: a pod for what it shows, a Prometheus server for raw samples.

The operator asks them by itself, people's tools through the API server.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from timoneiro_operator.api.analysis_spec import SourceSpec
from timoneiro_operator.api.promql import Selector
from timoneiro_operator.metrics.look import Target
from timoneiro_operator.metrics.series import RawSeries


class PodReader(Protocol):
    """Reads pods."""

    async def exposition(
        self, pod: Target, port: int, path: str, *, seconds: float, query: Mapping[str, str] | None = None
    ) -> str:
        """What a pod answers in that time. Raises ProblemError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Whom to ask, for which moment, and what time it is here. In seconds since the epoch."""

    namespace: str
    source: SourceSpec
    at: float
    now: float


class SampleReader(Protocol):
    """Reads a Prometheus server."""

    async def samples(self, request: Request, selector: Selector, seconds: float) -> list[RawSeries]:
        """What series of the request's namespace showed in the last `seconds` before its moment.

        Raises ProblemError, or Malformed for an answer that is no samples.
        """
