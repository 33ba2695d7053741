"""`check-metrics`: reads as the operator would, through the API server, and prints what is there and what is not."""

import json
import re
from dataclasses import replace
from urllib.parse import quote, urlsplit

from rich.console import Console

from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.names import is_service_of
from timoneiro_operator.cli.commands.actions import dump, say, show
from timoneiro_operator.cli.commands.check import check
from timoneiro_operator.cli.commands.cluster import Cluster
from timoneiro_operator.cli.commands.waiting import Clock
from timoneiro_operator.cli.errors import DONE, FAILED, CliError
from timoneiro_operator.cli.presentation.tables import findings_table
from timoneiro_operator.cli.presentation.view import view_of
from timoneiro_operator.drivers.driver import children_of
from timoneiro_operator.metrics.envoy import ENVOY_GATEWAY
from timoneiro_operator.metrics.look import ArmTargets, Target
from timoneiro_operator.metrics.problem import ProblemError
from timoneiro_operator.metrics.series import RawSeries, answered
from timoneiro_operator.serving.workload import is_ready
from timoneiro_operator.targets.arms import arm_targets, target_of

_SERVICE = re.compile(r"^([a-z0-9-]+)\.([a-z0-9-]+)(\.svc(\.[a-z0-9.-]+)?)?$")


def check_metrics(
    *,
    cluster: Cluster,
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

    namespace = view.namespace
    if deployment.spec.analysis.source.type == "Gateway":
        namespace, gateway = _gateway(cluster, gateway_pods)
        arms = {name: replace(arm, pods=gateway, profile=ENVOY_GATEWAY) for name, arm in arms.items()}

    def read_pod(pod: Target, port: int, path: str) -> str:
        return cluster.text(f"/api/v1/namespaces/{namespace}/pods/{pod.name}:{port}/proxy{path}", {})

    def read_prometheus(query: str) -> list[RawSeries]:
        text = cluster.text(_prometheus(deployment, url), {"query": query, "time": f"{clock.now():.3f}"})
        try:
            return answered(text)
        except ProblemError as error:
            raise CliError(error.problem.message) from error

    findings = check(deployment, arms, read_pod=read_pod, read_prometheus=read_prometheus, now=clock.now())
    notes = sorted({arm.profile.note for arm in arms.values() if arm.profile.note}) + _to_be_allowed(deployment)
    if output is not None:
        say(console, dump({"findings": [finding.as_data() for finding in findings], "notes": notes}, output, console))
    else:
        show(console, findings_table(findings))
        for note in notes:
            say(console, f"\nThese metrics: {note}.")
    return DONE if all(finding.missing is None for finding in findings) else FAILED


def _arms(cluster: Cluster, deployment: ModelDeployment) -> dict[str, ArmTargets]:
    parts = (cluster.part(kind, deployment.name).items for kind in ("InferenceService", "Pod"))
    children = children_of(*parts)
    status = deployment.status
    arms = {"stable": status.stable, "candidate": status.candidate}
    return {name: arm_targets(deployment, children, part.revision) for name, part in arms.items() if part}


def _gateway(cluster: Cluster, where: str | None) -> tuple[str, tuple[Target, ...]]:
    """The namespace of a gateway's pods, and those that are ready, by NAMESPACE/SELECTOR."""
    namespace, slash, selector = (where or "").partition("/")
    if not (namespace and slash and "=" in selector):
        raise CliError(
            "the gateway counts, and only the operator's chart names its pods (analysis.gateways): say which they are "
            "with --gateway-pods NAMESPACE/LABEL=VALUE, such as projectcontour/app=envoy"
        )
    listed = json.loads(cluster.text(f"/api/v1/namespaces/{namespace}/pods", {"labelSelector": selector}))
    return namespace, tuple(target_of(pod) for pod in listed["items"] if is_ready(pod))


def _to_be_allowed(deployment: ModelDeployment) -> list[str]:
    """What the operator would not ask unless its administrator has named it, which cannot be seen from here."""
    source = deployment.spec.analysis.source
    if source.type == "Gateway":
        return ["the operator asks these pods only if analysis.gateways of its chart names them"]
    host = urlsplit(source.url or "").hostname or ""
    if source.type != "Prometheus" or is_service_of(deployment.namespace, host):
        return []
    return ["the operator asks this address only if analysis.prometheusUrls of its chart names it"]


def _prometheus(deployment: ModelDeployment, url: str | None) -> str:
    """Where to ask: an address, or a Service behind the API server."""
    source = deployment.spec.analysis.source
    if url is not None:
        return f"{url.rstrip('/')}/api/v1/query"
    split = urlsplit(source.url or "")
    service = _SERVICE.match(split.hostname or "")
    if service is None or source.secret_ref is not None:
        why = "needs a login" if source.secret_ref else "is no Service of this cluster"
        raise CliError(
            f"{source.url} {why}, so that it cannot be asked through the API server: make it reachable, for example "
            "with kubectl port-forward, and name the address with --url"
        )
    port = split.port or (443 if split.scheme == "https" else 80)
    where = quote(f"{split.scheme}:{service[1]}:{port}", safe=":")
    return f"/api/v1/namespaces/{service[2]}/services/{where}/proxy{split.path.rstrip('/')}/api/v1/query"
