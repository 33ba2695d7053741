"""What the operator would find of one metric of one arm: the row of a table, and the same as data. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from timoneiro_judge import Counts


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
