"""What the operator costs with a thousand ModelDeployments in mid-rollout, and whether anybody's abort ever waits.

Real: the API server, etcd, the operator. Fake: KServe, the gateway and the model servers (fake_cluster.py), which share
the machine with them, so that times are upper bounds. Prints figures, and exits with 1 where a target is broken.
"""

import argparse
import asyncio
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.scale.control_plane import ControlPlane, control_plane
from bench.scale.cost import cost_of
from bench.scale.fake_cluster import FakeCluster
from bench.scale.fleet import NAMESPACE, Fleet
from bench.scale.operator_process import OperatorProcess
from localcluster.api import manifests
from localcluster.api.jsontypes import Json
from localcluster.build.images import build_images
from localcluster.build.tools import build_tools

_SETTLE_SECONDS = 600.0
_INTERVAL_SECONDS = 30
_ABORTED_EACH = 100
_START_TARGET, _CPU_TARGET, _MEMORY_TARGET, _ABORT_TARGET, _LOSS_TARGET = 10.0, 25.0, 120.0, 2.0, 17.0
# Enough for a second process to be up and to know the cluster.
_STANDBY_SECONDS, _PATIENCE_SECONDS = 15, 60.0


@dataclass(frozen=True)
class Line:
    """One figure. `kept`: None where there is no target."""

    what: str
    found: str
    kept: bool | None = None

    def __str__(self) -> str:
        return f"{ {None: '      ', True: 'kept  ', False: 'BROKEN'}[self.kept] } {self.what}: {self.found}"


SayLine = Callable[[Line], None]


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.scale", description=__doc__)
    parser.add_argument("--size", type=int, default=1000, help="ModelDeployments (default 1000)")
    parser.add_argument(
        "--seconds",
        type=int,
        default=90,
        help=f"how long each cost is measured, in full intervals of {_INTERVAL_SECONDS} (default 90)",
    )
    parser.add_argument(
        "--hanging", type=int, nargs="*", default=[0, 40, 400], help="sources that hang (default 0 40 400)"
    )
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not given.inside:
        # What is missing is built here: within there is no way to what it is built from.
        build_tools(print)
        build_images(print)
        # Fixed ports, and an address for each pod: a network of its own, without a way out.
        command = [
            "unshare",
            "--net",
            "--map-root-user",
            sys.executable,
            "-m",
            "bench.scale",
            *sys.argv[1:],
            "--inside",
        ]
        return subprocess.run(command, check=False).returncode
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # All of them have begun at about the same time: a part of an interval may have the counts of all, or of none.
    seconds = math.ceil(given.seconds / _INTERVAL_SECONDS) * _INTERVAL_SECONDS
    lines = asyncio.run(_bench(given.size, seconds, given.hanging))
    return 1 if any(line.kept is False for line in lines) else 0


async def _bench(size: int, seconds: int, hanging: list[int]) -> list[Line]:
    lines: list[Line] = []

    def say(line: Line) -> None:
        lines.append(line)
        print(line, flush=True)

    with tempfile.TemporaryDirectory() as folder:
        log = Path(os.environ.get("TIMONEIRO_BENCH_LOG", f"{folder}/operator.log"))
        async with control_plane() as plane:
            await plane.api.apply(f"/api/v1/namespaces/{NAMESPACE}", manifests.namespace(NAMESPACE))
            await plane.api.apply(
                f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default",
                {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": NAMESPACE}},
            )
            fleet, fake = Fleet(plane.api, size), FakeCluster(plane.api, NAMESPACE)
            await fake.start()
            await fleet.watch()
            try:
                await _measure(plane, fleet, fake, log, say, seconds, hanging)
            finally:
                await fleet.stop()
                await fake.stop()
    return lines


async def _measure(
    plane: ControlPlane, fleet: Fleet, fake: FakeCluster, log: Path, say: SayLine, seconds: int, hanging: list[int]
) -> None:
    size = len(fleet.names)
    operator = await OperatorProcess.start(plane.kubeconfig, log)
    try:
        started = time.monotonic()
        await fleet.create(interval=f"{_INTERVAL_SECONDS}s")
        created = time.monotonic() - started
        await fleet.until("healthy", lambda status: status.get("phase") == "Healthy", seconds=_SETTLE_SECONDS)
        say(Line(f"{size} first models created (in {created:.1f} s) and served", f"{time.monotonic() - started:.1f} s"))
        await operator.stop()

        await fleet.publish(2)
        others = _spent(plane)
        operator = await OperatorProcess.start(plane.kubeconfig, log)
        took = await fleet.until("in a step", _in_step, seconds=_SETTLE_SECONDS)
        spent = {"operator": operator.cost().cpu} | {who: cpu - others[who] for who, cpu in _spent(plane).items()}
        say(
            Line(
                f"start with {size} new models until all are in a step (at most {_START_TARGET:g} s)",
                f"{took:.1f} s",
                took <= _START_TARGET,
            )
        )
        say(Line("of CPU meanwhile", ", ".join(f"{who} {cpu:.1f} s" for who, cpu in spent.items())))
        asked = await operator.requests()
        each = ", ".join(f"{number / size:.2f} {what}" for what, number in asked.most_common(6))
        say(Line("requests of the operator meanwhile, for each of them", f"{asked.total() / size:.2f} ({each}, ...)"))
        with_counts = await _cost(operator, seconds, settle=35)
        memory = operator.cost().memory
        say(
            Line(
                f"{size} rolling out, counts every {_INTERVAL_SECONDS} s (at most {_CPU_TARGET:g} % of a core)",
                f"{with_counts:.1f} %",
                with_counts <= _CPU_TARGET,
            )
        )
        say(Line(f"memory (at most {_MEMORY_TARGET:g} MiB)", f"{memory:.0f} MiB", memory <= _MEMORY_TARGET))
        for number in hanging:
            await _aborts(fleet, fake, number, say)
        fake.hanging = set()
        standby = await OperatorProcess.start(plane.kubeconfig, log, host="host-2", port=18081)
        try:
            idle = await _cost(standby, _STANDBY_SECONDS, settle=_STANDBY_SECONDS)
            say(Line("a standby meanwhile", f"{idle:.1f} % of a core, {standby.cost().memory:.0f} MiB"))
            await _takeover(fleet, fake, operator, say)
        finally:
            await operator.stop()
            operator = standby
        await fleet.set_interval("24h")
        without = await _cost(operator, seconds, settle=35)
        say(Line("the same fleet without counts", f"{without:.1f} % of a core"))
    finally:
        await operator.stop()


def _spent(plane: ControlPlane) -> dict[str, float]:
    """CPU seconds of all but the operator; what is fake runs in this process."""
    pids = {**plane.pids, "fakes": os.getpid()}
    return {who: cost_of(pid).cpu for who, pid in pids.items()}


def _in_step(status: Json) -> bool:
    step = status.get("step") or {}
    return step.get("kind") == "Weight" and "startedAt" in step


async def _cost(operator: OperatorProcess, seconds: int, *, settle: int) -> float:
    """Percent of a core."""
    await asyncio.sleep(settle)
    before, started = operator.cost().cpu, time.monotonic()
    await asyncio.sleep(seconds)
    return 100 * (operator.cost().cpu - before) / (time.monotonic() - started)


async def _aborts(fleet: Fleet, fake: FakeCluster, hanging: int, say: SayLine) -> None:
    """From an abort that was written to the route that was written, for those whose own source answers."""
    fake.hanging = set(fleet.names[:hanging])
    # Until their reads hang, and the reads of others have run into them.
    await asyncio.sleep(45)
    chosen = [name for name in _rolling(fleet) if name not in fake.hanging][:_ABORTED_EACH]
    delays = []
    for name in chosen:
        delays.append(await _abort(fleet, fake, name))
        await asyncio.sleep(0.2)
    median, late = statistics.median(delays), statistics.quantiles(delays, n=100, method="inclusive")[98]
    say(
        Line(
            f"{hanging} sources hang: from abort to route, p99 of {len(delays)} (at most {_ABORT_TARGET:g} s)",
            f"{late:.2f} s, p50 {median:.2f} s, worst {max(delays):.2f} s",
            late <= _ABORT_TARGET,
        )
    )


async def _takeover(fleet: Fleet, fake: FakeCluster, leader: OperatorProcess, say: SayLine) -> None:
    """From the loss of the leader's machine to the first route that the standby writes."""
    lost = time.monotonic()
    await leader.lose()
    name = _rolling(fleet)[0]
    await _abort(fleet, fake, name)
    took = fake.rolled_back[name] - lost
    say(
        Line(
            f"loss of the leader's machine, until the standby has rolled a candidate back (at most {_LOSS_TARGET:g} s)",
            f"{took:.1f} s",
            took <= _LOSS_TARGET,
        )
    )


def _rolling(fleet: Fleet) -> list[str]:
    return [name for name in reversed(fleet.names) if "candidate" in fleet.bodies[name]["status"]]


async def _abort(fleet: Fleet, fake: FakeCluster, name: str) -> float:
    """Seconds from the command to the route."""
    fake.rolled_back.pop(name, None)
    written = await fleet.abort(name)
    while name not in fake.rolled_back:
        await asyncio.sleep(0.005)
        if time.monotonic() - written > _PATIENCE_SECONDS:
            raise TimeoutError(f"{name} keeps its candidate: {fleet.bodies[name]['status']}")
    return fake.rolled_back[name] - written


if __name__ == "__main__":
    sys.exit(main())
