"""Kills a container that has more memory than its limit, as the kernel's OOM killer does for a kubelet.

By looking, twice a second: a control group would be exact, but an ordinary user may make none, and how they are made
differs between machines. Counted is memory that cannot be given back (anonymous and shared), of all processes of the
container; files that are mapped are not, since the kernel would drop them before it kills.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from ..api.jsontypes import Json
from ..api.quantity import parse_quantity
from .run import Container

_LOOK_SECONDS = 0.5
_COUNTED = ("RssAnon:", "RssShmem:")


def memory_limit(container: Json) -> int | None:
    """The limit of a container of a pod's spec in bytes; None when it has none."""
    limit = ((container.get("resources") or {}).get("limits") or {}).get("memory")
    return None if limit is None else int(parse_quantity(str(limit)))


async def enforce(container: Container, limit: int) -> None:
    """Returns when the container had more than `limit` bytes, and is being killed; never otherwise."""
    while used_memory(container.init) <= limit:
        await asyncio.sleep(_LOOK_SECONDS)
    container.kill()


def used_memory(pid: int) -> int:
    """Bytes that a process and all below it cannot give back; one that ends meanwhile has none."""
    used, todo = 0, [pid]
    while todo:
        folder = Path(f"/proc/{todo.pop()}")
        with suppress(OSError):
            lines = (folder / "status").read_text().splitlines()
            used += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(_COUNTED))
            for thread in (folder / "task").iterdir():
                todo += map(int, (thread / "children").read_text().split())
    return used
