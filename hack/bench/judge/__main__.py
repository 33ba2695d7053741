"""Runs the benchmark and writes its figures: tables of docs/judge.md, pictures beside it, every figure as CSV."""

import argparse
import sys
from pathlib import Path

from bench.judge import figures
from bench.judge.page import fill, sections
from bench.judge.pictures import delays, false_rollbacks, over_time
from bench.judge.run import Size, run, tasks
from bench.judge.targets import targets

_SEED = 20261124
_ROOT = Path(__file__).resolve().parents[3]


def main() -> int:
    """Exit status 1 when a target is broken."""
    parser = argparse.ArgumentParser(prog="bench.judge", description=__doc__)
    parser.add_argument("--docs", type=Path, default=_ROOT / "docs", help="folder of judge.md")
    parser.add_argument("--figures", type=Path, default=_ROOT / ".local" / "bench" / "judge.csv", help="all figures")
    parser.add_argument("--try", dest="trial", type=int, metavar="N", help="N rollouts of each kind, and no page")
    parser.add_argument("--seed", type=int, default=_SEED)
    given = parser.parse_args()
    n = given.trial
    size = Size() if n is None else Size(harmless=n, worse=n, kayenta=n, kayenta_worse=n)
    results = run(list(tasks(seed=given.seed, size=size)))
    outcomes = [outcome for result in results for outcome in result.outcomes]
    figures.write(given.figures, outcomes)
    if given.trial is None:
        _write_page(given.docs, sections(outcomes, seed=given.seed, size=size))
        pictures = {
            "judge-false-rollbacks": false_rollbacks(outcomes),
            "judge-delays": delays(outcomes),
            "judge-over-time": over_time([result.timeline for result in results]),
        }
        for name, picture in pictures.items():
            (given.docs / "images" / f"{name}.svg").write_text(picture, encoding="utf-8")
    found = targets(outcomes)
    for target in found:
        word = "kept  " if target.kept else "BROKEN"
        print(f"{word} {target.what}: {target.found} ({target.where}); {target.target}")
    print(f"all figures: {given.figures}")
    return 0 if all(target.kept for target in found) else 1


def _write_page(docs: Path, generated: dict[str, str]) -> None:
    page = docs / "judge.md"
    page.write_text(fill(page.read_text(encoding="utf-8"), generated), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
