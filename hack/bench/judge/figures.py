"""Every figure of a run as CSV, for those who want another table than ours."""

import csv
from collections.abc import Sequence
from pathlib import Path

from bench.judge.measure import Measurement

_HEAD = (
    "scenario,setting,judge,effect,covered,harmless,harmful,rollouts,rolled_back,low,high,missed,promoted,held,"
    "delay_seconds,bound_seconds,delay_by_bound,failed_requests"
)


def write(file: Path, outcomes: Sequence[Measurement]) -> None:
    """One row for each scenario, setting, judge and effect. `low`, `high`: 95 % interval of `rolled_back`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as target:
        rows = csv.writer(target)
        rows.writerow(_HEAD.split(","))
        rows.writerows(_row(outcome) for outcome in outcomes)


def _row(o: Measurement) -> list[object]:
    low, high = o.rolled_back.interval
    what = [o.scenario, o.setting, o.judge, o.effect, o.covered, o.harmless, o.harmful, o.rolled_back.of]
    shares = [f"{share:.4f}" for share in (o.rolled_back.value, low, high)]
    missed = "" if o.harmless else f"{1.0 - o.rolled_back.value:.4f}"
    by_bound = "" if o.by_wald is None else f"{o.by_wald:.3f}"
    ends = [missed, f"{o.promoted.value:.4f}", f"{o.held.value:.4f}"]
    return [*what, *shares, *ends, o.delay, o.bound, by_bound, f"{o.failed:.1f}"]
