"""`spec` of a ModelDeployment as frozen data, with the defaults that the CRD states too.

Durations stay text here, as people wrote them.
"""

from typing import Any, Literal

import msgspec


class _Struct(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """Base of all parts of the spec: immutable, camelCase on the wire, absent where it says nothing.

    Revisions are hashes of what is there: a field that a later version adds must not make new revisions of old models.
    """


class ModelFormat(_Struct, frozen=True):
    name: str
    version: str | None = None


class Model(_Struct, frozen=True):
    """What is served. `digest` makes the model server refuse other bytes; `version` is for people."""

    format: ModelFormat
    uri: str
    digest: str | None = None
    version: str | None = None


_Objects = tuple[dict[str, Any], ...]


class ComponentSpec(_Struct, frozen=True):
    """Pods that serve, and how many: handed on to KServe as it is, under KServe's own names."""

    min_replicas: int = 1
    max_replicas: int | None = None
    scale_target: int | None = None
    scale_metric: Literal["cpu", "memory", "concurrency", "rps"] | None = None
    scale_metric_type: Literal["Utilization", "AverageValue", "Value"] | None = None
    auto_scaling: dict[str, Any] | None = None

    service_account_name: str | None = None
    image_pull_secrets: _Objects = ()
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    node_selector: dict[str, str] = {}
    tolerations: _Objects = ()
    affinity: dict[str, Any] | None = None
    topology_spread_constraints: _Objects = ()
    priority_class_name: str | None = None
    runtime_class_name: str | None = None
    scheduler_name: str | None = None
    security_context: dict[str, Any] | None = None
    termination_grace_period_seconds: int | None = None
    volumes: _Objects = ()
    init_containers: _Objects = ()
    containers: _Objects = ()
    timeout: int | None = None
    container_concurrency: int | None = None
    logger: dict[str, Any] | None = None
    batcher: dict[str, Any] | None = None


class Predictor(ComponentSpec, frozen=True):
    """What serves the model. Here the model server's container, in `predictor.model` of an InferenceService."""

    runtime: str | None = None
    args: tuple[str, ...] = ()
    env: _Objects = ()
    env_from: _Objects = ()
    resources: dict[str, Any] | None = None
    volume_mounts: _Objects = ()
    storage: dict[str, Any] | None = None
    protocol_version: str | None = None
    runtime_version: str | None = None
    readiness_probe: dict[str, Any] | None = None
    liveness_probe: dict[str, Any] | None = None
    startup_probe: dict[str, Any] | None = None


class Transformer(ComponentSpec, frozen=True):
    """What stands before the predictor and calls it; the first of its containers is the transformer."""

    storage_uris: _Objects = ()


class GatewayRef(_Struct, frozen=True):
    name: str = "kserve-ingress-gateway"
    namespace: str = "kserve"


class PreviewHeader(_Struct, frozen=True):
    name: str
    value: str = "candidate"


class Preview(_Struct, frozen=True):
    """Requests with this header reach the candidate at any weight, also at 0."""

    header: PreviewHeader


class Timeouts(_Struct, frozen=True):
    """As in a rule of an HTTPRoute: of a request as a whole, and of one try of the model; 0s means no timeout."""

    request: str | None = None
    backend_request: str | None = None


class Retry(_Struct, frozen=True):
    """As in a rule of an HTTPRoute: how often, after how long, and on which status codes a request is tried again."""

    codes: tuple[int, ...] = ()
    attempts: int | None = None
    backoff: str | None = None


class CookieConfig(_Struct, frozen=True):
    lifetime_type: Literal["Session", "Permanent"] | None = None


class SessionPersistence(_Struct, frozen=True):
    """As in a rule of an HTTPRoute: a client's requests go where its first one went."""

    session_name: str | None = None
    absolute_timeout: str | None = None
    idle_timeout: str | None = None
    type: Literal["Cookie", "Header"] | None = None
    cookie_config: CookieConfig | None = None


class Route(_Struct, frozen=True):
    """`hostnames` are for driver Gateway; Knative gives names of its own, and has nothing of what follows `driver`."""

    hostnames: tuple[str, ...] = ()
    driver: Literal["Gateway", "Knative"] = "Gateway"
    gateway: GatewayRef = GatewayRef()
    preview: Preview | None = None
    timeouts: Timeouts | None = None
    retry: Retry | None = None
    session_persistence: SessionPersistence | None = None


class Pause(_Struct, frozen=True):
    """A pause for the duration `for`, or until a person resumes."""

    for_: str | None = msgspec.field(name="for", default=None)


class CanaryStep(_Struct, frozen=True):
    """`weight` percent of the traffic for at least the duration `for`; or a pause at the weight before it."""

    weight: int | None = None
    for_: str | None = msgspec.field(name="for", default=None)
    pause: Pause | None = None


class Canary(_Struct, frozen=True):
    steps: tuple[CanaryStep, ...] = (
        CanaryStep(weight=5, for_="10m"),
        CanaryStep(weight=25, for_="10m"),
        CanaryStep(weight=50, for_="10m"),
    )


class BlueGreen(_Struct, frozen=True):
    """`mirror`: how long the candidate gets a copy of the traffic; `bake`: how long the old model does afterwards.

    The bake is the holdback of this strategy: a fresh test after the promotion, with all traffic on the new model.
    """

    mirror: str = "10m"
    bake: str = "10m"


class Rollout(_Struct, frozen=True):
    """`holdback`: percent that the old model keeps for `keep_stable` after a canary's promotion; 0: none."""

    strategy: Literal["Canary", "BlueGreen"] = "Canary"
    canary: Canary = Canary()
    blue_green: BlueGreen = BlueGreen()
    progress_deadline: str = "10m"
    deadline: str = "6h"
    on_inconclusive: Literal["Hold", "Rollback", "Promote"] = "Hold"
    on_runtime_change: Literal["Rollout", "NextRevision"] = "Rollout"
    keep_stable: str = "30m"
    holdback: int = 10
    scale_down_delay: str = "30s"


class OverDispersion(_Struct, frozen=True):
    """By how much events come in clusters: estimated from the spread of the stable's pods, between these."""

    factor: float = 1.0
    estimate_up_to: float | None = None

    @property
    def most(self) -> float:
        """The largest that it is estimated to be: 10 where nobody says otherwise, and never below `factor`."""
        return max(10.0, self.factor) if self.estimate_up_to is None else self.estimate_up_to


class Metric(_Struct, frozen=True):
    """One comparison of candidate and stable, or with type Guard one absolute limit.

    `tolerance`: relative excess that is still harmless (0.25 = a rate up to 1.25 times the stable's). None: 0.1 of a
    Latency, else 0.25.
    `margin`: relative excess that must not be promoted (1.0 = twice the stable's rate).
    `negligible`: absolute rate below which a failure rate is harmless whatever the ratio.
    Latency: a request is an event when it is slower than `threshold` (or each of `thresholds`), or than what `quantile`
    of the stable's requests were before the rollout. Ratio: `events` and `total` are selectors of counters in PromQL.
    Errors: with `unit` Session the sessions that the server counts, one of whose requests has failed, of all of them.
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
    threshold: str | None = None
    thresholds: tuple[str, ...] = ()
    quantile: float | None = None
    events: str | None = None
    total: str | None = None
    of: str | None = None
    max: float | None = None
    unit: Literal["Request", "Session"] = "Request"
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


class Header(_Struct, frozen=True):
    name: str
    value: str


class SecretRef(_Struct, frozen=True):
    name: str


class Tls(_Struct, frozen=True):
    server_name: str | None = None
    insecure_skip_verify: bool = False


class SourceSpec(_Struct, frozen=True):
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
    timeout: str = "10s"


class Analysis(_Struct, frozen=True):
    """How a candidate is judged.

    `warm_up`: how long a pod warms up after it is ready and gets traffic; what it does meanwhile is not compared.
    `warm_up_limit`: rate of failures that the candidate must not pass meanwhile.
    """

    false_rollback: float = 0.01
    false_promotion: float = 0.05
    interval: str = "30s"
    warm_up: str = "60s"
    warm_up_limit: float = 0.5
    min_requests: int = 100
    promotion: Literal["Evidence", "NoHarm"] = "Evidence"
    source: SourceSpec = SourceSpec()
    metrics: tuple[Metric, ...] = (Metric(),)


class Spec(_Struct, frozen=True):
    """`model` may be missing: people describe the deployment first, and a pipeline publishes the model later.

    `adopt`: an InferenceService that serves already, and is the first stable revision as it is.
    """

    route: Route
    model: Model | None = None
    adopt: str | None = None
    predictor: Predictor = Predictor()
    transformer: Transformer | None = None
    rollout: Rollout = Rollout()
    analysis: Analysis = Analysis()
