"""What an Envoy at the gateway shows of one backend: which of its clusters stands for an arm, and its counters. Pure.

Run and measured with Contour 1.33 and Envoy 1.40: a timeout counts as 504, a connection that is refused or closed
without an answer as 503, and a mirrored request as any other; an attempt that is repeated is counted apart.
"""

from collections.abc import Iterable, Mapping

from timoneiro_operator.metrics.look import ArmTargets
from timoneiro_operator.metrics.profile import Profile, Series
from timoneiro_operator.metrics.samples import NoSeries, Sample

PORT = 8002
PATH = "/stats/prometheus"
# Of the backends in timoneiro_operator/traffic/gateway.py.
_SERVICE_PORT = 80
_XX = "envoy_cluster_upstream_rq_xx"

# envoyproxy/envoy, source/common/router/router.cc. What never got a connection, or found no endpoint, is in no
# upstream_rq_total; one class of codes is not shown before its first answer.
ENVOY_GATEWAY = Profile(
    name="Envoy gateway",
    port=PORT,
    path=PATH,
    requests=(Series(_XX),),
    failed=(Series(_XX, {"envoy_response_code_class": "5"}),),
    begun=(
        Series("envoy_cluster_upstream_rq_total"),
        Series("envoy_cluster_upstream_rq_pending_failure_eject"),
        Series("envoy_cluster_upstream_cx_none_healthy"),
    ),
    repeated=(Series("envoy_cluster_upstream_rq_retry"),),
    latency=Series("envoy_cluster_upstream_rq_time"),
    unit=0.001,
    lazy=True,
    note=(
        "what the gateway has sent to each model, whoever asked, mirrored requests among it; a request that hangs is a "
        "failure when the gateway's time for it is out (set route.timeouts), and not seen when its client gives up "
        "before; an answer that is cut off is not seen; latencies are those of answers, up to five seconds later"
    ),
)
_WANTED = ENVOY_GATEWAY.series()


def cluster_of(namespace: str, arm: ArmTargets) -> str:
    """What Contour calls the cluster of the arm's Service in Envoy's statistics, however many routes lead to it."""
    return f"{namespace}_{arm.workload}_{_SERVICE_PORT}"


def only(clusters: Iterable[str]) -> Mapping[str, str]:
    """The query by which Envoy shows no more than is read of these clusters, whatever else it has."""
    either = "|".join(clusters)
    counters = "rq_total|rq_retry|rq_time|rq_.xx|rq_pending_failure_eject|cx_none_healthy"
    return {"filter": rf"^cluster\.({either})\.upstream_({counters})$"}


def sample_of(cluster: str, exposition: str) -> Sample:
    """The counters of one cluster.

    An Envoy may show the clusters of everybody, and most of their lines are not read: they never come to the parser.
    Raises what Profile.read raises, NoSeries for a cluster that this Envoy does not have among it.
    """
    label = f'envoy_cluster_name="{cluster}"'
    lines = [line for line in exposition.splitlines() if label in line and line.startswith(_WANTED)]
    if not lines:
        raise NoSeries(
            f"there is no Envoy cluster {cluster}: does it belong to the gateway of the route, and to Contour?"
        )
    return ENVOY_GATEWAY.read("\n".join([*lines, ""]))
