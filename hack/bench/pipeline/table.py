"""A table of 30 columns as people have them, made with a seed and written as CSV in bounded memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

_PART = 100_000
NUMBERS, WHOLE = 20, 3
CATEGORIES = {"channel": ("web", "shop", "phone"), "region": ("north", "south", "east", "west")}
DEFINITION = """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {{name: bench}}
spec:
  source: {{csv: {{path: {file}}}}}
  columns:
    id: {{type: Key}}
    at: {{type: Time}}
{columns}
    member: {{type: Boolean}}
    target: {{type: Category, values: [good, bad]}}
  target: {{column: target, positive: bad}}
  checks:
    rules: [{{name: order, expression: n0 <= n1 + 100}}]
"""


def definition(file: str) -> str:
    """The definition of the table in `file`."""
    columns = [f"    x{number}: {{type: Number, minimum: -100, maximum: 100}}" for number in range(NUMBERS)]
    columns += [f"    n{number}: {{type: Integer, minimum: 0, nullable: true}}" for number in range(WHOLE)]
    columns += [f"    {name}: {{type: Category, values: [{', '.join(values)}]}}" for name, values in CATEGORIES.items()]
    columns.append("    score: {type: Number, nullable: true}")
    return DEFINITION.format(file=file, columns="\n".join(columns))


def write(file: Path, rows: int) -> None:
    """`rows` rows of it."""
    random, writer = np.random.default_rng(17), None
    with file.open("wb") as stream:
        for first in range(0, rows, _PART):
            part = _part(random, first, min(_PART, rows - first))
            writer = writer or csv.CSVWriter(stream, part.schema)
            writer.write_table(part)
        if writer is not None:
            writer.close()


def _part(random: np.random.Generator, first: int, count: int) -> pa.Table:
    seconds = 1_700_000_000 + first * 3 + np.arange(count) * 3
    columns = {
        "id": pa.array([f"p{number}" for number in range(first, first + count)]),
        "at": pa.array(np.datetime_as_string(seconds.astype("datetime64[s]"), timezone="UTC")),
    }
    for number in range(NUMBERS):
        columns[f"x{number}"] = pa.array(random.normal(0, 10, count).round(4))
    for number in range(WHOLE):
        columns[f"n{number}"] = pa.array(random.integers(0, 100, count))
    for name, values in CATEGORIES.items():
        columns[name] = pa.array(random.choice(values, count))
    columns["score"] = pa.array(random.random(count).round(6), mask=random.random(count) < 0.02)
    columns["member"] = pa.array(random.random(count) < 0.5)
    columns["target"] = pa.array(np.where(random.random(count) < 0.1, "bad", "good"))
    return pa.table(columns)
