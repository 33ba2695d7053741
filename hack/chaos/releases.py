"""What may become of a new version in a campaign, and how it has to end.

A release publishes a version and steers it; how it ends is seen from outside. Whatever goes wrong meanwhile, some ends
are never right: a model that fails on real requests, or one that was aborted, is promoted by nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

# A deadline beyond the hour that a clock is behind when a rollout begins: once it is right, that hour has passed.
COMMON: dict[str, Any] = {"progressDeadline": "60s", "deadline": "3h", "keepStable": "8s", "scaleDownDelay": "2s"}
CANARY = {
    **COMMON,
    "strategy": "Canary",
    "canary": {"steps": [{"weight": 20, "for": "3s"}, {"weight": 50, "for": "3s"}]},
}
HELD = {**COMMON, "strategy": "Canary", "canary": {"steps": [{"weight": 40, "for": "1h"}]}}
BLUE_GREEN = {**COMMON, "strategy": "BlueGreen", "blueGreen": {"mirror": "3s", "bake": "3s"}}
MIRRORED = {**COMMON, "strategy": "BlueGreen", "blueGreen": {"mirror": "1h", "bake": "3s"}}
ANALYSIS = {
    "interval": "1s",
    "warmUp": "0s",
    "minRequests": 20,
    "promotion": "NoHarm",
    "metrics": [{"name": "errors", "negligible": 0.01}],
}


class Steering(Protocol):
    """What people do; each waits until the cluster has taken it."""

    def configure(self, rollout: dict[str, Any]) -> None: ...
    def release(self, kind: str) -> str: ...
    def release_unloadable(self) -> str: ...
    def in_step(self, version: str) -> None: ...
    def ask(self, *arguments: str) -> None: ...


@dataclass(frozen=True)
class Release:
    """One kind of release.

    `publish` returns the version; `steer` is what people do about it once the fault has come. `ends`: outcomes that
    are right without a fault; `bad`: the candidate does harm, and has to be off the traffic as soon as that is seen.
    """

    name: str
    rollout: dict[str, Any]
    publish: Callable[[Steering], str]
    ends: frozenset[str]
    steer: Callable[[Steering, str], None] = lambda steering, version: None
    bad: bool = False


def _good(steering: Steering) -> str:
    return steering.release("good")


def _bad(steering: Steering) -> str:
    return steering.release("bad")


def _unloadable(steering: Steering) -> str:
    return steering.release_unloadable()


def _superseded(steering: Steering) -> str:
    steering.release("bad")
    return steering.release("good")


def _abort(steering: Steering, version: str) -> None:
    steering.in_step(version)
    steering.ask("abort")


def _promote(steering: Steering, version: str) -> None:
    steering.in_step(version)
    steering.ask("promote", "--full")


PROMOTED, BACK = frozenset({"Promoted"}), frozenset({"RolledBack"})

RELEASES = {
    release.name: release
    for release in (
        Release("good canary", CANARY, _good, PROMOTED),
        Release("good blue-green", BLUE_GREEN, _good, PROMOTED),
        Release("bad canary", HELD, _bad, BACK, bad=True),
        Release("bad in the mirror", MIRRORED, _bad, BACK, bad=True),
        Release("never loads", CANARY, _unloadable, BACK, bad=True),
        Release("aborted", HELD, _good, frozenset({"Aborted"}), _abort),
        Release("superseded", CANARY, _superseded, PROMOTED),
        Release("promoted in full", HELD, _good, PROMOTED, _promote),
    )
}

# A fault that is seen as the candidate's own failure rolls it back, and so does the deadline for becoming ready.
_CAUTIOUS = frozenset({"RolledBack"})


def verdict(release: Release, outcome: str) -> str:
    """`right`; `cautious`: a harmless model was rolled back because of the fault; or `wrong`."""
    if outcome in release.ends:
        return "right"
    return "cautious" if outcome in _CAUTIOUS else "wrong"
