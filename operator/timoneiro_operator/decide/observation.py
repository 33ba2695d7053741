"""What one pass saw: the world as plain frozen data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from timoneiro_operator.judge.comparison import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an InferenceService does not serve. `final`: waiting longer does not help."""

    reason: str
    message: str
    final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One InferenceService and its pods."""

    ready_replicas: int = 0
    # KServe has made all that traffic needs: the predictor's Service and a Deployment.
    routable: bool = False
    min_replicas: int | None = None
    failure: Failure | None = None

    @property
    def serving(self) -> bool:
        """Traffic may be sent there."""
        return self.routable and self.ready_replicas > 0

    def has(self, replicas: int) -> bool:
        """Traffic may be sent there, and as many replicas as wanted are ready for it."""
        return self.serving and self.ready_replicas >= replicas


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteState:
    """The HTTPRoute as the cluster has it. `weights` by InferenceService name."""

    weights: Mapping[str, int] = field(default_factory=dict)
    hostnames: tuple[str, ...] = ()
    gateway: tuple[str, str] | None = None
    # One rule for all paths without filters, as it was built: weights mean what they say only then.
    as_built: bool = True
    accepted: bool = False
    reason: str = "NotFound"
    message: str = "the HTTPRoute does not exist yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """What the source of counts said in this pass.

    `windows`: by metric name, counts of one closed window that nobody has seen before, with its end.
    `problem`: reason and sentence while counts cannot be had; neither for nor against the candidate.
    """

    windows: Mapping[str, Window] = field(default_factory=dict)
    window_end: float | None = None
    problem: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    workloads: Mapping[str, Workload] = field(default_factory=dict)
    route: RouteState | None = None
    metrics: Metrics = Metrics()

    def workload(self, name: str) -> Workload:
        """The workload of that name; one without replicas when it does not exist."""
        return self.workloads.get(name, Workload())
