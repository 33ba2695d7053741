"""Parameters of a run: from a file and from `--set`, checked against the pipeline before it starts.

Guarantees: every name exists and every value has the type that the pipeline declares, or a
ParameterError says which has not. Text stays text: version 1.10 does not become 1.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

Types = Mapping[str, str]
_WORDS = {"STRING": "text", "NUMBER_INTEGER": "a whole number", "NUMBER_DOUBLE": "a number", "BOOLEAN": "true or false"}


class ParameterError(ValueError):
    """A parameter cannot be used; the message names it and what is wanted."""


def run_parameters(types: Types, file: Path | None, settings: Sequence[str]) -> dict[str, Any]:
    """Values from the YAML `file`, then from `settings` (`name=value`), which win.

    `types` maps the pipeline's parameters to KFP's type names (STRING, NUMBER_INTEGER, NUMBER_DOUBLE,
    BOOLEAN). Parameters that are not given are left out: the pipeline has defaults.
    """
    values = {} if file is None else _from_file(types, file)
    for setting in settings:
        name, separator, text = setting.partition("=")
        if not separator:
            raise ParameterError(f"--set {setting}: write --set name=value")
        kind = _type_of(types, name, where="--set")
        values[name] = _checked(name, text if kind == "STRING" else _parse(name, text), kind, where="--set")
    return values


def _from_file(types: Types, file: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ParameterError(f"{file} cannot be read as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise ParameterError(f"{file} must hold lines of name: value")
    return {
        str(name): _checked(str(name), value, _type_of(types, str(name), where=str(file)), where=str(file))
        for name, value in document.items()
    }


def _type_of(types: Types, name: str, *, where: str) -> str:
    if name not in types:
        raise ParameterError(f"{where}: there is no parameter {name!r}; known are: {', '.join(sorted(types))}")
    return types[name]


def _parse(name: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ParameterError(f"--set: parameter {name!r} cannot be read: {text}") from error


def _checked(name: str, value: Any, kind: str, *, where: str) -> Any:
    if kind == "NUMBER_DOUBLE" and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    wanted = {"STRING": str, "NUMBER_INTEGER": int, "NUMBER_DOUBLE": float, "BOOLEAN": bool}[kind]
    if type(value) is not wanted:
        hint = f'; write {name}: "{value}"' if kind == "STRING" else ""
        raise ParameterError(f"{where}: parameter {name!r} must be {_WORDS[kind]}, not {value!r}{hint}")
    return value
