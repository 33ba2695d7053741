"""Driver Gateway: one InferenceService a revision, and our own HTTPRoute with their weights."""

from collections.abc import Mapping
from typing import Any

import msgspec

from timoneiro_operator.api import names
from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.kinds import Body
from timoneiro_operator.api.manifests import covers
from timoneiro_operator.api.scaling import SCALING_FIELDS
from timoneiro_operator.decide.decision import Decision
from timoneiro_operator.decide.lifecycle import snapshot_of
from timoneiro_operator.decide.observation import RouteState, Workload
from timoneiro_operator.drivers.driver import Apply, Children, Patch, Remove, Write
from timoneiro_operator.drivers.runtimes import serve, unused, with_runtime
from timoneiro_operator.serving.adopted import adopted_workload
from timoneiro_operator.serving.inference_service import build_inference_service, scaling
from timoneiro_operator.serving.workload import read_workload
from timoneiro_operator.traffic.gateway import build_route, differs, only_standard, read_route


class GatewayDriver:
    """KServe in Standard mode behind a gateway of the Gateway API."""

    def workloads(self, deployment: ModelDeployment, children: Children) -> dict[str, Workload]:
        found: dict[str, Workload] = {}
        for body in children.services.values():
            revision = body["metadata"]["labels"].get(names.LABEL_REVISION)
            if revision is None or body["metadata"].get("deletionTimestamp"):
                continue
            snapshot = snapshot_of(deployment.status, revision)
            built: Body | None = build_inference_service(deployment, snapshot) if snapshot else None
            workload = read_workload(body, children.pods.get(revision, ()), built)
            found[revision] = with_runtime(workload, deployment, snapshot, body, children)
        return found | {revision: adopted_workload(item) for revision, item in children.adopted.items()}

    def route(self, deployment: ModelDeployment, children: Children) -> RouteState | None:
        return read_route(deployment, children.route)

    def writes(self, deployment: ModelDeployment, decision: Decision, children: Children) -> tuple[Write, ...]:
        due: list[Write] = []
        # What serves is called as it was decided in this pass.
        named = msgspec.structs.replace(deployment, status=decision.status)
        # What this deployment has made before is ours, whatever somebody has done to its labels.
        parts = (deployment.status.stable, deployment.status.candidate)
        made = {part.revision for part in parts if part is not None and part.ready}
        served = deployment.status.stable is not None
        for snapshot in decision.ensure:
            there = children.services.get(named.service_name(snapshot.revision))
            if there is None or not there["metadata"].get("deletionTimestamp"):
                first = there is None and snapshot.revision not in made
                replicas = decision.scale.get(snapshot.revision)
                due.append(serve(deployment, snapshot, first=first, replicas=replicas))
        due += _scaled(named, decision, children)
        if decision.routing.weights and differs(named, decision.routing, children.route):
            route = build_route(named, decision.routing, children.route)
            known = only_standard(named)
            plain = build_route(known, decision.routing, children.route) if known != named else None
            # Beside an adopted InferenceService there are routes of others.
            first = children.route is None and (not served or deployment.spec.adopt is not None)
            due.append(Apply(kind="HTTPRoute", body=route, first=first, plain=plain))
        due += [Remove(name=named.service_name(revision)) for revision in decision.delete]
        due += unused(decision.status, children)
        return tuple(due)


def _scaled(deployment: ModelDeployment, decision: Decision, children: Children) -> list[Write]:
    """How often a revision serves, where it is there and has it otherwise."""
    due: list[Write] = []
    written = {snapshot.revision for snapshot in decision.ensure}
    for revision, replicas in decision.scale.items():
        there = children.services.get(deployment.service_name(revision))
        snapshot = snapshot_of(decision.status, revision)
        if there is None or snapshot is None or revision in written or there["metadata"].get("deletionTimestamp"):
            continue
        numbers, has = scaling(deployment.spec, snapshot, replicas), there.get("spec") or {}
        # What somebody has taken away would be a component of nothing but numbers.
        merges = {kind: _rescaling(has[kind], numbers[kind]) for kind in numbers if has.get(kind) is not None}
        changes = {kind: merge for kind, merge in merges.items() if merge}
        if changes:
            due.append(Patch(name=there["metadata"]["name"], components=changes))
    return due


def _rescaling(has: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a component that `has` other numbers serve as often as it is wanted; empty when it does."""
    merge = _merge({field: has[field] for field in SCALING_FIELDS if field in has}, wanted)
    return {} if covers(has, wanted) and merge == wanted else merge


def _merge(has: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A merge that makes `wanted` of `has`: what is not wanted any more is None in it."""
    merged = {**dict.fromkeys(has.keys() - wanted.keys()), **wanted}
    if "autoScaling" in has and "autoScaling" in wanted:
        merged["autoScaling"] = _merge(has["autoScaling"], wanted["autoScaling"])
    return merged
