"""What all parts of the spec have in common."""

import msgspec


class SpecStruct(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """Base of all parts of the spec: immutable, camelCase on the wire, absent where it says nothing.

    Revisions are hashes of what is there: a field that a later version adds must not make new revisions of old models.
    """
