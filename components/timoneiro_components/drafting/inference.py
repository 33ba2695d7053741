"""What a table looks like: the type of each column, and which texts stand for a missing value. A guess, for a draft."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from difflib import get_close_matches
from pathlib import Path

import pyarrow as pa

from timoneiro_serving.times import NoTime, microseconds

from ..definition.columns import ColumnType
from ..definition.metrics import BINARY, MULTICLASS, REGRESSION, TaskName
from ..definition.source import Csv
from ..errors import StepError
from ..privacy.detection import personal_findings
from ..sources.dialect import Dialect, dialect_of
from ..sources.files import whole_file
from ..sources.text import read_text
from ..sources.typed import INTEGER, NUMBER

_ROWS = 200_000
_MOST_VALUES = 50
_DIGITS = 15
_TARGET_NAMES = ("target", "label", "class", "status", "outcome", "default", "churn", "fraud", "y")
_MISSING = frozenset({"na", "n/a", "nan", "null", "none", "missing", "?", "-", "."})
_TRUTHS = ({"true", "false"}, {"yes", "no"})


@dataclass(frozen=True)
class Guess:
    """One column. `type` is None for text that nothing can be learnt from as it is; `missing` is a share, 0..1;
    `values` are those of a category, the commonest first; `low` and `high` are what was seen of a number;
    `has_offsets`: whether times of day say how far they are from UTC; `personal` is the kind of personal data that its
    values look like."""

    type: ColumnType | None
    missing: float = 0.0
    values: Mapping[str, int] = field(default_factory=dict)
    low: float | None = None
    high: float | None = None
    has_offsets: bool = True
    personal: str | None = None

    @property
    def task(self) -> TaskName:
        """What predicting it would be."""
        if len(self.values) == 2:
            return BINARY
        return REGRESSION if self.low is not None else MULTICLASS


@dataclass(frozen=True)
class Guesses:
    """The table: how it is written, its columns in order, and the column that looks like what is to be predicted."""

    dialect: Dialect
    decimal: str
    missing: tuple[str, ...]
    columns: Mapping[str, Guess]
    rows: int
    target: str | None


def guesses(file: Path, target: str | None = None) -> Guesses:
    """What the first 200,000 rows of a CSV file look like. `target`: the column that is to be predicted, if it is said.

    Raises StepError if it is none, has no rows, or no such column.
    """
    try:
        said = Csv(path=str(file))
    except ValueError:
        raise StepError("the name of the file is no text in this terminal: rename it") from None
    rows = 0
    with whole_file(said.path) as content:
        with content.path.open("rb") as stream:
            dialect = dialect_of(said.path, stream, said)
        counts: dict[str, Counter[str]] = {name: Counter() for name in dialect.names}
        for batch in read_text(content, dialect):
            for name in dialect.names:
                counts[name].update(batch.column(name).to_pylist())
            rows += batch.num_rows
            if rows >= _ROWS:
                break
    if not rows:
        raise StepError(f"{file} has a header and no rows")
    texts = {name: Counter({text.strip(): 0 for text in found}) for name, found in counts.items()}
    for name, found in counts.items():
        for text, number in found.items():
            texts[name][text.strip()] += number
    decimal = "," if dialect.separator != "," and _commas(texts.values()) else "."
    missing = ("", *sorted(_missing_words(texts.values(), decimal)))
    columns = {name: _guess(name, found, rows, decimal, missing) for name, found in texts.items()}
    if target is not None and target not in columns:
        close = get_close_matches(target, columns, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(map(repr, columns))}"
        raise StepError(f"{file} has no column {target!r}; {hint}")
    return Guesses(dialect, decimal, missing, columns, rows, target or _target(columns))


def _commas(columns: Iterable[Counter[str]]) -> bool:
    """Whether more columns are numbers with a decimal comma than with a point."""
    found = [[text for text in column if text and text.lower() not in _MISSING] for column in columns]
    comma = sum(any("," in text for text in texts) and all(_is_number(text, ",") for text in texts) for texts in found)
    point = sum(any("." in text for text in texts) and all(_is_number(text, ".") for text in texts) for texts in found)
    return comma > point


def _missing_words(columns: Iterable[Counter[str]], decimal: str) -> set[str]:
    """Words like NA that come in columns of numbers, and nowhere else: there they may be a value."""
    found, elsewhere = set[str](), set[str]()
    for column in columns:
        words = {text for text in column if text.lower() in _MISSING}
        others = [text for text in column if text and text not in words]
        numbers = bool(others) and all(_is_number(text, decimal) for text in others)
        (found if numbers else elsewhere).update(words)
    return found - elsewhere


def _guess(name: str, column: Counter[str], rows: int, decimal: str, missing: tuple[str, ...]) -> Guess:
    present = Counter({text: number for text, number in column.items() if text not in missing})
    found = _typed_guess(name, present, rows, decimal)
    if found.type in ("Number", "Time", "Boolean"):
        return found
    personal = personal_findings(pa.table({name: pa.array(present, pa.string())}))
    return replace(found, personal=personal[0].kind if personal else None)


def _typed_guess(name: str, present: Counter[str], rows: int, decimal: str) -> Guess:
    share = 1 - present.total() / rows
    if len(present) < 2:
        return Guess(None, share)
    unique = len(present) == rows
    if unique and (name.lower() in ("id", "key", "uuid") or name.lower().endswith("_id")):
        return Guess("Key")
    if {text.lower() for text in present} in _TRUTHS:
        return Guess("Boolean", share, dict(present.most_common()))
    if all(_is_time(text, UTC) for text in present):
        return Guess("Time", share, has_offsets=all(_is_time(text, None) for text in present))
    # 007 is no number, but a code that would lose its zeros.
    numbers = all(_is_number(text, decimal) and not _is_code(text) for text in present)
    if numbers and not (len(present) == 2 and name.lower() in _TARGET_NAMES):
        whole = all(INTEGER.fullmatch(text) for text in present)
        values = [float(text.replace(decimal, ".")) for text in present]
        return Guess("Integer" if whole else "Number", share, dict(present.most_common(3)), min(values), max(values))
    if len(present) <= min(_MOST_VALUES, max(2, rows // 2)):
        return Guess("Category", share, dict(present.most_common()))
    # Notes are different in every row too, and say nothing of which row it is.
    return Guess("Key" if unique and not any(" " in text for text in present) else None, share)


def _is_number(text: str, decimal: str) -> bool:
    """Whether the source would read it as one."""
    if decimal == "," and "." in text:
        return False
    written = text.replace(decimal, ".")
    return NUMBER.fullmatch(written) is not None and math.isfinite(float(written))


def _is_time(text: str, zone: tzinfo | None) -> bool:
    try:
        microseconds(text, zone)
    except NoTime:
        return False
    return True


def _is_code(text: str) -> bool:
    """007, and numbers of more digits than a double holds: they would not come back as they were."""
    digits = text.lstrip("+-")
    return digits.isdigit() and ((len(digits) > 1 and digits.startswith("0")) or len(digits) > _DIGITS)


def _target(columns: Mapping[str, Guess]) -> str | None:
    """A column of two values with a telling name, or else the last column of two values; without any the same of more
    values."""
    full = [
        name
        for name, guess in columns.items()
        if guess.type not in (None, "Key", "Time") and not (guess.missing or guess.personal)
    ]
    two = [name for name in full if len(columns[name].values) == 2]
    for found in (two, full):
        named = [name for name in found if name.lower() in _TARGET_NAMES]
        if found:
            return (named or found[::-1])[0]
    return None
