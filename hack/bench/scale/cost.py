"""What processes cost: CPU time and memory, as the kernel counts them."""

import os
from pathlib import Path
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Cost(NamedTuple):
    """CPU seconds since its start, and resident memory in MiB."""

    cpu: float
    memory: float


def cost_of(pid: int) -> Cost:
    """Of one process and all of its threads. Raises OSError when it has ended."""
    folder = Path("/proc") / str(pid)
    fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
    pages = int((folder / "statm").read_text().split()[1])
    return Cost(cpu=(int(fields[11]) + int(fields[12])) / _TICKS, memory=pages * _PAGE / 2**20)
