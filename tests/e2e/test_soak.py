"""Rollouts in a row with random outcomes, under load: none of them loses a request.

Five of them in `make test`; `make soak` runs fifty (TIMONEIRO_SOAK_ROLLOUTS). The seed is printed, and set by
TIMONEIRO_SOAK_SEED to repeat a run.
"""

import os
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from support.bench import Bench

ROLLOUTS = int(os.environ.get("TIMONEIRO_SOAK_ROLLOUTS", "5"))
SEED = int(os.environ.get("TIMONEIRO_SOAK_SEED", "20261124"))
COMMON: dict[str, Any] = {"progressDeadline": "240s", "deadline": "10m", "keepStable": "8s", "scaleDownDelay": "2s"}
CANARY = {
    **COMMON,
    "strategy": "Canary",
    "canary": {"steps": [{"weight": 20, "for": "2s"}, {"weight": 50, "for": "2s"}]},
}
HELD = {**COMMON, "strategy": "Canary", "canary": {"steps": [{"weight": 40, "for": "1h"}]}}
BLUE_GREEN = {**COMMON, "strategy": "BlueGreen", "blueGreen": {"mirror": "3s", "bake": "3s"}}
ANALYSIS = {
    "interval": "1s",
    "warmUp": "0s",
    "minRequests": 20,
    "promotion": "NoHarm",
    "metrics": [{"name": "errors", "negligible": 0.01}],
}


class Soak:
    """One bench and the things that may happen to its next version; each returns how that is to end."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def configure(self, rollout: dict[str, Any]) -> None:
        self.bench.configure(rollout=rollout, analysis=ANALYSIS)

    def in_step(self, version: str) -> None:
        def there() -> bool:
            status = self.bench.status()
            step = status.get("step") or {}
            right = (status.get("candidate") or {}).get("version") == version
            return bool(right and step.get("kind") != "Listed" and step.get("startedAt"))

        self.bench.wait(f"a step of version {version}", there)

    def ask(self, *arguments: str) -> None:
        answer = self.bench.timoneiro(arguments[0], self.bench.name, *arguments[1:], "--timeout", "60s")
        assert answer.returncode == 0, answer.stdout + answer.stderr

    def promoted_by_canary(self) -> tuple[str, str]:
        self.configure(CANARY)
        return self.bench.release("good"), "Promoted"

    def promoted_by_blue_green(self) -> tuple[str, str]:
        self.configure(BLUE_GREEN)
        return self.bench.release("good"), "Promoted"

    def rolled_back_by_evidence(self) -> tuple[str, str]:
        self.configure(HELD)
        return self.bench.release("bad"), "RolledBack"

    def rolled_back_in_the_mirror(self) -> tuple[str, str]:
        self.configure({**BLUE_GREEN, "blueGreen": {"mirror": "1h", "bake": "3s"}})
        return self.bench.release("bad"), "RolledBack"

    def never_loaded(self) -> tuple[str, str]:
        self.configure(CANARY)
        version, model = self.bench.upload("good")
        self.bench.publish(model | {"digest": "sha256:" + "0" * 64})
        return version, "RolledBack"

    def aborted(self) -> tuple[str, str]:
        self.configure(HELD)
        version = self.bench.release("good")
        self.in_step(version)
        self.ask("abort")
        return version, "Aborted"

    def superseded(self) -> tuple[str, str]:
        self.configure(HELD)
        version = self.bench.release("good")
        self.in_step(version)
        self.promoted_in_full()
        return version, "Superseded"

    def promoted_in_full(self) -> tuple[str, str]:
        self.configure(HELD)
        version = self.bench.release("good")
        self.in_step(version)
        self.ask("promote", "--full")
        self.bench.wait(f"the end of version {version}", lambda: self.bench.outcome(version))
        return version, "Promoted"

    def promoted_and_rolled_back_by_a_person(self) -> tuple[str, str]:
        version, outcome = self.promoted_in_full()
        self.ask("rollback")
        self.bench.wait("the way back", lambda: self.bench.status()["phase"] == "RolledBack")
        return version, outcome

    def promoted_by_an_operator_that_is_killed(self) -> tuple[str, str]:
        self.configure(CANARY)
        version = self.bench.release("good")
        self.in_step(version)
        self.bench.kill_operators()
        return version, "Promoted"


HAPPENINGS: list[Callable[[Soak], tuple[str, str]]] = [
    Soak.promoted_by_canary,
    Soak.promoted_by_blue_green,
    Soak.rolled_back_by_evidence,
    Soak.rolled_back_in_the_mirror,
    Soak.never_loaded,
    Soak.aborted,
    Soak.superseded,
    Soak.promoted_in_full,
    Soak.promoted_and_rolled_back_by_a_person,
    Soak.promoted_by_an_operator_that_is_killed,
]


@pytest.mark.timeout(600 + 60 * ROLLOUTS)
def test_rollouts_in_a_row_lose_no_request_and_break_no_rule(open_bench: Callable[..., Bench]) -> None:
    bench, dice, counted = open_bench("soak", rollout=CANARY, analysis=ANALYSIS), Random(SEED), Counter[str]()
    before, soak = bench.sent, Soak(bench)
    for number in range(ROLLOUTS):
        happening = dice.choice(HAPPENINGS)
        version, expected = happening(soak)
        entry = bench.wait(f"the end of version {version}", lambda v=version: bench.outcome(v))
        assert entry["outcome"] == expected, f"{number}: {happening.__name__}: {entry}"
        counted[happening.__name__] += 1
        bench.wait("rest", lambda: bench.status()["phase"] in ("Healthy", "RolledBack"))
        lost = bench.tally(since=before)
        assert lost.failed_by_rollout == 0, f"{number}: {happening.__name__}: {lost.details}"
    tally = bench.tally(since=before)
    print(f"\nseed {SEED}: {dict(counted)}; {tally.sent} requests, {tally.failed_by_rollout} lost")
    assert bench.outside.violations() == []
