"""A pipeline that publishes, and waits for what the cluster makes of it: the commands that a person types."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from demo.acts import DEFINITION
from demo.platform import environment
from support.bench import QUICK, Bench

pytestmark = pytest.mark.usefixtures("nothing_is_lost_and_no_rule_is_broken")

HELD = {**QUICK["rollout"], "canary": {"steps": [{"weight": 50, "for": "1h"}]}}
FAILS_ON_GAPS = ("spec.model.impute=false", "spec.package.rehearse=false")


@pytest.fixture(scope="module")
def bench(open_bench: Callable[..., Bench]) -> Bench:
    """Called as the model of the definition is."""
    return open_bench("diagnosis")


def run(bench: Bench, root: Path, version: str, *settings: str, wait: str = "10m") -> subprocess.CompletedProcess[str]:
    said = ("spec.model.algorithm=LogisticRegression", "spec.split.folds=3", f"publish.wait={wait}", *settings)
    command = [sys.executable, "-m", "timoneiro_operator.cli.main", "training", "run", str(DEFINITION), "--publish"]
    command += [f"--version={version}", f"--root={root}", *(f"--set={setting}" for setting in said)]
    return subprocess.run(
        command, env=environment(bench.cluster), capture_output=True, text=True, check=False, timeout=540
    )


def test_a_run_whose_model_is_promoted_succeeds_and_the_object_says_which_run_it_was(
    bench: Bench, tmp_path: Path
) -> None:
    done = run(bench, tmp_path, "sound")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (bench.outcome("sound") or {})["outcome"] == "Promoted"
    annotations = bench.cluster.get("md", bench.name)["metadata"]["annotations"]
    assert annotations["timoneiro.dev/run"] in "".join(path.name for path in tmp_path.rglob("*"))
    assert (
        f"Version sound comes from run {annotations['timoneiro.dev/run']}"
        in bench.timoneiro("explain", bench.name).stdout
    )


def test_a_run_whose_model_is_rolled_back_fails_with_the_reason(bench: Bench, tmp_path: Path) -> None:
    done = run(bench, tmp_path, "wrong", *FAILS_ON_GAPS)
    assert (done.returncode, "was rolled back" in done.stdout + done.stderr) == (1, True), done.stdout + done.stderr
    assert (bench.outcome("wrong") or {})["outcome"] == "RolledBack"


def test_a_run_whose_rollout_goes_on_beyond_the_wait_says_so_with_a_code_of_its_own(
    bench: Bench, tmp_path: Path
) -> None:
    bench.configure(rollout=HELD)
    done = run(bench, tmp_path, "held", wait="20s")
    assert (done.returncode, "is still being rolled out" in done.stdout + done.stderr) == (3, True), done.stdout
    assert bench.timoneiro("abort", bench.name).returncode == 0
    bench.wait("the way back", lambda: bench.status()["phase"] == "RolledBack")
