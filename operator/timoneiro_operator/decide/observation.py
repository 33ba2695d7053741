"""What one pass saw: the world as plain frozen data. Everything is named by revision; drivers know the objects."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from timoneiro_judge.counts import Counts, Window
from timoneiro_judge.shape import Bins
from timoneiro_operator.api.scaling import Replicas
from timoneiro_operator.api.status import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a revision does not serve.

    `final`: waiting longer does not help. `no_room`: the cluster has none for it now, which says nothing about the
    model, and ends without anybody doing anything to it.
    """

    reason: str
    message: str
    final: bool
    no_room: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pods:
    """Pods of one component: those that are ready, and those that stay, ready or not."""

    ready: int = 0
    staying: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What serves one revision: its predictor, and the transformer before it."""

    ready_replicas: int = 0
    # None: requests reach the predictor itself.
    transformer: Pods | None = None
    # KServe has made all that traffic needs: a Service and a Deployment of each component.
    routable: bool = False
    # The cluster's controllers have noticed that its pods are ready, and so its gateway is about to hear of them.
    known: bool = True
    # False: what serves it now can keep traffic, and has to be made anew before it can get more.
    reusable: bool = True
    # Pods that stay, ready or not: what an autoscaler has chosen.
    replicas: int = 0
    # False: somebody has edited what is served, so that these pods are not the revision that they claim to be.
    as_built: bool = True
    # The serving runtime that its InferenceService names, or that KServe has selected.
    runtime: str | None = None
    # False: its InferenceService does not name the runtime of its own yet, or was released and belongs to nobody.
    pinned: bool = True
    # Of one that was adopted: why it is not what was adopted any more.
    strayed: str | None = None
    # The driver's own name of it, where the names of its objects do not follow from ours.
    backend: str | None = None
    failure: Failure | None = None
    # Deployments with fewer pods than there should be. Only they say why, and no watch tells when it ends.
    lacks_pods: tuple[str, ...] = ()

    @property
    def serving(self) -> bool:
        """Traffic may be sent there."""
        return self.routable and self.ready_replicas > 0 and (self.transformer is None or self.transformer.ready > 0)

    def has(self, wanted: Replicas) -> bool:
        """Traffic may be sent there, and as many replicas as wanted are ready for it."""
        return self.serving and self.ready_replicas >= wanted.least and self._behind(wanted) is None

    def replicas_text(self, wanted: Replicas) -> str:
        """How many of the replicas wanted are ready, in words: of the transformer as long as it has too few."""
        return self._behind(wanted) or f"{self.ready_replicas} of {wanted.least} replicas"

    def _behind(self, wanted: Replicas) -> str | None:
        """Too few replicas of the transformer, in words; None when there are enough, or it has none."""
        before, needed = self.transformer, wanted.transformer
        if before is None or needed is None or before.ready >= needed.least:
            return None
        return f"{before.ready} of {needed.least} replicas of the transformer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """Who gets the traffic, by revision.

    `weights`: percent, summing to 100. `mirror`: gets a copy of every request, and its answers reach nobody.
    `preview`: gets the requests that carry the preview header.
    """

    weights: Mapping[str, int] = field(default_factory=dict)
    mirror: str | None = None
    preview: str | None = None

    def shares(self) -> tuple[dict[str, int], str | None]:
        """Who gets how much of the traffic and who its copy: what is left out gets none."""
        return {revision: weight for revision, weight in self.weights.items() if weight}, self.mirror


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteState:
    """The route as the cluster has it."""

    routing: Routing = Routing()
    # Its rules have the shape that was built: the routing means what it says only then.
    as_built: bool = True
    accepted: bool = False
    reason: str = "NotFound"
    message: str = "there is no route yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Requests that were answered well, of pods that were watched from the beginning of the window to its end.

    `begun`: what has arrived at candidate and stable model, answered or not; None where a server does not say.
    """

    candidate: int
    stable: int
    begun: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """What the source of counts said in this pass.

    `windows`: by name of the comparison, counts of one closed window that nobody has seen before, with its end and
    its length in seconds. `shapes`: the same of metrics that compare shapes.
    `bounds`: in seconds by parts.bounds_key, when they were found in this pass.
    `problem`: reason and sentence while there are no counts; neither for nor against the candidate.
    `problems`: by metric, why there is nothing of that one. `answers`: of the same window, who was answered at all.
    `warm_up`: of the same window, requests and failures of pods that were warming up, which are in no other window.
    `marks`: the source's own text, to be handed back to it with the next look. `lifetime`: by name of the comparison,
    all that the stable model's processes had counted when they were read.
    """

    windows: Mapping[str, Window] = field(default_factory=dict)
    shapes: Mapping[str, Bins] = field(default_factory=dict)
    window_end: float | None = None
    seconds: float = 0.0
    bounds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    problem: tuple[str, str] | None = None
    answers: Answers | None = None
    warm_up: Window | None = None
    marks: str | None = None
    lifetime: Mapping[str, Counts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Impairment:
    """What the operator itself lacks. `holds`: nothing may go forward meanwhile; what rolls back goes on.

    `blind`: what is ready is not known, and speaks neither for a candidate nor against it.
    """

    reason: str
    message: str
    holds: bool = False
    blind: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """`missing`: reason and sentence when the cluster lacks what the driver needs, so that nothing can be done.

    `adoption`: what the InferenceService serves that is to be adopted, or why it cannot be.
    """

    workloads: Mapping[str, Workload] = field(default_factory=dict)
    route: RouteState | None = None
    metrics: Metrics = Metrics()
    missing: tuple[str, str] | None = None
    impaired: Impairment | None = None
    adoption: Snapshot | str = "the InferenceService that is to be adopted has not been read yet"

    @property
    def held(self) -> str | None:
        """Why nothing may go forward; None when it may."""
        return self.impaired.message if self.impaired is not None and self.impaired.holds else None

    @property
    def blind(self) -> bool:
        return self.impaired is not None and self.impaired.blind

    def workload(self, revision: str) -> Workload:
        """The workload of that revision; one without replicas when it does not exist."""
        return self.workloads.get(revision, Workload())
