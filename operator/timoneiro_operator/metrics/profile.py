"""What a profile of a model server or proxy is, and how an exposition is read by it. The table is in profiles.py."""

import functools
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from prometheus_client.parser import text_string_to_metric_families

from timoneiro_operator.metrics.samples import ALL, Implausible, NoSeries, Sample, whole

START_TIME = "process_start_time_seconds"
# Of the buckets of a histogram.
BOUND_LABEL = "le"

_LABELS = r'\{(?:[a-zA-Z_]\w*="[^"\\\n]*",?)*\}'
_VALUE = r"(?:[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|NaN|[-+]?Inf)"


@dataclass(frozen=True, slots=True)
class Series:
    """A counter, summed over all label sets that match `where` (label: regular expression for the whole value)."""

    name: str
    where: Mapping[str, str] = field(default_factory=dict)

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(re.fullmatch(pattern, labels.get(label, "")) for label, pattern in self.where.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What a server shows of its answers in bins: which output, the counters, and which of their labels is the bin.

    With the label `le` they are the buckets of a histogram, and count up to their bound.
    """

    name: Literal["Prediction", "Score"]
    series: Series
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One kind of server; each count is the sum of its series.

    `requests`: all that was asked. `failed`: its failures; or `ended_well`, where only what went well is counted, and
    `busy`, the seconds that requests were under way between the two. `begun`: what has arrived, by which a request that
    hangs is seen; empty where a server counts a request when it has ended. `repeated`: of what has
    arrived, further attempts at the same request.
    `outputs`: what is answered, in bins. `latency`: base name of a histogram whose unit is `unit` seconds. `lazy`: a
    series is not even declared before the first request that it counts. `runtimes`: names of KServe's runtimes that use
    it. `note`: what people have to know.
    """

    name: str
    requests: tuple[Series, ...]
    failed: tuple[Series, ...] = ()
    ended_well: tuple[Series, ...] = ()
    busy: tuple[Series, ...] = ()
    begun: tuple[Series, ...] = ()
    repeated: tuple[Series, ...] = ()
    latency: Series | None = None
    outputs: tuple[Output, ...] = ()
    unit: float = 1.0
    port: int = 8080
    path: str = "/metrics"
    lazy: bool = False
    runtimes: tuple[str, ...] = ()
    note: str = ""

    def series(self) -> tuple[str, ...]:
        """Names of all the series that are read, as Prometheus knows them."""
        groups = (self.requests, self.failed, self.ended_well, self.busy, self.begun, self.repeated)
        names = dict.fromkeys(series.name for group in groups for series in group)
        names |= dict.fromkeys(output.series.name for output in self.outputs)
        return (*names, *([f"{self.latency.name}_bucket"] if self.latency else []))

    def read(self, exposition: str) -> Sample:
        """Counters of an exposition in the Prometheus text format, summed over labels.

        Raises NoSeries when a series is missing, which is not the same as a series at zero; Implausible for one that
        shows no count; another ValueError for a text that is no exposition.
        """
        declared: set[str] = set()
        values: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        wanted = {*self.series(), START_TIME}
        # The parser takes most of the time of a read, and most of what a server shows is not read.
        read, left_out = other_series(frozenset(wanted)).subn("", exposition)
        for family in text_string_to_metric_families(read):
            declared |= {family.name, *(f"{family.name}_{part}" for part in ("total", "count", "bucket"))}
            for sample in family.samples:
                # The parser calls every counter _total, also where the server does not.
                name = sample.name if sample.name in wanted else sample.name.removesuffix("_total")
                if name in wanted:
                    # vLLM with several API servers shows the sum of them first, and one of them after it.
                    values.setdefault((name, tuple(sorted(sample.labels.items()))), sample.value)
        if not declared and not left_out:
            raise NoSeries(f"there are no metrics at all: are they switched on in the {self.name} server?")
        return self.sample([(name, dict(labels), value) for (name, labels), value in values.items()], declared)

    def sample(self, values: Iterable[tuple[str, Mapping[str, str], float]], declared: Iterable[str] = ()) -> Sample:
        """Counters of values by series and labels. What is declared and has no value yet is at zero.

        Raises NoSeries for a series that is neither, and Implausible for what no server can have counted.
        """
        values, declared = list(values), set(declared)
        known = declared | {name for name, _, _ in values}
        counters: dict[str, int] = {}

        def total(all_of: Iterable[Series]) -> int:
            # Two series of one name may both match: a value counts once.
            found: dict[str, int] = {}
            names = list(all_of)
            for name, labels, value in values:
                if any(series.name == name and series.matches(labels) for series in names):
                    found[name] = found.get(name, 0) + whole(name, value)
            for name, count in found.items():
                counters[name] = max(counters.get(name, 0), whole(name, count))
            return sum(found.values())

        for series in () if self.lazy else (*self.requests, *self.ended_well, *self.begun):
            if series.name not in known:
                raise NoSeries(f"there is no series {series.name}: is this a {self.name} server?")
        requests = total(self.requests)
        ended_well = total(self.ended_well) if self.ended_well else None
        failed = total(self.failed) if ended_well is None else requests - ended_well
        if failed < 0:
            more, fewer = (", ".join(series.name for series in one) for one in (self.ended_well, self.requests))
            raise Implausible(f"series {more} shows {-failed} more than {fewer}, which it is a part of")
        latency: dict[float, int] = {}
        if self.latency is not None:
            for name, labels, value in values:
                if name == f"{self.latency.name}_bucket" and self.latency.matches(labels):
                    bound = _bound(name, labels.get("le", "+Inf"), self.unit)
                    latency[bound] = latency.get(bound, 0) + whole(name, value)
            counters |= {_bucket(self.latency.name, bound): n for bound, n in latency.items()}
        outputs: dict[str, dict[str | float, int]] = {}
        for output in self.outputs:
            for name, labels, value in values:
                if name == output.series.name and output.series.matches(labels):
                    bin = bin_of(name, output.label, labels)
                    counts = outputs.setdefault(output.name, {})
                    counts[bin or ""] = counts.get(bin or "", 0) + whole(name, value)
        times = [value for name, _, value in values if name == START_TIME]
        if not all(math.isfinite(time) for time in times):
            raise Implausible(f"series {START_TIME} does not show a time")
        busy = [(name, value) for name, _, value in values if any(series.name == name for series in self.busy)]
        for name, value in busy:
            if not 0 <= value < math.inf:
                raise Implausible(f"series {name} shows {value:g}, which is not a sum of seconds")
        return Sample(
            requests=requests,
            failed=failed,
            latency=dict(sorted(latency.items())),
            outputs=outputs,
            started=max(times, default=None),
            # An attempt that is about to be repeated is known as such before it begins.
            begun=max(0, total(self.begun) - total(self.repeated)) if self.begun else None,
            counters=counters,
            missing=ended_well is not None,
            busy_seconds=sum(value for _, value in busy),
        )


@functools.lru_cache
def other_series(wanted: frozenset[str]) -> re.Pattern[str]:
    """Samples of any other series, where they are as every server writes them: what is odd is the parser's to judge.

    With or without _total, which the parser takes for the same.
    """
    names = "|".join(sorted(re.escape(name.removesuffix("_total")) for name in wanted))
    return re.compile(
        rf"^(?!(?:{names})(?:_total)?[{{ ])[a-zA-Z_:][\w:]*(?:{_LABELS})? {_VALUE}\n", re.MULTILINE | re.ASCII
    )


@functools.lru_cache(maxsize=4096)
def _bucket(histogram: str, bound: float) -> str:
    """The same text for all pods: a thousand rollouts hold it in mind for each bucket of each pod."""
    return f'{histogram}_bucket{{le="{bound:g}"}}'


def bin_of(series: str, label: str, labels: Mapping[str, str]) -> str | float | None:
    """The bin that a counter counts: a bound with the label `le`, else a name; None without the label.

    Raises Implausible for a bound that is no number.
    """
    text = labels.get(label)
    if text is None or label != BOUND_LABEL:
        return text
    try:
        bound = float(text)
    except ValueError:
        bound = math.nan
    if math.isnan(bound):
        raise Implausible(f"series {series} has a bucket whose bound is no number")
    return bound


def _bound(series: str, text: str, unit: float) -> float:
    """The bound of a bucket in seconds. Raises Implausible for a text that is none."""
    try:
        bound = float(text)
    except ValueError:
        bound = math.nan
    if not bound >= 0:
        raise Implausible(f"series {series} has a bucket whose bound is not a number")
    return ALL if bound == math.inf else round(bound * unit, 9)
