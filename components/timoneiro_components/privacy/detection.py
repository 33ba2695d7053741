"""Which columns look like personal data: kind, how many values, and never a value.

A column is told by its values where at least three different ones, and at least 1 % of the different ones, are valid,
and where ordinary texts of the same form would hardly give as many (`_LEVEL`): one in ten numbers of 16 digits passes
the checksum of a card. It is told by its name where at least half of its values have at least the form.

Different values count, because one that comes a thousand times is valid by chance a thousand times. Numbers with a
fraction, times and truth values are not looked at. Linear in the number of rows that are looked at.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import bdtrc

from .kinds import KINDS, PersonalKind

_LEAST_VALUES = 3
_LEAST_SHARE = 0.01
_LEVEL = 0.002
_LEAST_SHARE_OF_NAMED = 0.5
_WORD = re.compile(r"[A-Z]?[a-z]+[0-9]*|[A-Z]+[0-9]*(?![a-z])|[0-9]+")


@dataclass(frozen=True)
class PersonalFinding:
    """A column that looks like personal data. `values`: rows with such a value; `share`: of those that have one."""

    column: str
    kind: str
    found_by: Literal["values", "name"]
    values: int
    share: float


@dataclass(frozen=True)
class _Texts:
    """The different values of a column, and how often each is there."""

    values: pa.Array
    counts: np.ndarray[tuple[int], np.dtype[np.int64]]


def personal_findings(table: pa.Table) -> tuple[PersonalFinding, ...]:
    """What is found in the columns of text and of whole numbers, in their order."""
    found: list[PersonalFinding] = []
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_string(column.type) or pa.types.is_integer(column.type):
            found += _of_column(name, _texts(column))
    return tuple(found)


def words_of(name: str) -> tuple[str, ...]:
    """The words in the name of a column: `customerE-Mail` is customer, e, mail."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return tuple(word.lower() for word in _WORD.findall(plain))


def _texts(column: pa.ChunkedArray) -> _Texts:
    found = pc.value_counts(pc.utf8_trim_whitespace(column.cast(pa.string())))
    values, counts = found.field("values"), found.field("counts").to_numpy()
    present = pc.fill_null(pc.not_equal(values, ""), False)
    return _Texts(values.filter(present), counts[present.to_numpy(zero_copy_only=False)])


def _of_column(name: str, texts: _Texts) -> Iterator[PersonalFinding]:
    if not len(texts.values):
        return
    words = words_of(name)
    for kind in KINDS:
        valid, candidates = _valid(texts, kind)
        if _is_telling(len(valid), candidates, len(texts.values), kind.chance):
            yield _finding(name, kind, "values", texts, valid)
        elif any(words[-len(named) :] == named for named in (tuple(said.split()) for said in kind.names)):
            alike = _matching(texts.values, kind.loose)
            if len(alike) >= _LEAST_SHARE_OF_NAMED * len(texts.values):
                yield _finding(name, kind, "name", texts, alike)


def _valid(texts: _Texts, kind: PersonalKind) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], int]:
    """Positions of the valid values, and how many have the form."""
    candidates = _matching(texts.values, kind.form)
    found = texts.values.take(pa.array(candidates)).to_pylist()
    return candidates[np.array([kind.is_valid(text) for text in found], dtype=bool)], len(candidates)


def _matching(values: pa.Array, form: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    flags = "(?i)" if form.startswith("(?i)") else ""
    pattern = f"^{flags}(?:{form.removeprefix('(?i)')})$"
    return np.flatnonzero(pc.match_substring_regex(values, pattern).to_numpy(zero_copy_only=False))


def _is_telling(valid: int, candidates: int, values: int, chance: float) -> bool:
    if valid < _LEAST_VALUES or valid < _LEAST_SHARE * values:
        return False
    # How likely as many are valid, or more, if each is by chance.
    return bool(bdtrc(valid - 1, candidates, chance) <= _LEVEL)


def _finding(
    name: str,
    kind: PersonalKind,
    found_by: Literal["values", "name"],
    texts: _Texts,
    positions: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> PersonalFinding:
    values = int(texts.counts[positions].sum())
    return PersonalFinding(name, kind.title, found_by, values, round(values / int(texts.counts.sum()), 4))
