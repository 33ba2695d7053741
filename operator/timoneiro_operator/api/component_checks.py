"""What makes no sense in `spec.predictor` and `spec.transformer`: what the rollout itself owns, what no request would
reach, and numbers that nobody can serve with.
"""

from timoneiro_operator.api.names import GROUP
from timoneiro_operator.api.scaling import autoscaler_class, metric_types
from timoneiro_operator.api.spec import ComponentSpec, Spec, Transformer

# By these KServe, Kubernetes and the operator find the pods of a revision.
_OWNED_LABELS = {GROUP, "serving.kserve.io", "app", "component"}
_OWNED_ANNOTATIONS = {f"serving.kserve.io/{name}" for name in ("autoscalerClass", "deploymentMode", "stop")}
_OWNED_CONTAINERS = {"kserve-container", "storage-initializer"}
# The operator gives all revisions one name, and KServe each transformer the predictor of its own revision.
_OWNED_ARGS = ("--model_name", "--predictor_host")
# What each way to serve can autoscale by.
_METRICS = {"Gateway": ("cpu", "memory"), "Knative": ("concurrency", "rps")}


def component_problem(spec: Spec) -> str | None:
    """A sentence that names field and remedy; None when nothing is wrong."""
    components = [("spec.predictor", spec.predictor), ("spec.transformer", spec.transformer)]
    for field, component in components:
        if component is not None:
            problem = _owned(field, component) or _replicas(field, component) or _metrics(field, component, spec)
            if problem is not None:
                return problem
    return _transformer(spec.transformer, spec) if spec.transformer is not None else None


def _owned(field: str, component: ComponentSpec) -> str | None:
    owned = {key for key in component.labels if key.split("/")[0] in _OWNED_LABELS}
    owned |= component.annotations.keys() & _OWNED_ANNOTATIONS
    if owned:
        words = "is what the rollout itself sets: leave it out of labels and annotations"
        return f"{field}: {', '.join(sorted(owned))} {words}"
    # The first one of a transformer gets its name from KServe, whatever it is called.
    containers = component.containers[1:] if isinstance(component, Transformer) else component.containers
    for kind, listed in (("containers", containers), ("initContainers", component.init_containers)):
        taken = _OWNED_CONTAINERS & {container.get("name") for container in listed}
        if taken:
            words = "is the name of a container that KServe makes; give yours another name"
            return f"{field}.{kind}: {', '.join(sorted(taken))} {words}"
    return None


def _replicas(field: str, component: ComponentSpec) -> str | None:
    least, most = component.min_replicas, component.max_replicas
    if least < 1:
        return (
            f"{field}.minReplicas {least} must be at least 1: a model without a pod answers nobody, and nothing "
            "can be compared with it"
        )
    if most is not None and most < least:
        return f"{field}.maxReplicas {most} must not be below minReplicas {least}"
    given = {
        "scaleTarget": component.scale_target,
        "scaleMetric": component.scale_metric,
        "scaleMetricType": component.scale_metric_type,
        "autoScaling": component.auto_scaling,
    }
    for name, value in given.items():
        if value is not None and most is None:
            return f"{field}.{name} needs maxReplicas, up to which there may be more pods than minReplicas"
    return None


def _metrics(field: str, component: ComponentSpec, spec: Spec) -> str | None:
    driver = spec.route.driver
    if component.scale_metric is not None and component.scale_metric not in _METRICS[driver]:
        return (
            f"{field}.scaleMetric {component.scale_metric} is not known with route.driver {driver}: choose one "
            f"of {', '.join(_METRICS[driver])}"
        )
    if driver == "Knative":
        if component.auto_scaling is not None:
            return f"{field}.autoScaling needs route.driver Gateway; Knative has scaleMetric and scaleTarget"
        return None
    if component.scale_target is not None and not 1 <= component.scale_target <= 100:
        return (
            f"{field}.scaleTarget {component.scale_target} must be from 1 to 100 percent of what the pods "
            "request; other targets go into autoScaling"
        )
    if component.scale_metric is not None and autoscaler_class(component) == "keda":
        words = ", ".join(sorted(metric_types(component)))
        return f"{field}.scaleMetric is not for autoScaling with metrics of type {words}: leave it out"
    return None


def _transformer(transformer: Transformer, spec: Spec) -> str | None:
    if spec.route.driver == "Knative":
        return (
            "spec.transformer needs route.driver Gateway: in Knative mode KServe splits the traffic of transformer and "
            "predictor apart, so that a request to the new transformer may reach the old model"
        )
    if not transformer.containers:
        return "spec.transformer.containers is empty; its first entry is the transformer's container"
    for index, arg in enumerate(transformer.containers[0].get("args") or []):
        taken = next((name for name in _OWNED_ARGS if str(arg).startswith(name)), None)
        if taken is not None:
            return (
                f"spec.transformer.containers[0].args[{index}]: {taken} is what the rollout itself sets, for each "
                "revision its own: leave it out"
            )
    return None
