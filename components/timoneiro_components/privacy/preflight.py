"""What can be told of the protection of data before anything runs. Quick to import."""

from __future__ import annotations

from ..definition.training import Training
from .erasure import erasure_list
from .treatment import hash_key


def check_privacy(training: Training) -> None:
    """Raises StepError for a key that is missing, and for a list of erased rows that cannot be read."""
    hash_key(training)
    erasure_list(training)
