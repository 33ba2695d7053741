"""`check-metrics`: reads as the operator would, through the API server, and prints what is there and what is not."""

from dataclasses import replace
from urllib.parse import urlsplit

from rich.console import Console

from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.duration import format_duration
from timoneiro_operator.api.names import is_service_of
from timoneiro_operator.cli.commands.actions import dump, say, show
from timoneiro_operator.cli.commands.asking import source_of
from timoneiro_operator.cli.commands.check import check
from timoneiro_operator.cli.commands.cluster import ClusterAccess
from timoneiro_operator.cli.commands.waiting import Clock
from timoneiro_operator.cli.errors import DONE, FAILED, CliError
from timoneiro_operator.cli.presentation.tables import findings_table
from timoneiro_operator.cli.presentation.view import view_of
from timoneiro_operator.drivers.driver import children_of
from timoneiro_operator.metrics.envoy import ENVOY_GATEWAY
from timoneiro_operator.metrics.look import ArmTargets
from timoneiro_operator.targets.arms import arm_targets


def check_metrics(
    *,
    cluster: ClusterAccess,
    name: str,
    url: str | None,
    gateway_pods: str | None = None,
    output: str | None,
    console: Console,
    clock: Clock,
) -> int:
    """Prints the findings; the exit code says whether the operator could measure every metric."""
    view = view_of(cluster.get(name))
    deployment = view.deployment
    if deployment is None:
        raise CliError(f"the spec cannot be read: {view.invalid or view.unreadable}")
    arms = _arms(cluster, deployment)
    if not arms:
        raise CliError(f"'{name}' serves nothing yet: there is nothing to measure")

    analysis = deployment.spec.analysis
    if analysis.source.type == "Gateway":
        arms = {name: replace(arm, profile=ENVOY_GATEWAY) for name, arm in arms.items()}
    source = source_of(cluster, analysis.source, view.namespace, url=url, gateway_pods=gateway_pods)
    findings, foreseen = check(deployment, arms, source=source, now=clock.now())
    notes = sorted({arm.profile.note for arm in arms.values() if arm.profile.note}) + _to_be_allowed(deployment)
    notes += _left_out(deployment)
    if output is not None:
        data = {
            "findings": [finding.as_data() for finding in findings],
            "notes": notes,
            "preflight": foreseen.as_data() if foreseen else None,
        }
        say(console, dump(data, output, console))
    else:
        show(console, findings_table(findings))
        for note in notes:
            say(console, f"\nThese metrics: {note}.")
        if foreseen is not None:
            say(console, f"\nA rollout now: {foreseen.message}")
    return DONE if all(finding.missing is None for finding in findings) else FAILED


def _arms(cluster: ClusterAccess, deployment: ModelDeployment) -> dict[str, ArmTargets]:
    parts = (cluster.part(kind, deployment.name).items for kind in ("InferenceService", "Pod"))
    children = children_of(*parts)
    status = deployment.status
    arms = {"stable": status.stable, "candidate": status.candidate}
    return {name: arm_targets(deployment, children, part.revision) for name, part in arms.items() if part}


def _left_out(deployment: ModelDeployment) -> list[str]:
    """Of what is shown here, what is not compared in a rollout."""
    analysis = deployment.spec.analysis
    length = format_duration(analysis.warm_up)
    if not analysis.warm_up:
        return []
    if analysis.source.type == "Gateway":
        return [f"of a candidate they are compared from {length} after its first traffic (analysis.warmUp)"]
    return [f"of a pod they are compared from {length} after it is ready and gets traffic (analysis.warmUp)"]


def _to_be_allowed(deployment: ModelDeployment) -> list[str]:
    """What the operator would not ask unless its administrator has named it, which cannot be seen from here."""
    source = deployment.spec.analysis.source
    if source.type == "Gateway":
        return ["the operator asks these pods only if analysis.gateways of its chart names them"]
    host = urlsplit(source.url or "").hostname or ""
    if source.type != "Prometheus" or is_service_of(deployment.namespace, host):
        return []
    return ["the operator asks this address only if analysis.prometheusUrls of its chart names it"]
