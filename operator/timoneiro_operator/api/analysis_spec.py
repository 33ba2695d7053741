"""`spec.analysis` of a ModelDeployment as frozen data: what is counted, where, and how sure the judge has to be."""

from typing import Literal

from timoneiro_operator.api.duration import Duration
from timoneiro_operator.api.spec_struct import SpecStruct


class OverDispersion(SpecStruct, frozen=True):
    """By how much events come in clusters: estimated from the spread of the stable's pods, between these."""

    factor: float = 1.0
    estimate_up_to: float | None = None

    @property
    def most(self) -> float:
        """The largest that it is estimated to be: 10 where nobody says otherwise, and never below `factor`."""
        return max(10.0, self.factor) if self.estimate_up_to is None else self.estimate_up_to


class Metric(SpecStruct, frozen=True):
    """One comparison of candidate and stable, or with type Guard one absolute limit.

    `tolerance`: relative excess that is still harmless (0.25 = a rate up to 1.25 times the stable's). None: 0.1 of a
    Latency, else 0.25.
    `margin`: relative excess that must not be promoted (1.0 = twice the stable's rate).
    `negligible`: absolute rate below which a failure rate is harmless whatever the ratio.
    Latency: a request is an event when it is slower than `threshold` (or each of `thresholds`), or than what `quantile`
    of the stable's requests were before the rollout. Ratio: `events` and `total` are selectors of counters in PromQL.
    Guard: the candidate's rate of the metric `of` must not pass `max`.
    Outputs: what the models answer, in bins: what the server shows as `output`, or the counters that `bins` selects,
    whose label `bin_label` names the bin. LatencyShape: all buckets of the server's histogram of latencies. Of both
    `tolerance` is the relative excess of a bin's share, in either direction, that is still alike.
    """

    name: str = "errors"
    type: Literal["Errors", "Latency", "Ratio", "Guard", "Outputs", "LatencyShape"] = "Errors"
    # Of a shape, which may differ for the better, Inform where nobody says otherwise; else Required.
    role: Literal["Required", "Inform"] | None = None
    weight: float = 1.0
    tolerance: float | None = None
    margin: float = 1.0
    negligible: float = 0.001
    min_events: int = 3
    min_difference: float = 0.0
    over_dispersion: OverDispersion = OverDispersion()
    threshold: Duration | None = None
    thresholds: tuple[Duration, ...] = ()
    quantile: float | None = None
    events: str | None = None
    total: str | None = None
    of: str | None = None
    max: float | None = None
    output: Literal["Prediction", "Score"] | None = None
    bins: str | None = None
    bin_label: str | None = None

    @property
    def is_shape(self) -> bool:
        """Whether it compares how requests spread over bins, which may be different and not worse."""
        return self.type in ("Outputs", "LatencyShape")

    @property
    def compares(self) -> bool:
        """Whether it can tell that a candidate is not worse."""
        return not self.is_shape and self.type != "Guard"

    @property
    def decides(self) -> bool:
        """Whether it may roll a candidate back."""
        return self.role == "Required" if self.role is not None else not self.is_shape

    @property
    def tolerated(self) -> float:
        """The tolerance that holds."""
        if self.tolerance is not None:
            return self.tolerance
        # A model that answers everything a fifth slower makes 1.44 times as many slow requests: docs/judge.md.
        return 0.1 if self.type == "Latency" else 0.25


class Header(SpecStruct, frozen=True):
    name: str
    value: str


class SecretRef(SpecStruct, frozen=True):
    name: str


class Tls(SpecStruct, frozen=True):
    server_name: str | None = None
    insecure_skip_verify: bool = False


class SourceSpec(SpecStruct, frozen=True):
    """Scrape: the operator reads the pods, at `port` and `path` where they differ from the profile's.

    Prometheus: raw samples of the series that `selector` matches, from the server at `url`. The Secret's keys are
    `token`, or `username` and `password`, and `ca.crt`. Gateway: what the gateway counts of the backends of the route.
    """

    type: Literal["Scrape", "Prometheus", "Gateway"] = "Scrape"
    profile: str = "Auto"
    port: int | None = None
    path: str | None = None
    url: str | None = None
    selector: str = 'namespace="{{namespace}}",pod=~"{{workload}}-.+"'
    headers: tuple[Header, ...] = ()
    secret_ref: SecretRef | None = None
    tls: Tls = Tls()
    timeout: Duration = Duration("10s")


class Analysis(SpecStruct, frozen=True):
    """How a candidate is judged.

    `warm_up`: how long a pod warms up after it is ready and gets traffic; what it does meanwhile is not compared.
    `warm_up_limit`: rate of failures that the candidate must not pass meanwhile.
    """

    false_rollback: float = 0.01
    false_promotion: float = 0.05
    interval: Duration = Duration("30s")
    warm_up: Duration = Duration("60s")
    warm_up_limit: float = 0.5
    min_requests: int = 100
    promotion: Literal["Evidence", "NoHarm"] = "Evidence"
    source: SourceSpec = SourceSpec()
    metrics: tuple[Metric, ...] = (Metric(),)
