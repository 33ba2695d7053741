"""Keeps a ModelDeployment below what the API server can store. Pure; sizes are bytes of JSON."""

import msgspec

from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.packing import pack
from timoneiro_operator.api.spec_struct import write
from timoneiro_operator.api.status import Snapshot, Status
from timoneiro_operator.api.times import moment

replace = msgspec.structs.replace

# Spec and status together. etcd takes requests of 1.5 MiB: that leaves 256 KiB for annotations, which is their limit,
# and as much for the rest of the metadata, most of which says who owns which field.
ROOM = 1_048_576
# What a status needs besides snapshots, with a trail and messages of full length.
_OTHERWISE = 65_536
_KEPT_NAMES = 10


def lacks_room(deployment: ModelDeployment, status: Status, snapshot: Snapshot) -> str | None:
    """A sentence when `snapshot` cannot be put on record beside the stable revision; None when it can."""
    stable = status.stable.revision if status.stable else None
    serving = [known for known in status.revisions if known.revision == stable]
    needed = _size_of_spec(deployment) + _size(Status(revisions=(*serving, snapshot))) + _OTHERWISE
    if needed <= ROOM:
        return None
    return (
        f"revision {snapshot.revision} is too large to be put on record beside the stable one: spec and both revisions "
        f"take {needed:,} bytes, and {ROOM:,} fit; move what is large out of spec.predictor and spec.transformer"
    )


def fitted(deployment: ModelDeployment, status: Status) -> Status:
    """The status, without the oldest of what only serves going back where it would be too large.

    What serves or is about to is never left out; it was looked at before it became the candidate.
    """
    room = ROOM - _size_of_spec(deployment)
    if len(msgspec.json.encode(status)) <= room:
        return status
    serving = {part.revision for part in (status.stable, status.candidate) if part is not None}
    former = [known for known in status.revisions if known.revision not in serving]
    former.sort(key=lambda known: (known.stable_since or moment(0.0), known.revision))
    for oldest in former:
        if _size(status) <= room:
            return status
        names = (*(name for name in status.forgotten if name != oldest.revision), oldest.revision)
        rest = tuple(known for known in status.revisions if known is not oldest)
        status = replace(status, revisions=rest, forgotten=names[-_KEPT_NAMES:])
    return status if _size(status) <= room else replace(status, acted_on=None)


def _size(status: Status) -> int:
    return len(msgspec.json.encode(pack(msgspec.json.decode(msgspec.json.encode(status)))))


def _size_of_spec(deployment: ModelDeployment) -> int:
    return len(msgspec.json.encode(deployment.spec, enc_hook=write))
