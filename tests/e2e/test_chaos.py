"""A short campaign of faults with a fixed plan; `make chaos` runs for an hour (docs/reliability.md).

Fixed are the rounds, the fault of each and its moment, and which inputs of the model come in which order. A cluster of
its own: nothing else may run where components are killed.
"""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from chaos import proxied
from chaos.campaign import Campaign
from chaos.releases import ANALYSIS, CANARY
from chaos.schedule import Round
from chaos.stage import ChaosStage
from demo.platform import install
from localcluster.cluster import Cluster
from support.bench import Bench

PLAN = (
    Round(1, "good canary", "kill API server", "in a step", 0.0, 0.0),
    Round(2, "bad canary", "crash after a write", "in a step", 0.0, 0.0),
    Round(3, "promoted in full", "API 500", "published", 0.0, 6.0),
)


@pytest.fixture
def stage(packages: dict[str, Path]) -> Iterator[ChaosStage]:
    name = f"chaos-{uuid4().hex[:6]}"
    try:
        cluster = Cluster.up(name, print)
        install(cluster)
        proxied.install(cluster)
        bench = Bench(cluster, packages, name="chaos", rollout=CANARY, analysis=ANALYSIS)
        stage = ChaosStage(cluster, bench)
        stage.release("good")
        bench.wait("the first model goes live", lambda: bench.status().get("phase") == "Healthy")
        stage.start_traffic()
        yield stage
        bench.close()
    finally:
        Cluster.remove(name)


@pytest.mark.timeout(600)
def test_rollouts_that_meet_faults_lose_no_request_and_break_no_rule(stage: ChaosStage) -> None:
    record = Campaign(stage, seed=0, say=print).run(PLAN, seconds=600)
    assert record.violations == []
    assert [played.missed for played in record.rounds] == [False] * len(PLAN)
    assert record.requests["unexcused"] == 0
