"""`status` of a ModelDeployment: all that the operator knows between two passes.

All times are absolute, RFC 3339 with microseconds on the wire and seconds since the epoch in Python, so that a
restart, a failover or an edited interval moves no step early.
"""

from datetime import UTC, datetime
from typing import Literal

import msgspec

Phase = Literal["Pending", "Healthy", "Progressing", "Holding", "Promoting", "RollingBack", "RolledBack", "Degraded"]
Verdict = Literal["Worse", "NotWorse", "Undecided"]


class _Struct(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """Base of all parts of the status: immutable, camelCase on the wire, absent when empty."""


class Revision(_Struct, frozen=True):
    """A revision that serves, or is about to."""

    revision: str
    inference_service: str
    uri: str
    version: str | None = None
    ready: bool = False
    since: str | None = None
    started_at: str | None = None
    progress_deadline: str | None = None
    deadline: str | None = None


class Retiring(_Struct, frozen=True):
    """A revision without traffic whose InferenceService is deleted at `delete_at`.

    `listed`: the route names it, with weight 0, until then.
    `was`: a former stable model is kept warm, so that returning to it takes no rollout.
    """

    was: Literal["Stable", "Candidate"]
    revision: str
    inference_service: str
    uri: str
    delete_at: str
    version: str | None = None
    listed: bool = False


class Step(_Struct, frozen=True):
    """Where the rollout is, for at least `seconds` from `started_at`, when the gateway had accepted the weight.

    Index -1: the candidate is listed in the route and has no traffic yet.
    """

    index: int
    count: int
    weight: int
    seconds: float = 0.0
    started_at: str | None = None
    not_before: str | None = None
    requests_before: int = 0


class Weights(_Struct, frozen=True, omit_defaults=False):
    stable: int
    candidate: int


class Traffic(_Struct, frozen=True, omit_defaults=False):
    """Shares of the traffic in percent: wanted, and what the gateway has accepted."""

    desired: Weights
    accepted: bool = False


class Counts(_Struct, frozen=True, omit_defaults=False):
    requests: int = 0
    events: int = 0


class Ratio(_Struct, frozen=True):
    """Rate ratio candidate / stable with its confidence sequence. None: not bounded yet."""

    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None


class Evidence(_Struct, frozen=True, omit_defaults=False):
    """e-values: 100 for "worse" means that luck alone would show this in one harmless rollout of 100."""

    worse: float = 1.0
    not_worse: float = 1.0


class MetricStatus(_Struct, frozen=True):
    name: str
    verdict: Verdict = "Undecided"
    ratio: Ratio = Ratio()
    candidate: Counts = Counts()
    stable: Counts = Counts()
    evidence: Evidence = Evidence()
    state: str | None = None


class AnalysisStatus(_Struct, frozen=True):
    metrics: tuple[MetricStatus, ...] = ()
    last_window_end: str | None = None


class Rejected(_Struct, frozen=True):
    revision: str
    at: str
    reason: str
    version: str | None = None


class HistoryEntry(_Struct, frozen=True):
    revision: str
    outcome: Literal["Promoted", "RolledBack", "Superseded", "Withdrawn"]
    reason: str
    started_at: str | None
    ended_at: str
    version: str | None = None


class Condition(_Struct, frozen=True, omit_defaults=False):
    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str
    last_transition_time: str
    observed_generation: int


class Status(_Struct, frozen=True):
    observed_generation: int = 0
    # Empty before the first pass only: a default that is a phase would be left out of what is written.
    phase: Phase | Literal[""] = ""
    message: str = ""
    verdict: str = ""
    stable: Revision | None = None
    candidate: Revision | None = None
    retiring: tuple[Retiring, ...] = ()
    step: Step | None = None
    step_text: str = ""
    traffic: Traffic | None = None
    analysis: AnalysisStatus | None = None
    rejected: tuple[Rejected, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    conditions: tuple[Condition, ...] = ()


def to_text(seconds: float) -> str:
    """RFC 3339 in UTC with microseconds: `2026-11-24T10:00:00.250000Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def to_seconds(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 text."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
