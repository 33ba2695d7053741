"""What the operator would find if it measured now: for each metric and arm the query, the series, the counts, the gaps.

Pure but for the two functions that read, which are arguments. Uses what the operator uses: its profiles, selectors,
deltas and bounds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from timoneiro_judge.counts import Counts
from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.duration import parse_duration
from timoneiro_operator.api.promql import BadSelector, Selector, written
from timoneiro_operator.api.spec import Analysis
from timoneiro_operator.cli.errors import CliError
from timoneiro_operator.cli.presentation.finding import Finding
from timoneiro_operator.decide.comparisons import Planned, planned
from timoneiro_operator.metrics.envoy import cluster_of, sample_of
from timoneiro_operator.metrics.look import ArmTargets, Target
from timoneiro_operator.metrics.problem import Problem, ProblemError
from timoneiro_operator.metrics.promql import (
    LOOKBACK_SECONDS,
    counts_between,
    histories,
    of_namespace,
    own_counts,
    own_selectors,
    profile_selector,
    range_query,
    several_processes,
)
from timoneiro_operator.metrics.samples import Implausible, NoSeries, PodCounts, Sample
from timoneiro_operator.metrics.series import Malformed, RawSeries, of_pod, one_target, scrapes, target_labels
from timoneiro_operator.metrics.windows import ArmCounts, by_pod, find_bounds, together

# A pod, its port and path. The exposition comes back; a CliError says why not.
ReadPod = Callable[[Target, int, str], str]
# PromQL at a time: the series of the answer; a CliError says why not.
ReadPrometheus = Callable[[str], list[RawSeries]]
# Several looks at a pod show whether it is always the same process that answers.
_LOOKS = 3
_SEVERAL = "pod {} answers from several processes in turn: run one worker in each pod"
_SHORTEST_LOOK_BACK = 300.0


@dataclass(frozen=True, slots=True)
class _Shown:
    """What one arm shows: how it was asked, how many series, what was counted."""

    query: str
    series: int
    counts: ArmCounts
    samples: tuple[Sample, ...]
    over: str
    own: Mapping[str, tuple[str, int]]
    missing: Mapping[str, str]


def check(
    deployment: ModelDeployment,
    arms: Mapping[str, ArmTargets],
    *,
    read_pod: ReadPod,
    read_prometheus: ReadPrometheus,
    now: float,
) -> list[Finding]:
    """Findings for every metric and arm, in the order of the spec. `arms` by name: stable, candidate."""
    analysis = deployment.spec.analysis
    shown: dict[str, _Shown | str] = {}
    for name, arm in arms.items():
        try:
            if not arm.pods:
                raise CliError(
                    "the gateway has no ready pod" if analysis.source.type == "Gateway" else "it has no ready pod"
                )
            shown[name] = (
                _scrape(arm, deployment, read_pod)
                if analysis.source.type != "Prometheus"
                else _ask(arm, deployment, read_prometheus, now)
            )
        except CliError as error:
            shown[name] = error.message
        except ProblemError as error:
            shown[name] = error.problem.message
        except (BadSelector, Malformed, NoSeries) as error:
            shown[name] = str(error)
    return _findings(analysis, shown, deployment.status.analysis.bounds if deployment.status.analysis else {})


def _scrape(arm: ArmTargets, deployment: ModelDeployment, read: ReadPod) -> _Shown:
    profile, source = arm.profile, deployment.spec.analysis.source
    port, path = source.port or profile.port, source.path or profile.path
    cluster = cluster_of(deployment.namespace, arm) if source.type == "Gateway" else None
    shown: Callable[[str], Sample] = partial(sample_of, cluster) if cluster else profile.read
    pods: dict[str, PodCounts] = {}
    samples = []
    for pod in arm.pods:
        looks = [_sample(shown, pod, read(pod, port, path)) for _ in range(_LOOKS)]
        if len({look.started for look in looks}) > 1:
            raise CliError(_SEVERAL.format(pod.name))
        samples.append(looks[-1])
        pods[pod.name] = PodCounts(requests=looks[-1].requests, failed=looks[-1].failed, latency=looks[-1].latency)
    what = f"{profile.name}, cluster {cluster}" if cluster else profile.name
    query = f"GET :{port}{path} of {len(arm.pods)} pod{'s' if len(arm.pods) > 1 else ''} ({what})"
    return _Shown(query, len(profile.series()), ArmCounts(pods=pods), tuple(samples), "since its start", {}, {})


def _sample(shown: Callable[[str], Sample], pod: Target, exposition: str) -> Sample:
    try:
        return shown(exposition)
    except NoSeries as error:
        raise CliError(f"pod {pod.name}: {error}") from error
    except Implausible as error:
        raise CliError(Problem.implausible(pod.name, str(error)).message) from error
    except ValueError as error:
        raise CliError(f"pod {pod.name} shows no valid exposition") from error


def _ask(arm: ArmTargets, deployment: ModelDeployment, read: ReadPrometheus, now: float) -> _Shown:
    analysis, placeholders = deployment.spec.analysis, arm.placeholders(deployment.namespace)
    back = max(parse_duration(analysis.interval), _SHORTEST_LOOK_BACK)

    def ask(selector: Selector) -> list[RawSeries]:
        return read(range_query(selector, deployment.namespace, back + LOOKBACK_SECONDS))

    selector = profile_selector(arm.profile, analysis.source.selector, placeholders)
    shown_selector = written(selector, deployment.namespace)
    series = ask(selector)
    labels = target_labels(series)
    series = one_target(series, labels, arm.profile.series())
    up = scrapes(series)
    shown, implausible = histories(series, arm.profile)
    for pod in arm.pods:
        if [well for _, well in (of_pod(up, pod) or [])[-1:]] != [1.0]:
            raise CliError(f"Prometheus does not scrape pod {pod.name} (no `up` that is 1): {shown_selector}")
        what = of_pod(implausible, pod)
        if what is not None:
            raise CliError(Problem.implausible(pod.name, what).message)
    for name, history in shown.items():
        if several_processes(history):
            raise CliError(_SEVERAL.format(name))
    own: dict[str, Mapping[str, Counts]] = {}
    queries: dict[str, tuple[str, int]] = {}
    missing: dict[str, str] = {}
    for metric, selectors in own_selectors(analysis, placeholders).items():
        events, total = (one_target(ask(query), labels) for query in selectors)
        queries[metric] = " / ".join(written(one, deployment.namespace) for one in selectors), len(events) + len(total)
        own[metric] = own_counts(events, total, now - back, now)
        if not total:
            missing[metric] = f"the query for total brings no series {of_namespace(deployment.namespace)}"
    counted = {pod: counts_between(history, now - back, now) for pod, history in shown.items()}
    samples = tuple(history[-1][1] for history in shown.values() if history)
    number = sum(one.name != "up" for one in series)
    return _Shown(
        shown_selector, number, ArmCounts(pods=counted, own=own), samples, f"in the last {back:.0f} s", queries, missing
    )


def _findings(
    analysis: Analysis, shown: Mapping[str, _Shown | str], fixed: Mapping[str, tuple[float, ...]]
) -> list[Finding]:
    arms = {name: arm for name, arm in shown.items() if isinstance(arm, _Shown)}
    stable = arms["stable"].samples if "stable" in arms else ()
    every = [sample for arm in arms.values() for sample in arm.samples]
    found, problems = find_bounds(analysis, fixed, every, stable)
    bounds = {**fixed, **found}
    findings = []
    for item in planned(analysis, bounds):
        for name, arm in shown.items():
            findings.append(_finding(item, name, arm, problems.get(item.metric.name)))
    for metric in analysis.metrics:
        if metric.type == "Guard" and metric.max is not None:
            query = f"at most {metric.max:g} of {metric.of}"
            findings.append(Finding(metric=metric.name, arm="candidate", query=query))
    return findings


def _finding(item: Planned, arm: str, shown: _Shown | str, problem: str | None) -> Finding:
    metric = item.metric
    if isinstance(shown, str):
        return Finding(metric=item.name, arm=arm, query="", missing=shown)
    query, series = shown.own.get(metric.name, (shown.query, shown.series))
    missing = shown.missing.get(metric.name) or problem
    if missing is not None:
        return Finding(metric=item.name, arm=arm, query=query, series=series, missing=missing)
    counts = together(by_pod(item, shown.counts))
    over = shown.over + (f", slower than {item.bound:g} s" if item.bound is not None else "")
    none = "nobody has asked it anything yet" if not counts.requests else None
    return Finding(metric=item.name, arm=arm, query=query, series=series, counts=counts, over=over, missing=none)
