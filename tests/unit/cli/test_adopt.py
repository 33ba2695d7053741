"""`adopt` and `release`: what is made, what is refused before anything is written, and what people are told."""

import json

import pytest
import yaml

from support import played
from support.pods import pod_of
from timoneiro_operator.api import names
from timoneiro_operator.api.deployment import parse
from timoneiro_operator.api.times import moment
from timoneiro_operator.cli.errors import DONE, FAILED, NOT_FOUND, UNFINISHED, USAGE, CliError
from timoneiro_operator.cli.presentation.explain import explain
from timoneiro_operator.cli.presentation.view import view_of
from timoneiro_operator.cli.report.gather import report_of
from timoneiro_operator.cli.report.page import page

NOT_THERE = CliError("there is no modeldeployments.timoneiro.dev 'fraud'", code=NOT_FOUND)
HOST = ("--hostname", "fraud.example.com")


def service(name="fraud", **predictor):
    model = {"modelFormat": {"name": "sklearn"}, "storageUri": "s3://models/fraud/1", "runtime": "r"}
    return {
        "metadata": {"name": name, "namespace": "models", "uid": "i"},
        "spec": {"predictor": {"model": model, "minReplicas": 2, **predictor}},
        "status": {"deploymentMode": "Standard", "url": "http://fraud-models.example.com"},
    }


def serving(cluster, body=None):
    """`cluster` with an InferenceService that serves in it."""
    body = body or service()
    name = body["metadata"]["name"]
    cluster.objects["InferenceService", name] = body
    cluster.pods[name] = [pod_of(f"{name}-predictor", conditions=[{"type": "Ready", "status": "True"}])]
    return cluster


@pytest.fixture
def adopted(md):
    """The ModelDeployment `fraud` with an adopted stable model, as the operator has it then."""
    stable = {**md.part("2", ready=True, since=md.at(-60)), "inferenceService": "fraud"}
    return md.body(
        phase="Healthy",
        message="version 2 serves all traffic",
        stable=stable,
        wanted=md.second,
        traffic={"desired": {"stable": 100, "candidate": 0}, "accepted": True},
        revisions=[{**md.snapshot("2", -60), "adopted": "fraud"}],
    )


def test_what_serves_is_described_and_the_model_is_left_to_whoever_publishes_the_next_one(
    adopted, fake_cluster, run
) -> None:
    cluster = serving(fake_cluster(NOT_THERE, adopted))
    code, out, _ = run(cluster, "adopt", "fraud", *HOST, "--gateway", "infra/public")
    assert code == DONE
    (rest, person), (model, pipeline) = cluster.applied
    assert (person, pipeline) == ("kubectl-timoneiro", "timoneiro-pipeline")
    assert rest["metadata"] == model["metadata"] == {"name": "fraud", "namespace": "models"}
    assert model["spec"] == {"model": {"format": {"name": "sklearn"}, "uri": "s3://models/fraud/1"}}
    assert rest["spec"] == {
        "adopt": "fraud",
        "predictor": {"minReplicas": 2, "runtime": "r"},
        "route": {"hostnames": ["fraud.example.com"], "gateway": {"name": "public", "namespace": "infra"}},
    }
    assert "Send requests to fraud.example.com" in out


@pytest.mark.parametrize(("output", "read"), [("yaml", yaml.safe_load), ("json", json.loads)])
def test_a_dry_run_prints_what_git_is_to_have_and_writes_nothing(fake_cluster, run, output, read) -> None:
    cluster = serving(fake_cluster(NOT_THERE), service(deploymentStrategy={"type": "Recreate"}))
    code, out, _ = run(cluster, "adopt", "fraud", *HOST, "--dry-run", "-o", output)
    printed = read(out)
    assert (code, cluster.applied, printed["spec"]["adopt"]) == (DONE, [], "fraud")
    assert parse({**printed, "metadata": {**printed["metadata"], "uid": "u"}}).spec.adopt == "fraud"
    assert out.startswith("# The next model is served without deploymentStrategy") is (output == "yaml")


def test_a_transformer_is_in_what_git_is_to_have(fake_cluster, run) -> None:
    body = service()
    container = {"name": "kserve-container", "image": "tokens:1"}
    body["spec"]["transformer"] = {"containers": [{**container, "args": ["--model_name=fraud"]}]}
    cluster = serving(fake_cluster(NOT_THERE), body)
    cluster.pods["fraud"].append(pod_of("fraud-transformer", conditions=[{"type": "Ready", "status": "True"}]))
    _, out, _ = run(cluster, "adopt", "fraud", *HOST, "--dry-run", "-o", "json")
    assert json.loads(out)["spec"]["transformer"] == {"containers": [container]}


def test_what_is_left_out_is_told_when_it_is_made(fake_cluster, run) -> None:
    cluster = serving(fake_cluster(NOT_THERE), service(deploymentStrategy={"type": "Recreate"}))
    code, out, _ = run(cluster, "adopt", "fraud", *HOST, "--no-wait")
    assert (code, len(cluster.applied)) == (DONE, 2)
    assert "without deploymentStrategy" in out


def test_the_copy_of_a_runtime_is_named_after_its_original(fake_cluster, run) -> None:
    cluster = serving(fake_cluster(NOT_THERE))
    cluster.objects["ServingRuntime", "r"] = {"metadata": {"annotations": {names.ANNOTATION_RUNTIME: "shared"}}}
    _, out, _ = run(cluster, "adopt", "fraud", *HOST, "--dry-run")
    assert yaml.safe_load(out)["spec"]["predictor"]["runtime"] == "shared"


def test_what_was_released_is_adopted_again_with_its_route(fake_cluster, run) -> None:
    body = service("fraud-1234abcd")
    body["spec"]["predictor"]["model"]["args"] = ["--model_name=fraud"]
    cluster = serving(fake_cluster(NOT_THERE), body)
    parents = [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "g", "namespace": "n"}]
    cluster.parts["HTTPRoute"] = [{"spec": {"hostnames": ["a.example.com"], "parentRefs": parents}}]
    _, out, _ = run(cluster, "adopt", "fraud-1234abcd", "--dry-run")
    printed = yaml.safe_load(out)
    assert printed["metadata"]["name"] == "fraud"
    assert printed["spec"]["route"] == {"hostnames": ["a.example.com"], "gateway": {"name": "g", "namespace": "n"}}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (service(workerSpec={"size": 2}), "workerSpec"),
        (service(labels={"serving.kserve.io/x": "y"}), "what the rollout itself sets"),
    ],
)
def test_what_cannot_be_adopted_is_refused_with_the_reason_and_nothing_is_written(
    fake_cluster, run, body, words
) -> None:
    cluster = serving(fake_cluster(NOT_THERE), body)
    code, _, err = run(cluster, "adopt", "fraud", *HOST)
    assert (code, cluster.applied) == (FAILED, [])
    assert "InferenceService 'fraud' cannot be adopted: " in err
    assert words in err


def test_without_a_ready_pod_nothing_is_adopted(fake_cluster, run) -> None:
    cluster = serving(fake_cluster(NOT_THERE))
    cluster.pods = {}
    code, _, err = run(cluster, "adopt", "fraud", *HOST)
    assert (code, "none of its pods is ready" in err) == (FAILED, True)


def test_a_model_deployment_that_is_there_is_not_written_over(md, fake_cluster, run) -> None:
    cluster = serving(fake_cluster(md.healthy()))
    code, _, err = run(cluster, "adopt", "fraud", *HOST)
    assert (code, cluster.applied) == (FAILED, [])
    assert "exists already" in err


@pytest.mark.parametrize("arguments", [(), (*HOST, "-o", "yaml")])
def test_half_an_order_is_wrong_use(fake_cluster, run, arguments) -> None:
    code, _, err = run(serving(fake_cluster(NOT_THERE)), "adopt", "fraud", *arguments)
    assert code == USAGE
    assert "--hostname" in err or "--dry-run" in err


def test_what_the_operator_does_not_adopt_ends_with_its_words(md, fake_cluster, run) -> None:
    waiting = md.body(phase="Pending", message="none of its pods is ready", spec={**md.spec(), "adopt": "fraud"})
    code, _, err = run(serving(fake_cluster(NOT_THERE, waiting)), "adopt", "fraud", *HOST, "--timeout", "3s")
    assert (code, "none of its pods is ready" in err) == (UNFINISHED, True)
    assert explain(view_of(waiting), moment(md.now))[0].startswith(
        "Nothing has been adopted yet: none of its pods is ready."
    )


def test_an_error_of_the_cluster_is_no_sign_that_nothing_is_there(fake_cluster, run) -> None:
    cluster = serving(fake_cluster(CliError("you may not", code=5)))
    assert run(cluster, "adopt", "fraud", *HOST)[0] == 5
    assert cluster.applied == []


def test_what_was_adopted_is_drawn_with_its_pods(adopted, fake_cluster, run) -> None:
    cluster = serving(fake_cluster(adopted))
    code, out, _ = run(cluster, "get", "fraud")
    assert code == DONE
    assert "InferenceService fraud  not ready" in out
    assert "Pod p" in out
    assert "not in the status" not in out


def test_what_was_adopted_and_cannot_be_read_is_no_missing_one(adopted, fake_cluster, run) -> None:
    _, out, _ = run(fake_cluster(adopted), "get", "fraud")
    assert "InferenceService fraud  adopted" in out
    assert "there is no InferenceService 'fraud'" in out


def test_explain_says_who_goes_on_reaching_it(adopted, md) -> None:
    assert any("KServe's own addresses of it stay" in line for line in explain(view_of(adopted), moment(md.now)))
    adopted["status"] |= {"stable": md.part("1"), "wanted": md.first}
    adopted["spec"] = md.spec("1")
    assert any("`kubectl delete inferenceservice fraud`" in line for line in explain(view_of(adopted), moment(md.now)))


def test_a_release_removes_the_model_deployment_and_says_what_stands(adopted, md, fake_cluster, run) -> None:
    adopted["status"]["retiring"] = [
        {**md.part("1"), "was": "Stable", "deleteAt": md.at(60)},
    ]
    cluster = fake_cluster(adopted, NOT_THERE)
    cluster.parts["HTTPRoute"] = [{"metadata": {"name": "fraud-rollout"}}]
    code, out, _ = run(cluster, "release", "fraud")
    assert (code, cluster.released) == (DONE, ["7"])
    assert "InferenceService fraud goes on serving" in out
    assert "HTTPRoute fraud-rollout" in out
    assert f"InferenceService fraud-{md.first}." in out
    assert "`timoneiro adopt fraud`" in out


def test_what_has_changed_since_it_was_looked_at_is_looked_at_again(adopted, md, fake_cluster, run) -> None:
    cluster = fake_cluster(adopted, md.rolling())
    cluster.conflicts = 1
    code, _, err = run(cluster, "release", "fraud")
    assert (code, len(cluster.released)) == (FAILED, 1)
    assert "is being rolled out" in err


def test_what_changes_all_the_time_is_not_released(adopted, fake_cluster, run) -> None:
    cluster = fake_cluster(adopted)
    cluster.conflicts = 99
    code, _, err = run(cluster, "release", "fraud")
    assert (code, "keeps changing" in err) == (FAILED, True)


def test_a_release_that_takes_long_is_said(adopted, fake_cluster, run) -> None:
    code, _, err = run(fake_cluster(adopted), "release", "fraud", "--timeout", "3s")
    assert (code, "has not removed it in time" in err) == (UNFINISHED, True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stable": None}, "nothing of 'fraud' serves"),
        ({"observedGeneration": 2}, "has not seen the latest spec"),
        ({"traffic": {"desired": {"stable": 100, "candidate": 0}, "accepted": False}}, "has not accepted yet"),
        ({"traffic": None}, "has not accepted yet"),
    ],
)
def test_traffic_that_is_not_at_rest_is_not_let_go(adopted, fake_cluster, run, change, words) -> None:
    adopted["status"] |= change
    cluster = fake_cluster(adopted)
    code, _, err = run(cluster, "release", "fraud")
    assert (code, cluster.released) == (FAILED, [])
    assert words in err


def test_the_report_of_it_says_that_there_was_nothing_to_compare_it_with() -> None:
    world = played.WorldOfMetrics()
    world.adopting()
    world.settle()
    report = report_of(view_of(world.body()), moment(world.now), {})
    assert report.headline == "Version 1 was adopted"
    assert any("nothing to compare it with" in line for line in report.decision)
    assert "Adopted" in page(report)
