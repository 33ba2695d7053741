"""Single fields of a definition from the command line: `--set spec.model.seed=3`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .document import Document, read_document
from .problems import DefinitionError, DefinitionProblem

_PART = re.compile(r'([^.\[\]]+)|\[(\d{1,6})\]|\["([^"]+)"\]')
_VALUE = "value"


def with_settings(document: Document, settings: Sequence[str]) -> Document:
    """The document with each `path=value` of `settings` in it; values are YAML, as in the file.

    A name with dots stands in brackets: `spec.columns["a.b"].minimum=0`.

    Raises DefinitionError for what is no setting, or leads into what is neither an object nor a list.
    """
    for setting in settings:
        name, separator, text = setting.partition("=")
        parts = [int(number) if number else word or quoted for word, number, quoted in _PART.findall(name)]
        if not separator or not parts:
            raise DefinitionError("--set", [DefinitionProblem(0, setting, "write --set spec.model.seed=3")])
        said = read_document(f"{_VALUE}: {text}", f"--set {name}")
        if set(said.data) != {_VALUE}:
            raise DefinitionError("--set", [DefinitionProblem(0, name, "one value is wanted, in one line")])
        path = tuple(parts)
        # It stands in no line of the file.
        lines = {known: line for known, line in document.lines.items() if known[: len(path)] != path}
        written = {(*path, *inner[1:]): as_written for inner, as_written in said.written.items()}
        document = replace(
            document,
            data=_set(document.data, parts, said.data[_VALUE], name),
            problems=(*document.problems, *said.problems),
            lines={path[:length]: 0 for length in range(1, len(path) + 1)} | lines,
            written={**document.written, **written},
        )
    return document


def _set(data: Any, parts: Sequence[str | int], value: Any, name: str) -> Any:
    if not parts:
        return value
    first, rest = parts[0], parts[1:]
    if isinstance(first, int) and isinstance(data, tuple) and first < len(data):
        return (*data[:first], _set(data[first], rest, value, name), *data[first + 1 :])
    if isinstance(first, str) and (data is None or isinstance(data, dict)):
        inner = data or {}
        return {**inner, first: _set(inner.get(first), rest, value, name)}
    raise DefinitionError("--set", [DefinitionProblem(0, name, "it leads to nothing that the definition has")])
