"""What happens to columns of personal data before anything is written: hashed, or made coarser. Dropped ones were not
read."""

from __future__ import annotations

import hmac
import math
import os

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..definition.columns import Column
from ..definition.training import Training
from ..errors import StepError

_LEAST_KEY = 16
_INT64 = 2**63


def hash_key(training: Training) -> bytes | None:
    """The key of the definition's hashes; None if it has none. Raises StepError where it is missing, or too short."""
    if not any(column.personal == "Hash" for column in training.columns.values()):
        return None
    said = training.spec.privacy.hash_key_from
    name = said.env if said else ""
    # A Secret that was made from a file mostly ends with a line break.
    key = os.environ.get(name, "").strip()
    if len(key) < _LEAST_KEY:
        found = f"has fewer than {_LEAST_KEY} characters" if key else "is not set"
        raise StepError(
            f"spec.privacy.hashKeyFrom: the environment variable {name} {found}: it holds the key for columns with "
            "`personal: Hash`, on a cluster from a Secret"
        )
    return key.encode()


def treated(table: pa.Table, training: Training, key: bytes | None) -> pa.Table:
    """The table with every column as its `personal` says. Raises StepError for numbers that no bin holds."""
    for position, (name, column) in enumerate(training.columns.items()):
        values = table.column(name)
        if column.personal == "Hash" and key is not None:
            table = table.set_column(position, table.field(position), _hashed(values, key))
        elif column.personal == "Generalise":
            coarse = _prefixes(values, column) if column.prefix_length is not None else _binned(name, values, column)
            table = table.set_column(position, table.field(position), coarse)
    return table


def _hashed(values: pa.ChunkedArray, key: bytes) -> pa.ChunkedArray:
    """HMAC-SHA-256 of each text, in hexadecimal digits."""
    chunks = []
    for chunk in values.chunks:
        encoded = chunk.dictionary_encode()
        digests = [hmac.digest(key, text.encode(), "sha256").hex() for text in encoded.dictionary.to_pylist()]
        chunks.append(pa.array(digests, pa.string()).take(encoded.indices))
    return pa.chunked_array(chunks, pa.string())


def _prefixes(values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    return pc.utf8_slice_codeunits(values, 0, column.prefix_length)


def _binned(name: str, values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    """Each number becomes the middle of its bin. Where limits cut the bin, it is the nearest number within them; a
    number outside the limits stays outside, so that the checks still find it."""
    whole = column.type == "Integer"
    width = int(column.bin_width or 1) if whole else float(column.bin_width or 1)
    least, most = column.minimum, column.maximum
    if whole:
        # Whole limits, within what numpy compares whole numbers with.
        least = None if least is None else max(math.ceil(least), -_INT64)
        most = None if most is None else min(math.floor(most), _INT64 - 1)
    chunks = []
    for chunk in values.chunks:
        numbers = pc.fill_null(chunk, 0).to_numpy(zero_copy_only=False)
        # What is too large for its bin is told below.
        with np.errstate(over="ignore", invalid="ignore"):
            first = np.floor_divide(numbers, width) * width if whole else np.floor(numbers / width) * width
            last = first + (width - 1) if whole else np.nextafter(first + width, first)
            found = first + (width // 2 if whole else width / 2)
        if not ((first <= numbers) & (numbers <= last)).all():
            raise StepError(f"column {name!r} has numbers that no bin of {width:g} holds: they are too large")
        if least is not None:
            found = np.where(numbers < least, first, np.maximum(found, least))
        if most is not None:
            found = np.where(numbers > most, last, np.minimum(found, most))
        chunks.append(pa.array(found, values.type, mask=np.asarray(chunk.is_null())))
    return pa.chunked_array(chunks, values.type)
