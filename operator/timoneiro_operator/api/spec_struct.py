"""What all parts of the spec have in common."""

from functools import lru_cache
from typing import Any

import msgspec

from timoneiro_operator.api.duration import Duration


class SpecStruct(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """Base of all parts of the spec: immutable, camelCase on the wire, absent where it says nothing.

    Revisions are hashes of what is there: a field that a later version adds must not make new revisions of old models.
    """


def read(kind: type, text: Any) -> Any:
    """For msgspec: a part of the spec that JSON has no form for. Durations are the only `kind` of them."""
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is not a duration; write for example 30s, 10m or 1h30m")
    return _duration(text)


# The same few texts in every pass.
_duration = lru_cache(maxsize=1024)(Duration)


def write(value: Any) -> str:
    """For msgspec, the inverse of `read`."""
    return str(value)
