"""What the operator would find of one metric of one arm: the row of a table, and the same as data. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from timoneiro_judge import Counts, Needed
from timoneiro_operator.api.analysis_status import MetricPreflight


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One metric of one arm. `counts`: what it has counted (`over`: in which time); `missing`: why that is all."""

    metric: str
    arm: str
    query: str
    series: int = 0
    counts: Counts | None = None
    over: str = ""
    missing: str | None = None

    def as_data(self) -> Mapping[str, object]:
        """For `--output`: what is empty is null."""
        counts = {"requests": self.counts.requests, "events": self.counts.events} if self.counts else None
        return {
            "metric": self.metric,
            "arm": self.arm,
            "query": self.query,
            "series": self.series,
            "counts": counts,
            "over": self.over or None,
            "missing": self.missing,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What a rollout needs that begins now. `late`: more than the deadline leaves."""

    message: str
    late: bool
    metrics: tuple[MetricPreflight, ...]

    def as_data(self) -> Mapping[str, object]:
        """For `--output`: times are null where nobody knows how many requests come in a second."""
        return {
            "message": self.message,
            "late": self.late,
            "metrics": [
                {
                    "metric": one.name,
                    "rate": one.rate,
                    "requestsPerSecond": one.requests_per_second,
                    "notWorse": _needed(one.not_worse, one),
                    "worse": _needed(one.worse, one),
                }
                for one in self.metrics
            ],
        }


def _needed(needed: Needed, one: MetricPreflight) -> Mapping[str, object]:
    timed = one.requests_per_second is not None
    return {"requests": needed.requests, "seconds": needed.seconds if timed else None}
