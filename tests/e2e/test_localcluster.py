"""The local cluster itself: repeatable, several side by side, and nothing left behind, whatever ended it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from demo.platform import ROOT
from localcluster.cluster import Cluster
from support.bench import descendants
from support.waiting import wait


@pytest.fixture
def name() -> Iterator[str]:
    """A cluster of the test's own, which is gone afterwards."""
    unique = f"own-{uuid4().hex[:6]}"
    yield unique
    Cluster.remove(unique)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")


def test_up_can_be_repeated_and_down_leaves_nothing(name: str) -> None:
    first = Cluster.up(name)
    processes = descendants(first.description.process.pid)
    assert Cluster.up(name).description == first.description
    first.down()
    assert not [pid for pid in processes if alive(pid)]
    assert not first.folder.exists()


def test_two_clusters_run_side_by_side(cluster: Cluster, name: str) -> None:
    other = Cluster.up(name)
    other.kubectl("create", "namespace", "only-here")
    assert "only-here" not in cluster.kubectl("get", "namespaces", "-o", "name")


def test_a_cluster_that_was_killed_leaves_no_process_and_starts_again(name: str) -> None:
    killed = Cluster.up(name)
    supervisor = killed.description.process.pid
    processes = descendants(supervisor)
    assert len(processes) > 6
    # As process 1 of its namespace it ends only when all others have.
    processes.append(supervisor)
    os.kill(supervisor, signal.SIGKILL)
    wait("all its processes are gone", lambda: not [pid for pid in processes if alive(pid)])
    assert "kube-system" in Cluster.up(name).kubectl("get", "namespaces", "-o", "name")


def test_an_interrupted_start_leaves_nothing(name: str, tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log:
        # What runs in the background of a script has the interrupt ignored, and so have all that it starts.
        interruptible = ["env", "--default-signal=INT", sys.executable]
        starting = subprocess.Popen(
            [*interruptible, "-m", "localcluster", "up", "--name", name],
            env=os.environ | {"PYTHONPATH": str(ROOT / "hack")},
            stdout=log,
            stderr=log,
        )
        folder = ROOT / ".local" / "clusters" / name
        wait("etcd runs", lambda: (folder / "logs" / "etcd.log").exists() or starting.poll() is not None)
        processes = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and _belongs_to(p, folder)]
        starting.send_signal(signal.SIGINT)
        starting.wait(timeout=30)
    assert processes
    wait("all its processes are gone", lambda: not [pid for pid in processes if alive(pid)])
    assert not folder.exists()


def _belongs_to(process: Path, folder: Path) -> bool:
    try:
        return str(folder).encode() in (process / "cmdline").read_bytes()
    except OSError:
        return False


def test_prerequisites_that_are_missing_are_named_before_anything_is_started(tmp_path: Path) -> None:
    """With a PATH that has Python and nothing else."""
    result = subprocess.run(
        [sys.executable, "-m", "localcluster", "up", "--name", "never"],
        env={"PYTHONPATH": str(ROOT / "hack"), "PATH": str(tmp_path), "TIMONEIRO_STATE": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert "`ip` is missing; install the package iproute2" in result.stderr + result.stdout
    assert not (tmp_path / "state").exists()
    assert shutil.which("ip")
