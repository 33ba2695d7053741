"""Step: tell registries of the package that is published.

Guarantees: a registry that was told already is told nothing again; one that fails keeps none of the others from being
told.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from .definition.training import Training
from .errors import StepError
from .registries.connecting import registries_of
from .registries.entry import RegistryRecord, entry_of


def check_registries(training: Training, version: str) -> None:
    """Raises StepError if a registry that the definition names cannot be asked, may not be written to by whom the
    environment names, or has that version already. Writes nothing."""
    for registry in list(registries_of(training)):
        registry.check(version)


def register(training: Training, package: Path, *, uri: str, run: str = "", commit: str = "") -> list[RegistryRecord]:
    """Registers the folder `package`, which is published at `uri`, in all registries that the definition names.

    `run` and `commit` say where it comes from, "" where that is not known. Raises StepError, when all of them were
    asked, if one did not take it.
    """
    done: list[RegistryRecord] = []
    failed: list[str] = []
    try:
        registries = list(registries_of(training))
        entry = entry_of(training, package, uri=uri, run=run, commit=commit)
    except StepError as error:
        raise StepError(_unregistered(uri, [str(error)])) from error
    for registry in registries:
        try:
            done.append(registry.register(entry))
        except StepError as error:
            failed.append(str(error))
    if failed:
        raise StepError(_unregistered(uri, failed))
    return done


def write_records(records: Sequence[RegistryRecord], path: Path) -> None:
    """Leaves where it is registered, as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"schemaVersion": 1, "registered": [asdict(record) for record in records]}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def summary(records: Sequence[RegistryRecord]) -> str:
    """One line for people: what each registry calls it."""
    return ", ".join(f"{record.registry} {record.model} {record.number}" for record in records)


def _unregistered(uri: str, reasons: Sequence[str]) -> str:
    again = f"`timoneiro model register {uri}` does what is left, as often as it is called"
    return f"{uri} is published, but not registered: {'; '.join(reasons)}; {again}"
