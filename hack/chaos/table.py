"""Misbehaving model servers as candidates: fault x strategy x promotion, and how each rollout ended.

The stable model is the same server, behaving well. Nothing is asserted here: what came of it is written down. Cells
mostly wait, so that several are played at once, each on a ModelDeployment of its own with users of its own.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from chaos.odd_behaviours import BEHAVIOURS, Behaviour
from chaos.releases import COMMON
from chaos.stage import ChaosStage, Stuck
from demo.load import RequestRecord
from demo.platform import ROOT
from localcluster.cluster import Cluster
from localcluster.errors import LocalClusterError

RUNTIME = "odd"
# Requests of users a second, of each cell that is played.
RATE = 12.0
# A server that starts slowly, beside others that start; then it was never ready.
_READY_SECONDS = 110.0
# Counted from then on. Long enough for the evidence of "not worse" at this load.
_DECIDED_SECONDS = 60.0
_MEMORY = "700Mi"
# Longer than any answer takes on a machine that is busy.
_HANGS_SECONDS = 5.0
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
    """How it ended. `failed`: requests of users that failed or were lost; `weight`: the highest that it got.

    `overloaded`: requests besides that had no answer in time while this machine had no time for its load either. None
    where `failed` counts those as well, and what was on its way.
    """

    cell: Cell
    outcome: str
    reason: str
    seconds: float
    weight: int
    failed: int
    overloaded: int | None

    @property
    def harm(self) -> bool:
        """A server that users suffer from was promoted."""
        return BEHAVIOURS[self.cell.behaviour].harmful and self.outcome == "Promoted"


def cells(words: list[str]) -> Iterator[Cell]:
    """All of them, or those of behaviours that contain one of `words`; none that needs more load than there is."""
    shown = [name for name, behaviour in BEHAVIOURS.items() if behaviour.beyond < RATE]
    names = [name for name in shown if not words or any(word in name for word in words)]
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


def play_all(lanes: Sequence[CellPlayer], wanted: Iterable[Cell], *, seconds: float) -> Iterator[Ended]:
    """As many cells as can be begun within the time; a lane that is stuck plays no more."""
    left, lock, deadline = iter(wanted), threading.Lock(), time.monotonic() + seconds

    def next_cell() -> Cell | None:
        with lock:
            return next(left, None) if time.monotonic() < deadline else None

    with ThreadPoolExecutor(len(lanes)) as pool:
        for ended in pool.map(lambda lane: list(lane.play_until_none(next_cell)), lanes):
            yield from ended


class CellPlayer:
    """Plays cells one after the other on its own ModelDeployment."""

    def __init__(self, stage: ChaosStage, say: Callable[[str], None]) -> None:
        self._stage, self._say = stage, say
        self._run = itertools.count(1)
        self._seen: set[str] = set()

    def play_until_none(self, next_cell: Callable[[], Cell | None]) -> Iterator[Ended]:
        """What came of the cells that it was given."""
        try:
            self._begin()
            while (cell := next_cell()) is not None:
                ended = self._play(cell)
                yield ended
                if ended.outcome == "Promoted" and cell.behaviour != "well":
                    self._back()
        except (Stuck, LocalClusterError) as error:
            self._say(f"{self._stage.bench.name} plays no more: {error}")
        finally:
            self._stage.close()

    def _begin(self) -> None:
        """The first model, which behaves well, goes live."""
        self._want(BEHAVIOURS["well"], "Canary", "NoHarm")
        self._stage.release("good")
        self._stage.wait("the first model", lambda: self._status().get("phase") == "Healthy", seconds=240)
        self._stage.start_traffic()

    def _play(self, cell: Cell) -> Ended:
        began = time.monotonic()
        self._want(BEHAVIOURS[cell.behaviour], cell.strategy, cell.promotion)
        revision = self._candidate()
        weight = 0

        def over() -> dict[str, Any] | None:
            nonlocal weight
            status = self._status()
            weight = max(weight, ((status.get("traffic") or {}).get("desired") or {}).get("candidate", 0))
            history = [entry for entry in status.get("history") or [] if entry["revision"] == revision]
            return history[-1] if history and not status.get("candidate") else None

        def ready() -> bool:
            return over() is not None or bool((self._status().get("candidate") or {}).get("ready"))

        try:
            self._stage.wait("a candidate that is ready", ready, seconds=_READY_SECONDS)
            entry = self._stage.wait("the end", over, seconds=_DECIDED_SECONDS)
            outcome, reason = entry["outcome"], entry["reason"]
        except Stuck:
            status = self._status()
            outcome, reason = status["phase"], status["message"]
            self._stage.ask("abort")
        ended = time.monotonic()
        load = self._stage.load
        failed = [request for request in load.records if fails_in(request, began, ended)]
        # One that hangs on purpose is no doing of the machine.
        hangs = cell.behaviour.startswith("hangs")
        overloaded = [] if hangs else [request for request in failed if no_time_for(request, ended, load.late)]
        self._say(f"{cell.behaviour:28} {cell.strategy:10} {cell.promotion:9} {outcome:12} {reason[:100]}")
        for way, count in Counter(_in_words(request) for request in failed).items():
            self._say(f"    {count} requests: {way}")
        if overloaded:
            self._say(f"    {len(overloaded)} of them while this machine had no time for its load")
        return Ended(
            cell,
            outcome,
            reason,
            seconds=round(ended - began, 1),
            weight=100 if outcome == "Promoted" else weight,
            failed=len(failed) - len(overloaded),
            overloaded=len(overloaded),
        )

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
            "rollout": {**COMMON, "progressDeadline": "90s", **_STRATEGIES[strategy]},
            "analysis": {
                "interval": "1s",
                "warmUp": "0s",
                "minRequests": 20,
                "promotion": promotion,
                "metrics": metrics,
            },
            "predictor": {
                "serviceAccountName": "models",
                "runtime": RUNTIME,
                "env": env,
                "resources": {"limits": {"memory": _MEMORY}},
            },
        }
        self._stage.insist("configure", lambda: self._stage.bench.configure(**spec))

    def _status(self) -> dict[str, Any]:
        return self._stage.bench.outside.status()

    def _candidate(self) -> str:
        """The revision of the next candidate."""

        def appeared() -> str | None:
            revision = (self._status().get("candidate") or {}).get("revision")
            return None if revision in self._seen else revision

        revision = self._stage.wait("the candidate", appeared, seconds=60)
        self._seen.add(revision)
        return revision


def fails_in(request: RequestRecord, began: float, ended: float) -> bool:
    """Whether users suffer from a request that was sent meanwhile. One that is open is not failed yet, unless it hangs.

    `began`, `ended`: by the monotonic clock.
    """
    hangs = request.blamed is None and ended - request.sent > _HANGS_SECONDS
    return began <= request.sent <= ended and (hangs or request.blamed in ("the model", "the rollout"))


def no_time_for(request: RequestRecord, ended: float, late: Iterable[float]) -> bool:
    """Whether a request had no answer while the client itself, on the same machine, came too late with its requests.

    Who was too slow is not known then. `late`: when it did; `ended`: until when one that is open has been watched.
    """
    silent = request.blamed is None or "TimeoutError" in request.detail
    return silent and any(request.sent - _HANGS_SECONDS <= moment <= min(request.ended, ended) for moment in late)


def _in_words(request: RequestRecord) -> str:
    """What became of one that failed."""
    if request.blamed is None:
        return f"no answer within {_HANGS_SECONDS:g} s"
    # Without the time of day, which is at its beginning.
    return request.detail.partition(" ")[2] or f"blamed is {request.blamed}"
