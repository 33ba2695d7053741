"""Whom a source of counts has to ask: the pods of an arm, and what the arm is called in the cluster. Pure."""

from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.kinds import Body
from timoneiro_operator.decide.lifecycle import snapshot_of
from timoneiro_operator.decide.warm_up import traffic_since
from timoneiro_operator.drivers.driver import Children
from timoneiro_operator.metrics.look import ArmTargets, Target
from timoneiro_operator.metrics.profiles import profile_of
from timoneiro_operator.serving.runtime import named_runtime
from timoneiro_operator.serving.workload import ready_pods, ready_since
from timoneiro_operator.traffic.knative import deployment_name


def arm_targets(deployment: ModelDeployment, children: Children, revision: str) -> ArmTargets:
    """The arm that `revision` is."""
    service = deployment.service_name(revision)
    status = deployment.status
    backends = {part.revision: part.backend for part in (status.stable, status.candidate, status.former) if part}
    backend = backends.get(revision)
    # What requests reach first answers for all that stands behind it.
    workload = deployment_name(backend) if backend else deployment.backend_name(revision)
    return ArmTargets(
        revision=revision,
        inference_service=service,
        workload=workload,
        pods=tuple(target_of(pod) for pod in ready_pods(children.pods.get(revision, ()), workload)),
        profile=profile_of(deployment.spec.analysis.source.profile, _runtime(deployment, children, revision)),
        transforms=deployment.status.transforms(revision),
        traffic_since=traffic_since(deployment.status, revision),
    )


def _runtime(deployment: ModelDeployment, children: Children, revision: str) -> str | None:
    """The serving runtime that the revision was made with, else the one that its InferenceService names."""
    if deployment.status.transforms(revision):
        # Whatever serves the model: that is not what is read.
        return None
    known = snapshot_of(deployment.status, revision)
    if known is not None and known.runtime is not None:
        return known.runtime.name
    service = children.serving().get(deployment.service_name(revision))
    return named_runtime(service) if service is not None else None


def target_of(pod: Body) -> Target:
    """A ready pod, to be read."""
    metadata, status = pod["metadata"], pod["status"]
    restarts = sum(container.get("restartCount", 0) for container in status.get("containerStatuses") or [])
    return Target(metadata["uid"], metadata["name"], status["podIP"], restarts, ready_since(pod))
