"""The Gateway source: what the gateway's own pods count of the backends of both arms, as their users see them.

Guarantees: those of the Scrape source, of the gateway's pods in the place of the models'; both arms are read in one
answer of each pod; only pods that the operator's administrator has named are asked, and only for the backends of the
ModelDeployment's own namespace.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from timoneiro_operator.api.kinds import Key
from timoneiro_operator.metrics.envoy import ENVOY_GATEWAY, PATH, cluster_of, only, sample_of
from timoneiro_operator.metrics.look import ArmTargets, Look, Target
from timoneiro_operator.metrics.samples import Sample
from timoneiro_operator.sources.ask import PodReader
from timoneiro_operator.sources.scrape import ScrapeSource, Shown, raised, read_of, seconds_of


@dataclass(frozen=True, slots=True)
class GatewayPods:
    """The ready pods of one gateway, and where they show what they count."""

    pods: Sequence[Target]
    port: int
    path: str


class GatewaySource(ScrapeSource):
    """Counts of pairs of arms at their gateway, by ModelDeployment."""

    def __init__(self, pods: PodReader, pods_of: Callable[[Key], Awaitable[GatewayPods]]) -> None:
        """`pods_of`: of a gateway, by namespace and name. Raises ProblemError."""
        super().__init__(pods)
        self._pods_of = pods_of

    async def _show(self, look: Look, arms: Sequence[ArmTargets]) -> list[Shown]:
        assert look.gateway is not None
        gateway = await self._pods_of(look.gateway)
        clusters = [cluster_of(look.key[0], arm) for arm in arms]

        async def read(pod: Target) -> list[Sample]:
            with read_of(pod, gateway.path):
                text = await self._pods.exposition(
                    pod, gateway.port, gateway.path, seconds=seconds_of(look), query=only(clusters)
                )
                return [sample_of(cluster, text) for cluster in clusters]

        results = await asyncio.gather(*(read(pod) for pod in gateway.pods), return_exceptions=True)
        samples = [raised(result) for result in results]
        shown = []
        for number, arm in enumerate(arms):
            processes = [_process(pod, arm.revision) for pod in gateway.pods]
            of_arm = {pod.uid: found[number] for pod, found in zip(processes, samples, strict=True)}
            shown.append(Shown(processes, of_arm))
        return shown

    def _asked(self, look: Look, arm: ArmTargets) -> str:
        return f"GET {PATH} ({ENVOY_GATEWAY.name}, cluster {cluster_of(look.key[0], arm)})"


def _process(pod: Target, revision: str) -> Target:
    """One arm in one run of a gateway's pod, under a uid of its own: its counters have nothing to do with others.

    Envoy shows no start time. When its container was restarted it is another one, which is counted from its first look.
    It is not the gateway that warms up, and its counters do not tell the pods behind it apart.
    """
    return pod._replace(uid=f"{pod.uid}/{pod.restarts}/{revision}", ready_since=-math.inf)
