"""What a step of the pipeline costs before it does anything: libraries, Kubeflow Pipelines, and what is ours.

Each step is a process of its own that imports what it needs. The time of every import without those inside it, by whose
module it is, as Python itself tells; the least of some runs, for whatever else the machine does. Prints figures, and
exits with 1 where what is ours takes longer than the target.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

_TARGET_SECONDS, _RUNS = 0.5, 3
_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s*(\S+)")
_STEPS = Path(__file__).parents[3] / "pipelines" / "timoneiro_pipelines" / "steps.py"
_IMPORT = re.compile(r"from (timoneiro_components\.\w+) import")
_OURS, _KFP, _LIBRARIES = "ours", "Kubeflow Pipelines", "libraries"


def main() -> int:
    print("| step | ours, s | Kubeflow Pipelines, s | libraries, s |\n|---|---|---|---|", flush=True)
    worst = 0.0
    for module in sorted(set(_IMPORT.findall(_STEPS.read_text(encoding="utf-8")))):
        runs = [_imported(module) for _ in range(_RUNS)]
        ours, kfp, libraries = (min(run[whose] for run in runs) for whose in (_OURS, _KFP, _LIBRARIES))
        print(f"| {module.rpartition('.')[2]} | {ours:.2f} | {kfp:.2f} | {libraries:.2f} |", flush=True)
        worst = max(worst, ours + kfp)
    kept = worst <= _TARGET_SECONDS
    print(f"\n{'kept' if kept else 'BROKEN'}: {worst:.2f} s beside the libraries, and {_TARGET_SECONDS} are accepted")
    return 0 if kept else 1


def _imported(module: str) -> dict[str, float]:
    """Seconds by whose they are, as KFP's launcher and the step import it."""
    command = [sys.executable, "-X", "importtime", "-c", f"import kfp.dsl.executor_main, {module}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = dict.fromkeys((_OURS, _KFP, _LIBRARIES), 0.0)
    for line in done.stderr.splitlines():
        if told := _LINE.match(line):
            found[_whose(told[2])] += int(told[1]) / 1e6
    return found


def _whose(module: str) -> str:
    name = module.partition(".")[0]
    return _OURS if name.startswith("timoneiro") else _KFP if name.startswith("kfp") else _LIBRARIES


if __name__ == "__main__":
    sys.exit(main())
