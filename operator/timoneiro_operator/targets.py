"""Whom a source of counts has to ask: the pods of an arm, and what the arm is called in the cluster. Pure."""

from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.drivers.driver import Body, Children
from timoneiro_operator.metrics.look import ArmTargets, Target
from timoneiro_operator.metrics.profiles import profile_of
from timoneiro_operator.serving.workload import ready_pods
from timoneiro_operator.traffic.knative import deployment_name


def arm_targets(deployment: ModelDeployment, children: Children, revision: str) -> ArmTargets:
    """The arm that `revision` is."""
    service = deployment.service_name(revision)
    backends = {part.revision: part.backend for part in (deployment.status.stable, deployment.status.candidate) if part}
    backend = backends.get(revision)
    workload = deployment_name(backend) if backend else f"{service}-predictor"
    return ArmTargets(
        revision=revision,
        inference_service=service,
        workload=workload,
        pods=tuple(_target(pod) for pod in ready_pods(children.pods.get(revision, ()), workload)),
        profile=profile_of(deployment.spec.analysis.source.profile, _runtime(children.services.get(service))),
    )


def _runtime(service: Body | None) -> str | None:
    """The serving runtime that the spec names, or that KServe has chosen."""
    body = service or {}
    model = ((body.get("spec") or {}).get("predictor") or {}).get("model") or {}
    status = body.get("status") or {}
    return model.get("runtime") or status.get("servingRuntimeName") or status.get("clusterServingRuntimeName")


def _target(pod: Body) -> Target:
    metadata, status = pod["metadata"], pod["status"]
    restarts = sum(container.get("restartCount", 0) for container in status.get("containerStatuses") or [])
    return Target(metadata["uid"], metadata["name"], status["podIP"], restarts)
