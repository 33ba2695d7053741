"""Tables on disk, and splits that depend on the content of a row and on nothing else.

Guarantees: a table survives being written and read bit for bit. A row falls on the same side of a
split in every run, whatever the seed, the order and the other rows are: a model of last month has
not been trained on the rows that this month's candidate is tested on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from .errors import StepError


def write_table(frame: pd.DataFrame, path: Path) -> str:
    """Writes CSV with a header; gives the digest of the bytes, `sha256:<hex>`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = frame.to_csv(index=False, lineterminator="\n").encode()
    path.write_bytes(content)
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def read_table(path: Path) -> pd.DataFrame:
    """The table as it was written. Raises StepError if the file is missing or is no CSV."""
    try:
        # The default parser is fast and off by one unit in the last place now and then.
        return pd.read_csv(path, float_precision="round_trip")
    except (OSError, ValueError) as error:
        raise StepError(f"{path} cannot be read as a CSV table: {error}") from error


def table_digest(path: Path) -> str:
    """The digest that `write_table` gave for the file."""
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def take_rows(frame: pd.DataFrame, count: int, *, purpose: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`count` rows chosen by content for `purpose`, and the others; both in the order of the table."""
    keys = pd.Series(_row_keys(frame, purpose), index=frame.index)
    chosen = keys.index.isin(keys.sort_values(kind="stable").index[:count])
    return frame[chosen], frame[~chosen]


def take_fraction(frame: pd.DataFrame, fraction: float, *, purpose: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """About `fraction` of the rows, chosen by content for `purpose`, and the others."""
    chosen = pd.Series(_row_keys(frame, purpose), index=frame.index) < int(fraction * 2**62)
    return frame[chosen], frame[~chosen]


def _row_keys(frame: pd.DataFrame, purpose: str) -> Sequence[int]:
    """One number in 0..2**62 for each row, uniform, from its content and the purpose."""
    lines = frame.to_csv(index=False, header=False, lineterminator="\n").splitlines()
    digests = (hashlib.sha256(f"{purpose}\n{line}".encode()).digest() for line in lines)
    return [int.from_bytes(digest[:8], "big") >> 2 for digest in digests]
