"""How many pods serve a revision: KServe's own fields of a component that say so, and what autoscales by them."""

from typing import Literal, NamedTuple, TypeVar

import msgspec

from timoneiro_operator.api.spec import ComponentSpec, Spec

C = TypeVar("C", bound=ComponentSpec)

# As KServe calls them in the annotation that chooses; it can only be chosen when an InferenceService is made.
AutoscalerClass = Literal["none", "hpa", "keda"]
# Fields of a component that say how often it serves, and nothing of its pods: an edit of them restarts nothing.
SCALING_FIELDS = ("minReplicas", "maxReplicas", "scaleTarget", "scaleMetric", "scaleMetricType", "autoScaling")
# Kinds of metrics that KServe hands to KEDA; a HorizontalPodAutoscaler gets those of resources only.
_OF_KEDA = ("External", "PodMetric")


class Replicas(NamedTuple):
    """Between how many pods an autoscaler has its choice; as many as both, where there is none.

    Of the predictor, and of the transformer before it, if there is one.
    """

    least: int
    most: int
    transformer: "Replicas | None" = None


def autoscaler_class(component: ComponentSpec) -> AutoscalerClass:
    """What decides on the number of pods: nothing, unless they may be more than `minReplicas`."""
    if component.max_replicas is None or component.max_replicas <= component.min_replicas:
        return "none"
    return "keda" if metric_types(component) & set(_OF_KEDA) else "hpa"


def metric_types(component: ComponentSpec) -> set[str]:
    """Types of the metrics in `autoScaling`, as far as it is made as KServe wants it."""
    metrics = (component.auto_scaling or {}).get("metrics")
    entries = metrics if isinstance(metrics, list) else []
    return {str(entry.get("type")) for entry in entries if isinstance(entry, dict)}


def of_the_pods(component: C) -> C:
    """`component` without how often it serves."""
    return _as_often_as(ComponentSpec(), component)


def rescaled(served: C, wanted: C) -> C:
    """`served` with what the spec says today of how often it serves, if that is about an autoscaler such as it has."""
    return _as_often_as(wanted, served) if autoscaler_class(served) == autoscaler_class(wanted) else served


def _as_often_as(other: ComponentSpec, component: C) -> C:
    return msgspec.structs.replace(
        component,
        min_replicas=other.min_replicas,
        max_replicas=other.max_replicas,
        scale_target=other.scale_target,
        scale_metric=other.scale_metric,
        scale_metric_type=other.scale_metric_type,
        auto_scaling=other.auto_scaling,
    )


def scaling_of(wanted: C, served: C) -> C:
    """Whose word counts on how many pods serve what was made as `served`, while the spec has `wanted`.

    The spec of today; where it wants another autoscaler than this revision can have, what that was served by last, with
    no fewer replicas than today's minimum.
    """
    mine, todays = autoscaler_class(served), autoscaler_class(wanted)
    if mine == todays:
        return wanted
    least = max(wanted.min_replicas, served.min_replicas) if mine == "none" else wanted.min_replicas
    return msgspec.structs.replace(served, min_replicas=least)


def replicas_of(wanted: C, served: C, held: int | None = None) -> Replicas:
    """Of what was made as `served` while the spec has `wanted`. `held`: as many at least, where it autoscales."""
    scaling = scaling_of(wanted, served)
    if autoscaler_class(served) == "none":
        return Replicas(scaling.min_replicas, scaling.min_replicas)
    most = scaling.max_replicas or scaling.min_replicas
    return Replicas(min(max(scaling.min_replicas, held or 0), most), most)


def replicas_wanted(spec: Spec) -> Replicas:
    """Of a revision that is made as the spec says."""
    transformer = spec.transformer
    before = replicas_of(transformer, transformer) if transformer is not None else None
    return replicas_of(spec.predictor, spec.predictor)._replace(transformer=before)
