"""What is wrong with a definition: a sentence for each fault, with the line and the field that it is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import StepError

# From the root of the document to a field: names, and positions in lists.
Path = tuple[str | int, ...]
# Where it is, and a sentence.
Contradiction = tuple[Path, str]


@dataclass(frozen=True, order=True)
class DefinitionProblem:
    """One fault. `line`: counted from 1; 0 where a text has no lines. `field`: as it is written in the document."""

    line: int
    field: str
    sentence: str

    def __str__(self) -> str:
        where = [f"line {self.line}"] if self.line else []
        where += [self.field] if self.field else []
        return f"{', '.join(where)}: {self.sentence}" if where else self.sentence


class DefinitionError(StepError):
    """A definition cannot be used; `problems` are all of its faults, in the order of their lines."""

    def __init__(self, name: str, problems: Iterable[DefinitionProblem]) -> None:
        self.name = name
        self.problems = tuple(sorted(problems))
        super().__init__(f"{name}: {'; '.join(map(str, self.problems))}")


def field_of(path: Path) -> str:
    """The path as people write it: `spec.gates[0].atLeast`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
