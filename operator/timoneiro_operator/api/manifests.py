"""Comparing what was built with what the cluster has made of it."""

from collections.abc import Mapping
from typing import Any


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
