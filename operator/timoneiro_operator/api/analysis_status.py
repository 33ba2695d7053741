"""`status.analysis` of a ModelDeployment: the evidence, and what people are told of it."""

from typing import Literal

import msgspec

from timoneiro_judge import Counts, MetricVerdict, Needed
from timoneiro_operator.api.times import Moment

Role = Literal["Required", "Inform"]


class StatusStruct(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """Base of all parts of the status: immutable, camelCase on the wire, absent when empty."""


class RatioStatus(StatusStruct, frozen=True):
    """Rate ratio candidate / stable with its confidence sequence. None: not bounded yet."""

    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None


class EvidenceStatus(StatusStruct, frozen=True, omit_defaults=False):
    """e-values: 100 for "worse" means that luck alone would show this in one harmless rollout of 100."""

    worse: float = 1.0
    not_worse: float = 1.0


class MostDifferent(StatusStruct, frozen=True, omit_defaults=False):
    """The bin that tells two shapes apart best, and its share of the requests of each model; None: nothing yet."""

    bin: str | None = None
    candidate: float = 0.0
    stable: float = 0.0


class MetricStatus(StatusStruct, frozen=True):
    """One comparison. `bound`: a request slower than these seconds is an event. `limit`: of a guard.

    `shape`: of a metric that compares shapes; its evidence of "worse" is one of "different".

    `seconds_left`: about how long until it is decided, at today's traffic; None where nobody can say.
    `problem`: why there are no counts of it.
    """

    name: str
    verdict: MetricVerdict = "Undecided"
    role: Role = "Required"
    bound: float | None = None
    limit: float | None = None
    shape: MostDifferent | None = None
    seconds_left: float | None = None
    problem: str | None = None
    ratio: RatioStatus = RatioStatus()
    candidate: Counts = Counts()
    stable: Counts = Counts()
    evidence: EvidenceStatus = EvidenceStatus()
    state: str | None = None


class WarmUp(StatusStruct, frozen=True):
    """What the candidate's pods did before they had warmed up, and the stable model in the same time: failures.

    `limit`: rate of them that must not be passed. `worse`: the e-value for "it is passed, and not by both models".
    """

    limit: float
    verdict: MetricVerdict = "Undecided"
    candidate: Counts = Counts()
    stable: Counts = Counts()
    worse: float = 1.0
    state: str | None = None


class LastWindow(StatusStruct, frozen=True, omit_defaults=False):
    """Traffic in the window that was counted last."""

    seconds: float
    candidate: int
    stable: int


class MetricPreflight(StatusStruct, frozen=True, omit_defaults=False):
    """What one comparison needs.

    `rate`: events of the stable model by its requests, as it was when it was read. `requests_per_second`: of users,
    None where nobody knows; then the times are None, too.
    """

    name: str
    rate: float
    requests_per_second: float | None
    not_worse: Needed
    worse: Needed


class PreflightStatus(StatusStruct, frozen=True, omit_defaults=False):
    """How long decisions will take, as it was estimated when counting began, at `began_at`.

    `late`: the deadline comes before. `message`: all of it in sentences.
    """

    began_at: Moment
    metrics: tuple[MetricPreflight, ...]
    message: str = ""
    late: bool = False


class Share(StatusStruct, frozen=True, omit_defaults=False):
    """Requests since the gateway accepted `weight`, and the e-value against their being split like that.

    `begun`: they are counted when they arrive, and not when they have ended. `answered`, `stable_answered`: what
    candidate and stable model have answered well.
    """

    weight: int
    candidate: int = 0
    stable: int = 0
    mismatch: float = 1.0
    begun: bool = False
    answered: int = 0
    stable_answered: int = 0


class TrailPoint(StatusStruct, frozen=True, omit_defaults=False):
    """Where the evidence was at the end of a window.

    `values`, by metric: estimate, lower and upper end of the ratio, evidence of worse and of not worse, requests and
    events of the candidate, and of the stable model.
    """

    at: Moment
    weight: int
    values: tuple[tuple[float | None, ...], ...]


class PromotedBy(StatusStruct, frozen=True):
    """What people read of the evidence that a promotion came from, once another test has begun after it."""

    metrics: tuple[MetricStatus, ...] = ()
    worse: float | None = None
    warm_up: WarmUp | None = None
    trail: tuple[TrailPoint, ...] = ()


class AnalysisStatus(StatusStruct, frozen=True):
    """Evidence about `candidate` against `stable`: rolled out again, the same pair goes on where it was.

    `worse`: the e-value of all that decides together. `bounds`: seconds by metric of type Latency; fixed before the
    first window. `warm_up`: None while no pod of the candidate was seen warming up. `marks`: where the source has got
    to, in its own words. `promoted_by`: this is the evidence since the promotion, which goes on from nothing of that
    before it.
    """

    candidate: str = ""
    stable: str = ""
    metrics: tuple[MetricStatus, ...] = ()
    last_window_end: Moment | None = None
    last_window: LastWindow | None = None
    worse: float | None = None
    bounds: dict[str, tuple[float, ...]] = msgspec.field(default_factory=dict)
    warm_up: WarmUp | None = None
    share: Share | None = None
    marks: str | None = None
    preflight: PreflightStatus | None = None
    trail: tuple[TrailPoint, ...] = ()
    promoted_by: PromotedBy | None = None

    def of_the_rollout(self) -> "AnalysisStatus":
        """What is known from before the promotion, where there was one."""
        before = self.promoted_by
        if before is None:
            return self
        return msgspec.structs.replace(
            self,
            metrics=before.metrics,
            worse=before.worse,
            warm_up=before.warm_up,
            trail=before.trail,
            promoted_by=None,
        )
