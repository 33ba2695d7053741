"""What the operator would find if it measured now: for each metric and arm the query, the series, the counts, the gaps.

It is the operator's own source that looks, once and by another way: through the API server.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from timoneiro_judge.counts import Counts
from timoneiro_operator.api.analysis_spec import Analysis
from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.spec import Spec
from timoneiro_operator.api.times import Moment
from timoneiro_operator.cli.presentation.finding import Finding, Foreseen
from timoneiro_operator.decide.comparisons import PlannedComparison, planned
from timoneiro_operator.decide.preflight import foreseen, is_late, message_of
from timoneiro_operator.decide.steps import Arms
from timoneiro_operator.decide.text import rate_text
from timoneiro_operator.metrics.histograms import binned, common_bounds, not_shown
from timoneiro_operator.metrics.look import ArmTargets, Look
from timoneiro_operator.metrics.problem import Problem
from timoneiro_operator.metrics.trace import Trace
from timoneiro_operator.metrics.windows import by_pod, find_bounds, together


class Checked(NamedTuple):
    """What was found, and what the next rollout would need."""

    findings: list[Finding]
    foreseen: Foreseen | None


class Traced(Protocol):
    """A source that shows what it finds."""

    async def trace(self, look: Look, arm: ArmTargets) -> Trace: ...


def check(deployment: ModelDeployment, arms: Mapping[str, ArmTargets], *, source: Traced, now: Moment) -> Checked:
    """For every metric and arm, in the order of the spec. `arms` by name: stable, candidate."""
    analysis, gateway = deployment.spec.analysis, deployment.spec.route.gateway
    stable, candidate = next(iter(arms.values())), list(arms.values())[-1]
    look = Look(
        key=(deployment.namespace, deployment.name),
        arms=Arms(stable.revision, candidate.revision, 0, mirrored=False, accepted=True),
        analysis=analysis,
        stable=stable,
        candidate=candidate,
        now=now.timestamp(),
        gateway=(gateway.namespace, gateway.name),
    )
    traces = {name: asyncio.run(_trace(source, look, arm)) for name, arm in arms.items()}
    fixed = deployment.status.analysis.bounds if deployment.status.analysis else {}
    every = [sample for trace in traces.values() for sample in trace.samples]
    samples = traces["stable"].samples if "stable" in traces else ()
    found, problems = find_bounds(analysis, fixed, every, samples)
    plan = planned(analysis, {**fixed, **found})
    return Checked(_findings(analysis, plan, traces, problems), _foreseen(deployment.spec, plan, traces, problems))


async def _trace(source: Traced, look: Look, arm: ArmTargets) -> Trace:
    if look.analysis.source.type != "Gateway" and not arm.pods:
        return Trace(query="", problem=Problem("NoPods", "it has no ready pod"))
    return await source.trace(look, arm)


def _foreseen(
    spec: Spec, plan: Sequence[PlannedComparison], traces: Mapping[str, Trace], problems: Mapping[str, str]
) -> Foreseen | None:
    """What the next rollout would need; None where too little is known of the stable model."""
    stable, found = traces.get("stable"), []
    for item in plan:
        if (
            item.metric.is_shape
            or stable is None
            or stable.problem
            or item.metric.name in {**problems, **stable.missing}
        ):
            continue
        rates = [trace.per_second(item) for trace in traces.values() if trace.problem is None]
        users = None if None in rates else sum(rate for rate in rates if rate is not None)
        one = foreseen(spec, item, together(by_pod(item, stable.counts)), users)
        found += [one] if one is not None else []
    if not found:
        return None
    until = spec.rollout.deadline.total_seconds()
    return Foreseen(
        message=message_of(spec, plan, found, until), late=is_late(spec, found, until), metrics=tuple(found)
    )


def _findings(
    analysis: Analysis, plan: Sequence[PlannedComparison], traces: Mapping[str, Trace], problems: Mapping[str, str]
) -> list[Finding]:
    findings = [
        _finding(item, name, trace, problems.get(item.metric.name)) for item in plan for name, trace in traces.items()
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
        slower = f", slower than {item.bound:g} s: {rate_text(counts)}" if item.bound is not None else ""
        over = trace.over + slower
    none = "it has had no requests yet" if not counts.requests else None
    return Finding(metric=item.name, arm=arm, query=query, series=series, counts=counts, over=over, missing=none)
