"""The operator's sources of counts, which ask through the API server and not by themselves."""

import json
import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from timoneiro_operator.api.analysis_spec import SourceSpec
from timoneiro_operator.api.kinds import Key
from timoneiro_operator.api.promql import Selector
from timoneiro_operator.cli.commands.cluster import ClusterAccess
from timoneiro_operator.cli.errors import CliError
from timoneiro_operator.metrics.envoy import PATH, PORT
from timoneiro_operator.metrics.look import Target
from timoneiro_operator.metrics.problem import ProblemError
from timoneiro_operator.metrics.promql import range_query
from timoneiro_operator.metrics.series import RawSeries, answered
from timoneiro_operator.serving.workload import is_ready
from timoneiro_operator.sources.ask import Request
from timoneiro_operator.sources.gateway import GatewayPods, GatewaySource
from timoneiro_operator.sources.prometheus import PrometheusSource
from timoneiro_operator.sources.scrape import ScrapeSource
from timoneiro_operator.targets.arms import target_of

_SERVICE = re.compile(r"^([a-z0-9-]+)\.([a-z0-9-]+)(\.svc(\.[a-z0-9.-]+)?)?$")


def source_of(
    cluster: ClusterAccess, source: SourceSpec, namespace: str, *, url: str | None, gateway_pods: str | None
) -> ScrapeSource | PrometheusSource:
    """The source of a spec. `url`: of a Prometheus that is reached by another way; `gateway_pods`: the option."""
    if source.type == "Prometheus":
        return PrometheusSource(_Prometheus(cluster, url))
    if source.type == "Scrape":
        return ScrapeSource(_Pods(cluster, namespace))
    namespace, selector = _of_the_gateway(gateway_pods)

    async def pods_of(gateway: Key) -> GatewayPods:
        del gateway
        listed = json.loads(_text(cluster, f"/api/v1/namespaces/{namespace}/pods", {"labelSelector": selector}))
        pods = [target_of(pod) for pod in listed["items"] if is_ready(pod)]
        if not pods:
            raise ProblemError("NoGatewayPods", "the gateway has no ready pod")
        return GatewayPods(pods, PORT, PATH)

    return GatewaySource(_Pods(cluster, namespace), pods_of)


class _Pods:
    """Pods of a namespace, by the API server's proxy."""

    def __init__(self, cluster: ClusterAccess, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace

    async def exposition(
        self, pod: Target, port: int, path: str, *, seconds: float, query: Mapping[str, str] | None = None
    ) -> str:
        del seconds
        where = f"/api/v1/namespaces/{self._namespace}/pods/{pod.name}:{port}/proxy{path}"
        return _text(self._cluster, where, query or {})


class _Prometheus:
    """A Prometheus server at an address of its own, or a Service by the API server's proxy."""

    def __init__(self, cluster: ClusterAccess, url: str | None) -> None:
        self._cluster = cluster
        self._url = url

    async def samples(self, request: Request, selector: Selector, seconds: float) -> list[RawSeries]:
        query = range_query(selector, request.namespace, seconds)
        where = f"{self._url.rstrip('/')}/api/v1/query" if self._url is not None else _proxy_of(request.source)
        return answered(_text(self._cluster, where, {"query": query, "time": f"{request.at:.3f}"}))


def _text(cluster: ClusterAccess, path: str, query: Mapping[str, str]) -> str:
    """Raises ProblemError: what one arm does not show says nothing of the other."""
    try:
        return cluster.text(path, query)
    except CliError as error:
        raise ProblemError("NotRead", error.message) from error


def _of_the_gateway(where: str | None) -> tuple[str, str]:
    """Namespace and selector of a gateway's pods."""
    namespace, slash, selector = (where or "").partition("/")
    if not (namespace and slash and "=" in selector):
        raise CliError(
            "the gateway counts, and only the operator's chart names its pods (analysis.gateways): say which they are "
            "with --gateway-pods NAMESPACE/LABEL=VALUE, such as projectcontour/app=envoy"
        )
    return namespace, selector


def _proxy_of(source: SourceSpec) -> str:
    """Where the API server leads to a Service. Raises ProblemError."""
    split = urlsplit(source.url or "")
    service = _SERVICE.match(split.hostname or "")
    if service is None or source.secret_ref is not None:
        why = "needs a login" if source.secret_ref else "is not a Service of this cluster"
        raise ProblemError(
            "NotRead",
            f"{source.url} {why}, so that it cannot be asked through the API server: make it reachable, for example "
            "with kubectl port-forward, and name the address with --url",
        )
    port = split.port or (443 if split.scheme == "https" else 80)
    where = quote(f"{split.scheme}:{service[1]}:{port}", safe=":")
    return f"/api/v1/namespaces/{service[2]}/services/{where}/proxy{split.path.rstrip('/')}/api/v1/query"
