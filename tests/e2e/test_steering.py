"""Blue-green, previews, people's commands and everything that goes wrong, on the local cluster and under load."""

import json
import shlex
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from demo.acts import production_rows
from demo.platform import ROOT, SYSTEM_NAMESPACE, apply
from support.bench import Bench
from timoneiro_operator.api.checks import MAX_NAMES_LENGTH

NAME = "a-name-as-long-as-any-in-default-may"
ROLLOUT: dict[str, Any] = {"progressDeadline": "240s", "deadline": "10m", "keepStable": "10s", "scaleDownDelay": "3s"}
STEPS = [{"pause": {}}, {"weight": 30, "for": "1h"}]
HEADER = {"header": {"name": "X-Timoneiro"}}


pytestmark = pytest.mark.usefixtures("nothing_is_lost_and_no_rule_is_broken")


@pytest.fixture(scope="module")
def bench(open_bench: Callable[..., Bench]) -> Bench:
    assert len(NAME) + len("default") == MAX_NAMES_LENGTH
    return open_bench(NAME, rollout=ROLLOUT)


def canary(bench: Bench) -> None:
    """Version by version, with a pause in front and a step that only people end; the header reaches the candidate."""
    bench.configure(
        rollout={**ROLLOUT, "strategy": "Canary", "canary": {"steps": STEPS}},
        route={"hostnames": [bench.host], "preview": HEADER},
    )


def blue_green(bench: Bench) -> None:
    bench.configure(rollout={**ROLLOUT, "strategy": "BlueGreen", "blueGreen": {"mirror": "4s", "bake": "4s"}})


def ended(bench: Bench, version: str) -> str:
    entry = bench.wait(f"the end of version {version}", lambda: bench.outcome(version))
    return str(entry["outcome"])


def stepped(bench: Bench, kind: str) -> dict[str, Any]:
    """The status once the step of this kind has begun."""
    status: dict[str, Any] = bench.wait(
        f"a step of the kind {kind}",
        lambda: (
            (status := bench.status()).get("step", {}).get("kind") == kind
            and status["step"].get("startedAt")
            and status
        ),
    )
    return status


def paused(bench: Bench) -> tuple[str, str]:
    """A new version that waits in the pause in front; returns it and the revision."""
    canary(bench)
    version = bench.release("good")
    return version, stepped(bench, "Pause")["candidate"]["revision"]


def ask(bench: Bench, action: str, *arguments: str) -> str:
    """The command line asks, and the operator does it."""
    answer = bench.timoneiro(action, bench.name, *arguments)
    assert answer.returncode == 0, answer.stderr + answer.stdout
    return answer.stdout


def test_the_recipes_for_waiting_work_as_they_are_written(bench: Bench) -> None:
    page = (ROOT / "docs/operations.md").read_text()
    recipes = [line for line in page.splitlines() if line.startswith("kubectl wait md/fraud")]
    assert len(recipes) == 4
    for recipe in recipes:
        arguments = shlex.split(recipe.replace("md/fraud", f"md/{bench.name}"))[1:]
        assert "condition met" in bench.cluster.kubectl(*arguments)


def test_blue_green_judges_on_a_copy_switches_once_and_bakes_with_a_copy_to_the_old_model(bench: Bench) -> None:
    blue_green(bench)
    first, old = len(bench.outside.routes()), bench.status()["stable"]["revision"]
    version = bench.release("good")
    mirrored = stepped(bench, "Mirror")
    assert ended(bench, version) == "Promoted"
    new = bench.status()["stable"]["revision"]
    shares = [{r: w for r, w in routed.items() if w} for routed in bench.outside.routes()[first:]]
    assert all(share in ({old: 100}, {new: 100}) for share in shares)
    assert mirrored["traffic"]["mirror"] == "Candidate"
    bench.wait("a copy for the old model", lambda: bench.outside.mirrors()[-2:] == [new, old])
    bench.wait("the end of the bake", lambda: "step" not in bench.status())


def test_users_never_see_a_blue_green_candidate_that_fails_on_the_copy(bench: Bench) -> None:
    blue_green(bench)
    before, stable = bench.sent, bench.stable_pods()
    assert ended(bench, bench.release("bad")) == "RolledBack"
    assert bench.tally(since=before).failed_by_model == 0
    assert bench.stable_pods() == stable
    counted = bench.status()["analysis"]["metrics"][0]
    assert counted["candidate"]["events"] > 0 == counted["stable"]["events"]


def test_the_preview_header_reaches_the_candidate_while_everybody_else_gets_the_stable_model(bench: Bench) -> None:
    canary(bench)
    version = bench.release("bad")
    stepped(bench, "Pause")
    # The candidate fails on a row that leaves a value out, and the stable model does not.
    row = next(row for row in production_rows() if None in row)

    def answer(**headers: str) -> int:
        body = json.dumps({"instances": [row]}).encode()
        sent = {"Host": bench.host, "Content-Type": "application/json", **headers}
        request = urllib.request.Request(bench.url, data=body, headers=sent)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code

    assert (answer(), answer(**{"X-Timoneiro": "candidate"}), answer(**{"X-Timoneiro": "no"})) == (200, 500, 200)
    ask(bench, "abort")
    assert ended(bench, version) == "Aborted"


def test_a_person_resumes_pauses_promotes_and_the_history_names_her(bench: Bench) -> None:
    version, _ = paused(bench)
    ask(bench, "resume")
    stepped(bench, "Weight")
    ask(bench, "pause")
    bench.wait("the pause", lambda: bench.status()["phase"] == "Paused")
    ask(bench, "resume")
    ask(bench, "promote")
    assert ended(bench, version) == "Promoted"
    asked = [(record["action"], record["by"], record["outcome"]) for record in bench.status()["commands"][-4:]]
    assert asked == [(action, "admin", "Done") for action in ("resume", "pause", "resume", "promote")]
    history = bench.timoneiro("history", bench.name)
    assert "promote" in history.stdout
    assert "admin" in history.stdout


def test_an_aborted_revision_stays_away_until_somebody_retries_it_and_can_be_rolled_back_from(bench: Bench) -> None:
    version, revision = paused(bench)
    before = bench.status()["stable"]["revision"]
    ask(bench, "abort")
    bench.wait("the way back", lambda: bench.status()["phase"] == "RolledBack")
    assert bench.timoneiro("status", bench.name).returncode == 1
    ask(bench, "retry")
    stepped(bench, "Pause")
    ask(bench, "promote", "--full")
    bench.wait("the promotion", lambda: bench.status()["stable"]["revision"] == revision)
    assert bench.timoneiro("status", bench.name, "--wait", "--timeout", "60s").returncode == 0
    ask(bench, "rollback")
    bench.wait("the former model", lambda: bench.status()["stable"]["revision"] == before)
    assert [entry["outcome"] for entry in bench.status()["history"][-3:]] == ["Aborted", "Promoted", "Restored"]
    assert bench.outcome(version) is not None


def test_a_command_that_makes_no_sense_is_refused_before_anything_is_written(bench: Bench) -> None:
    answer = bench.timoneiro("promote", bench.name)
    assert answer.returncode == 1
    assert "no rollout" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_weights_that_somebody_edits_are_put_back_and_reported(bench: Bench) -> None:
    version, revision = paused(bench)
    ask(bench, "resume")
    stepped(bench, "Weight")
    bench.wait("the acceptance", lambda: bench.status()["traffic"]["accepted"])
    edit = [
        {"op": "replace", "path": f"/spec/rules/1/backendRefs/{index}/weight", "value": weight}
        for index, weight in enumerate((10, 90))
    ]
    bench.cluster.kubectl("patch", "httproute", bench.name, "--type=json", "-p", json.dumps(edit))
    bench.wait("the report", lambda: "was edited" in (bench.status().get("restored") or {}).get("what", ""))
    bench.wait("the weights", lambda: bench.outside.routes()[-1].get(revision) == 30)
    ask(bench, "abort")
    assert ended(bench, version) == "Aborted"


def test_a_route_and_a_candidate_that_somebody_deletes_are_made_anew_or_rolled_back(bench: Bench) -> None:
    version, _ = paused(bench)
    status = bench.status()
    bench.cluster.kubectl("delete", "inferenceservice", status["candidate"]["inferenceService"], "--wait=false")
    assert ended(bench, version) == "RolledBack"
    assert "LostReadiness" in bench.status()["rejected"][-1]["reason"]


def test_a_leader_that_is_killed_is_replaced_and_nothing_is_done_twice(bench: Bench) -> None:
    version, _ = paused(bench)
    before, leader = len(bench.status()["history"]), bench.leader()
    bench.cluster.kubectl("-n", SYSTEM_NAMESPACE, "delete", "pod", leader, "--grace-period=0", "--force")
    bench.wait("another leader", lambda: bench.leader() not in ("", leader))
    ask(bench, "promote", "--full", "--timeout", "60s")
    assert ended(bench, version) == "Promoted"
    assert len([e for e in bench.status()["history"] if e.get("version") == version]) == 1
    assert before <= 10


def test_a_gateway_that_does_not_take_the_route_up_freezes_the_rollout(open_bench: Callable[..., Bench]) -> None:
    other = open_bench(
        "gatewayless", load=False, rollout={**ROLLOUT, "canary": {"steps": [{"weight": 30, "for": "4s"}]}}
    )
    elsewhere = {"hostnames": [other.host], "gateway": {"name": "nobody-runs-this", "namespace": "kserve"}}
    other.configure(route=elsewhere, rollout={**ROLLOUT, "canary": {"steps": [{"weight": 30, "for": "4s"}]}})
    version = other.release("good")
    other.wait("the sentence", lambda: "waiting for the gateway" in other.status().get("message", ""))
    assert other.status()["step"].get("startedAt") is None
    other.configure(rollout={**ROLLOUT, "canary": {"steps": [{"weight": 30, "for": "4s"}]}})
    other.start_load()
    assert ended(other, version) == "Promoted"


def test_a_deployment_that_is_deleted_in_mid_rollout_takes_everything_with_it(
    bench: Bench, open_bench: Callable[..., Bench]
) -> None:
    other = open_bench("short-lived", rollout={**ROLLOUT, "canary": {"steps": STEPS}})
    other.release("good")
    status = stepped(other, "Pause")
    names = {status["stable"]["inferenceService"], status["candidate"]["inferenceService"]}
    other.cluster.kubectl("delete", "md", other.name, "--timeout=240s")

    def left() -> set[str]:
        listed = other.cluster.get("inferenceservice,httproute")["items"]
        return {item["metadata"]["name"] for item in listed} & (names | {other.name})

    bench.wait("the end of its children", lambda: not left())


def test_a_route_of_somebody_else_with_the_same_name_is_left_alone(bench: Bench) -> None:
    name = "taken"
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"hostnames": ["somebody.example.com"], "rules": [{"backendRefs": [{"name": "theirs", "port": 80}]}]},
    }
    apply(bench.cluster, route)
    _, model = bench.upload("good")
    body = {
        "apiVersion": "timoneiro.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "model": model,
            "predictor": {"serviceAccountName": "models"},
            "route": {"hostnames": ["taken.models.example.com"]},
        },
    }
    apply(bench.cluster, body)

    def message() -> str:
        read = bench.cluster.get("md", name)
        return str((read.get("status") or {}).get("message", ""))

    bench.wait("the sentence", lambda: "HTTPRoute taken exists and belongs to somebody else" in message())
    theirs = bench.cluster.get("httproute", name)
    assert theirs["spec"]["hostnames"] == ["somebody.example.com"]
    bench.cluster.kubectl("delete", "md,httproute", name)
