"""Comparing what was built with what the cluster has made of it."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

# Where the cache keeps what an object was written from: in memory only, and never on the API server.
_WRITTEN = "timoneiro.dev/written"


def covers(live: Any, built: Any) -> bool:
    """Whether `live` is what was built, whatever defaults the API server and webhooks have added to it.

    Lists are compared as a whole: one more rule or argument is an edit, one more field of a rule is a default.
    """
    if isinstance(built, Mapping):
        return isinstance(live, Mapping) and all(key in live and covers(live[key], built[key]) for key in built)
    if isinstance(built, list | tuple):
        same_length = isinstance(live, list | tuple) and len(live) == len(built)
        return same_length and all(covers(there, wanted) for there, wanted in zip(live, built, strict=True))
    return bool(live == built)


def marked(live: Mapping[str, Any], built: Mapping[str, Any]) -> dict[str, Any]:
    """`live`, the API server's answer to the write of `built`, with a mark that says so."""
    mark = [live["metadata"].get("generation"), _fingerprint(built)]
    return {**live, "metadata": {**live["metadata"], _WRITTEN: mark}}


def still_marked(live: Mapping[str, Any], before: Mapping[str, Any]) -> Mapping[str, Any]:
    """`live` with the mark of what was there `before`, if only its status or metadata have changed since."""
    mark = before["metadata"].get(_WRITTEN)
    if mark is None or mark[0] != live["metadata"].get("generation"):
        return live
    return {**live, "metadata": {**live["metadata"], _WRITTEN: mark}}


def is_written(live: Mapping[str, Any], built: Mapping[str, Any]) -> bool:
    """Whether `live` is what the API server has made of `built`, and nobody has edited it since.

    Its answer to a write is the normal form of what was written: quantities in their own way, defaults, and whatever
    webhooks add. No comparison of ours could know them all.
    """
    return bool(live["metadata"].get(_WRITTEN) == [live["metadata"].get("generation"), _fingerprint(built)])


def _fingerprint(built: Mapping[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(built, order="deterministic")).hexdigest()[:16]
