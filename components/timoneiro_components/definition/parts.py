"""A definition of several tables as one of each: what is read of the main one, and of each joined one.

Columns that only a join needs (keys that are not described, times) are read as text.
"""

from __future__ import annotations

from .columns import Column
from .joins import Join
from .training import Training

_TEXT = Column(type="Key")


def main_part(training: Training) -> Training:
    """What is read of the main table."""
    spec = training.spec
    joined = {name for join in spec.joins for name in join.columns}
    columns = {name: column for name, column in spec.columns.items() if name not in joined}
    for join in spec.joins:
        for name in (*join.on, *((join.as_of.left,) if join.as_of else ())):
            columns.setdefault(name, _TEXT)
    return _with(training, columns=columns, joins=())


def joined_part(training: Training, join: Join) -> Training:
    """What is read of a joined table."""
    names = (*join.on, *join.columns, *((join.as_of.right,) if join.as_of else ()))
    columns = {name: training.spec.columns.get(name, _TEXT) for name in names}
    if join.as_of and (asked := training.spec.columns.get(join.as_of.left)):
        # Both times are written, and meant, in one way.
        columns[join.as_of.right] = asked
    return _with(training, source=join.source, columns=columns, ignore=join.ignore, joins=())


def _with(training: Training, **changes: object) -> Training:
    return training.model_copy(update={"spec": training.spec.model_copy(update=changes)})
