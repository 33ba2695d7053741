"""What makes no sense in `spec.predictor`: what the rollout itself owns, and numbers that nobody can serve with."""

from timoneiro_operator.api.names import GROUP
from timoneiro_operator.api.scaling import autoscaler_class, metric_types
from timoneiro_operator.api.spec import Predictor, Spec

# By these KServe, Kubernetes and the operator find the pods of a revision.
_OWNED_LABELS = {GROUP, "serving.kserve.io", "app", "component"}
_OWNED_ANNOTATIONS = {f"serving.kserve.io/{name}" for name in ("autoscalerClass", "deploymentMode", "stop")}
_OWNED_CONTAINERS = {"kserve-container", "storage-initializer"}
# What each way to serve can autoscale by.
_METRICS = {"Gateway": ("cpu", "memory"), "Knative": ("concurrency", "rps")}


def predictor_problem(spec: Spec) -> str | None:
    """A sentence that names field and remedy; None when nothing is wrong."""
    return _owned(spec.predictor) or _replicas(spec.predictor) or _metrics(spec)


def _owned(predictor: Predictor) -> str | None:
    owned = {key for key in predictor.labels if key.split("/")[0] in _OWNED_LABELS}
    owned |= predictor.annotations.keys() & _OWNED_ANNOTATIONS
    if owned:
        words = "is what the rollout itself sets: leave it out of labels and annotations"
        return f"spec.predictor: {', '.join(sorted(owned))} {words}"
    for field, containers in (("containers", predictor.containers), ("initContainers", predictor.init_containers)):
        taken = _OWNED_CONTAINERS & {container.get("name") for container in containers}
        if taken:
            words = "is the name of a container that KServe makes; give yours another one"
            return f"spec.predictor.{field}: {', '.join(sorted(taken))} {words}"
    return None


def _replicas(predictor: Predictor) -> str | None:
    least, most = predictor.min_replicas, predictor.max_replicas
    if least < 1:
        return (
            f"spec.predictor.minReplicas {least} must be at least 1: a model without a pod answers nobody, and nothing "
            "can be compared with it"
        )
    if most is not None and most < least:
        return f"spec.predictor.maxReplicas {most} must not be below minReplicas {least}"
    given = {
        "scaleTarget": predictor.scale_target,
        "scaleMetric": predictor.scale_metric,
        "scaleMetricType": predictor.scale_metric_type,
        "autoScaling": predictor.auto_scaling,
    }
    for field, value in given.items():
        if value is not None and most is None:
            return f"spec.predictor.{field} needs maxReplicas, up to which there may be more pods than minReplicas"
    return None


def _metrics(spec: Spec) -> str | None:
    predictor, driver = spec.predictor, spec.route.driver
    if predictor.scale_metric is not None and predictor.scale_metric not in _METRICS[driver]:
        return (
            f"spec.predictor.scaleMetric {predictor.scale_metric} is not known with route.driver {driver}: choose one "
            f"of {', '.join(_METRICS[driver])}"
        )
    if driver == "Knative":
        if predictor.auto_scaling is not None:
            return "spec.predictor.autoScaling needs route.driver Gateway; Knative has scaleMetric and scaleTarget"
        return None
    if predictor.scale_target is not None and not 1 <= predictor.scale_target <= 100:
        return (
            f"spec.predictor.scaleTarget {predictor.scale_target} must be from 1 to 100 percent of what the pods "
            "request; other targets go into autoScaling"
        )
    if predictor.scale_metric is not None and autoscaler_class(predictor) == "keda":
        words = ", ".join(sorted(metric_types(predictor)))
        return f"spec.predictor.scaleMetric is not for autoScaling with metrics of type {words}: leave it out"
    return None
