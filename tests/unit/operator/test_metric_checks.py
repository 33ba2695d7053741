"""Metrics and sources that make no sense are refused with a sentence that names them and the remedy."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.fake_world import SPEC
from timoneiro_operator.api.deployment import ModelDeployment, parse, parse_acted_on
from timoneiro_operator.api.invalid_spec import InvalidSpec
from timoneiro_operator.metrics.profiles import PROFILES

PAGE = (Path(__file__).parents[3] / "docs/metrics.md").read_text()
PROMETHEUS = {"type": "Prometheus", "url": "http://prometheus:9090"}
METRIC_TYPES = ("Errors", "Latency", "Ratio", "Guard", "Outputs", "LatencyShape")
RATIO = {
    "name": "declines",
    "type": "Ratio",
    "events": 'declined{r="{{revision}}"}',
    "total": 'asked{r="{{revision}}"}',
}


def parsed(**analysis: Any) -> ModelDeployment:
    spec = {**copy.deepcopy(SPEC), "analysis": analysis}
    return parse({"metadata": {"name": "fraud", "namespace": "ns", "uid": "u"}, "spec": spec})


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ({"name": "a", "threshold": "1s"}, "metric 'a': threshold is not for type Errors"),
        ({"name": "a", "type": "Latency"}, "needs exactly one of threshold, thresholds and quantile"),
        ({"name": "a", "type": "Latency", "threshold": "1s", "quantile": 0.9}, "needs exactly one of"),
        ({"name": "a", "type": "Latency", "threshold": "fast"}, "'fast' is not a duration"),
        ({"name": "a", "type": "Latency", "threshold": "0s"}, "0s must be longer than 0"),
        ({"name": "a", "type": "Latency", "thresholds": ["1s", "slow"]}, "'slow' is not a duration"),
        ({"name": "a", "type": "Latency", "quantile": 0.3}, "must be at least 0.5 and below 1"),
        ({"name": "a", "type": "Ratio", "events": "x"}, "needs events and total"),
        (RATIO, "type Ratio needs spec.analysis.source of type Prometheus"),
        ({"name": "a", "type": "Guard", "of": "b", "max": 0.1}, "`of` must name another metric, one of none"),
        ({"name": "a", "weight": 0}, "weight 0.0 must be above 0"),
        ({"name": "a", "overDispersion": {"factor": 0.5}}, "overDispersion.factor must be at least 1"),
        ({"name": "a", "overDispersion": {"factor": 3, "estimateUpTo": 2}}, "estimateUpTo not below it"),
        ({"name": "a", "margin": 0.1}, "tolerance 0.25 must be below margin 0.1"),
        ({"name": "a", "type": "Latency", "threshold": "1s", "margin": 0.1}, "tolerance 0.1 must be below margin 0.1"),
    ],
)
def test_a_metric_that_makes_no_sense_is_refused(metric: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidSpec, match=words):
        parsed(metrics=[metric])


def test_a_guard_needs_a_limit_that_is_a_rate() -> None:
    with pytest.raises(InvalidSpec, match="max must be a rate between 0 and 1"):
        parsed(metrics=[{"name": "errors"}, {"name": "slo", "type": "Guard", "of": "errors", "max": 2}])


def test_names_of_metrics_are_their_own() -> None:
    with pytest.raises(InvalidSpec, match="must have names of their own, not a, a"):
        parsed(metrics=[{"name": "a"}, {"name": "a"}])


@pytest.mark.parametrize("metrics", [[{"name": "a", "role": "Inform"}]])
def test_a_promotion_by_evidence_needs_a_metric_that_decides(metrics: list[dict[str, Any]]) -> None:
    with pytest.raises(InvalidSpec, match="no required metric that compares"):
        parsed(metrics=metrics)
    assert parsed(metrics=metrics, promotion="NoHarm").spec.analysis.metrics[0].role == "Inform"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"type": "Prometheus"}, "source.url must be the address of a Prometheus server, not 'None'"),
        ({"type": "Prometheus", "url": "ftp://x"}, "not 'ftp://x'"),
        ({"url": "http://x"}, "url, secretRef and headers are for type Prometheus"),
        ({"secretRef": {"name": "x"}}, "url, secretRef and headers are for type Prometheus"),
        ({**PROMETHEUS, "port": 8080}, "port and path are for type Scrape"),
        ({"type": "Gateway", "port": 8002}, "port and path are for type Scrape"),
        ({"type": "Gateway", "url": "http://x"}, "url, secretRef and headers are for type Prometheus"),
        ({"type": "Gateway", "profile": "Envoy"}, "profile is for types Scrape and Prometheus"),
        ({"profile": "Seldon"}, "profile 'Seldon' is not known; choose Auto or one of Timoneiro, KServe, MLServer"),
        ({"timeout": "long"}, "source.timeout: 'long' is not a duration"),
        ({"timeout": "11s"}, "source.timeout: 11s is not between"),
        ({**PROMETHEUS, "secretRef": {"name": "../../team-a/secrets/login"}}, "is not the name of a Secret"),
        ({"path": "@169.254.169.254/latest"}, "must be a path such as /metrics"),
        ({"path": "metrics"}, "must be a path such as /metrics"),
    ],
)
def test_a_source_that_makes_no_sense_is_refused(source: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidSpec, match=words):
        parsed(source=source)


@pytest.mark.parametrize(
    ("source", "metric", "words"),
    [
        ({"selector": 'a="b"} #'}, {}, "spec.analysis.source.selector: 'a=\"b\"} #' cannot be read"),
        ({}, {"events": "rate(x[1m])"}, "metric 'declines': events: 'rate(x[1m])' cannot be read"),
        ({}, {"total": '{a="b"}'}, "metric 'declines': total: '{a=\"b\"}' must name its counter once"),
    ],
)
def test_what_is_no_selector_is_refused_with_its_field(
    source: dict[str, Any], metric: dict[str, Any], words: str
) -> None:
    metrics = [{"name": "errors"}, {**RATIO, **metric}]
    with pytest.raises(InvalidSpec, match=re.escape(words)):
        parsed(source={**PROMETHEUS, **source}, metrics=metrics)


@pytest.mark.parametrize(
    ("source", "metric", "field"),
    [
        ({"selector": 'job="models"'}, {}, "spec.analysis.source.selector"),
        ({"selector": 'pod!="{{workload}}",a="{{namespace}}"'}, {}, "spec.analysis.source.selector"),
        ({}, {"total": "asked"}, "metric 'declines': total"),
    ],
)
def test_series_that_are_the_same_for_both_models_are_refused(
    source: dict[str, Any], metric: dict[str, Any], field: str
) -> None:
    """Every candidate would be as good as the stable model."""
    metrics = [{"name": "errors"}, {**RATIO, **metric}]
    with pytest.raises(InvalidSpec) as caught:
        parsed(source={**PROMETHEUS, **source}, metrics=metrics)
    assert str(caught.value) == (
        f"{field} has the same series for both models: give it a label with one of "
        "{{revision}}, {{workload}}, {{inferenceService}}"
    )


def test_knative_has_one_inference_service_for_both_models() -> None:
    spec = {**copy.deepcopy(SPEC), "route": {"driver": "Knative"}}
    spec["analysis"] = {"source": {**PROMETHEUS, "selector": 'a="{{inferenceService}}"'}}
    with pytest.raises(InvalidSpec, match="the same series for both models"):
        parse({"metadata": {"name": "fraud", "namespace": "ns", "uid": "u"}, "spec": spec})


def test_knative_has_no_gateway_that_counts_its_revisions() -> None:
    spec = {**copy.deepcopy(SPEC), "route": {"driver": "Knative"}, "analysis": {"source": {"type": "Gateway"}}}
    with pytest.raises(InvalidSpec, match=re.escape("source of type Gateway needs spec.route.driver Gateway")):
        parse({"metadata": {"name": "fraud", "namespace": "ns", "uid": "u"}, "spec": spec})


def test_what_an_older_operator_took_for_a_selector_is_still_acted_on() -> None:
    """Nothing is counted by it, and commands and rollbacks go on."""
    metrics = [{"name": "errors"}, {**RATIO, "events": "rate(x[1m])"}]
    spec = {**copy.deepcopy(SPEC), "analysis": {"source": PROMETHEUS, "metrics": metrics}}
    body = {"metadata": {"name": "fraud", "namespace": "ns", "uid": "u"}, "spec": spec, "status": {"actedOn": spec}}
    acted_on = parse_acted_on(body)
    assert acted_on is not None
    assert acted_on.spec.analysis.metrics[1].events == "rate(x[1m])"


def test_metrics_of_every_type_fit_together() -> None:
    metrics = [
        {"name": "errors", "weight": 2},
        {"name": "slow", "type": "Latency", "quantile": 0.99},
        {"name": "slo", "type": "Guard", "of": "errors", "max": 0.02},
        RATIO,
    ]
    found = parsed(source=PROMETHEUS, metrics=metrics).spec.analysis.metrics
    assert [metric.type for metric in found] == ["Errors", "Latency", "Guard", "Ratio"]


def test_the_metrics_and_the_source_of_the_docs_are_valid_together() -> None:
    blocks = re.findall(r"```yaml\n(analysis:.*?)```", PAGE, re.DOTALL)
    metrics, source = (yaml.safe_load(block)["analysis"] for block in blocks)
    found = parsed(**metrics, **source).spec.analysis
    assert {metric.type for metric in found.metrics} == {*METRIC_TYPES}
    assert found.source.secret_ref is not None


def test_the_docs_list_every_profile_with_its_port_and_path() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (\d+ /\S+) \|", PAGE, re.MULTILINE))
    assert rows == {name: f"{profile.port} {profile.path}" for name, profile in PROFILES.items()}
