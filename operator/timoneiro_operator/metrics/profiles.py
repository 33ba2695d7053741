"""Which series of a model server mean what."""

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


class NoSeries(ValueError):
    """The exposition has none of the series that the profile needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Counters of one process at one moment. `started`: its start time, by which a restart is known."""

    requests: int
    failed: int
    started: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A model server that counts what began and what ended well, and has no counter of failures."""

    name: str
    port: int
    path: str
    began: str
    ended_well: str

    def read(self, exposition: str) -> Sample:
        """Counters of an exposition in the Prometheus text format, summed over labels.

        Raises NoSeries when a series is missing, which is not the same as a series at zero.
        """
        totals = _totals(exposition, (self.began, self.ended_well))
        for series in (self.began, self.ended_well):
            if series not in totals:
                raise NoSeries(f"there is no series {series}: is this a {self.name} server?")
        began, ended_well = int(totals[self.began]), int(totals[self.ended_well])
        return Sample(
            requests=began, failed=max(0, began - ended_well), started=totals.get("process_start_time_seconds")
        )


# KServe's Python model servers (kserve 0.21, kserve/metrics.py; run and measured): predict is observed even when it
# raises, postprocess only when predict succeeded, and there is no error counter.
KSERVE = Profile(
    name="KServe Python",
    port=8080,
    path="/metrics",
    began="request_predict_seconds_count",
    ended_well="request_postprocess_seconds_count",
)


def _totals(exposition: str, counts: tuple[str, ...]) -> Mapping[str, float]:
    """Sums by sample name. A histogram that is declared and has no samples yet counts zero."""
    totals: dict[str, float] = {}
    for family in text_string_to_metric_families(exposition):
        declared = f"{family.name}_count"
        if declared in counts:
            totals.setdefault(declared, 0.0)
        for sample in family.samples:
            if sample.name in counts:
                totals[sample.name] = totals.get(sample.name, 0.0) + sample.value
            elif sample.name == "process_start_time_seconds":
                totals[sample.name] = sample.value
    return totals
