"""What comes after a promotion, on the local cluster: the old model keeps a share, and the new one is judged on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaos.table import RUNTIME, install_runtime
from localcluster.cluster import Cluster
from support.bench import Bench

pytestmark = pytest.mark.usefixtures("nothing_is_lost_and_no_rule_is_broken")

ROLLOUT: dict[str, Any] = {
    "canary": {"steps": [{"weight": 20, "for": "3s"}, {"weight": 40, "for": "4s"}]},
    "progressDeadline": "240s",
    "scaleDownDelay": "3s",
}
ANALYSIS = {"interval": "1s", "warmUp": "0s", "minRequests": 40, "metrics": [{"name": "errors", "negligible": 0.01}]}


def configure(bench: Bench, *, behaviour: str = "well", **rollout: Any) -> None:
    env = [{"name": "ODD_BEHAVIOUR", "value": behaviour}]
    bench.configure(
        predictor={"serviceAccountName": "models", "runtime": RUNTIME, "env": env},
        rollout={**ROLLOUT, **rollout},
        analysis=ANALYSIS,
    )


@pytest.fixture(scope="module")
def bench(platform: Cluster, packages: dict[str, Path]) -> Iterator[Bench]:
    install_runtime(platform)
    made = Bench(platform, packages, name="held-back")
    configure(made)
    made.release("good")
    made.wait("the first model goes live", lambda: made.status().get("phase") == "Healthy")
    made.start_load()
    yield made
    made.close()


def promoted(bench: Bench) -> str:
    """Another version of a model that does not fail by itself was promoted; returns its revision."""
    version = bench.release("good")
    entry = bench.wait("the promotion", lambda: bench.outcome(version))
    assert entry["outcome"] == "Promoted", entry
    return str(bench.status()["stable"]["revision"])


def test_the_old_model_keeps_a_tenth_for_as_long_as_it_stays_and_then_goes(bench: Bench) -> None:
    configure(bench, keepStable="30s")
    old, first = bench.status()["stable"], len(bench.outside.routes())
    new = promoted(bench)
    status = bench.status()
    assert (status["phase"], status["stepText"]) == ("Healthy", "holdback 10%")
    assert status["traffic"]["desired"] == {"stable": 90, "candidate": 0, "former": 10}
    told = " ".join(bench.timoneiro("explain", bench.name).stdout.split())
    assert f"({old['revision']}) keeps 10 % until" in told
    bench.wait("the end of the old model", lambda: "retiring" not in bench.status())
    assert bench.status()["message"].endswith("serves all traffic")
    bench.wait_for_shares(new, [0, 20, 40, 90, 100], since=first)


def test_without_a_holdback_the_new_model_gets_everything_at_once(bench: Bench) -> None:
    configure(bench, keepStable="1h", holdback=0)
    first = len(bench.outside.routes())
    new = promoted(bench)
    assert bench.status()["message"].endswith("serves all traffic")
    bench.wait_for_shares(new, [0, 20, 40, 100], since=first)


def test_a_model_that_fails_under_full_load_only_is_rolled_back_after_its_promotion(bench: Bench) -> None:
    configure(bench, behaviour="fails on 10 % under full load", keepStable="1h")
    old, pods, before = bench.status()["stable"]["revision"], bench.stable_pods(), bench.sent
    new = promoted(bench)
    bench.wait("the rollback", lambda: bench.status()["phase"] == "RolledBack")
    status = bench.status()
    assert (status["stable"]["revision"], status["rejected"][-1]["revision"]) == (old, new)
    assert [entry["outcome"] for entry in status["history"][-2:]] == ["Promoted", "RolledBack"]
    reason = status["history"][-1]["reason"]
    assert (reason.startswith("after its promotion: errors"), reason.endswith("worse")) == (True, True), reason
    assert bench.stable_pods() == pods
    tally = bench.tally(since=before)
    print(f"\n{tally.failed_by_model} of {tally.sent} requests failed until the rollback: {reason}")
    assert tally.failed_by_model > 0
