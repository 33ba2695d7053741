"""Promises, kept on the local cluster: real KServe, real gateway, real model servers, real requests all the while."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from support.bench import Bench
from timoneiro_operator.api.times import read_moment

STEPS = {20: 8.0, 50: 12.0}


pytestmark = pytest.mark.usefixtures("nothing_is_lost_and_no_rule_is_broken")


@pytest.fixture(scope="module")
def bench(open_bench: Callable[..., Bench]) -> Bench:
    return open_bench("rollouts")


def outcome(bench: Bench, version: str) -> dict[str, Any]:
    entry: dict[str, Any] = bench.wait(f"the end of the rollout of version {version}", lambda: bench.outcome(version))
    return entry


def test_a_model_that_is_as_good_is_promoted_step_by_step(bench: Bench) -> None:
    first = len(bench.outside.routes())
    version = bench.release("good")
    assert outcome(bench, version)["outcome"] == "Promoted"
    candidate = bench.status()["stable"]["revision"]
    bench.wait("the end of the holdback", lambda: bench.status()["message"].endswith("serves all traffic"))
    bench.wait_for_shares(candidate, [0, 20, 50, 90, 100], since=first)


def test_a_model_that_fails_on_real_requests_is_rolled_back_by_the_evidence(bench: Bench) -> None:
    before, stable = bench.sent, bench.stable_pods()
    version = bench.release("bad")
    entry = outcome(bench, version)
    assert (entry["outcome"], "worse" in entry["reason"]) == ("RolledBack", True)
    assert bench.tally(since=before).failed_by_model > 0
    assert bench.stable_pods() == stable
    bench.wait("all traffic on the stable model", lambda: bench.status()["phase"] == "RolledBack")


def cut_short(name: str, content: bytes) -> bytes:
    return content[: len(content) // 2] if name == "model.skops" else content


def test_bytes_that_differ_from_the_digest_never_get_a_request(bench: Bench) -> None:
    stable, first = bench.stable_pods(), len(bench.outside.routes())
    version, model = bench.upload("good", change=cut_short)
    bench.publish(model)
    entry = outcome(bench, version)
    assert entry["outcome"] == "RolledBack"
    assert model["digest"] in entry["reason"]
    assert bench.stable_pods() == stable
    assert all(len([w for w in routed.values() if w]) == 1 for routed in bench.outside.routes()[first:])


def test_a_model_file_that_is_broken_is_named_in_the_status(bench: Bench) -> None:
    stable = bench.stable_pods()
    version, model = bench.upload("good", change=cut_short)
    del model["digest"]
    bench.publish(model)
    entry = outcome(bench, version)
    assert entry["outcome"] == "RolledBack"
    assert "model.skops" in entry["reason"]
    assert bench.stable_pods() == stable


def test_a_model_that_is_not_in_the_store_is_named_in_the_status(bench: Bench) -> None:
    stable = bench.stable_pods()
    _, model = bench.upload("good")
    model |= {"uri": "s3://models/nobody-put-this-here/", "version": "missing"}
    bench.publish(model)
    entry = outcome(bench, "missing")
    assert entry["outcome"] == "RolledBack"
    assert "s3://models/nobody-put-this-here" in entry["reason"]
    assert bench.stable_pods() == stable


def test_an_operator_that_is_killed_in_every_step_moves_no_step_early_and_finishes(bench: Bench) -> None:
    version = bench.release("good")
    started: dict[int, float] = {}
    for weight in STEPS:
        step = bench.wait(
            f"the step of {weight} % has begun",
            lambda weight=weight: (
                (step := bench.status().get("step") or {}).get("weight") == weight and step.get("startedAt") and step
            ),
        )
        started[weight] = read_moment(step["startedAt"]).timestamp()
        bench.kill_operators()
    entry = outcome(bench, version)
    assert entry["outcome"] == "Promoted"
    assert started[50] - started[20] >= STEPS[20]
    assert read_moment(entry["endedAt"]).timestamp() - started[50] >= STEPS[50]


def test_check_metrics_reads_the_pods_through_the_api_server(bench: Bench) -> None:
    answer = bench.timoneiro("check-metrics", bench.name, "-o", "json")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    (finding,) = json.loads(answer.stdout)["findings"]
    assert (finding["arm"], finding["missing"]) == ("stable", None)
    assert finding["counts"]["requests"] > 0


def test_a_rollout_begins_with_what_its_decision_needs_and_explain_repeats_it(bench: Bench) -> None:
    version = bench.release("good")

    def told() -> str:
        analysis = bench.status().get("analysis") or {}
        return str((analysis.get("preflight") or {}).get("message") or "")

    message = bench.wait("what a decision needs", told)
    (needs,) = bench.status()["analysis"]["preflight"]["metrics"]
    assert (needs["name"], needs["requestsPerSecond"] > 0) == ("errors", True)
    assert 0 < needs["notWorse"]["requests"] < needs["worse"]["requests"]
    said = " ".join(bench.timoneiro("explain", bench.name).stdout.split())
    assert " ".join(message.split()) in said, said
    assert bench.timoneiro("abort", bench.name).returncode == 0
    assert outcome(bench, version)["outcome"] == "Aborted"


def test_the_report_of_a_real_rollout_has_its_decision_and_its_pictures(bench: Bench) -> None:
    answer = bench.timoneiro("report", bench.name)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.lower().startswith("<!doctype html>")
    assert answer.stdout.count("<svg") >= 2
