"""A draft of `training.yaml` for a table: what can be seen in it is filled in, and what cannot is asked in comments."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

from ..definition.metrics import BINARY, MULTICLASS, REGRESSION
from ..definition.quality import Checks
from .inference import Guess, Guesses

_ALGORITHMS = {BINARY: "LogisticRegression", MULTICLASS: "LogisticRegression", REGRESSION: "Ridge"}
_GATES = {BINARY: ("rocAuc", 0.7), MULTICLASS: ("accuracy", 0.7), REGRESSION: ("r2", 0.3)}

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_ -]*")
_NO_TEXT = frozenset({"true", "false", "null", "~", "yes", "no", "on", "off"})


def draft(file: Path, seen: Guesses) -> str:
    """The text of a definition for the table `file`, which passes the checks as it is unless nothing looks like a
    target."""
    return "\n".join(_lines(file, seen)) + "\n"


def _lines(file: Path, seen: Guesses) -> Iterator[str]:
    name = re.sub(r"[^a-z0-9]+", "-", file.stem.lower()).strip("-")[:63].strip("-") or "model"
    yield f"# Made from {seen.rows:,} rows of {json.dumps(file.name)}. Check the lines with a"
    yield "# question mark, then: timoneiro training check, timoneiro training run"
    yield "apiVersion: timoneiro.dev/v1alpha1"
    yield "kind: Training"
    yield "metadata:"
    yield f"  name: {name}   # ? of the model, and of its ModelDeployment"
    yield "spec:"
    task = BINARY if seen.target is None else seen.columns[seen.target].task
    yield f"  task: {task}"
    yield "  source:"
    yield "    csv:"
    yield f"      path: {_text(str(file))}"
    yield f"      encoding: {seen.dialect.encoding}"
    yield f"      separator: {json.dumps(seen.dialect.separator)}"
    yield f"      decimal: {json.dumps(seen.decimal)}"
    yield f"      missing: [{', '.join(_text(text) for text in seen.missing)}]"
    yield "  columns:"
    # A key has to stay what it is, or be hashed, for which the draft knows no Secret.
    personal = {
        column: guess.personal
        for column, guess in seen.columns.items()
        if guess.personal and guess.type == "Key" and column != seen.target
    }
    ignored = [column for column, guess in seen.columns.items() if guess.type is None]
    for column, guess in seen.columns.items():
        if guess.type is not None and column not in personal:
            yield f"    {_text(column)}: {_column(guess, is_target=column == seen.target)}"
    if personal:
        kinds = "; ".join(f"{_text(column)}: {kind}" for column, kind in personal.items())
        yield f"  # ? What looks like personal data ({kinds}) is left out: a column of type Key may"
        yield "  # say `personal: Hash` instead, where spec.privacy.hashKeyFrom names the key."
    if ignored:
        yield "  # Text that is different in most rows, or the same in all of them."
    if ignored or personal:
        yield f"  ignore: [{', '.join(map(_text, [*personal, *ignored]))}]"
    yield from _target(seen)
    most = max((guess.missing for guess in seen.columns.values() if guess.type), default=0.0)
    if most > Checks().max_missing:
        accepted = math.ceil(most * 100) / 100
        yield f"  checks: {{maxMissing: {accepted:g}}}   # ? of the values of a column; {most:.1%} was seen"
    yield "  split: {test: 0.25, folds: 5}"
    yield f"  model: {{algorithm: {_ALGORITHMS[task]}}}"
    yield "  gates:"
    metric, least = _GATES[task]
    yield f"    - {{metric: {metric}, atLeast: {least:g}}}   # ? how good it has to be"
    yield f"    - {{metric: {metric}, champion: 0.01}}   # and not worse than the model that serves now"


def _column(guess: Guess, *, is_target: bool) -> str:
    if is_target and guess.type != "Boolean" and guess.task != REGRESSION:
        values = ", ".join(_text(value) for value in guess.values)
        return f"{{type: Category, values: [{values}]}}"
    fields = [f"type: {guess.type}"]
    if guess.personal and not is_target:
        # Its values are for no file that is kept with the code.
        return f"{{{fields[0]}, personal: Drop}}   # ? they look like {guess.personal}; or Generalise, or Keep"
    if guess.type == "Category":
        fields.append(f"values: [{', '.join(_text(value) for value in guess.values)}]")
    if guess.missing:
        fields.append("nullable: true")
    if guess.type == "Time":
        if not guess.has_offsets:
            fields.append("timeZone: UTC")
        zone = "its time zone; " if not guess.has_offsets else ""
        hint = f"{zone}parts to learn from, such as parts: [TimeOfDay, DayOfWeek]"
        return f"{{{', '.join(fields)}}}   # {'? ' if zone else ''}{hint}"
    seen = "" if guess.low is None else f"   # seen {guess.low:g} .. {guess.high:g}; set minimum and maximum"
    return f"{{{', '.join(fields)}}}{seen}"


def _target(seen: Guesses) -> Iterator[str]:
    if seen.target is None:
        yield "  # ? No column looks like it. Which one is to be predicted, and which of its values is judged?"
        yield "  target: {column: '', positive: ''}"
        return
    guess = seen.columns[seen.target]
    if guess.task != BINARY:
        yield f"  target: {{column: {_text(seen.target)}}}   # ? what is to be predicted"
        return
    rarer = list(guess.values)[-1]
    positive = rarer if guess.type != "Boolean" else _truth(rarer)
    yield f"  target: {{column: {_text(seen.target)}, positive: {_text(positive)}}}   # ? the class that is looked for"


def _truth(text: str) -> str:
    return "true" if text.lower() in ("true", "yes") else "false"


def _text(value: str) -> str:
    """As YAML: in quotes wherever it could be taken for something else."""
    if _PLAIN.fullmatch(value) and value.strip() == value and value.lower() not in _NO_TEXT:
        return value
    # YAML refuses what cannot be seen.
    return json.dumps(value, ensure_ascii=not value.isprintable())
