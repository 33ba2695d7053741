"""Whether each column comes from one table, and each join finds the columns that it joins by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .joins import Join
from .problems import Contradiction, Path
from .source_checks import source_faults
from .training import TrainingSpec


def join_faults(spec: TrainingSpec) -> Iterator[Contradiction]:
    """Every contradiction of `spec.joins`: where it is, and a sentence."""
    origins: dict[str, int] = {}
    for position, join in enumerate(spec.joins):
        for name in join.columns:
            origins.setdefault(name, position)
    for position, join in enumerate(spec.joins):
        path: Path = ("spec", "joins", position)
        yield from source_faults(join.source, (*path, "source"))
        yield from _taken(path, spec, join, origins)
        yield from _keys(path, spec, join, origins)
        yield from _times(path, spec, join)
        needed = {*join.on, *join.columns, *((join.as_of.right,) if join.as_of else ())}
        for place, name in enumerate(join.ignore):
            if name in needed:
                yield (*path, "ignore", place), f"{name!r} is joined: leave it out there or here"


def _taken(path: Path, spec: TrainingSpec, join: Join, origins: Mapping[str, int]) -> Iterator[Contradiction]:
    for place, name in enumerate(join.columns):
        where = (*path, "columns", place)
        if name in join.columns[:place]:
            yield where, f"{name!r} is there twice"
        elif name in join.on:
            yield where, f"{name!r} is in `on` too, and comes from the main table"
        elif name not in spec.columns:
            yield where, f"spec.columns has no {name!r}: describe it there"
        elif origins[name] != path[-1]:
            yield where, f"{name!r} comes from spec.joins[{origins[name]}] already"


def _keys(path: Path, spec: TrainingSpec, join: Join, origins: Mapping[str, int]) -> Iterator[Contradiction]:
    for place, name in enumerate(join.on):
        where = (*path, "on", place)
        if name in join.on[:place]:
            yield where, f"{name!r} is there twice"
        elif origins.get(name, path[-1]) != path[-1]:
            yield where, f"{name!r} comes from spec.joins[{origins[name]}], and has to be one of the main table"
        elif name in spec.columns and spec.columns[name].type == "Number":
            yield where, f"{name!r} is a Number, and fractions are not compared: use a Key or an Integer"


def _times(path: Path, spec: TrainingSpec, join: Join) -> Iterator[Contradiction]:
    if join.as_of is None:
        return
    left, right = join.as_of.left, join.as_of.right
    described = spec.columns.get(left)
    if left in join.columns or left in join.on or (described is not None and described.type != "Time"):
        yield (*path, "asOf", "left"), f"{left!r} is a time: describe it as one, or not at all"
    if right in join.columns or right in join.on or (right in spec.columns and right != left):
        yield (*path, "asOf", "right"), f"{right!r} is a time, which nothing is learnt from: describe it here only"
