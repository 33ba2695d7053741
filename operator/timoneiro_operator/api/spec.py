"""`spec` of a ModelDeployment as frozen data, with the defaults that the CRD states too.

Durations of the Gateway API are handed on, and stay text.
"""

from typing import Any, Literal

import msgspec

from timoneiro_operator.api.analysis_spec import Analysis
from timoneiro_operator.api.duration import Duration
from timoneiro_operator.api.spec_struct import SpecStruct


class ModelFormat(SpecStruct, frozen=True):
    name: str
    version: str | None = None


class Signature(SpecStruct, frozen=True):
    """One of these keys, each in PEM, must have signed the model: the model server serves nothing else."""

    public_keys: tuple[str, ...]


class Model(SpecStruct, frozen=True):
    """What is served. `digest` makes the model server refuse other bytes; `version` is for people."""

    format: ModelFormat
    uri: str
    digest: str | None = None
    version: str | None = None
    signature: Signature | None = None

    def satisfies(self, demanded: Signature | None) -> bool:
        """Whether it is served with no more keys than are demanded, so that one of those has signed it."""
        given = () if self.signature is None else self.signature.public_keys
        return demanded is None or (bool(given) and set(given) <= set(demanded.public_keys))


_Objects = tuple[dict[str, Any], ...]


class ComponentSpec(SpecStruct, frozen=True):
    """Pods that serve, and how many: handed on to KServe as it is, under KServe's own names."""

    min_replicas: int = 1
    max_replicas: int | None = None
    scale_target: int | None = None
    scale_metric: Literal["cpu", "memory", "concurrency", "rps"] | None = None
    scale_metric_type: Literal["Utilization", "AverageValue", "Value"] | None = None
    auto_scaling: dict[str, Any] | None = None

    service_account_name: str | None = None
    image_pull_secrets: _Objects = ()
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    annotations: dict[str, str] = msgspec.field(default_factory=dict)
    node_selector: dict[str, str] = msgspec.field(default_factory=dict)
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


class GatewayRef(SpecStruct, frozen=True):
    name: str = "kserve-ingress-gateway"
    namespace: str = "kserve"


class PreviewHeader(SpecStruct, frozen=True):
    name: str
    value: str = "candidate"


class Preview(SpecStruct, frozen=True):
    """Requests with this header reach the candidate at any weight, also at 0."""

    header: PreviewHeader


class Timeouts(SpecStruct, frozen=True):
    """As in a rule of an HTTPRoute: of a request as a whole, and of one try of the model; 0s means no timeout."""

    request: str | None = None
    backend_request: str | None = None


class Retry(SpecStruct, frozen=True):
    """As in a rule of an HTTPRoute: how often, after how long, and on which status codes a request is tried again."""

    codes: tuple[int, ...] = ()
    attempts: int | None = None
    backoff: str | None = None


class CookieConfig(SpecStruct, frozen=True):
    lifetime_type: Literal["Session", "Permanent"] | None = None


class SessionPersistence(SpecStruct, frozen=True):
    """As in a rule of an HTTPRoute: a client's requests go where its first one went."""

    session_name: str | None = None
    absolute_timeout: str | None = None
    idle_timeout: str | None = None
    type: Literal["Cookie", "Header"] | None = None
    cookie_config: CookieConfig | None = None


class Route(SpecStruct, frozen=True):
    """`hostnames` are for driver Gateway; Knative gives names of its own, and has nothing of what follows `driver`."""

    hostnames: tuple[str, ...] = ()
    driver: Literal["Gateway", "Knative"] = "Gateway"
    gateway: GatewayRef = GatewayRef()
    preview: Preview | None = None
    timeouts: Timeouts | None = None
    retry: Retry | None = None
    session_persistence: SessionPersistence | None = None


class Pause(SpecStruct, frozen=True):
    """A pause for the duration `for`, or until a person resumes."""

    for_: Duration | None = msgspec.field(name="for", default=None)


class CanaryStep(SpecStruct, frozen=True):
    """`weight` percent of the traffic for at least the duration `for`; or a pause at the weight before it."""

    weight: int | None = None
    for_: Duration | None = msgspec.field(name="for", default=None)
    pause: Pause | None = None


class Canary(SpecStruct, frozen=True):
    steps: tuple[CanaryStep, ...] = (
        CanaryStep(weight=5, for_=Duration("10m")),
        CanaryStep(weight=25, for_=Duration("10m")),
        CanaryStep(weight=50, for_=Duration("10m")),
    )


class BlueGreen(SpecStruct, frozen=True):
    """`mirror`: how long the candidate gets a copy of the traffic; `bake`: how long the old model does afterwards.

    The bake is the holdback of this strategy: a fresh test after the promotion, with all traffic on the new model.
    """

    mirror: Duration = Duration("10m")
    bake: Duration = Duration("10m")


class Rollout(SpecStruct, frozen=True):
    """`holdback`: percent that the old model keeps for `keep_stable` after a canary's promotion; 0: none."""

    strategy: Literal["Canary", "BlueGreen"] = "Canary"
    canary: Canary = Canary()
    blue_green: BlueGreen = BlueGreen()
    progress_deadline: Duration = Duration("10m")
    deadline: Duration = Duration("6h")
    on_inconclusive: Literal["Hold", "Rollback", "Promote"] = "Hold"
    on_runtime_change: Literal["Rollout", "NextRevision"] = "Rollout"
    keep_stable: Duration = Duration("30m")
    holdback: int = 10
    scale_down_delay: Duration = Duration("30s")


class Spec(SpecStruct, frozen=True):
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
