"""`make chaos`: a cluster of its own, a campaign on it, and docs/reliability.md; 1 when anything was violated."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from chaos import proxied, report, table
from chaos.campaign import Campaign
from chaos.faults import FAULTS
from chaos.record import CampaignRecord
from chaos.releases import ANALYSIS, CANARY, RELEASES
from chaos.schedule import rounds
from chaos.stage import ChaosStage, Stuck
from chaos.table import Ended, install_runtime
from chaos.traffic import RATE
from demo.platform import ROOT, install
from localcluster.cluster import Cluster
from localcluster.errors import LocalClusterError
from support.bench import Bench, make_package

_DOCS = ROOT / "docs"
# Rollouts of the table at once: they mostly wait.
_LANES = 4


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="which rounds (default 1)")
    parser.add_argument("--seconds", type=float, default=3600, help="how long rounds are begun (default 3600)")
    parser.add_argument("--only", default="", help="only faults whose names contain one of these words (comma)")
    parser.add_argument("--add", action="store_true", help="add to the runs that the report is made of already")
    parser.add_argument("--table", action="store_true", help="misbehaving model servers instead of faults")
    parser.add_argument("--no-report", action="store_true", help="leave docs/reliability.md as it is")
    arguments = parser.parse_args()
    words = [word for word in arguments.only.split(",") if word]
    cluster = None
    try:
        cluster = Cluster.up(f"chaos-{arguments.seed}", _say, prometheus=not arguments.table)
        install(cluster)
        if arguments.table:
            ended = _table(cluster, words, arguments.seconds)
            if not arguments.no_report:
                report.publish_table(_DOCS, ended)
            return 0
        faults = [name for name in FAULTS if not words or any(word in name for word in words)]
        record = _campaign(cluster, arguments.seed, arguments.seconds, faults)
    except (LocalClusterError, Stuck) as error:
        _say(f"make chaos: {error}")
        return 1
    finally:
        if cluster is not None:
            cluster.down()
    record.commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    _say(report.summary(record))
    if not arguments.no_report:
        report.publish(_DOCS, record, add=arguments.add)
    return 1 if record.violations else 0


def _campaign(cluster: Cluster, seed: int, seconds: float, faults: list[str]) -> CampaignRecord:
    proxied.install(cluster)
    with _packages() as packages, _opened(cluster, packages, "chaos") as stage:
        stage.release("good")
        stage.wait("the first model", lambda: stage.bench.status().get("phase") == "Healthy", seconds=120)
        stage.start_traffic()
        campaign = Campaign(stage, seed=seed, say=_say)
        record = campaign.run(rounds(seed, releases=list(RELEASES), faults=faults), seconds=seconds)
        if record.violations:
            folder = ROOT / ".local" / "chaos" / f"{seed}"
            campaign.keep(folder)
            shutil.copytree(cluster.folder / "logs", folder / "logs", dirs_exist_ok=True)
            _say(f"what was seen is in {folder}")
        return record


def _table(cluster: Cluster, words: list[str], seconds: float) -> list[Ended]:
    install_runtime(cluster)
    with ExitStack() as stack:
        packages = stack.enter_context(_packages())
        names = [f"odd-{number}" for number in range(1, _LANES + 1)]
        stages = [stack.enter_context(_opened(cluster, packages, name, rate=table.RATE)) for name in names]
        lanes = [table.CellPlayer(stage, _say) for stage in stages]
        return list(table.play_all(lanes, table.cells(words), seconds=seconds))


@contextmanager
def _packages() -> Iterator[dict[str, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        yield {
            kind: make_package(Path(folder) / kind, impute=impute) for kind, impute in (("good", True), ("bad", False))
        }


@contextmanager
def _opened(cluster: Cluster, packages: dict[str, Path], name: str, *, rate: float = RATE) -> Iterator[ChaosStage]:
    bench = Bench(cluster, packages, name=name, rollout=CANARY, analysis=ANALYSIS)
    try:
        yield ChaosStage(cluster, bench, rate=rate)
    finally:
        bench.close()


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
