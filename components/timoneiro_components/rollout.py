"""What has become of one published version, read from its ModelDeployment. Pure.

The operator rolls out by itself. What is here only reads its status: the version that is meant is the one of the
publication, whatever else is published, rolled back or tried again meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .errors import StepError

# What an ending is called: as the operator does, and what only who waits can tell.
PROMOTED, DEGRADED, INVALID, DELETED, UNFINISHED = "Promoted", "Degraded", "InvalidSpec", "Deleted", "NotOverInTime"
_ROLLED_BACK, _ABORTED, _SUPERSEDED, _WITHDRAWN = "RolledBack", "Aborted", "Superseded", "Withdrawn"
# A person can bring back a version instead of the steps.
_SERVING = frozenset({PROMOTED, "Restored", "Adopted"})
_WORDS = {
    _ROLLED_BACK: "was rolled back",
    _ABORTED: "was aborted",
    _SUPERSEDED: "was superseded",
    _WITHDRAWN: "was withdrawn",
    DEGRADED: "does not serve",
    INVALID: "is not rolled out, since the spec is invalid",
    DELETED: "has no outcome",
    UNFINISHED: "is still being rolled out",
}


@dataclass(frozen=True)
class Publication:
    """What was published where. `generation` and `uid`: of the ModelDeployment with it; `after`: when the last rollout
    before it had ended, "" if there was none."""

    namespace: str
    name: str
    version: str
    uri: str
    digest: str
    uid: str
    generation: int
    after: str
    at: str

    @classmethod
    def of(
        cls, applied: Mapping[str, Any], *, namespace: str, version: str, uri: str, digest: str, now: datetime
    ) -> Publication:
        """The publication of this model to `applied`, which is the ModelDeployment as it was with it."""
        metadata = applied["metadata"]
        return cls(
            namespace=namespace,
            name=str(metadata["name"]),
            version=version,
            uri=uri,
            digest=digest,
            uid=str(metadata["uid"]),
            generation=int(metadata.get("generation", 0)),
            after=max((_text(entry, "endedAt") for entry in _history(applied)), key=_moment, default=""),
            at=now.astimezone(UTC).isoformat(timespec="seconds"),
        )

    def write(self, path: Path) -> None:
        """Leaves it for the step that waits."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class RolloutEnd:
    """How it ended. `reason`: in the operator's words. `started` and `ended`: as the operator tells them, "" where it
    does not. `verdict`: what the evidence about this version says, "" where nothing was compared."""

    outcome: str
    reason: str
    started: str = ""
    ended: str = ""
    verdict: str = ""

    @property
    def promoted(self) -> bool:
        return self.outcome in _SERVING

    def sentence(self, version: str) -> str:
        """What is to be said of it where the version does not serve all traffic."""
        return f"version {version} {_WORDS[self.outcome]}: {self.reason}"


def read_publication(path: Path) -> Publication:
    """Raises StepError if `path` holds none."""
    try:
        return Publication(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise StepError(f"{path} tells of no publication ({type(error).__name__}): publish again") from error


def end_of(deployment: Mapping[str, Any], published: Publication) -> RolloutEnd | None:
    """How the rollout of the published version has ended; None while it has not, or nobody can tell yet."""
    metadata, status = deployment.get("metadata") or {}, deployment.get("status") or {}
    if metadata.get("uid") != published.uid or metadata.get("deletionTimestamp"):
        return gone(published)
    if (invalid := _invalid(status, published)) is not None:
        return RolloutEnd(INVALID, invalid)
    if status.get("observedGeneration", 0) < published.generation:
        return None
    if _is(status.get("candidate"), published):
        # Also where it is tried again, or goes on with another predictor.
        stuck = not status.get("stable") and status.get("phase") == "Degraded"
        return RolloutEnd(DEGRADED, _message(status)) if stuck else None
    if _at(deployment, "spec", "model", "digest") != published.digest:
        return _replaced(deployment, status, published)
    return _wanted(status, published)


def gone(published: Publication) -> RolloutEnd:
    """Of a ModelDeployment that is not there any more."""
    where = f"{published.namespace}/{published.name}"
    return RolloutEnd(DELETED, f"ModelDeployment {where} was deleted before the rollout was over: apply it again")


def unfinished(published: Publication, waited: str, said: str) -> RolloutEnd:
    """Of a wait that was over before the rollout. `said`: what there is to say of its state."""
    return RolloutEnd(
        UNFINISHED,
        f"it is not over {waited} after it was published, and goes on ({said}): `timoneiro explain {published.name} "
        f"-n {published.namespace}` says what it waits for; give it more time with publish.wait",
    )


def state_of(deployment: Mapping[str, Any]) -> str:
    """Where it is, in one line."""
    status = deployment.get("status") or {}
    parts = [str(status.get("phase") or "the operator has not looked at it yet"), _message(status)]
    return ": ".join(part for part in parts if part)


def _wanted(status: Mapping[str, Any], published: Publication) -> RolloutEnd | None:
    """Of a version that the spec still names, and that is no candidate."""
    entry = _entry(status, published)
    wanted = status.get("wanted")
    rejected = next((each for each in status.get("rejected") or () if wanted and each.get("revision") == wanted), None)
    if rejected is not None:
        outcome = _ABORTED if entry and entry.get("outcome") == _ABORTED else _ROLLED_BACK
        return _ended(outcome, entry, status, str(rejected.get("reason", "")))
    # While the former model still has a part of the traffic it can be taken back, and the phase is another one.
    if _is(status.get("stable"), published) and status.get("phase") == "Healthy":
        served = entry is not None and entry.get("outcome") in _SERVING
        return _ended(str(entry["outcome"]) if entry and served else PROMOTED, entry if served else None, status)
    return None


def _replaced(deployment: Mapping[str, Any], status: Mapping[str, Any], published: Publication) -> RolloutEnd:
    """Of a version that the spec does not name any more."""
    entry = _entry(status, published)
    if entry is not None and _moment(_text(entry, "endedAt")) > _moment(published.after):
        return _ended(str(entry.get("outcome")), entry, status)
    if _is(status.get("stable"), published):
        return RolloutEnd(PROMOTED, "it served all traffic already")
    other = _at(deployment, "spec", "model", "version")
    what = f"version {other} was published" if other else "spec.model was changed"
    return RolloutEnd(_SUPERSEDED, f"{what} before its rollout began")


def _ended(outcome: str, entry: Mapping[str, Any] | None, status: Mapping[str, Any], reason: str = "") -> RolloutEnd:
    said = entry or {}
    known = outcome if outcome in _SERVING or outcome in _WORDS else _SUPERSEDED
    told = reason or _text(said, "reason") or "it serves all traffic"
    revision = _text(said, "revision")
    compared = revision and _at(status, "analysis", "candidate") == revision
    verdict = str(status.get("verdict") or "") if compared else ""
    return RolloutEnd(known, told, started=_text(said, "startedAt"), ended=_text(said, "endedAt"), verdict=verdict)


def _invalid(status: Mapping[str, Any], published: Publication) -> str | None:
    for condition in status.get("conditions") or ():
        seen = condition.get("observedGeneration", 0) >= published.generation
        if seen and (condition.get("type"), condition.get("reason")) == ("Ready", "InvalidSpec"):
            return str(condition.get("message", ""))
    return None


def _entry(status: Mapping[str, Any], published: Publication) -> Mapping[str, Any] | None:
    """The last rollout of the version that the history tells of."""
    own = [entry for entry in _history({"status": status}) if entry.get("version") == published.version]
    return max(own, key=lambda entry: _moment(_text(entry, "endedAt")), default=None)


def _history(deployment: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return _at(deployment, "status", "history") or ()


def _is(revision: Mapping[str, Any] | None, published: Publication) -> bool:
    said = revision or {}
    return (said.get("version"), said.get("uri")) == (published.version, published.uri)


def _message(status: Mapping[str, Any]) -> str:
    return str(status.get("message") or "")


def _text(entry: Mapping[str, Any], field: str) -> str:
    return str(entry.get(field) or "")


def _moment(text: str) -> datetime:
    """The times of the operator differ in how many digits they have."""
    return datetime.fromisoformat(text) if text else datetime.min.replace(tzinfo=UTC)


def _at(document: Any, *path: str) -> Any:
    for name in path:
        document = (document or {}).get(name)
    return document
