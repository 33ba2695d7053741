"""What a container's memory is compared with, and how it is measured."""

import os
import subprocess
import sys

import pytest

from localcluster.container.memory_limit import memory_limit, used_memory

_MIB = 2**20


@pytest.mark.parametrize(
    ("container", "limit"),
    [
        ({}, None),
        ({"resources": {"limits": {"cpu": "1"}}}, None),
        ({"resources": {"limits": {"memory": "256Mi"}}}, 256 * _MIB),
        ({"resources": {"limits": {"memory": 1000}}}, 1000),
    ],
)
def test_the_limit_is_that_of_the_container(container: dict[str, object], limit: int | None) -> None:
    assert memory_limit(container) == limit


def test_memory_of_processes_below_counts_too() -> None:
    before = used_memory(os.getpid())
    program = f"block = b'x' * {64 * _MIB}; print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        more = used_memory(os.getpid()) - before
        child.communicate(b"\n")
    assert more >= 64 * _MIB


def test_a_process_that_has_ended_has_no_memory() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    assert used_memory(child.pid) == 0
