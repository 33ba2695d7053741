"""The Prometheus source: raw samples of the series that the spec selects, over the window since the last recorded one.

Guarantees: a window begins where the last recorded one ended, or where the gateway accepted the weight, so that a
restart of the operator loses and repeats nothing; every ready pod was scraped, or there is no window; nothing that the
server says of itself (an error, a warning, another clock) is taken for counts.
"""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass

from timoneiro_operator.api.status import to_seconds
from timoneiro_operator.decide.observation import Metrics
from timoneiro_operator.judge.comparison import Counts
from timoneiro_operator.metrics.look import ArmTargets, Key, Look
from timoneiro_operator.metrics.problem import Problem, ProblemError
from timoneiro_operator.metrics.prometheus_api import PrometheusApi, Request
from timoneiro_operator.metrics.promql import (
    LOOKBACK_SECONDS,
    Malformed,
    RawSeries,
    counts_between,
    histories,
    last_scrapes,
    own_counts,
    rendered,
    selector_of,
    several_processes,
)
from timoneiro_operator.metrics.samples import Sample
from timoneiro_operator.metrics.windows import ArmCounts, find_bounds, metrics_of

# An outage of the server may be long; what it has kept of that time is not asked for in one piece without end.
LONGEST_WINDOW_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """What one arm did, and the last that each pod showed before."""

    counts: ArmCounts
    before: tuple[Sample, ...]
    missing: Mapping[str, str]


class PrometheusSource:
    """Counts from Prometheus. Keeps nothing but when it asked last and what was wrong then."""

    def __init__(self, api: PrometheusApi) -> None:
        self._api = api
        self._asked: dict[Key, tuple[float, Problem | None, Mapping[str, str]]] = {}

    def forget(self, key: Key) -> None:
        """Nothing is compared there any more."""
        self._asked.pop(key, None)

    async def read(self, look: Look) -> Metrics:
        """Counts since the last recorded window, once an interval has passed; before, what stands in the way."""
        start = self._start(look)
        asked, problem, problems = self._asked.get(look.key, (float("-inf"), None, {}))
        if start is None or look.now - max(start, asked) < look.interval:
            return Metrics(problem=problem, problems=problems)
        start = max(start, look.now - LONGEST_WINDOW_SECONDS)
        try:
            stable, candidate = await asyncio.gather(
                self._arm(look, look.stable, start), self._arm(look, look.candidate, start)
            )
        except ProblemError as error:
            self._asked[look.key] = look.now, error.problem, {}
            return Metrics(problem=error.problem)
        bounds, missing = find_bounds(look.analysis, look.bounds, (*stable.before, *candidate.before), stable.before)
        missing = {**candidate.missing, **stable.missing, **missing}
        metrics = metrics_of(
            look.analysis,
            {**look.bounds, **bounds},
            candidate=candidate.counts,
            stable=stable.counts,
            end=look.now,
            seconds=look.now - start,
            problems=missing,
        )
        problem = Problem(*metrics.problem) if metrics.problem else None
        self._asked[look.key] = look.now, problem, missing
        return Metrics(
            windows=metrics.windows,
            window_end=metrics.window_end,
            seconds=metrics.seconds,
            bounds=bounds,
            problems=missing,
            problem=problem,
        )

    def _start(self, look: Look) -> float | None:
        """Where the window begins; None while the gateway has not accepted what is to be measured."""
        if look.since is None:
            return None
        recorded = to_seconds(look.recorded) if look.recorded else look.since
        return max(look.since, recorded)

    async def _arm(self, look: Look, arm: ArmTargets, start: float) -> Arm:
        source, namespace = look.analysis.source, look.key[0]
        placeholders = arm.placeholders(namespace)

        async def ask(selector: str) -> list[RawSeries]:
            request = Request(namespace=namespace, source=source, at=look.now, now=look.now)
            seconds = look.now - start + LOOKBACK_SECONDS
            # PromQL takes whole numbers only.
            return await self._api.samples(request, f"{selector}[{math.ceil(1000 * seconds)}ms]")

        try:
            series = await ask(selector_of(arm.profile, rendered(source.selector, placeholders)))
            shown = histories(series, arm.profile)
            self._all_scraped(arm, series, shown, look)
            own: dict[str, dict[str, Counts]] = {}
            missing: dict[str, str] = {}
            for metric in look.analysis.metrics:
                if metric.type != "Ratio" or metric.events is None or metric.total is None:
                    continue
                total = await ask(rendered(metric.total, placeholders))
                events = await ask(rendered(metric.events, placeholders))
                if total:
                    own[metric.name] = own_counts(events, total, start, look.now)
                else:
                    missing[metric.name] = f"the query for total brings no series of {arm.inference_service}"
        except Malformed as error:
            raise ProblemError("QueryFailed", str(error)) from error
        except ValueError as error:
            raise ProblemError("NotANumber", f"a counter of {arm.inference_service} is not a number") from error
        before = [[sample for at, sample in history if at <= start] for history in shown.values()]
        return Arm(
            counts=ArmCounts(
                pods={pod: counts_between(history, start, look.now) for pod, history in shown.items()}, own=own
            ),
            before=tuple(samples[-1] for samples in before if samples),
            missing=missing,
        )

    def _all_scraped(
        self,
        arm: ArmTargets,
        series: list[RawSeries],
        shown: Mapping[str, list[tuple[float, Sample]]],
        look: Look,
    ) -> None:
        """Raises ProblemError unless every ready pod was scraped well, lately, and shows one process."""
        up = last_scrapes(series)
        for pod in arm.pods:
            at, value = up.get(pod.uid) or up.get(pod.name) or (None, 0.0)
            if at is None:
                raise ProblemError(
                    "NotScraped",
                    f"Prometheus has no `up` of pod {pod.name}: it does not scrape it, or source.selector fits another",
                )
            if value != 1.0:
                raise ProblemError("ScrapeFailed", f"Prometheus could not scrape pod {pod.name} the last time")
            if look.now - at > max(2 * look.interval, 120.0):
                raise ProblemError(
                    "ScrapeGap", f"Prometheus scraped pod {pod.name} the last time {look.now - at:.0f} s ago"
                )
        for name, history in shown.items():
            if several_processes(history):
                raise ProblemError(
                    "SeveralProcesses",
                    f"pod {name} answers from several processes in turn, each with counters of its own: run one worker "
                    "in each pod and more replicas instead, or let the server share its metrics",
                )
