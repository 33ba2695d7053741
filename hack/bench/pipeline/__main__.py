"""How fast, and in how much memory, a table of 30 columns is brought in and checked, beside polars and duckdb.

Every contestant is a process of its own on one core's worth of threads. Prints figures, and exits with 1 where memory
is above the target.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.pipeline.contestants import CONTESTANTS
from bench.pipeline.table import write

_MEMORY_TARGET_MIB = 600
_ONE_THREAD = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@dataclass(frozen=True)
class PipelineCost:
    """Of one contestant: rows, seconds of CPU, and the largest resident memory in MiB."""

    rows: int
    seconds: float
    memory: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.pipeline", description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000, help="rows of the table (default 5,000,000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="timoneiro-bench-") as folder:
        file = Path(folder) / "table.csv"
        write(file, options.rows)
        print(f"{options.rows:,} rows x 30 columns, {file.stat().st_size / 2**20:,.0f} MiB of CSV\n", flush=True)
        print("| who | rows a second of CPU | seconds of CPU | memory, MiB |\n|---|---|---|---|", flush=True)
        costs = {}
        for name in CONTESTANTS:
            costs[name] = cost = _cost(name, Path(folder))
            print(f"| {name} | {cost.rows / cost.seconds:,.0f} | {cost.seconds:.1f} | {cost.memory:,.0f} |", flush=True)
    ours = [cost for name, cost in costs.items() if name.startswith("timoneiro")]
    worst = max(cost.memory for cost in ours)
    kept = worst <= _MEMORY_TARGET_MIB
    ratio = sum(cost.seconds for cost in ours) / costs["polars"].seconds
    print(f"\nboth steps take {ratio:.1f} times the CPU of polars", flush=True)
    print(f"{'kept' if kept else 'BROKEN'}: {worst:,.0f} MiB at most, and {_MEMORY_TARGET_MIB} are accepted")
    return 0 if kept else 1


def _cost(name: str, folder: Path) -> PipelineCost:
    command = [sys.executable, "-m", "bench.pipeline.contestants", name, str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **_ONE_THREAD}, text=True)
    assert process.stdout is not None
    with process.stdout as answer:
        text = answer.read()
    # Of this child alone, which the usage of all children would not tell.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{name} failed")
    return PipelineCost(json.loads(text)["rows"], usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


if __name__ == "__main__":
    sys.exit(main())
