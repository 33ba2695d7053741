"""What an API server in trouble does to requests: which trouble there is, and what it does to which request. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum

READS = frozenset({"GET", "HEAD"})


class Trouble(Enum):
    """All that the proxy can do; values are the names of the faults."""

    TOO_MANY_REQUESTS = "429"
    INTERNAL_ERROR = "500"
    CONFLICT = "409"
    LOST_ANSWERS = "lost answers"
    DROPPED_WATCHES = "dropped watches"
    EXPIRED = "410"
    SLOW = "slow"
    PARTITION = "partition"


@dataclass(frozen=True)
class Call:
    """A request to the API server."""

    method: str
    path: str
    watch: bool

    @property
    def resource(self) -> str:
        """Its resource, as in `modeldeployments/status`; for the figures."""
        parts = [part for part in self.path.split("?")[0].split("/") if part]
        parts = parts[2:] if parts[:1] == ["api"] else parts[3:]
        if parts[:1] == ["namespaces"] and len(parts) > 2:
            parts = parts[2:]
        return "/".join(parts[:1] + parts[2:3]) or "discovery"

    @property
    def verb(self) -> str:
        return "WATCH" if self.watch else self.method

    @property
    def is_write(self) -> bool:
        """A write of a rollout: not the lease, which is renewed whatever happens."""
        return self.method not in READS and self.resource != "leases"


def befalls(trouble: Trouble, call: Call, chance: float) -> bool:
    """Whether `trouble` hits a request; `chance`: a random number in 0..1. Half of the requests come through."""
    if trouble is Trouble.PARTITION:
        return True
    if trouble in (Trouble.DROPPED_WATCHES, Trouble.EXPIRED):
        return call.watch
    if trouble is Trouble.CONFLICT:
        return call.method not in READS and chance < 0.5
    return not call.watch and chance < 0.5


def refusal(code: int) -> bytes:
    """The body of a refusal, as an API server words it."""
    reasons = {409: "Conflict", 410: "Expired", 429: "TooManyRequests", 500: "InternalError"}
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "injected by a campaign",
        "reason": reasons[code],
        "code": code,
    }
    return json.dumps(status).encode()


def expired_event() -> bytes:
    """The line by which a watch hears that its version is too old."""
    return b'{"type":"ERROR","object":' + refusal(410) + b"}\n"
