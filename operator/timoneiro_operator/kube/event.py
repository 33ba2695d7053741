"""An Event of Kubernetes about a ModelDeployment, as it is written the first time."""

import hashlib
from typing import Any

from timoneiro_operator.api import names
from timoneiro_operator.api.kinds import Body
from timoneiro_operator.api.times import Moment, text_of

# The API server takes 1,024 bytes, whatever the number of characters.
MESSAGE_BYTES = 1000


def event_about(body: Body, *, kind: str, reason: str, message: str, identity: str, now: Moment) -> dict[str, Any]:
    """`kind`: Normal or Warning. Events of one `identity` about one ModelDeployment have one name."""
    metadata = body["metadata"]
    digest = hashlib.sha256(f"{metadata['uid']}/{identity}".encode()).hexdigest()[:16]
    # In whole seconds, unlike `eventTime`.
    second = f"{text_of(now)[:19]}Z"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name']}.{digest}", "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        },
        "type": kind,
        "reason": reason,
        "message": at_most(message, MESSAGE_BYTES),
        "action": reason,
        "eventTime": text_of(now),
        "firstTimestamp": second,
        "lastTimestamp": second,
        "count": 1,
        "reportingComponent": names.FIELD_MANAGER,
        "reportingInstance": names.FIELD_MANAGER,
    }


def at_most(text: str, size: int) -> str:
    """The beginning of `text` that takes at most `size` bytes, cut between two characters."""
    return text.encode()[:size].decode(errors="ignore")
