"""What the operator would find if it measured now: for each metric and arm the query, the series, the counts, the gaps.

It is the operator's own source that looks, once and by another way: through the API server.
"""

import asyncio
from collections.abc import Mapping
from typing import Protocol

from timoneiro_judge.counts import Counts
from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.spec import Analysis
from timoneiro_operator.cli.presentation.finding import Finding
from timoneiro_operator.decide.comparisons import PlannedComparison, planned
from timoneiro_operator.decide.steps import Arms
from timoneiro_operator.metrics.histograms import binned, common_bounds, not_shown
from timoneiro_operator.metrics.look import ArmTargets, Look
from timoneiro_operator.metrics.problem import Problem
from timoneiro_operator.metrics.trace import Trace
from timoneiro_operator.metrics.windows import by_pod, find_bounds, together


class Traced(Protocol):
    """A source that shows what it finds."""

    async def trace(self, look: Look, arm: ArmTargets) -> Trace: ...


def check(deployment: ModelDeployment, arms: Mapping[str, ArmTargets], *, source: Traced, now: float) -> list[Finding]:
    """Findings for every metric and arm, in the order of the spec. `arms` by name: stable, candidate."""
    analysis, gateway = deployment.spec.analysis, deployment.spec.route.gateway
    stable, candidate = next(iter(arms.values())), list(arms.values())[-1]
    look = Look(
        key=(deployment.namespace, deployment.name),
        arms=Arms(stable.revision, candidate.revision, 0, mirrored=False, accepted=True),
        analysis=analysis,
        stable=stable,
        candidate=candidate,
        now=now,
        gateway=(gateway.namespace, gateway.name),
    )
    traces = {name: asyncio.run(_trace(source, look, arm)) for name, arm in arms.items()}
    return _findings(analysis, traces, deployment.status.analysis.bounds if deployment.status.analysis else {})


async def _trace(source: Traced, look: Look, arm: ArmTargets) -> Trace:
    if look.analysis.source.type != "Gateway" and not arm.pods:
        return Trace(query="", problem=Problem("NoPods", "it has no ready pod"))
    return await source.trace(look, arm)


def _findings(analysis: Analysis, traces: Mapping[str, Trace], fixed: Mapping[str, tuple[float, ...]]) -> list[Finding]:
    every = [sample for trace in traces.values() for sample in trace.samples]
    stable = traces["stable"].samples if "stable" in traces else ()
    found, problems = find_bounds(analysis, fixed, every, stable)
    findings = [
        _finding(item, name, trace, problems.get(item.metric.name))
        for item in planned(analysis, {**fixed, **found})
        for name, trace in traces.items()
    ]
    for metric in analysis.metrics:
        if metric.type == "Guard" and metric.max is not None:
            query = f"at most {metric.max:g} of {metric.of}"
            findings.append(Finding(metric=metric.name, arm="candidate", query=query))
    return findings


def _finding(item: PlannedComparison, arm: str, trace: Trace, problem: str | None) -> Finding:
    metric = item.metric
    query, series = trace.own.get(metric.name, (trace.query, trace.series))
    missing = trace.problem.message if trace.problem else trace.missing.get(metric.name) or problem
    if missing is None and metric.is_shape:
        missing = not_shown(metric, arm, trace.counts.histograms)
    if missing is not None:
        return Finding(metric=item.name, arm=arm, query=query, series=series, missing=missing)
    if metric.is_shape:
        histograms = trace.counts.histograms.of(metric)
        bins = binned(metric, histograms, common_bounds(histograms))
        counts = Counts(requests=sum(bins.values()))
        over = f"{trace.over}, in {sum(1 for number in bins.values() if number)} bins"
    else:
        counts = together(by_pod(item, trace.counts))
        over = trace.over + (f", slower than {item.bound:g} s" if item.bound is not None else "")
    none = "it has had no requests yet" if not counts.requests else None
    return Finding(metric=item.name, arm=arm, query=query, series=series, counts=counts, over=over, missing=none)
