"""The gateways whose own counts may be read, as the operator's administrator names them, and their pods.

Guarantees: only what is named is looked for; the pods are listed when a read needs them, and at most every few seconds
for each gateway, so that nothing is watched for a source that few use.
"""

import re
import time
from collections.abc import Callable, Iterable, Mapping

import httpx2
import msgspec
from lightkube.core.exceptions import ApiError

from timoneiro_operator.api.kinds import Key
from timoneiro_operator.kube.client import KubeClient
from timoneiro_operator.metrics.envoy import PATH, PORT
from timoneiro_operator.metrics.problem import ProblemError
from timoneiro_operator.serving.workload import is_ready
from timoneiro_operator.sources.gateway import GatewayPods
from timoneiro_operator.targets.arms import target_of

_LISTED_SECONDS = 5.0
_NAME = r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9_./-]*[A-Za-z0-9])?"
_GATEWAY = re.compile(rf"({_NAME})/({_NAME})")
_SELECTOR = re.compile(rf"{_LABEL}={_LABEL}(,{_LABEL}={_LABEL})*")
_PATH = re.compile(r"/[A-Za-z0-9_./-]*")


class NamedGateway(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the chart's analysis.gateways. `gateway`: namespace/name; `selector`: its pods' labels, a=b,c=d."""

    gateway: str
    namespace: str
    selector: str
    port: int = PORT
    path: str = PATH

    @property
    def labels(self) -> dict[str, str]:
        return dict(one.split("=", 1) for one in self.selector.split(","))


def read_gateways(texts: Iterable[str]) -> dict[Key, NamedGateway]:
    """Gateways by namespace and name, of entries in JSON. Raises ValueError with a sentence."""
    found: dict[Key, NamedGateway] = {}
    for text in texts:
        try:
            one = msgspec.json.decode(text, type=NamedGateway)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise ValueError(f"{text} is not a gateway: {error}") from error
        named = _GATEWAY.fullmatch(one.gateway)
        if named is None:
            raise ValueError(f"gateway '{one.gateway}' must be NAMESPACE/NAME, such as kserve/kserve-ingress-gateway")
        if not re.fullmatch(_NAME, one.namespace) or not _SELECTOR.fullmatch(one.selector):
            raise ValueError(f"gateway {one.gateway} needs the namespace of its pods, and a selector such as app=envoy")
        if not (0 < one.port < 65536 and _PATH.fullmatch(one.path)):
            raise ValueError(f"gateway {one.gateway} needs a port, and a path such as {PATH}")
        key = named[1], named[3]
        if key in found:
            raise ValueError(f"gateway {one.gateway} is named twice")
        found[key] = one
    return found


class Gateways:
    """Finds the pods of gateways."""

    def __init__(
        self, client: KubeClient, named: Mapping[Key, NamedGateway], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._named = named
        self._clock = clock
        self._listed: dict[Key, tuple[float, GatewayPods]] = {}

    async def pods(self, gateway: Key) -> GatewayPods:
        """The ready pods of a gateway, as they were a few seconds ago at most. Raises ProblemError."""
        named, name = self._named.get(gateway), "/".join(gateway)
        if named is None:
            raise ProblemError(
                "GatewayNotNamed",
                f"the counts of gateway {name} cannot be read: its pods are not named in analysis.gateways of the "
                "operator's chart; ask its administrator, or choose source type Scrape or Prometheus",
            )
        at, known = self._listed.get(gateway, (float("-inf"), None))
        if known is None or self._clock() - at > _LISTED_SECONDS:
            known = await self._list(named)
            self._listed[gateway] = self._clock(), known
        if not known.pods:
            where = f"{named.selector} in namespace {named.namespace}"
            words = f"gateway {name} has no ready pod with {where}, which analysis.gateways of the chart names"
            raise ProblemError("NoGatewayPods", words)
        return known

    async def _list(self, named: NamedGateway) -> GatewayPods:
        try:
            found = await self._client.labelled_pods(named.namespace, named.labels)
        except (ApiError, httpx2.HTTPError) as error:
            words = f"the pods of gateway {named.gateway} cannot be listed: {type(error).__name__}"
            raise ProblemError("NoGatewayPods", words) from error
        pods = [target_of(pod) for pod in found if is_ready(pod)]
        shown = [pod._replace(name=f"{named.namespace}/{pod.name}") for pod in pods]
        return GatewayPods(shown, named.port, named.path)
