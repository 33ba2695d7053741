"""Step: how did the rollout of what was published end?

It asks for one object, at intervals, and holds nothing but the last answer. Guarantees: an API server that does not
answer for a while ends nothing; a step that was ended and is tried again waits no longer than the first one would have.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from .cluster import ModelDeployments
from .definition.base import seconds_of
from .errors import ClusterError
from .rollout import Publication, RolloutEnd, end_of, gone, read_publication, state_of, unfinished

GATE = "rollout"
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 15.0


def await_rollout(
    publication: Path,
    *,
    wait: str,
    rollout: Path,
    report: Path,
    on_change: Callable[[str], object],
    deployments: ModelDeployments | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], object] = time.sleep,
) -> RolloutEnd:
    """Waits until the rollout of `publication` is over, `wait` (such as 2h) after it was published at the latest.

    Leaves how it ended as JSON in `rollout`, and for people in `report`; `on_change` is called with every other state
    on the way. Raises StepError if the cluster refuses to tell.
    """
    published = read_publication(publication)
    deployments = deployments or ModelDeployments.connect(published.namespace)
    deadline = datetime.fromisoformat(published.at) + timedelta(seconds=seconds_of(wait))
    pause, said, trouble = _FIRST_PAUSE, "", ""
    while True:
        end: RolloutEnd | None = None
        try:
            deployment = deployments.get(published.name)
        except ClusterError as error:
            if not (error.missing or error.transient):
                raise
            trouble = str(error)
            end = gone(published) if error.missing else None
        else:
            trouble, state = "", state_of(deployment)
            if state != said:
                on_change(state)
                said, pause = state, _FIRST_PAUSE
            end = end_of(deployment, published)
        moment = now()
        if end is None and moment >= deadline:
            end = unfinished(published, wait, trouble or said)
        if end is not None:
            _write(published, end, moment, rollout, report)
            return end
        sleep(min(pause, (deadline - moment).total_seconds()))
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def reasons_of(end: RolloutEnd, publication: Path) -> list[str]:
    """Why the gate after it fails; empty where the version serves all traffic."""
    return [] if end.promoted else [end.sentence(read_publication(publication).version)]


def _write(published: Publication, end: RolloutEnd, told: datetime, rollout: Path, report: Path) -> None:
    document = {
        "schemaVersion": 1,
        **asdict(end),
        "promoted": end.promoted,
        "told": told.isoformat(timespec="seconds"),
        "publication": asdict(published),
    }
    rollout.parent.mkdir(parents=True, exist_ok=True)
    rollout.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(_markdown(published, end), encoding="utf-8")


def _markdown(published: Publication, end: RolloutEnd) -> str:
    told = {
        "why": end.reason,
        "evidence": end.verdict,
        "published": published.at,
        "begun": end.started,
        "ended": end.ended,
        "package": f"{published.uri} ({published.digest})",
    }
    lines = [f"# Rollout of {published.name} {published.version}: {end.outcome}", ""]
    lines += [f"* {name}: {' '.join(text.split())}" for name, text in told.items() if text]
    report = f"`timoneiro report {published.name} -n {published.namespace}`"
    return "\n".join([*lines, "", f"{report} makes a page of the latest rollout.", ""])
