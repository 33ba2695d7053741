"""Series as Prometheus' HTTP API answers them, and whose they are. Pure."""

import json
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import pairwise
from typing import Any, TypeVar

from timoneiro_operator.metrics.look import Target
from timoneiro_operator.metrics.problem import ProblemError

T = TypeVar("T")
# Labels of a target, with their values.
_Labels = tuple[tuple[str, str], ...]

# Of somebody else, in a message of ours.
LONGEST_SENTENCE = 200


@dataclass(frozen=True, slots=True)
class RawSeries:
    """Samples of one series in a range: (seconds since the epoch, value), the oldest first."""

    labels: Mapping[str, str]
    values: tuple[tuple[float, float], ...]

    @property
    def name(self) -> str:
        return self.labels.get("__name__", "")

    @property
    def pod(self) -> str:
        """What its pod is known by: its uid, its name, or its address without the port."""
        for label in ("uid", "pod"):
            if label in self.labels:
                return self.labels[label]
        return _host(self.labels.get("instance", ""))


class Malformed(ValueError):
    """A selector or an answer that cannot be used; the message is a sentence for people."""


def answered(body: str | bytes) -> list[RawSeries]:
    """The series of an answer of Prometheus' HTTP API with status 200. Raises ProblemError, or Malformed."""
    try:
        answer: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProblemError("ProviderUnavailable", "what answers is not Prometheus: its answer is not JSON") from error
    if not isinstance(answer, dict) or "status" not in answer:
        raise ProblemError("ProviderUnavailable", "what answers is not Prometheus: its answer has no status")
    if answer["status"] != "success":
        words = str(answer.get("error") or "without a reason")[:LONGEST_SENTENCE]
        raise ProblemError("QueryFailed", f"Prometheus refuses the query: {words}")
    if answer.get("warnings"):
        # Thanos and others answer with a part of the series then, and half of an arm is no count of it.
        first = next(iter(answer["warnings"]), "") if isinstance(answer["warnings"], list) else answer["warnings"]
        raise ProblemError("PartialAnswer", f"Prometheus warns: {str(first)[:LONGEST_SENTENCE]}")
    return series_of(answer.get("data"))


def series_of(data: object) -> list[RawSeries]:
    """The series of a matrix as Prometheus' HTTP API answers it. Raises Malformed."""
    if not isinstance(data, dict) or data.get("resultType") != "matrix" or not isinstance(data.get("result"), list):
        raise Malformed("the answer is not a range of raw samples: the query must be a selector of counters")
    found = []
    for item in data["result"]:
        try:
            values = tuple((float(at), float(value)) for at, value in item["values"])
            labels = {str(label): str(value) for label, value in (item.get("metric") or {}).items()}
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise Malformed("the answer has samples that cannot be read") from error
        if not all(math.isfinite(at) for at, _ in values) or any(a >= b for (a, _), (b, _) in pairwise(values)):
            raise Malformed("the answer has samples that are not in the order of time")
        found.append(RawSeries(labels=labels, values=values))
    return found


def scrapes(series: Iterable[RawSeries]) -> dict[str, list[tuple[float, float]]]:
    """When each pod was scraped and whether that went well (1), by pod and in time.

    A pod may have had another series before: of a target that was found without all of its labels.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for one in series:
        if one.name == "up":
            found.setdefault(one.pod, []).extend(one.values)
    return {pod: sorted(values) for pod, values in found.items()}


def of_pod(found: Mapping[str, T], pod: Target) -> T | None:
    """What was found of a pod, by whatever label its series are told apart."""
    return next((found[key] for key in names_of(pod) if key in found), None)


def names_of(pod: Target) -> tuple[str, ...]:
    """All that the series of a pod may know it by."""
    return pod.uid, pod.name, _host(pod.address)


def _host(address: str) -> str:
    """An address without port and brackets, in one form: IPv6 has many."""
    host = address.rpartition("]")[0].lstrip("[") if address.startswith("[") else address
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        return str(ip_address(host))
    except ValueError:
        return host


def target_labels(series: Iterable[RawSeries]) -> frozenset[str]:
    """The labels that Prometheus gives to a target: those of `up`."""
    return frozenset(label for one in series if one.name == "up" for label in one.labels) - {"__name__"}


def one_target(
    series: Iterable[RawSeries], labels: frozenset[str], names: Collection[str] | None = None
) -> list[RawSeries]:
    """Of each pod what one target of Prometheus shows: `names`, or any; and `up` and all else of that target.

    Two jobs, two servers that write to one store or a second port show the same counters again, and each request would
    count as often. Raises ProblemError while there are two; one that is over, or that never showed any of `names`, is
    left out. A target whose labels have changed goes on as another one.
    """
    pods: dict[str, dict[_Labels, list[RawSeries]]] = {}
    for one in series:
        target = tuple(sorted((label, value) for label, value in one.labels.items() if label in labels))
        pods.setdefault(one.pod, {}).setdefault(target, []).append(one)
    found = []
    for pod, targets in pods.items():
        times = {
            target: sorted({at for one in group if names is None or one.name in names for at, _ in one.values})
            for target, group in targets.items()
        }
        kept = _in_turn(pod, {target: at for target, at in times.items() if at}) or _up(targets)
        every = (one for group in targets.values() for one in group)
        found += [one for one in every if any(_fits(one, target) for target in kept)]
    return found


def _in_turn(pod: str, times: Mapping[_Labels, list[float]]) -> list[_Labels]:
    """The targets that were scraped one after the other, by when each was scraped. Raises ProblemError."""
    newest_first = sorted(times, key=lambda target: times[target][-1], reverse=True)
    kept = newest_first[:1]
    for target in newest_first[1:]:
        if times[target][-1] < times[kept[-1]][0]:
            kept.append(target)
        elif times[target][-1] >= times[kept[0]][-2:][0]:
            one, other = (dict(labels) for labels in (kept[0], target))
            differing = sorted(label for label in one.keys() | other.keys() if one.get(label) != other.get(label))
            words = ", ".join(f"{label} {one.get(label, '-')!r} and {other.get(label, '-')!r}" for label in differing)
            raise ProblemError(
                "DuplicateSeries",
                f"Prometheus has the counters of {pod or 'no pod'} twice ({words[:LONGEST_SENTENCE]}): let one target "
                "scrape them, or let the selector name one",
            )
    return kept


def _up(targets: Mapping[_Labels, list[RawSeries]]) -> list[_Labels]:
    """While none of them shows anything: the targets that answer, or all."""
    answering = [
        target for target, group in targets.items() if any(one.values[-1:] and one.values[-1][1] == 1 for one in group)
    ]
    return answering or list(targets)


def _fits(one: RawSeries, target: _Labels) -> bool:
    """Whether a series is of that target, as far as its labels say."""
    return all(one.labels.get(label, value) == value for label, value in target)
