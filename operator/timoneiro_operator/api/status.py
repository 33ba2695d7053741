"""`status` of a ModelDeployment: all that the operator knows between two passes.

All times are absolute, so that a restart, a failover or an edited interval moves no step early.
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import msgspec

from timoneiro_operator.api.analysis_status import AnalysisStatus, StatusStruct
from timoneiro_operator.api.command import asker
from timoneiro_operator.api.runtime import Runtime
from timoneiro_operator.api.spec import Model, Predictor, Transformer
from timoneiro_operator.api.times import Moment

Phase = Literal[
    "Pending", "Healthy", "Progressing", "Paused", "Holding", "Promoting", "RollingBack", "RolledBack", "Degraded"
]
Outcome = Literal["Adopted", "Promoted", "Restored", "RolledBack", "Aborted", "Superseded", "Withdrawn"]
StepKind = Literal["Listed", "Weight", "Pause", "Mirror", "Promotion", "Holdback", "Bake"]
Mirrored = Literal["None", "Candidate", "Stable", "Former"]


@dataclass(frozen=True, slots=True)
class Steps:
    """By the steps of the schedule, as the evidence allows."""


@dataclass(frozen=True, slots=True)
class Direct:
    """To all traffic as soon as it is ready, without steps. `reason`: why, for people."""

    reason: str


Way = Steps | Direct
STEPS = Steps()


class Leaving(StatusStruct, frozen=True):
    """It is decided that the candidate goes. It keeps its traffic only while the stable model could not take it."""

    outcome: Outcome
    reason: str


class Revision(StatusStruct, frozen=True):
    """A revision that serves, or is about to.

    `backend`: Knative's name of the revision, with that driver.
    `replicas`: that its autoscaler must not go below; None while it may go down to the spec's minimum.
    `transformer_replicas`: the same of the transformer before it.
    `started_at`: when its rollout began, or it was adopted.
    """

    revision: str
    inference_service: str
    uri: str
    version: str | None = None
    ready: bool = False
    backend: str | None = None
    replicas: int | None = None
    transformer_replicas: int | None = None
    started_at: Moment | None = None


AnyRevision = TypeVar("AnyRevision", bound=Revision)


class Stable(Revision, frozen=True):
    """The revision that serves. `since`: when it became that."""

    since: Moment | None = None


class Candidate(Revision, frozen=True):
    """The revision that is being rolled out. Every one has both deadlines, unless an older CRD has dropped them.

    `traffic_since`: when the gateway had accepted its first traffic, or copy of it.
    `instant`: `way` on the wire, which is what the rest goes by: why it takes no steps.
    `asked`: a person's command brought it, and not the spec.
    """

    progress_deadline: Moment | None = None
    deadline: Moment | None = None
    traffic_since: Moment | None = None
    instant: str | None = None
    asked: bool = False
    leaving: Leaving | None = None

    @property
    def way(self) -> Way:
        """How it gets to all traffic."""
        return STEPS if self.instant is None else Direct(self.instant)

    def directly(self, reason: str) -> "Candidate":
        """The candidate without further steps."""
        return msgspec.structs.replace(self, instant=reason)


class Snapshot(StatusStruct, frozen=True):
    """What a revision is made of, so that it can be served again when the spec names another one.

    `stable_since`: when it last became the stable model; None for one that never was.
    `runtime`: the serving runtime that it is served and judged with; None where an older version has left it to KServe.
    `adopted`: the InferenceService that serves it and was not made for it: read, and never written.
    """

    revision: str
    model: Model
    predictor: Predictor
    transformer: Transformer | None = None
    runtime: Runtime | None = None
    stable_since: Moment | None = None
    adopted: str | None = None


class Paused(StatusStruct, frozen=True):
    by: str
    at: Moment


class CommandRecord(StatusStruct, frozen=True):
    """A person's command, and what came of it. `verified`: that `by` has asked is proven."""

    id: str
    action: str
    revision: str
    by: str
    at: Moment
    outcome: Literal["Done", "Refused"]
    message: str
    verified: bool = False

    @property
    def asker(self) -> str:
        return asker(self.by, verified=self.verified)


class Retiring(StatusStruct, frozen=True):
    """A revision without traffic whose InferenceService is deleted at `delete_at`.

    `listed`: the route names it, with weight 0, until then.
    `was`: a former stable model is kept warm, so that returning to it takes no rollout.
    `outdone`: the evidence decided for the model in its place, so that only a person returns to it like that.
    `backend`: as of a revision that serves.
    """

    was: Literal["Stable", "Candidate"]
    revision: str
    inference_service: str
    uri: str
    delete_at: Moment
    version: str | None = None
    listed: bool = False
    outdone: bool = False
    backend: str | None = None

    def as_stable(self) -> Stable:
        """The revision as the one that serves, which it was."""
        return Stable(
            revision=self.revision,
            inference_service=self.inference_service,
            uri=self.uri,
            version=self.version,
            ready=True,
            backend=self.backend,
        )


class Step(StatusStruct, frozen=True):
    """Where the rollout is, for at least `seconds` from `started_at`, when the gateway had accepted the weight.

    Listed: the candidate is in the route and has no traffic yet. Mirror: it gets a copy of the traffic. Holdback: it
    was promoted and is the stable model, and the former one keeps what is missing from `weight` to 100. Bake: it has
    all of the traffic, and the former one a copy. Without `seconds` only a person ends it.
    """

    kind: StepKind
    index: int
    count: int
    weight: int
    # How many steps of the same weight came before it: with the weight, its place in the order of all steps.
    rank: int = 0
    seconds: float | None = None
    started_at: Moment | None = None
    not_before: Moment | None = None
    requests_before: int = 0


class Restored(StatusStruct, frozen=True):
    """Something of ours that somebody else had edited or deleted, and that was put back."""

    what: str
    at: Moment


class Weights(StatusStruct, frozen=True):
    """`former`: of the model that was stable before, in a holdback."""

    stable: int
    candidate: int
    former: int = 0


class Traffic(StatusStruct, frozen=True, omit_defaults=False):
    """Shares of the traffic in percent: wanted, and whether the gateway has accepted them.

    `mirror`: who gets a copy of every request besides.
    """

    desired: Weights
    accepted: bool = False
    mirror: Mirrored = "None"


class Rejected(StatusStruct, frozen=True):
    revision: str
    at: Moment
    reason: str
    version: str | None = None


class HistoryEntry(StatusStruct, frozen=True):
    revision: str
    outcome: Outcome
    reason: str
    started_at: Moment | None
    ended_at: Moment
    version: str | None = None


class Condition(StatusStruct, frozen=True, omit_defaults=False):
    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str
    last_transition_time: Moment
    observed_generation: int


class Status(StatusStruct, frozen=True):
    """All of it.

    `revisions`: those that serve, and the last ones that did; a rollback can go to each of them.
    `forgotten`: revisions that there was no room for any more, so that no rollback can go to them.
    `wanted`: the revision that the spec and its serving runtime make.
    `weight`: percent that the candidate has: what `traffic` wants, unless the API server does not take that.
    `acted_on`: the last valid spec, unread, for the time in which the newest one is invalid.
    """

    observed_generation: int = 0
    # Empty before the first pass only: a default that is a phase would be left out of what is written.
    phase: Phase | Literal[""] = ""
    message: str = ""
    verdict: str = ""
    wanted: str = ""
    stable: Stable | None = None
    candidate: Candidate | None = None
    retiring: tuple[Retiring, ...] = ()
    step: Step | None = None
    step_text: str = ""
    traffic: Traffic | None = None
    weight: int | None = None
    analysis: AnalysisStatus | None = None
    rejected: tuple[Rejected, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    revisions: tuple[Snapshot, ...] = ()
    forgotten: tuple[str, ...] = ()
    paused: Paused | None = None
    commands: tuple[CommandRecord, ...] = ()
    restored: Restored | None = None
    acted_on: dict[str, Any] | None = None
    conditions: tuple[Condition, ...] = ()

    def transforms(self, revision: str) -> bool:
        """Whether requests to `revision` reach a transformer, which stands before its predictor."""
        return any(known.revision == revision and known.transformer is not None for known in self.revisions)

    @property
    def former(self) -> Retiring | None:
        """The model that was stable before the promotion, while the one that was promoted is still compared with it."""
        if self.candidate is not None or self.step is None:
            return None
        return next((item for item in reversed(self.retiring) if item.was == "Stable"), None)

    def record(self, id: str) -> CommandRecord | None:
        """What came of the command `id`; None while it has not been answered."""
        return next((record for record in self.commands if record.id == id), None)
