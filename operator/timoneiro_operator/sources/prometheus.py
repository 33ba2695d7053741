"""The Prometheus source: raw samples of the series that the spec selects, over the window since the last recorded one.

Guarantees: a window begins where the last recorded one ended, or where the gateway accepted the weight, so that a
restart of the operator loses and repeats nothing; every ready pod was scraped, or there is no window; nothing that the
server says of itself (an error, a warning, another clock) is taken for counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from timoneiro_judge.counts import Counts
from timoneiro_operator.api.kinds import Key
from timoneiro_operator.api.promql import BadSelector, Selector, written
from timoneiro_operator.decide.observation import Metrics
from timoneiro_operator.metrics.look import ArmTargets, Look, Target
from timoneiro_operator.metrics.problem import SEVERAL_PROCESSES, Problem, ProblemError
from timoneiro_operator.metrics.profile import Profile
from timoneiro_operator.metrics.promql import (
    LOOKBACK_SECONDS,
    bins_selectors,
    counts_between,
    histories,
    of_namespace,
    own_bins,
    own_counts,
    own_selectors,
    profile_selector,
    several_processes,
)
from timoneiro_operator.metrics.samples import Histogram, Sample
from timoneiro_operator.metrics.series import Malformed, RawSeries, names_of, of_pod, one_target, scrapes, target_labels
from timoneiro_operator.metrics.trace import Trace, TracedQuery
from timoneiro_operator.metrics.windows import ArmCounts, answers_of, find_bounds, metrics_of
from timoneiro_operator.sources.ask import Request, SampleReader

# An outage of the server may be long; what it has kept of that time is not asked for in one piece without end.
LONGEST_WINDOW_SECONDS = 3600.0
# A scrape takes its time and is dated at its beginning: what comes later than this is not waited for.
SETTLE_SECONDS = 5.0
_SHORTEST_TRACE_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """What one arm did, the last that each pod showed before and in all, and which series there are at all.

    `series`: how many of the profile; `own`: how each metric of type Ratio was asked for.
    """

    counts: ArmCounts
    before: tuple[Sample, ...]
    last: tuple[Sample, ...]
    missing: Mapping[str, str]
    names: frozenset[str]
    series: int
    own: Mapping[str, TracedQuery]
    # When each ready pod was scraped.
    scrapes: tuple[tuple[float, ...], ...]
    # Every ready pod was scraped within the window, and before it.
    scraped: bool
    watched: bool


class Span(NamedTuple):
    """From `start`, which belongs to the window before, until `end`. Seconds since the epoch."""

    start: float
    end: float


class PrometheusSource:
    """Counts from Prometheus. Keeps nothing but when it asked last and what was wrong then."""

    def __init__(self, api: SampleReader) -> None:
        self._api = api
        self._asked: dict[Key, tuple[float, Problem | None, Mapping[str, str]]] = {}

    def forget(self, key: Key) -> None:
        """Nothing is compared there any more."""
        self._asked.pop(key, None)

    def known(self, look: Look) -> Metrics | None:
        """What stands in the way, until an interval has passed."""
        start, end = self._start(look), look.now - SETTLE_SECONDS
        asked, problem, problems = self._asked.get(look.key, (float("-inf"), None, {}))
        early = start is None or end - max(start, asked) < look.interval
        return Metrics(problem=problem, problems=problems) if early else None

    async def read(self, look: Look) -> Metrics:
        """Counts since the last recorded window, once an interval has passed; before, what stands in the way."""
        start, end = self._start(look), look.now - SETTLE_SECONDS
        known = self.known(look)
        if known is not None or start is None:
            return known or Metrics()
        window = Span(max(start, end - LONGEST_WINDOW_SECONDS), end)
        try:
            stable = await self._arm(look, look.stable, window)
            candidate = await self._arm(look, look.candidate, window, before=stable.scrapes)
            _all_kinds_of_series(look.stable.profile, stable, candidate)
        except ProblemError as error:
            self._asked[look.key] = end, error.problem, {}
            return Metrics(problem=error.problem)
        bounds, missing = find_bounds(look.analysis, look.bounds, (*stable.before, *candidate.before), stable.before)
        missing = {**candidate.missing, **stable.missing, **missing}
        metrics = metrics_of(
            look.analysis,
            {**look.bounds, **bounds},
            candidate=candidate.counts,
            stable=stable.counts,
            end=end,
            seconds=end - window.start,
            problems=missing,
            aligned=False,
            shown=stable.last,
        )
        problem = Problem(*metrics.problem) if metrics.problem else None
        self._asked[look.key] = end, problem, metrics.problems
        if not (stable.scraped and candidate.scraped):
            # The window stays open: counts of one arm only would say nothing, however often.
            return Metrics(bounds=bounds, problems=metrics.problems, problem=problem)
        answers = answers_of(candidate.counts.pods, stable.counts.pods) if candidate.watched else None
        return replace(metrics, bounds=bounds, answers=answers)

    async def trace(self, look: Look, arm: ArmTargets) -> Trace:
        """What `arm` has done lately, whatever was counted of it before."""
        back = max(look.interval, _SHORTEST_TRACE_SECONDS)
        window = Span(look.now - back, look.now)
        # Whatever weight it had.
        look = replace(look, since=window.start - LOOKBACK_SECONDS)
        try:
            labels = look.analysis.source.selector
            query = written(profile_selector(arm.profile, labels, arm.placeholders(look.key[0])), look.key[0])
        except BadSelector as error:
            return Trace(query="", problem=Problem("QueryFailed", str(error)))
        try:
            found = await self._arm(look, arm, window)
        except ProblemError as error:
            return Trace(query=query, problem=error.problem)
        return Trace(
            query=query,
            series=found.series,
            counts=replace(found.counts, warming=frozenset()),
            samples=found.last,
            over=f"in the last {back:.0f} s",
            seconds=back,
            own=found.own,
            missing=found.missing,
        )

    def _start(self, look: Look) -> float | None:
        """Where the window begins; None while the gateway has not accepted what is to be measured."""
        if look.settled is None:
            return None
        recorded = look.recorded.timestamp() if look.recorded else look.settled
        return max(look.settled, recorded)

    async def _arm(
        self, look: Look, arm: ArmTargets, window: Span, *, before: Sequence[Sequence[float]] | None = None
    ) -> Arm:
        """Counts of an arm; of the candidate those that were read before the ones of the stable model's pods.

        Prometheus scrapes the pods at different moments. Counted like this, a burst that both models share comes to the
        stable model first, and is never held against the candidate.
        """
        # What a pod had done before the gateway had settled was done at another weight.
        counted, since = window, look.settled or window.start
        if before is not None:
            counted = Span(_last_of_all(before, window.start), _last_of_all(before, window.end))
            since = max((min((at for at in pod if at >= since), default=since) for pod in before), default=since)
        source, namespace = look.analysis.source, look.key[0]
        placeholders = arm.placeholders(namespace)

        async def ask(selector: Selector) -> list[RawSeries]:
            request = Request(namespace=namespace, source=source, at=window.end, now=look.now)
            return await self._api.samples(request, selector, window.end - window.start + LOOKBACK_SECONDS)

        try:
            series = await ask(profile_selector(arm.profile, source.selector, placeholders))
            labels = target_labels(series)
            series = one_target(series, labels, arm.profile.series())
            shown, implausible = histories(series, arm.profile)
            scraped = scrapes(series)
            up = {pod.name: of_pod(scraped, pod) or [] for pod in arm.pods}
            for pod in arm.pods:
                what = of_pod(implausible, pod)
                if what is not None:
                    raise ProblemError(*Problem.implausible(pod.name, what))
            _scraped_well(arm, up, shown, look, window)
            own: dict[str, dict[str, Counts]] = {}
            asked: dict[str, TracedQuery] = {}
            missing: dict[str, str] = {}
            for name, selectors in own_selectors(look.analysis, placeholders).items():
                total = one_target(await ask(selectors.total), labels)
                events = one_target(await ask(selectors.events), labels)
                words = " / ".join(written(one, namespace) for one in selectors)
                asked[name] = TracedQuery(words, len(events) + len(total))
                if total:
                    own[name] = own_counts(events, total, *counted)
                else:
                    missing[name] = (
                        f"the query for total brings no series {of_namespace(namespace)} of {arm.inference_service}"
                    )
            bins: dict[str, dict[str, Histogram]] = {}
            for name, (selector, label) in bins_selectors(look.analysis, placeholders).items():
                found = one_target(await ask(selector), labels)
                asked[name] = TracedQuery(written(selector, namespace), len(found))
                bins[name] = own_bins(found, label, *counted)
        except (BadSelector, Malformed) as error:
            raise ProblemError("QueryFailed", str(error)) from error
        earlier = [[sample for at, sample in history if at <= counted.start] for history in shown.values()]
        pods = {
            pod: counts_between([moment for moment in history if moment[0] >= since], *counted)
            for pod, history in shown.items()
        }
        every = pods.keys() | {pod for counts in own.values() for pod in counts}
        every |= {pod for histograms in bins.values() for pod in histograms}
        warming = _warming(look, arm, every, counted.start)
        return Arm(
            counts=ArmCounts(pods=pods, own=own, bins=bins, warming=warming),
            before=tuple(samples[-1] for samples in earlier if samples),
            last=tuple(history[-1][1] for history in shown.values() if history),
            missing=missing,
            names=frozenset(one.name for one in series),
            series=sum(one.name != "up" for one in series),
            own=asked,
            scrapes=tuple(tuple(at for at, _ in values) for values in up.values()),
            scraped=all(any(counted.start < at <= counted.end for at, _ in values) for values in up.values()),
            watched=all(any(at <= counted.start for at, _ in values) for values in up.values()),
        )


def _warming(look: Look, arm: ArmTargets, pods: Iterable[str], start: float) -> frozenset[str]:
    """Those of `pods`, by what their series know them by, that had not warmed up when the window began.

    Of one that is not ready any more nobody knows since when it was: it goes by its arm.
    """
    ready = {name: pod for pod in arm.pods for name in names_of(pod)}
    gone = Target("", "", "")
    return frozenset(name for name in pods if look.warms_up(arm, ready.get(name, gone), start))


def _last_of_all(scrapes: Sequence[Sequence[float]], at: float) -> float:
    """The moment until which every pod had been scraped, `at` being now; `at` where there is none."""
    return min((max((scrape for scrape in pod if scrape <= at), default=at) for pod in scrapes), default=at)


def _scraped_well(
    arm: ArmTargets,
    up: Mapping[str, list[tuple[float, float]]],
    shown: Mapping[str, list[tuple[float, Sample]]],
    look: Look,
    window: Span,
) -> None:
    """Raises ProblemError unless every ready pod was scraped well, lately, and shows one process."""
    for pod in arm.pods:
        if not up[pod.name]:
            raise ProblemError(
                "NotScraped",
                f"Prometheus has no `up` of pod {pod.name}: it does not scrape it, source.selector "
                f"fits another, or there are none {of_namespace(look.key[0])}",
            )
        at, well = up[pod.name][-1]
        if well != 1.0:
            raise ProblemError("ScrapeFailed", f"Prometheus could not scrape pod {pod.name} the last time")
        if window.end - at > max(2 * look.interval, 120.0):
            raise ProblemError(
                "ScrapeGap", f"Prometheus scraped pod {pod.name} the last time {look.now - at:.0f} s ago"
            )
    for name, history in shown.items():
        if several_processes(history):
            raise ProblemError("SeveralProcesses", SEVERAL_PROCESSES.format(name))


def _all_kinds_of_series(profile: Profile, *arms: Arm) -> None:
    """Raises ProblemError where requests are counted and nothing that ended well is, of any pod of both arms.

    One candidate may fail all it gets; both of them with all their pods are rather a series that is dropped on its way.
    """
    requests = sum(pod.requests for arm in arms for pod in arm.counts.pods.values())
    for series in profile.ended_well if requests else ():
        if not any(series.name in arm.names for arm in arms):
            raise ProblemError("NoSeries", f"Prometheus has no series {series.name} of either model: is it dropped?")
