"""Misbehaving model servers as candidates: fault x strategy x promotion, and how each rollout ended.

The stable model is the same server, behaving well. Nothing is asserted here: what came of it is written down.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from chaos.odd_behaviours import BEHAVIOURS, Behaviour
from chaos.releases import COMMON
from chaos.stage import Stage, Stuck
from demo.load import Record
from demo.platform import ROOT
from localcluster.cluster import Cluster

RUNTIME = "odd"
# Long enough for the evidence of "not worse" at this load.
_DECIDED_SECONDS = 60.0
_STRATEGIES: dict[str, dict[str, Any]] = {
    "Canary": {"strategy": "Canary", "canary": {"steps": [{"weight": 20, "for": "3s"}, {"weight": 50, "for": "3s"}]}},
    "BlueGreen": {"strategy": "BlueGreen", "blueGreen": {"mirror": "3s", "bake": "3s"}},
}
PROMOTIONS = ("Evidence", "NoHarm")


@dataclass(frozen=True)
class Cell:
    """One rollout of the table."""

    behaviour: str
    strategy: str
    promotion: str


@dataclass(frozen=True)
class Ended:
    """How it ended. `failed`: requests of users that failed or were lost; `weight`: the highest that it got."""

    cell: Cell
    outcome: str
    reason: str
    seconds: float
    weight: int
    failed: int

    @property
    def harm(self) -> bool:
        """A server that users suffer from was promoted."""
        return BEHAVIOURS[self.cell.behaviour].harmful and self.outcome == "Promoted"


def cells(words: list[str]) -> Iterator[Cell]:
    """All of them, or those of behaviours that contain one of `words`."""
    names = [name for name in BEHAVIOURS if not words or any(word in name for word in words)]
    return itertools.starmap(Cell, itertools.product(names, _STRATEGIES, PROMOTIONS))


def install_runtime(cluster: Cluster) -> None:
    """The runtime of Timoneiro's model server, with the odd one around it."""
    runtimes = cluster.get("clusterservingruntimes")["items"]
    runtime = next(item for item in runtimes if item["metadata"]["name"].startswith("timoneiro-serving"))
    container = runtime["spec"]["containers"][0]
    # KServe refuses a runtime that sets PYTHONPATH in its environment.
    odd = {**container, "command": ["env", f"PYTHONPATH={ROOT / 'hack'}", "python", "-m", "chaos.odd_server"]}
    formats = [{"name": "sklearn", "version": "1", "autoSelect": False}]
    spec = {**runtime["spec"], "supportedModelFormats": formats, "containers": [odd]}
    body = {
        "apiVersion": runtime["apiVersion"],
        "kind": runtime["kind"],
        "metadata": {"name": RUNTIME},
        "spec": spec,
    }
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(body))


class Table:
    """Plays cells one after the other."""

    def __init__(self, stage: Stage, say: Callable[[str], None]) -> None:
        self._stage, self._say = stage, say
        self._run = itertools.count(1)
        self._seen: set[str] = set()

    def begin(self) -> None:
        """The first model, which behaves well, goes live."""
        self._want(BEHAVIOURS["well"], "Canary", "NoHarm")
        self._stage.release("good")
        self._stage.wait("the first model", lambda: self._status().get("phase") == "Healthy", seconds=120)
        self._stage.start_traffic()

    def play(self, cell: Cell) -> Ended:
        began = time.monotonic()
        self._want(BEHAVIOURS[cell.behaviour], cell.strategy, cell.promotion)
        revision = self._candidate()
        weight = 0

        def end() -> dict[str, Any] | None:
            nonlocal weight
            status = self._status()
            weight = max(weight, ((status.get("traffic") or {}).get("desired") or {}).get("candidate", 0))
            history = [entry for entry in status.get("history") or [] if entry["revision"] == revision]
            return history[-1] if history and not status.get("candidate") else None

        try:
            entry = self._stage.wait("the end", end, seconds=_DECIDED_SECONDS)
            outcome, reason = entry["outcome"], entry["reason"]
        except Stuck:
            status = self._status()
            outcome, reason = status["phase"], status["message"]
            self._stage.ask("abort")
        ended = time.monotonic()
        failed = sum(1 for request in self._stage.load.records if _fails_in(request, began, ended))
        if outcome == "Promoted" and cell.behaviour != "well":
            self._back()
        result = Ended(cell, outcome, reason, round(ended - began, 1), 100 if outcome == "Promoted" else weight, failed)
        self._say(f"{cell.behaviour:28} {cell.strategy:10} {cell.promotion:9} {outcome:12} {failed:5} {reason[:100]}")
        return result

    def _back(self) -> None:
        """A server that behaves well becomes the stable model again."""
        self._want(BEHAVIOURS["well"], "Canary", "NoHarm")
        self._candidate()
        self._stage.ask("promote", "--full")
        self._stage.wait("its end", lambda: self._status().get("phase") == "Healthy", seconds=120)

    def _want(self, behaviour: Behaviour, strategy: str, promotion: str) -> None:
        metrics = [{"name": "errors", "negligible": 0.03}]
        env = [
            {"name": "ODD_BEHAVIOUR", "value": behaviour.name},
            {"name": "ODD_RUN", "value": str(next(self._run))},
        ]
        spec = {
            "rollout": {**COMMON, "progressDeadline": "40s", **_STRATEGIES[strategy]},
            "analysis": {"interval": "1s", "minRequests": 20, "promotion": promotion, "metrics": metrics},
            "predictor": {"serviceAccountName": "models", "runtime": RUNTIME, "env": env},
        }
        self._stage.insist("configure", lambda: self._stage.bench.configure(**spec))

    def _status(self) -> dict[str, Any]:
        return self._stage.bench.status()

    def _candidate(self) -> str:
        """The revision of the next candidate."""

        def appeared() -> str | None:
            revision = (self._status().get("candidate") or {}).get("revision")
            return None if revision in self._seen else revision

        revision = self._stage.wait("the candidate", appeared, seconds=60)
        self._seen.add(revision)
        return revision


def _fails_in(request: Record, began: float, ended: float) -> bool:
    return request.blamed != "nobody" and began <= request.sent <= ended
