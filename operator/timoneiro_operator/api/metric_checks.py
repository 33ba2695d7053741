"""What makes no sense in one metric of `spec.analysis`."""

import math

from timoneiro_operator.api.analysis_spec import Analysis, Metric
from timoneiro_operator.api.invalid_spec import InvalidSpec
from timoneiro_operator.api.promql import LABEL

# What says something in a metric of each type, beside what all of them have.
_FIELDS: dict[str, set[str]] = {
    "Errors": set(),
    "Latency": {"threshold", "thresholds", "quantile"},
    "Ratio": {"events", "total"},
    "Guard": {"of", "max"},
    "Outputs": {"output", "bins", "binLabel"},
    "LatencyShape": set(),
}


def check_metric(metric: Metric, analysis: Analysis) -> None:
    """Raises InvalidSpec with a sentence that names the metric."""
    name = f"metric '{metric.name}'"
    # A shape has no margin.
    margin = math.inf if metric.is_shape else metric.margin
    if not 0 <= metric.tolerated < margin or not 0 < metric.negligible < 1:
        raise InvalidSpec(
            f"{name}: tolerance {metric.tolerated} must be below margin {metric.margin}, "
            f"and negligible {metric.negligible} between 0 and 1"
        )
    dispersion = metric.over_dispersion
    if dispersion.factor < 1 or (dispersion.estimate_up_to or dispersion.factor) < dispersion.factor:
        raise InvalidSpec(f"{name}: overDispersion.factor must be at least 1, and estimateUpTo not below it")
    if metric.weight <= 0:
        raise InvalidSpec(f"{name}: weight {metric.weight} must be above 0; with role Inform a metric decides nothing")
    fields = {
        "threshold": metric.threshold,
        "thresholds": metric.thresholds or None,
        "quantile": metric.quantile,
        "events": metric.events,
        "total": metric.total,
        "of": metric.of,
        "max": metric.max,
        "output": metric.output,
        "bins": metric.bins,
        "binLabel": metric.bin_label,
    }
    given = {field for field, value in fields.items() if value is not None}
    foreign = given - _FIELDS[metric.type]
    if foreign:
        raise InvalidSpec(f"{name}: {', '.join(sorted(foreign))} is not for type {metric.type}")
    if metric.type == "Latency":
        _check_latency(metric, name, given)
    elif metric.type == "Ratio":
        if given != {"events", "total"}:
            raise InvalidSpec(f"{name}: type Ratio needs events and total, each a selector of counters in PromQL")
        if analysis.source.type != "Prometheus":
            raise InvalidSpec(f"{name}: type Ratio needs spec.analysis.source of type Prometheus")
    elif metric.type == "Outputs":
        _check_outputs(metric, name, analysis)
    elif metric.type == "Guard":
        others = [other.name for other in analysis.metrics if other.compares]
        if metric.of not in others:
            raise InvalidSpec(f"{name}: `of` must name another metric, one of {', '.join(others) or 'none'}")
        if metric.max is None or not 0 < metric.max < 1:
            raise InvalidSpec(f"{name}: max must be a rate between 0 and 1")


def _check_outputs(metric: Metric, name: str, analysis: Analysis) -> None:
    if metric.bins is None:
        if metric.bin_label is not None:
            raise InvalidSpec(f"{name}: binLabel needs bins, the selector of your own counters that it is a label of")
        return
    if metric.output is not None:
        raise InvalidSpec(f"{name}: give either output, which the model server shows, or bins of your own")
    if analysis.source.type != "Prometheus":
        raise InvalidSpec(f"{name}: bins need spec.analysis.source of type Prometheus")
    if metric.bin_label is not None and not LABEL.fullmatch(metric.bin_label):
        raise InvalidSpec(f"{name}: binLabel '{metric.bin_label}' is not the name of a label, such as class or le")


def _check_latency(metric: Metric, name: str, given: set[str]) -> None:
    if len(given) != 1:
        raise InvalidSpec(f"{name}: type Latency needs exactly one of threshold, thresholds and quantile")
    if metric.quantile is not None and not 0.5 <= metric.quantile < 1:
        raise InvalidSpec(f"{name}: quantile {metric.quantile} must be at least 0.5 and below 1")
    for threshold in (metric.threshold, *metric.thresholds):
        if threshold is not None and not threshold:
            raise InvalidSpec(f"{name}: threshold: {threshold} must be longer than 0")
