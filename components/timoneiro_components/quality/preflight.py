"""What can be told of rules before anything runs, beside what their expressions say. Quick to import."""

from __future__ import annotations

from ..definition.training import Training
from ..functions import imported


def check_rules(training: Training) -> None:
    """Raises StepError for a rule whose function cannot be imported. Expressions were checked with the definition."""
    for position, rule in enumerate(training.spec.checks.rules):
        if rule.function is not None:
            imported(rule.function, what=f"spec.checks.rules[{position}].function")
