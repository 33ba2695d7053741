"""Model cards from files that a person names: the package folder of the pipeline, or the card in it.

A package holds `README.md`, the card, and `timoneiro.json`, the manifest. Every failure is a CliError (usage), and
nothing larger than a card is ever read.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from timoneiro_operator.cli.errors import USAGE, CliError
from timoneiro_operator.cli.report.content import Card

CARD_FILE = "README.md"
MANIFEST_FILE = "timoneiro.json"
_LARGEST = 1 << 20
_FRONT = re.compile(r"\A---\n.*?^---\n\s*", re.DOTALL | re.MULTILINE)


def read_cards(options: Sequence[str]) -> dict[str, Card]:
    """The cards of `VERSION=PATH` options, by version. Of two for the same version the last one counts."""
    cards: dict[str, Card] = {}
    for option in options:
        version, equals, path = option.partition("=")
        if not (version and equals and path):
            raise CliError(f"--card {option}: write VERSION=PATH, for example --card 14=packages/14", code=USAGE)
        cards[version] = _card(Path(path), version)
    return cards


def _card(path: Path, version: str) -> Card:
    if path.is_dir():
        text = _words(_text(path / CARD_FILE)) if (path / CARD_FILE).exists() else None
        manifest = _manifest(path / MANIFEST_FILE) if (path / MANIFEST_FILE).exists() else None
        if text is None and manifest is None:
            raise CliError(f"--card: there is neither {CARD_FILE} nor {MANIFEST_FILE} in {path}", code=USAGE)
    elif path.suffix == ".json":
        text, manifest = None, _manifest(path)
    else:
        text, manifest = _words(_text(path)), None
    return Card(text=text, manifest=manifest, doubt=_doubt(manifest, version))


def _words(card: str) -> str:
    """The card without the YAML in front, which is for programs: as Markdown it would be a heading."""
    return _FRONT.sub("", card, count=1)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise CliError(f"--card: {path} is larger than 1 MiB: too large for a model card", code=USAGE)
        return content.decode("utf-8")
    except OSError as error:
        raise CliError(f"--card: {path} cannot be read: {error.strerror}", code=USAGE) from error
    except UnicodeDecodeError as error:
        raise CliError(f"--card: {path} is not UTF-8 text", code=USAGE) from error


def _manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(_text(path))
    except ValueError as error:
        raise CliError(f"--card: {path} is not JSON: {error}", code=USAGE) from error
    if not isinstance(manifest, dict):
        raise CliError(f"--card: {path} is not the manifest of a package", code=USAGE)
    return manifest


def _doubt(manifest: dict[str, Any] | None, version: str) -> str | None:
    """People mix up folders; a revision says nothing about the version, so it is only the word of the manifest."""
    told = manifest.get("version") if manifest else None
    return f"its manifest says version {told}" if told is not None and str(told) != version else None
