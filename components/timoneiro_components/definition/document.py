"""YAML of which every value knows its line, and nothing changes its type on the way.

PyYAML reads YAML 1.1, where `no` is false, `1e-3` text and `12:30` a number. Here scalars are those of YAML 1.2's core
schema, which is what people expect who write JSON or Kubernetes manifests. What YAML can do beyond data (tags, anchors,
keys that are no text, keys that come twice) is refused: it is a mistake, or an attack.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from .problems import DefinitionError, DefinitionProblem, Path, field_of

MOST_BYTES = 2**20
_DEEPEST = 20
_LONGEST_NUMBER = 400
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Document:
    """What a text says. `lines`: of each value, by its path. `written`: how each scalar stands there.

    `problems`: what is no data; the rest is there, so that all faults can be told at once.
    """

    name: str
    data: Any
    problems: tuple[DefinitionProblem, ...] = ()
    lines: Mapping[Path, int] = field(default_factory=dict)
    written: Mapping[Path, str] = field(default_factory=dict)

    def line_of(self, path: Path) -> int:
        """The line of the value, or of the nearest one around it that is there; 0 where lines are not known."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 0)

    def problem(self, path: Path, sentence: str) -> DefinitionProblem:
        """A fault of the value at `path`."""
        return DefinitionProblem(self.line_of(path), field_of(path), sentence)


class _Core(yaml.SafeLoader):
    """Scalars of YAML 1.2's core schema."""


_Core.yaml_implicit_resolvers = {}
_Core.add_implicit_resolver(f"{_TAG}null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Core.add_implicit_resolver(f"{_TAG}bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Core.add_implicit_resolver(f"{_TAG}int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789"))
_Core.add_implicit_resolver(
    f"{_TAG}float",
    re.compile(
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+.0123456789"),
)


def read_document(text: str, name: str) -> Document:
    """The document in `text`, which is called `name` in sentences. Raises DefinitionError if it is none at all."""
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        raise DefinitionError(
            name, [DefinitionProblem(0, "", "it is larger than 1 MiB, which no definition is: is it the table?")]
        )
    try:
        node = _Core(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise DefinitionError(name, [DefinitionProblem(line, "", f"it is no YAML: {_words(error)}")]) from None
    except (yaml.YAMLError, ValueError) as error:
        raise DefinitionError(
            name, [DefinitionProblem(0, "", f"it is no YAML: {' '.join(str(error).split())}")]
        ) from None
    except RecursionError:
        raise DefinitionError(name, [DefinitionProblem(0, "", "it is nested too deeply")]) from None
    reader = _Reader()
    data = None if node is None else reader.read(node, ())
    if not isinstance(data, dict):
        begin = DefinitionProblem(0, "", "it must begin with `apiVersion: timoneiro.dev/v1alpha1`")
        raise DefinitionError(name, [*reader.problems, begin])
    return Document(name, data, tuple(reader.problems), reader.lines, reader.written)


class _Reader:
    """Turns the nodes of one text into data."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.written: dict[Path, str] = {}
        self.problems: list[DefinitionProblem] = []
        self._seen: set[int] = set()

    def read(self, node: Any, path: Path, line: int | None = None) -> Any:
        """`line`: of the key, where the value has one."""
        self.lines[path] = node.start_mark.line + 1 if line is None else line
        if id(node) in self._seen:
            return self._refuse(path, "anchors and aliases (& and *) are not supported: write the value again")
        self._seen.add(id(node))
        if len(path) > _DEEPEST:
            return self._refuse(path, "it is nested too deeply")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return tuple(self.read(entry, (*path, position)) for position, entry in enumerate(node.value))
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or key.tag != f"{_TAG}str":
                self.problems.append(DefinitionProblem(line, field_of(path), _bad_key(key, value)))
                continue
            name = _whole(key.value)
            inner = (*path, name)
            if name in found:
                self.problems.append(
                    DefinitionProblem(line, field_of(inner), f"it is there twice, first in line {self.lines[inner]}")
                )
                continue
            found[name] = self.read(value, inner, line)
        return found

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        self.written[path] = node.value
        kind = node.tag.removeprefix(_TAG)
        if kind == "str":
            return _whole(node.value)
        if kind == "null":
            return None
        if kind == "bool":
            return node.value.lower() == "true"
        try:
            if kind == "int" and len(node.value) <= _LONGEST_NUMBER:
                return int(node.value)
            if kind == "float":
                return float(node.value.lower().replace(".inf", "inf").replace(".nan", "nan"))
        except ValueError:
            return self._refuse(path, f"{node.tag} calls it a number, and it is none")
        return self._refuse(
            path, f"{node.tag} is no kind of value that is known here: write plain text, numbers and lists"
        )

    def _refuse(self, path: Path, sentence: str) -> None:
        self.problems.append(DefinitionProblem(self.lines[path], field_of(path), sentence))


def _whole(text: str) -> str:
    """JSON writes a character beyond the first 65,536 as two escapes, which YAML keeps apart. Half of one is none."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _bad_key(key: Any, value: Any) -> str:
    if not isinstance(key, yaml.ScalarNode):
        return "names of fields and columns are text, and neither lists nor objects"
    if isinstance(value, yaml.ScalarNode) and not value.value:
        return f"{key.value} is no field; if it is a fraction, write the number with a point: 0.95"
    return f'names of fields and columns are text: write "{key.value}" in quotes'


def _words(error: yaml.MarkedYAMLError) -> str:
    """Without the excerpt: a definition may be shown where its values may not."""
    return ", ".join(part for part in (error.context, error.problem) if part) or "it cannot be read"
