"""What a store has to do for a package: all that differs between protocols."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class StoreFault(Exception):
    """The store does not do what it is asked; says why, and what helps."""


class PackageFiles(Protocol):
    """The files of one package in a store, by their names relative to it (with `/`). What is written is there whole or
    not at all. Every method raises StoreFault."""

    def require_writable(self) -> None:
        """Raises StoreFault where it can be told before that nothing can be written."""

    def names(self) -> Sequence[str]:
        """All that are there; none if there is no such package."""

    def read(self, name: str) -> bytes:
        """The content of one that is there."""

    def create(self, name: str, content: bytes) -> bool:
        """Writes it unless it is there; False if it is."""
