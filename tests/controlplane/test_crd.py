"""The CRD on a real API server: sense is accepted, nonsense is refused with a sentence that a person understands."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from localcluster.cluster import Cluster
from localcluster.errors import LocalClusterError
from support.pem import PUBLIC_KEY

BODY: dict[str, Any] = {
    "apiVersion": "timoneiro.dev/v1alpha1",
    "kind": "ModelDeployment",
    "metadata": {"name": "fraud"},
    "spec": {
        "model": {"format": {"name": "sklearn"}, "uri": "s3://models/fraud/1"},
        "route": {"hostnames": ["fraud.example.com"]},
    },
}

SIGNED: dict[str, Any] = {"publicKeys": [PUBLIC_KEY]}

BEFORE: dict[str, Any] = {"containers": [{"name": "mine", "image": "tokens:1"}]}


def changed(path: str, value: Any) -> dict[str, Any]:
    """BODY with one field set; `path` is dotted."""
    body = copy.deepcopy(BODY)
    *parents, last = path.split(".")
    part = body
    for name in parents:
        part = part.setdefault(name, {})
    part[last] = value
    return body


def dry_run(cluster: Cluster, namespace: str, body: dict[str, Any]) -> dict[str, Any]:
    """What the API server would make of it."""
    text = cluster.kubectl(
        "-n", namespace, "create", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(body)
    )
    result: dict[str, Any] = json.loads(text)
    return result


def test_the_smallest_deployment_is_accepted_and_gets_all_defaults(platform: Cluster, namespace: str) -> None:
    spec = dry_run(platform, namespace, BODY)["spec"]
    assert spec["rollout"]["canary"]["steps"] == [
        {"weight": 5, "for": "10m"},
        {"weight": 25, "for": "10m"},
        {"weight": 50, "for": "10m"},
    ]
    assert spec["analysis"]["falseRollback"] == 0.01
    assert spec["analysis"]["metrics"] == [
        {
            "name": "errors",
            "type": "Errors",
            "weight": 1,
            "margin": 1,
            "negligible": 0.001,
            "minEvents": 3,
            "minDifference": 0,
        }
    ]


def test_the_defaults_of_the_crd_are_those_of_the_operator(platform: Cluster, namespace: str) -> None:
    from timoneiro_operator.api.deployment import parse  # noqa: PLC0415

    metadata = {"name": "fraud", "namespace": "ns", "uid": "u"}
    with_defaults = parse({"metadata": metadata, "spec": dry_run(platform, namespace, BODY)["spec"]})
    assert with_defaults.spec == parse({"metadata": metadata, "spec": BODY["spec"]}).spec


@pytest.mark.parametrize("key", [PUBLIC_KEY, PUBLIC_KEY.strip(), f"\n{PUBLIC_KEY}".replace("\n", "\r\n")])
def test_a_signature_is_demanded_by_keys_in_pem(platform: Cluster, namespace: str, key: str) -> None:
    body = changed("spec.model.signature", {"publicKeys": [key]})
    assert dry_run(platform, namespace, body)["spec"]["model"]["signature"] == {"publicKeys": [key]}


def test_who_has_to_sign_may_be_said_before_there_is_a_model(platform: Cluster, namespace: str) -> None:
    body = changed("spec.model", {"signature": SIGNED})
    assert dry_run(platform, namespace, body)["spec"]["model"] == {"signature": SIGNED}


def test_a_deployment_may_come_before_its_model(platform: Cluster, namespace: str) -> None:
    body = copy.deepcopy(BODY)
    del body["spec"]["model"]
    assert "model" not in dry_run(platform, namespace, body)["spec"]


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("spec.rollout.canary.steps", [{"weight": 50, "for": "1m"}, {"weight": 10, "for": "1m"}], "weights must rise"),
        ("spec.rollout.canary.steps", [{"weight": 10, "for": "1m"}, {"weight": 10, "for": "1m"}], "weights must rise"),
        ("spec.rollout.canary.steps", [{"weight": 101, "for": "1m"}], "less than or equal to 100"),
        ("spec.rollout.canary.steps", [{"weight": 0, "for": "1m"}], "greater than or equal to 1"),
        ("spec.rollout.canary.steps", [{"weight": 10, "for": "soon"}], "must be a duration such as 30s, 10m or 1h30m"),
        ("spec.rollout.canary.steps", [{"weight": 10}], "must have either weight and for, or pause"),
        ("spec.rollout.canary.steps", [{"weight": 10, "pause": {}}], "must have either weight and for, or pause"),
        (
            "spec.rollout.canary.steps",
            [{"weight": 50, "for": "1m"}, {"pause": {}}, {"weight": 10, "for": "1m"}],
            "weights must rise",
        ),
        ("spec.rollout.canary.steps", [{"pause": {"for": "soon"}}], "must be a duration"),
        ("spec.rollout.blueGreen", {"bake": "soon"}, "must be a duration"),
        ("spec.route.preview", {"header": {"name": "not a header"}}, "must be the name of a header"),
        ("spec.route.driver", "Istio", 'supported values: "Gateway", "Knative"'),
        ("spec.rollout.deadline", "6 hours", "must be a duration"),
        ("spec.rollout.deadline", "", "must be a duration"),
        ("spec.rollout.deadline", "9999d", "must be a duration"),
        ("spec.analysis.interval", "2000m", "must be whole seconds, minutes or hours"),
        ("spec.rollout.canary.steps", [{"pause": {"for": "1m"}}], "needs a weight below 100"),
        ("spec.rollout.canary.steps", [{"weight": 100, "for": "1m"}], "needs a weight below 100"),
        ("spec.rollout.strategy", "Bluegreen", 'supported values: "Canary", "BlueGreen"'),
        ("spec.rollout.onInconclusive", "Guess", 'supported values: "Hold", "Rollback", "Promote"'),
        ("spec.analysis.falseRollback", 0.5, "must be a probability above 0 and below 0.5"),
        ("spec.analysis.falsePromotion", 0, "must be a probability above 0 and below 0.5"),
        ("spec.analysis.interval", "0s", "must be whole seconds, minutes or hours"),
        ("spec.analysis.interval", "0.01ms", "must be whole seconds, minutes or hours"),
        ("spec.rollout.keepStable", "9999999d", "must be a duration"),
        ("spec.analysis.metrics", [{"name": "a"}, {"name": "a"}], "Duplicate value"),
        ("spec.analysis.metrics", [{"name": "a", "tolerance": 2}], "tolerance must be smaller than margin"),
        ("spec.analysis.metrics", [{"name": "a", "margin": 0.2}], "tolerance must be smaller than margin"),
        (
            "spec.analysis.metrics",
            [{"name": "a", "type": "Latency", "threshold": "1s", "margin": 0.1}],
            "tolerance must be smaller than margin",
        ),
        ("spec.analysis.metrics", [{"name": "a", "output": "Score"}], "output, bins and binLabel are for type Outputs"),
        ("spec.analysis.metrics", [{"name": "a", "negligible": 0}], "must be above 0 and below 1"),
        ("spec.analysis.metrics", [], "should have at least 1 items"),
        ("spec.analysis.metrics", [{"name": "a", "type": "Latency"}], "needs exactly one of threshold, thresholds and"),
        ("spec.analysis.metrics", [{"name": "a", "threshold": "1s"}], "and no other type has them"),
        ("spec.analysis.metrics", [{"name": "a", "type": "Ratio", "events": "x"}], "type Ratio needs events and total"),
        ("spec.analysis.metrics", [{"name": "a", "type": "Guard", "of": "b"}], "type Guard needs of and max"),
        (
            "spec.analysis.metrics",
            [{"name": "a", "overDispersion": {"factor": 3, "estimateUpTo": 2}}],
            "estimateUpTo must not be below factor",
        ),
        ("spec.analysis.source", {"type": "Prometheus"}, "type Prometheus needs url"),
        ("spec.analysis.source", {"type": "Gateway", "profile": "Envoy"}, "it is the gateway that counts"),
        ("spec.analysis.source", {"url": "http://prometheus:9090"}, "are for type Prometheus"),
        ("spec.analysis.source", {"type": "Prometheus", "url": "prometheus"}, "must be an address such as"),
        ("spec.analysis.source", {"profile": "Seldon"}, "supported values"),
        ("spec.analysis.source", {"path": "@elsewhere/"}, "must be a path such as /metrics"),
        ("spec.analysis.source", {"timeout": "11s"}, "up to 10s"),
        (
            "spec.analysis.source",
            {"type": "Prometheus", "url": "http://p", "secretRef": {"name": "../../a/secrets/b"}},
            "must be the name of a Secret",
        ),
        ("spec.model.uri", "models/fraud", "must be a URI such as s3://models/fraud/14"),
        ("spec.model.digest", "sha256:abc", "must be sha256: followed by 64 hexadecimal digits"),
        ("spec.model", {"uri": "s3://models/fraud/1"}, "needs format and uri; only signature may be there before them"),
        (
            "spec.model",
            {"signature": SIGNED, "digest": "sha256:" + "0" * 64},
            "only signature may be there before them",
        ),
        ("spec.model.signature", {}, "spec.model.signature.publicKeys: Required value"),
        ("spec.model.signature", {"publicKeys": []}, "should have at least 1 items"),
        (
            "spec.model.signature",
            {"publicKeys": [PUBLIC_KEY.replace("PUBLIC", "PRIVATE")]},
            "must be a public key in PEM, which begins with -----BEGIN PUBLIC KEY-----",
        ),
        ("spec.model.format", {}, "spec.model.format.name: Required value"),
        ("spec.route.hostnames", [], "should have at least 1 items"),
        ("spec.route.hostnames", ["https://fraud"], "must be a host name such as fraud.models.example.com"),
        ("spec.adopt", "../x", "must be the name of an InferenceService"),
        ("spec.predictor", {"minReplicas": 0}, "must be at least 1: a model without a pod answers nobody"),
        ("spec.predictor", {"minReplicas": 3, "maxReplicas": 2}, "maxReplicas must not be below minReplicas"),
        ("spec.predictor", {"scaleTarget": 50}, "need maxReplicas"),
        ("spec.predictor", {"maxReplicas": 2, "scaleTarget": 101}, "must be from 1 to 100 percent"),
        ("spec.predictor", {"maxReplicas": 2, "scaleMetric": "rps"}, "must be cpu or memory with route.driver Gateway"),
        ("spec.predictor", {"canaryTrafficPercent": 5}, "give the shares of the traffic in rollout.canary.steps"),
        ("spec.predictor", {"deploymentStrategy": {"type": "Recreate"}}, "a revision is never changed"),
        ("spec.analysis", {"warmUp": "a minute"}, "must be a duration such as 30s, 10m or 1h30m"),
        ("spec.analysis", {"warmUpLimit": 50}, "must be a rate above 0, and 1 at most"),
        ("spec.transformer", {"minReplicas": 1}, "spec.transformer.containers: Required value"),
        ("spec.transformer", {"containers": []}, "should have at least 1 items"),
        ("spec.transformer", {**BEFORE, "maxReplicas": 2, "scaleMetric": "rps"}, "scaleMetric must be cpu or memory"),
        ("spec.transformer", {**BEFORE, "maxReplicas": 2, "scaleTarget": 101}, "scaleTarget must be from 1 to 100"),
        ("spec.transformer", {**BEFORE, "scaleTarget": 50}, "need maxReplicas"),
        ("spec.transformer", {**BEFORE, "canaryTrafficPercent": 5}, "give the shares of the traffic in rollout.canary"),
        ("metadata.name", "f" * 40, "at most 39 characters"),
        ("metadata.name", "1fraud", "must begin with a letter"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(
    platform: Cluster, namespace: str, path: str, value: Any, sentence: str
) -> None:
    with pytest.raises(LocalClusterError) as refusal:
        dry_run(platform, namespace, changed(path, value))
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            {"rollout": {"strategy": "BlueGreen"}},
            "BlueGreen needs mirrored traffic, which route.driver Knative does not support",
        ),
        ({"preview": {"header": {"name": "X-Preview"}}}, "route.preview needs route.driver Gateway"),
        ({"adopt": "theirs"}, "adopt needs route.driver Gateway"),
        ({"transformer": BEFORE}, "transformer needs route.driver Gateway: in Knative mode a request to the new"),
        ({"analysis": {"source": {"type": "Gateway"}}}, "source of type Gateway needs route.driver Gateway"),
        (
            {"predictor": {"maxReplicas": 2, "autoScaling": {"metrics": []}}},
            "predictor.autoScaling needs route.driver Gateway",
        ),
    ],
)
def test_what_knative_cannot_do_is_refused(
    platform: Cluster, namespace: str, more: dict[str, Any], sentence: str
) -> None:
    body = changed("spec.route.driver", "Knative")
    if "preview" in more:
        body["spec"]["route"] |= more
    else:
        body["spec"] |= more
    with pytest.raises(LocalClusterError) as refusal:
        dry_run(platform, namespace, body)
    assert sentence in str(refusal.value)


def test_with_a_transformer_names_are_two_characters_shorter(platform: Cluster, namespace: str) -> None:
    body = changed("spec.transformer", BEFORE)
    body["metadata"]["name"] = "f" * 37
    assert dry_run(platform, namespace, body)["spec"]["transformer"] == {**BEFORE, "minReplicas": 1}
    body["metadata"]["name"] = "f" * 38
    with pytest.raises(LocalClusterError, match=r"at most 37 characters with spec\.transformer"):
        dry_run(platform, namespace, body)


@pytest.mark.parametrize(
    "rollout",
    [
        {"canary": {"steps": [{"pause": {}}, {"weight": 5, "for": "10m"}, {"pause": {"for": "1h"}}]}},
        {"strategy": "BlueGreen", "blueGreen": {"mirror": "30m", "bake": "1h"}},
    ],
)
def test_schedules_with_pauses_and_mirrors_are_accepted(
    platform: Cluster, namespace: str, rollout: dict[str, Any]
) -> None:
    accepted = dry_run(platform, namespace, changed("spec.rollout", rollout))["spec"]["rollout"]
    assert accepted == accepted | rollout


def test_the_driver_of_a_deployment_that_exists_cannot_be_changed(platform: Cluster, namespace: str) -> None:
    body = copy.deepcopy(BODY)
    del body["spec"]["model"]
    platform.kubectl("-n", namespace, "create", "-f", "-", stdin=json.dumps(body))
    body["spec"]["route"]["driver"] = "Knative"
    with pytest.raises(LocalClusterError, match="cannot be changed; make another ModelDeployment"):
        platform.kubectl(
            "-n", namespace, "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(body)
        )


@pytest.mark.parametrize(("before", "after"), [(None, "theirs"), ("theirs", None), ("theirs", "others")])
def test_what_was_adopted_is_said_when_the_deployment_is_made_and_stays(
    platform: Cluster, namespace: str, before: str | None, after: str | None
) -> None:
    body = changed("spec.adopt", before) if before else copy.deepcopy(BODY)
    body["metadata"]["name"] = f"{before}-{after}".lower()
    platform.kubectl("-n", namespace, "create", "-f", "-", stdin=json.dumps(body))
    patch = json.dumps({"spec": {"adopt": after}})
    with pytest.raises(LocalClusterError, match="adopt can only be given when the ModelDeployment is made"):
        platform.kubectl("-n", namespace, "patch", "md", body["metadata"]["name"], "--type=merge", "-p", patch)


def test_explain_teaches_the_api(platform: Cluster) -> None:
    text = platform.kubectl("explain", "md.spec.rollout.canary.steps")
    assert "Shares of the traffic that the candidate gets" in text


@pytest.mark.parametrize("half", ["spec", "status"])
def test_every_field_is_documented(platform: Cluster, half: str) -> None:
    crd = platform.get("crd", "modeldeployments.timoneiro.dev")
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][half]
    undocumented: list[str] = []

    def walk(name: str, part: dict[str, Any]) -> None:
        if not part.get("description"):
            undocumented.append(name)
        for child, inner in (part.get("properties") or {}).items():
            walk(f"{name}.{child}", inner)
        for child, inner in ((part.get("items") or {}).get("properties") or {}).items():
            walk(f"{name}[].{child}", inner)

    walk(half, schema)
    assert undocumented == []


def test_the_table_of_kubectl_get_shows_phase_step_weight_and_verdict(
    platform: Cluster, namespace: str, get: Callable[..., dict[str, Any]]
) -> None:
    crd = platform.get("crd", "modeldeployments.timoneiro.dev")
    columns = [c["name"] for c in crd["spec"]["versions"][0]["additionalPrinterColumns"] if not c.get("priority")]
    assert columns == ["Phase", "Step", "Weight", "Stable", "Candidate", "Verdict", "Age"]
