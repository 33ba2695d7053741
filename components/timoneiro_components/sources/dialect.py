"""How a file of text columns is written: its encoding and its separator, as they are said or as they look."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ..definition.source import Csv
from ..errors import StepError

SEPARATORS = (",", ";", "\t", "|")
_AUTO = "Auto"
# As long as a header line may be.
_SAMPLE_BYTES = 2**22
_SAMPLE_ROWS = 50
_GZIP = b"\x1f\x8b"
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True)
class Dialect:
    """`encoding` by Python's name for it; `names`: of the columns, from the header."""

    encoding: str
    separator: str
    names: tuple[str, ...]


def dialect_of(file: str, stream: BinaryIO, said: Csv) -> Dialect:
    """How `stream` is written, which is called `file` in sentences. Raises StepError if it is empty, or not written as
    it is said to be."""
    sample = stream.read(_SAMPLE_BYTES)
    if sample.startswith(_GZIP):
        raise StepError(f"{file} is compressed (gzip): unpack it first")
    if not sample.strip():
        raise StepError(f"{file} is empty: a table begins with the names of its columns")
    whole = len(sample) < _SAMPLE_BYTES
    encoding = _encoding(file, sample, said.encoding, whole=whole)
    # The last characters and the last line may be cut off.
    text = codecs.getincrementaldecoder(encoding)("strict").decode(sample, final=whole)
    rows = text if whole else text[: text.rfind("\n") + 1] or text
    separator = _separator(rows) if said.separator == _AUTO else said.separator
    return Dialect(encoding, separator, _header(file, rows, separator))


def _encoding(file: str, sample: bytes, said: str, *, whole: bool) -> str:
    marked = next((name for mark, name in _MARKS if sample.startswith(mark)), None)
    if said == _AUTO:
        wanted = [marked] if marked else ["utf-8", "cp1252", "latin-1"]
        return next((name for name in wanted if _decodes(sample, name, whole=whole)), "latin-1")
    try:
        known = codecs.lookup(said)
        # Python has codecs that are no encodings of text, such as rot13 and hex.
        "".encode(said)
    except (LookupError, ValueError):
        raise StepError(f"{file}: there is no encoding {said!r}; known are utf-8, latin-1, cp1252, ...") from None
    name = "utf-8-sig" if known.name == "utf-8" and marked == "utf-8-sig" else said
    if not _decodes(sample, name, whole=whole):
        raise StepError(f"{file} is not {said}: set spec.source.csv.encoding")
    return name


def _decodes(sample: bytes, encoding: str, *, whole: bool) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)("strict").decode(sample, final=whole)
    except (UnicodeError, LookupError):
        return False
    return True


def _separator(text: str) -> str:
    """The separator that gives every row the same number of values, and the most of them."""
    widths = {separator: _widths(text, separator) for separator in SEPARATORS}
    even = {separator: found[0] for separator, found in widths.items() if found and len(set(found)) == 1}
    best = max(even, key=lambda separator: even[separator], default=",")
    # A table of one column has no separator.
    return best if even.get(best, 0) > 1 else max(SEPARATORS, key=lambda separator: (widths[separator] or [0])[0])


def _widths(text: str, separator: str) -> list[int]:
    found: list[int] = []
    try:
        for row in _rows(text, separator):
            if row:
                found.append(len(row))
            if len(found) == _SAMPLE_ROWS:
                break
    except csv.Error:
        return []
    return found


def _rows(text: str, separator: str) -> Iterator[list[str]]:
    # Python's own limit is smaller than a cell that the source reads.
    csv.field_size_limit(_SAMPLE_BYTES)
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator)


def _header(file: str, text: str, separator: str) -> tuple[str, ...]:
    try:
        names = next(row for row in _rows(text, separator) if row)
    except (csv.Error, StopIteration):
        raise StepError(f"{file} does not begin with the names of its columns in one line") from None
    for position, name in enumerate(names):
        if not name.strip():
            raise StepError(f"{file}: column {position + 1} has no name: the first line names the columns")
        if name in names[:position]:
            raise StepError(f"{file}: two columns are called {name!r}: rename one")
    return tuple(names)
