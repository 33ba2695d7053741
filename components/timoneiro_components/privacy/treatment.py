"""What happens to columns of personal data before anything is written: hashed, or made coarser. Dropped ones were not
read."""

from __future__ import annotations

import hmac
import os

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from timoneiro_serving.coarsening import middles

from ..definition.columns import Column
from ..definition.training import Training
from ..errors import StepError

_LEAST_KEY = 16


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
    """Each number becomes the middle of its bin."""
    chunks = []
    for chunk in values.chunks:
        numbers = pc.fill_null(chunk, 0).to_numpy(zero_copy_only=False)
        try:
            found = middles(numbers, column.bin_width or 1, column.minimum, column.maximum)
        except OverflowError as error:
            raise StepError(f"column {name!r} has {error}") from None
        chunks.append(pa.array(found, values.type, mask=np.asarray(chunk.is_null())))
    return pa.chunked_array(chunks, values.type)
