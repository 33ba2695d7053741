"""What a report says: frozen data, and at once its JSON.

Guarantees of the JSON: camelCase names, every field always there, null where nothing is known. Fields are added, never
renamed or removed, as long as `schema` is the same. Times are RFC 3339, rates and probabilities shares of one.
"""

from typing import Any, Literal

import msgspec

from timoneiro_judge import MetricVerdict
from timoneiro_operator.api.analysis_status import MostDifferent, Role
from timoneiro_operator.api.command import asker
from timoneiro_operator.api.status import Outcome
from timoneiro_operator.api.times import Moment

SCHEMA = 1

State = Literal["Running", "Ended", "None"]
Standing = Literal["Stable", "Candidate", "Former", "Rejected"]


class _Struct(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Base of all parts."""


class Named(_Struct, frozen=True):
    """A revision, and how people call it: `version 14 (3f2a9c01)`."""

    revision: str
    version: str | None
    name: str


class ArmReport(_Struct, frozen=True):
    """Counts of one of the two models. `rate` None: there was no request."""

    requests: int
    events: int
    rate: float | None


class Interval(_Struct, frozen=True):
    """Rate of the candidate divided by that of the stable model. None: not bounded on that side yet."""

    estimate: float | None
    lower: float | None
    upper: float | None


class Point(_Struct, frozen=True):
    """What was known about one metric at the end of a window. `stable` None: a guard, which looks at one arm."""

    at: Moment
    ratio: Interval
    worse: float
    not_worse: float
    candidate: ArmReport
    stable: ArmReport | None


class MetricReport(_Struct, frozen=True):
    """One comparison, or one guard.

    `type`, `tolerance`, `margin`, `negligible`, `of` as in the spec; None where it does not name this metric (any
    more). `bound`: a request slower than these seconds is an event. `limit`: the rate that a guard allows.
    `shape`: of a metric that compares shapes, the bin that differs the most and its share of each model's requests.
    `weight`: share of this metric in the evidence of 'worse' that decides; None with role Inform, which decides
    nothing, and where the spec is not known.
    """

    name: str
    type: str | None
    role: Role
    verdict: MetricVerdict
    tolerance: float | None
    margin: float | None
    negligible: float | None
    of: str | None
    bound: float | None
    limit: float | None
    shape: MostDifferent | None
    weight: float | None
    ratio: Interval
    worse: float
    not_worse: float
    candidate: ArmReport
    stable: ArmReport | None
    seconds_left: float | None
    problem: str | None
    trail: tuple[Point, ...]


class Promises(_Struct, frozen=True):
    """The error probabilities that hold, and the evidence at which the operator acts: one divided by them."""

    false_rollback: float
    false_promotion: float
    worse_bound: float
    not_worse_bound: float
    promotion: Literal["Evidence", "NoHarm"]


class TogetherPoint(_Struct, frozen=True):
    at: Moment
    worse: float


class Together(_Struct, frozen=True):
    """Evidence of 'worse' as it decides: the weighted mean over the metrics with role Required."""

    worse: float
    trail: tuple[TogetherPoint, ...]


class WeightPoint(_Struct, frozen=True):
    """From `at` on the candidate had `weight` percent of the traffic."""

    at: Moment
    weight: int


class PlannedStep(_Struct, frozen=True):
    """A step of the schedule in the spec. `now`: the rollout is in it."""

    text: str
    now: bool


class RolloutReport(_Struct, frozen=True):
    """The rollout that the report is about.

    `stable`: the model that the candidate was compared with; None for the first revision.
    `outcome` and `ended_at` None: it is not over. `reason`: why it ended, or what it waits for.
    `mirrored`: in steps without traffic and in those with all of it the other model gets a copy (blue-green).
    `after_promotion`: it is the test that goes on after the promotion, at `started_at`.
    """

    candidate: Named
    stable: Named | None
    outcome: Outcome | None
    reason: str
    started_at: Moment | None
    ended_at: Moment | None
    strategy: str | None
    mirrored: bool
    after_promotion: bool
    steps: tuple[PlannedStep, ...]


class EventReport(_Struct, frozen=True):
    at: Moment
    what: str


class CommandReport(_Struct, frozen=True):
    """What a person asked for, and what came of it.

    `verified`: it is proven that `by` has asked. `during`: while this rollout ran.
    """

    at: Moment
    by: str
    action: str
    revision: str
    outcome: str
    message: str
    during: bool
    verified: bool

    @property
    def asker(self) -> str:
        return asker(self.by, verified=self.verified)


class Card(_Struct, frozen=True):
    """The model card that travels with a package: its text (Markdown), and the manifest beside it.

    `doubt`: why it may not be the card of that revision.
    """

    text: str | None
    manifest: dict[str, Any] | None
    doubt: str | None


class RevisionReport(_Struct, frozen=True):
    """What is known of a revision. `since`: when it last became the stable model. `uri` is where its card is, too."""

    revision: str
    version: str | None
    standing: tuple[Standing, ...]
    uri: str | None
    digest: str | None
    format: str | None
    since: Moment | None
    card: Card | None


class Report(_Struct, frozen=True):
    """All of it.

    `headline`: a few words. `decision`: sentences about what became of the candidate, with numbers, and what is not
    known. `explanation`: what holds at `generated_at` and what would change it, as `timoneiro explain` says it.
    """

    schema: int
    generated_at: Moment
    namespace: str
    name: str
    state: State
    phase: str
    headline: str
    decision: tuple[str, ...]
    explanation: tuple[str, ...]
    rollout: RolloutReport | None
    promises: Promises | None
    weights: tuple[WeightPoint, ...]
    metrics: tuple[MetricReport, ...]
    together: Together | None
    events: tuple[EventReport, ...]
    commands: tuple[CommandReport, ...]
    revisions: tuple[RevisionReport, ...]


def encoded(report: Report) -> dict[str, Any]:
    """The report as JSON has it."""
    content: dict[str, Any] = msgspec.to_builtins(report)
    return content
