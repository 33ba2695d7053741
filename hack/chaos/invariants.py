"""What an outside observer may never see. Pure: versions of objects in their order in, sentences about violations out.

Rules by their number in the rollout rules of the design: 1 and 2 (weights, capacity) are those of support.outside, the
rest is here.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from support.versions import Seen
from timoneiro_operator.api.times import read_moment

StatusBody = dict[str, Any]
# One clock writes both times, and each is written with microseconds.
_EARLY = timedelta(seconds=0.001)
# The observer may hear of a candidate a little after its first requests have been sent.
_LATE_SECONDS = 2.0


def statuses(history: Sequence[Seen]) -> Iterator[tuple[Seen, StatusBody]]:
    """Every status of the ModelDeployment, in its order."""
    for seen in history:
        if seen.kind == "ModelDeployment" and not seen.gone:
            yield seen, seen.body.get("status") or {}


def early_steps(history: Sequence[Seen]) -> list[str]:
    """3: a step begins only when the one before it was over, unless a person has ended that one."""
    found: list[str] = []
    before: StatusBody = {}
    for seen, status in statuses(history):
        if _same_rollout(before, status) and len(before.get("commands") or []) == len(status.get("commands") or []):
            old, new = before.get("step") or {}, status.get("step") or {}
            due = old.get("notBefore")
            on = (new.get("index", 0), new.get("kind")) != (old.get("index", 0), old.get("kind"))
            began = new.get("startedAt")
            forward = new.get("index", 0) > old.get("index", 0)
            if due and on and forward and began and read_moment(began) < read_moment(due) - _EARLY:
                found.append(f"{seen.version}: step {new.get('index')} began at {began}, before {due}")
        before = status
    return found


def counted_twice(history: Sequence[Seen], sent: Sequence[float]) -> list[str]:
    """3: no arm is ever said to have had more requests than users have sent since its rollout began (`sent`, sorted).

    Nobody else sends any, and a mirrored request reaches each arm once.
    """
    found: list[str] = []
    began: dict[str | None, float] = {}
    for seen, status in statuses(history):
        began.setdefault((status.get("candidate") or {}).get("revision"), seen.at - _LATE_SECONDS)
        analysis = status.get("analysis") or {}
        since = began.get(analysis.get("candidate"))
        if since is None:
            continue
        users = bisect_right(sent, seen.at) - bisect_left(sent, since)
        for metric in analysis.get("metrics") or []:
            for arm in ("candidate", "stable"):
                counted = (metric.get(arm) or {}).get("requests", 0)
                if counted > users:
                    found.append(f"{seen.version}: {arm} is said to have had {counted} requests, of {users} sent")
    return found


def advanced_blind(history: Sequence[Seen]) -> list[str]:
    """4: without metrics no weight rises, unless a person wants it to."""
    found: list[str] = []
    before: StatusBody = {}
    for seen, status in statuses(history):
        blind = _condition(before, "MetricsAvailable") == "False" == _condition(status, "MetricsAvailable")
        asked = len(before.get("commands") or []) != len(status.get("commands") or [])
        instant = (status.get("candidate") or {}).get("instant")
        rose = _weight(status) > _weight(before)
        if _same_rollout(before, status) and blind and rose and not asked and not instant:
            found.append(f"{seen.version}: the weight rose to {_weight(status)} % without metrics")
        before = status
    return found


def falsely_promoted(history: Sequence[Seen], kinds: dict[str, str]) -> list[str]:
    """7: what the history calls promoted has been the stable model, and was no model that does harm.

    `kinds` by version: `good` or anything else.
    """
    found, serving, named = [], set(), set()
    for seen, status in statuses(history):
        serving.add((status.get("stable") or {}).get("revision"))
        for entry in status.get("history") or []:
            key = (entry["revision"], entry["endedAt"])
            if entry["outcome"] == "Promoted" and key not in named:
                named.add(key)
                if entry["revision"] not in serving:
                    found.append(f"{seen.version}: {entry['revision']} is called promoted and never was stable")
                if kinds.get(entry.get("version", ""), "good") != "good":
                    found.append(f"{seen.version}: version {entry['version']} does harm and was promoted")
    return found


def time_of(history: Sequence[Seen], after: float, condition: Callable[[StatusBody], bool]) -> float | None:
    """When a status written after `after` met `condition` first; None if none did."""
    return next((seen.at for seen, status in statuses(history) if seen.at > after and condition(status)), None)


def consistent(seen: Seen) -> bool:
    """The status is about the spec that is there, and says that the gateway has accepted what is wanted."""
    status = seen.body.get("status") or {}
    current = status.get("observedGeneration") == seen.body["metadata"].get("generation")
    return bool(current and (status.get("traffic") or {}).get("accepted", False))


def _same_rollout(before: StatusBody, status: StatusBody) -> bool:
    old, new = before.get("candidate") or {}, status.get("candidate") or {}
    return bool(old) and old.get("revision") == new.get("revision") and old.get("startedAt") == new.get("startedAt")


def _weight(status: StatusBody) -> int:
    return int(((status.get("traffic") or {}).get("desired") or {}).get("candidate", 0))


def _condition(status: StatusBody, kind: str) -> str | None:
    return next((c["status"] for c in status.get("conditions") or [] if c["type"] == kind), None)
