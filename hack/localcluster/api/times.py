"""Times as the Kubernetes API writes them: UTC, RFC 3339, whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The present time, UTC."""
    return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """A time as in metadata and status."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_timestamp(moment: datetime) -> str:
    """A time as in a Lease or an Event."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(text: str) -> datetime:
    """The inverse of the two above."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
