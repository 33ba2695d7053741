"""What a campaign plays on: one ModelDeployment under load, and the hands of its people.

Everything here is tried again while the API server is away: people do the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from chaos.processes import Process, processes
from chaos.proxied import Proxied
from chaos.releases import ANALYSIS
from chaos.traffic import RATE
from demo.acts import production_rows
from demo.load import Load
from demo.platform import SYSTEM_NAMESPACE
from localcluster.cluster import Cluster
from localcluster.errors import LocalClusterError
from support.background import Background
from support.bench import Bench
from timoneiro_operator.api import names
from timoneiro_operator.api.times import read_moment

T = TypeVar("T")
SourceType = Literal["Scrape", "Prometheus"]
_RETRY_SECONDS = 0.3
_PEOPLE_SECONDS = 90.0


class Missed(Exception):
    """The fault has nothing to befall: no candidate is there any more, for instance."""


class Stuck(Exception):
    """What had to happen did not, in the time that it had."""


class ChaosStage:
    """One bench and everything that can be done to it."""

    def __init__(self, cluster: Cluster, bench: Bench, *, rate: float = RATE) -> None:
        self.cluster, self.bench = cluster, bench
        self.proxied = Proxied(cluster)
        self.kinds: dict[str, str] = {}
        # Seconds from the loss of a leader's machine to the next leader; and what faults have seen by themselves.
        self.takeovers: list[float] = []
        self.violations: list[str] = []
        self._background = Background()
        self.load = Load(url=bench.url, host=bench.host, rows=production_rows(), rate=rate)

    def start_traffic(self) -> None:
        self._background.call(self.load.start)

    def close(self) -> None:
        """Ends the traffic; its record is complete then."""
        self._background.run(self.load.stop())
        self._background.close()

    def wait(self, what: str, condition: Callable[[], T | None], *, seconds: float) -> T:
        """What `condition` returns once it is true. An API server that is away is waited for, too. Raises Stuck."""
        deadline, last = time.monotonic() + seconds, ""
        while time.monotonic() < deadline:
            try:
                answer = condition()
                if answer:
                    return answer
            except LocalClusterError as error:
                last = f"; {error}"
            time.sleep(_RETRY_SECONDS)
        raise Stuck(f"{what}: not within {seconds:g} s{last}")

    def insist(self, what: str, act: Callable[[], T]) -> T:
        """Does something as often as it takes."""
        return self.wait(what, lambda: (act(),), seconds=_PEOPLE_SECONDS)[0]

    def configure(self, rollout: dict[str, Any], source: SourceType = "Scrape") -> None:
        url = {"url": self.cluster.description.cluster_prometheus} if source == "Prometheus" else {}
        analysis = {**ANALYSIS, "source": {"type": source, **url}}
        self.insist("configure", lambda: self.bench.configure(rollout=rollout, analysis=analysis))

    def release(self, kind: str) -> str:
        version, model = self.bench.upload(kind)
        self._publish(kind, version, model)
        return version

    def release_unloadable(self) -> str:
        version, model = self.bench.upload("good")
        self._publish("unloadable", version, model | {"digest": "sha256:" + "0" * 64})
        return version

    def _publish(self, kind: str, version: str, model: dict[str, Any]) -> None:
        self.kinds[version] = kind
        self.insist("publish", lambda: self.bench.publish(model))

    def in_step(self, version: str) -> None:
        """Returns when the rollout of `version` is in a step, or over."""

        def there() -> bool:
            status = self.bench.status()
            step = status.get("step") or {}
            right = (status.get("candidate") or {}).get("version") == version
            in_step = right and step.get("kind") != "Listed" and step.get("startedAt")
            return bool(in_step) or self.bench.outcome(version) is not None

        self.wait(f"a step of version {version}", there, seconds=120)

    def ask(self, *arguments: str) -> None:
        """A command that is refused because the rollout is over is no failure of the campaign."""

        def act() -> bool:
            answer = self.bench.timoneiro(arguments[0], self.bench.name, *arguments[1:], "--timeout", "60s")
            over = (self.bench.status().get("candidate") or {}) == {}
            return answer.returncode == 0 or over

        self.wait(f"command {arguments[0]}", act, seconds=_PEOPLE_SECONDS)

    def programs(self, name: str) -> list[Process]:
        """Raises Missed when none runs."""
        found = [process for process in processes(self.cluster) if process.program == name]
        if not found:
            raise Missed(f"{name} does not run")
        return found

    def operators(self, *, leader: bool) -> list[Process]:
        lead = self.insist("who leads", self.bench.leader)
        found = [process for process in self.programs("operator") if (process.host == lead) is leader]
        if not found:
            raise Missed("no such operator")
        return found

    def acquired(self) -> float:
        """Since when the present leader leads, in seconds since the epoch."""
        lease = self.cluster.get("-n", SYSTEM_NAMESPACE, "lease", "timoneiro-operator")
        return read_moment(lease["spec"]["acquireTime"]).timestamp()

    def revision(self, part: str) -> str:
        """The revision of the `stable` or `candidate` part; raises Missed when there is none."""
        found = (self.insist("status", self.bench.status).get(part) or {}).get("revision")
        if not found:
            raise Missed(f"there is no {part}")
        return str(found)

    def pods(self, part: str) -> list[str]:
        """Names of its pods; raises Missed where it has none."""
        found = self.pods_of(self.revision(part))
        if not found:
            raise Missed(f"the {part} has no pod")
        return found

    def pods_of(self, revision: str) -> list[str]:
        """Names of the pods of a revision, those that are on their way out among them."""
        selector = f"{names.LABEL_DEPLOYMENT}={self.bench.name},{names.LABEL_REVISION}={revision}"
        items = self.insist("pods", lambda: self.cluster.get("pods", "-l", selector))["items"]
        return [item["metadata"]["name"] for item in items]

    def servers(self, part: str) -> list[Process]:
        pods = self.pods(part)
        found = [process for process in self.programs("model server") if process.host in pods]
        if not found:
            raise Missed(f"no model server of the {part} runs")
        return found
