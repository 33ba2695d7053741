"""Who brings a table in and checks it: our two steps, and the same questions to polars and duckdb.

The questions: how many values of each column are missing, outside of their limits, or none of their categories; rows
that are copies of others; keys that come twice; rows that break a rule; the smallest and the largest of each number. In
the end the rows are in a Parquet file. What our steps do beyond that (personal data, splits, leaks, quotes of RFC 4180,
digests) the others do not, so that they do less.
"""

# ruff: noqa: PLC0415  # each contestant pays for its own imports only

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.pipeline.table import CATEGORIES, NUMBERS, WHOLE, definition

_LIMITED = [f"x{number}" for number in range(NUMBERS)]
_WHOLE = [f"n{number}" for number in range(WHOLE)]


def timoneiro_ingest(folder: Path) -> int:
    from timoneiro_components.definition.reading import parse_training
    from timoneiro_components.ingest import ingest

    training = parse_training(definition(str(folder / "table.csv")))
    places = {name: folder / name for name in ("data", "holdout", "privacy", "dataset")}
    return ingest(training, **places).rows


def timoneiro_validate(folder: Path) -> int:
    from timoneiro_components.definition.reading import parse_training
    from timoneiro_components.validate import validate

    training = parse_training(definition(str(folder / "table.csv")))
    names = ("data", "holdout", "privacy", "accepted", "accepted_holdout", "quarantine", "report")
    places: dict[str, Any] = {name: folder / name for name in names}
    found = validate(training, **places)
    if found.reasons:
        raise ValueError(found.reasons)
    return found.rows


def polars(folder: Path) -> int:
    import polars as pl

    table = pl.scan_csv(folder / "table.csv")
    questions = [pl.len().alias("rows"), pl.col("id").n_unique().alias("keys")]
    questions += [pl.struct(pl.all()).hash().n_unique().alias("different"), (pl.col("n0") > pl.col("n1") + 100).sum()]
    questions += [pl.all().null_count().name.suffix(" missing")]
    questions += [pl.col(name).is_between(-100, 100).sum().alias(f"{name} within") for name in _LIMITED]
    questions += [pl.col(name).ge(0).sum().alias(f"{name} within") for name in _WHOLE]
    questions += [pl.col(name).is_in(values).sum().alias(f"{name} known") for name, values in CATEGORIES.items()]
    questions += [pl.col(name).min().name.suffix(" min") for name in [*_LIMITED, *_WHOLE]]
    questions += [pl.col(name).max().name.suffix(" max") for name in [*_LIMITED, *_WHOLE]]
    found = table.select(questions).collect(engine="streaming")
    table.sink_parquet(folder / "polars.parquet")
    return int(found["rows"][0])


def duckdb(folder: Path) -> int:
    import duckdb as engine

    names = [*_LIMITED, *_WHOLE, *CATEGORIES, "id", '"at"', "score", "member", "target"]
    questions = ["count(*)", "count(distinct id)", "sum((n0 > n1 + 100)::int)"]
    questions += [f"count(distinct hash({', '.join(names)}))", *(f"count({name})" for name in names)]
    questions += [f"sum(({name} between -100 and 100)::int), min({name}), max({name})" for name in _LIMITED]
    questions += [f"sum(({name} >= 0)::int), min({name}), max({name})" for name in _WHOLE]
    questions += [f"sum(({name} in {values!r})::int)" for name, values in CATEGORIES.items()]
    with engine.connect() as connection:
        connection.execute("set threads = 1")
        table = f"read_csv('{folder / 'table.csv'}')"
        found = connection.execute(f"select {', '.join(questions)} from {table}").fetchone()  # noqa: S608
        connection.execute(f"copy (from {table}) to '{folder / 'duckdb.parquet'}' (format parquet)")
    return int(found[0]) if found else 0


CONTESTANTS: Mapping[str, Callable[[Path], int]] = {
    "timoneiro ingest": timoneiro_ingest,
    "timoneiro validate": timoneiro_validate,
    "polars": polars,
    "duckdb": duckdb,
}

if __name__ == "__main__":
    print(json.dumps({"rows": CONTESTANTS[sys.argv[1]](Path(sys.argv[2]))}))
