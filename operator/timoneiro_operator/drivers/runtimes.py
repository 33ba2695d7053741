"""Each revision's own serving runtime: whether its InferenceService names it, and which ones nothing names any more."""

import dataclasses

from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.kinds import Body
from timoneiro_operator.api.manifests import covers, is_written
from timoneiro_operator.api.ownership import is_owned
from timoneiro_operator.api.scaling import Replicas
from timoneiro_operator.api.status import Snapshot, Status
from timoneiro_operator.decide.observation import Workload
from timoneiro_operator.drivers.driver import Apply, Children, Remove
from timoneiro_operator.serving.inference_service import build_inference_service
from timoneiro_operator.serving.runtime import build_runtime, copy_name, named_runtime


def runtime_names(deployment: ModelDeployment, children: Children) -> set[str]:
    """Runtimes whose content matters: of the spec, of its revisions, and what KServe has selected."""
    spec, revisions = deployment.spec, deployment.status.revisions
    names = {named_runtime(service) for service in children.serving().values()}
    names |= {known.runtime.name for known in revisions if known.runtime is not None}
    names |= {deployment.runtime_name(spec.model, spec.predictor)} if spec.model is not None else set()
    return {name for name in names if name is not None}


def with_runtime(
    workload: Workload, deployment: ModelDeployment, snapshot: Snapshot | None, service: Body, children: Children
) -> Workload:
    """`workload` with what its InferenceService says of its runtime."""
    if snapshot is None:
        return workload
    named = ((service["spec"].get("predictor") or {}).get("model") or {}).get("runtime")
    copy, built = children.copies.get(snapshot.revision), build_runtime(deployment, snapshot)
    own = copy_name(deployment, snapshot.revision)
    known = {None, own, snapshot.predictor.runtime, snapshot.runtime.name if snapshot.runtime else None}
    edited = named not in known or (built is not None and copy is not None and not _is_copy(copy, built))
    return dataclasses.replace(
        workload,
        as_built=workload.as_built and not edited,
        runtime=named_runtime(service),
        pinned=is_owned(deployment, service) and (built is None or (named == own and copy is not None)),
    )


def _is_copy(copy: Body, built: Body) -> bool:
    return covers(copy["spec"], built["spec"]) or is_written(copy, built)


def serve(
    deployment: ModelDeployment,
    snapshot: Snapshot,
    *,
    first: bool,
    replicas: Replicas | None = None,
    percent: int | None = None,
) -> Apply:
    """The write of the InferenceService of `snapshot`, with its runtime before it. `percent`: of Knative's traffic."""
    body = build_inference_service(deployment, snapshot, replicas)
    if percent is not None:
        body["spec"]["predictor"]["canaryTrafficPercent"] = percent
    return Apply(kind="InferenceService", body=body, first=first, before=build_runtime(deployment, snapshot))


def unused(status: Status, children: Children) -> list[Remove]:
    """Runtimes of revisions that are gone, and that no InferenceService names any more."""
    kept = {part.revision for part in (status.stable, status.candidate) if part is not None}
    kept |= {item.revision for item in status.retiring}
    named = {named_runtime(service) for service in children.serving().values()}
    return [
        Remove(kind="ServingRuntime", name=copy["metadata"]["name"])
        for revision, copy in children.copies.items()
        if revision not in kept and copy["metadata"]["name"] not in named
    ]
