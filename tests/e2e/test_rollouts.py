"""Promises, kept on the local cluster: real KServe, real gateway, real model servers, real requests all the while."""

from collections.abc import Iterator
from typing import Any

import pytest

from localcluster.cluster import Cluster
from support.bench import Bench, make_package

STEPS = {20: 8.0, 50: 12.0}


@pytest.fixture(scope="module")
def bench(platform: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    packages = {
        "good": make_package(tmp_path_factory.mktemp("good"), impute=True),
        "bad": make_package(tmp_path_factory.mktemp("bad"), impute=False),
    }
    bench = Bench(platform, packages)
    bench.release("good")
    bench.wait("the first model goes live", lambda: bench.status().get("phase") == "Healthy")
    bench.start_load()
    yield bench
    bench.close()


@pytest.fixture(autouse=True)
def no_request_is_lost(bench: Bench) -> Iterator[None]:
    """Around every test: whatever happens, no request is failed by anything but the model that answers it."""
    before = bench.tally
    yield
    lost = bench.tally.minus(before)
    assert lost.failed_by_rollout == 0, lost.details


def outcome(bench: Bench, version: str, *, seconds: float = 120) -> dict[str, Any]:
    entry: dict[str, Any] = bench.wait(
        f"the end of the rollout of version {version}", lambda: bench.outcome(version), seconds=seconds
    )
    return entry


def test_a_model_that_is_as_good_is_promoted_step_by_step(bench: Bench) -> None:
    first = len(bench.route_looks)
    version = bench.release("good")
    assert outcome(bench, version)["outcome"] == "Promoted"
    candidate = f"{bench.status()['stable']['inferenceService']}-predictor"
    weights = [look.weights.get(candidate, 0) for look in bench.route_looks[first:]]
    assert [w for i, w in enumerate(weights) if not i or w != weights[i - 1]][-3:] == [20, 50, 100]


def test_a_model_that_fails_on_real_requests_is_rolled_back_by_the_evidence(bench: Bench) -> None:
    before, stable = bench.tally, bench.stable_pods()
    version = bench.release("bad")
    entry = outcome(bench, version)
    assert (entry["outcome"], "worse" in entry["reason"]) == ("RolledBack", True)
    assert bench.tally.minus(before).failed_by_model > 0
    assert bench.stable_pods() == stable
    bench.wait("all traffic on the stable model", lambda: bench.status()["phase"] == "RolledBack")


def cut_short(name: str, content: bytes) -> bytes:
    return content[: len(content) // 2] if name == "model.skops" else content


def test_bytes_that_differ_from_the_digest_never_get_a_request(bench: Bench) -> None:
    stable, first = bench.stable_pods(), len(bench.route_looks)
    version, model = bench.upload("good", change=cut_short)
    bench.publish(model)
    entry = outcome(bench, version)
    assert entry["outcome"] == "RolledBack"
    assert model["digest"] in entry["reason"]
    assert bench.stable_pods() == stable
    assert all(len([w for w in look.weights.values() if w]) == 1 for look in bench.route_looks[first:])


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
    first = len(bench.route_looks)
    version = bench.release("good")
    for weight in STEPS:
        bench.wait(
            f"the step of {weight} % has begun",
            lambda weight=weight: (
                (step := bench.status().get("step") or {}).get("weight") == weight and step.get("startedAt")
            ),
        )
        bench.kill_operator()
    assert outcome(bench, version)["outcome"] == "Promoted"
    candidate = f"{bench.status()['stable']['inferenceService']}-predictor"
    changes: dict[int, float] = {}
    for look in bench.route_looks[first:]:
        changes.setdefault(look.weights.get(candidate, 0), look.time)
    assert [weight for weight in changes if weight] == [20, 50, 100]
    # A look is a tenth of a second late at most, at either end.
    assert changes[50] - changes[20] >= STEPS[20] - 0.3
    assert changes[100] - changes[50] >= STEPS[50] - 0.3
