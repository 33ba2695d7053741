"""The Gateway source: what the gateway's own pods count of the backends of both arms, as their users see them.

Guarantees: those of the Scrape source, of the gateway's pods in the place of the models'; both arms are read in one
answer of each pod; only pods that the operator's administrator has named are asked, and only for the backends of the
ModelDeployment's own namespace.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import aiohttp

from timoneiro_operator.metrics.envoy import cluster_of, only, sample_of
from timoneiro_operator.metrics.look import Key, Look, Target
from timoneiro_operator.metrics.samples import Sample
from timoneiro_operator.sources.scrape import ScrapeSource, Shown, exposition_of, raised, read_of


@dataclass(frozen=True, slots=True)
class GatewayPods:
    """The ready pods of one gateway, and where they show what they count."""

    pods: Sequence[Target]
    port: int
    path: str


class GatewaySource(ScrapeSource):
    """Counts of pairs of arms at their gateway, by ModelDeployment."""

    def __init__(self, session: aiohttp.ClientSession, pods_of: Callable[[Key], Awaitable[GatewayPods]]) -> None:
        """`pods_of`: of a gateway, by namespace and name. Raises ProblemError."""
        super().__init__(session)
        self._pods_of = pods_of

    async def _show(self, look: Look) -> tuple[Shown, Shown]:
        assert look.gateway is not None
        gateway = await self._pods_of(look.gateway)
        clusters = [cluster_of(look.key[0], arm) for arm in (look.stable, look.candidate)]

        async def read(pod: Target) -> list[Sample]:
            query = only(clusters)
            with read_of(pod, gateway.path):
                text = await exposition_of(self._session, pod, gateway.port, gateway.path, look.analysis.source, query)
                return [sample_of(cluster, text) for cluster in clusters]

        results = await asyncio.gather(*(read(pod) for pod in gateway.pods), return_exceptions=True)
        samples = [raised(result) for result in results]
        stable, candidate = (
            [_process(pod, arm) for pod in gateway.pods] for arm in (look.arms.stable, look.arms.candidate)
        )
        return (
            Shown(stable, {pod.uid: arms[0] for pod, arms in zip(stable, samples, strict=True)}),
            Shown(candidate, {pod.uid: arms[1] for pod, arms in zip(candidate, samples, strict=True)}),
        )


def _process(pod: Target, revision: str) -> Target:
    """One arm in one run of a gateway's pod, under a uid of its own: its counters have nothing to do with others.

    Envoy shows no start time. When its container was restarted it is another one, which is counted from its first look.
    """
    return pod._replace(uid=f"{pod.uid}/{pod.restarts}/{revision}")
