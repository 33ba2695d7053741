"""A full disk as a cluster sees it: etcd raises its alarm NOSPACE, and refuses writes until the alarm is disarmed.

The alarm is etcd's own, raised by hand instead of by gigabytes. Usage, in etcd's network: python -m chaos.full_disk
ACTIVATE|DEACTIVATE
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from localcluster.errors import LocalClusterError
from localcluster.layout import ETCD_PORT

_SECONDS = 5.0


def alarm(etcd: int, *, on: bool) -> None:
    """Raises or disarms the alarm of the etcd with this process id; raises LocalClusterError without an answer."""
    # An ordinary user's cluster has users of its own, besides the network.
    own_users = Path(f"/proc/{etcd}/ns/user").readlink() != Path("/proc/self/ns/user").readlink()
    command = [
        "nsenter",
        f"--target={etcd}",
        "--net",
        *(["--user", "--preserve-credentials"] if own_users else []),
        *(sys.executable, "-m", "chaos.full_disk", "ACTIVATE" if on else "DEACTIVATE"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise LocalClusterError(f"etcd does not take its alarm: {answer.stderr[-300:]}")


def _ask(what: str, body: dict[str, Any]) -> dict[str, Any]:
    url = f"http://127.0.0.1:{ETCD_PORT}/v3/maintenance/{what}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, json.dumps(body).encode(), timeout=_SECONDS) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


if __name__ == "__main__":
    member = _ask("status", {})["header"]["member_id"]
    _ask("alarm", {"action": sys.argv[1], "memberID": member, "alarm": "NOSPACE"})
