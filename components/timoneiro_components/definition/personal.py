"""What is wrong with what a definition says of personal data, and what a field alone cannot tell."""

from __future__ import annotations

from collections.abc import Iterator

from .columns import Column
from .problems import Contradiction, Path
from .training import Training

_BOTH = ("bin_width", "prefix_length")
# Of whole numbers: what a double holds exactly.
_WIDEST = 2**53
_FIELDS = {"bin_width": "binWidth", "prefix_length": "prefixLength"}


def privacy_faults(training: Training) -> Iterator[Contradiction]:
    """Every fault: where it is, and a sentence."""
    spec = training.spec
    for name, column in spec.columns.items():
        path: Path = ("spec", "columns", name)
        if column.personal != "Keep" and column.legal_basis is not None:
            yield (*path, "legalBasis"), "it is for columns with `personal: Keep`"
        if column.personal != "Generalise":
            for field in _BOTH:
                if getattr(column, field) is not None:
                    yield (*path, _FIELDS[field]), "it is for columns with `personal: Generalise`"
        if name == spec.target.column and column.personal not in (None, "Keep"):
            yield (*path, "personal"), "what is predicted has to stay as it is: only Keep is possible"
        elif column.personal == "Keep" and column.legal_basis is None:
            yield (*path, "personal"), "Keep needs a `legalBasis`: why it may be kept as it is"
        elif column.personal == "Drop" and column.type == "Key":
            yield (*path, "personal"), "a key says which row it is: write Hash, or ignore the column"
        elif column.personal == "Hash":
            yield from _hashed((*path, "personal"), column, training)
        elif column.personal == "Generalise":
            yield from _generalised(path, column)
    yield from _erasure(training)


def _hashed(path: Path, column: Column, training: Training) -> Iterator[Contradiction]:
    if column.type != "Key":
        yield path, f"only keys are hashed, and this column is of type {column.type}: requests come without a hash"
    elif training.spec.privacy.hash_key_from is None:
        yield path, "Hash needs spec.privacy.hashKeyFrom: the environment variable that holds the key"


def _generalised(path: Path, column: Column) -> Iterator[Contradiction]:
    if column.type in ("Number", "Integer"):
        if column.prefix_length is not None:
            yield (*path, "prefixLength"), f"it is for texts, and this column is of type {column.type}: write binWidth"
        if column.bin_width is None:
            yield (*path, "personal"), "Generalise needs a `binWidth` for numbers"
        elif column.type == "Integer" and not column.bin_width.is_integer():
            yield (*path, "binWidth"), "it has to be whole, as the numbers of the column are"
        elif column.type == "Integer" and column.bin_width > _WIDEST:
            yield (*path, "binWidth"), f"it is so wide that every number is in one bin: at most {_WIDEST:,}"
    elif column.type == "Category":
        if column.bin_width is not None:
            yield (*path, "binWidth"), "it is for numbers, and this column is of type Category: write prefixLength"
        if column.prefix_length is None:
            yield (*path, "personal"), "Generalise needs a `prefixLength` for texts"
        elif any(len(value) > column.prefix_length for value in column.values or ()):
            yield (*path, "values"), f"they are what is left: texts of at most {column.prefix_length} characters"
    else:
        yield (*path, "personal"), f"numbers and categories are generalised, and this column is of type {column.type}"


def _erasure(training: Training) -> Iterator[Contradiction]:
    erasure, path = training.spec.privacy.erasure, ("spec", "privacy", "erasure")
    if erasure is None:
        return
    keys = [name for name, column in training.spec.columns.items() if column.type == "Key"]
    if not keys:
        yield path, "it tells rows by their keys, and no column is of type Key"
    if erasure.keys is not None and not erasure.keys:
        yield (*path, "keys"), "at least one key is wanted"
    for position, name in enumerate(erasure.keys or ()):
        if name not in keys:
            yield (*path, "keys", position), f"{name!r} is no column of type Key; those are {', '.join(keys) or 'none'}"
