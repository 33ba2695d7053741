"""What is wrong with `spec.checks.rules` that a rule alone cannot tell."""

from __future__ import annotations

from collections.abc import Iterator

from .expressions import ExpressionError, parse_expression
from .problems import Contradiction, Path
from .training import Training


def rule_faults(training: Training) -> Iterator[Contradiction]:
    """Every fault: where it is, and a sentence."""
    rules = training.spec.checks.rules
    names = [rule.name for rule in rules]
    for position, rule in enumerate(rules):
        path: Path = ("spec", "checks", "rules", position)
        if rule.name in names[:position]:
            yield (*path, "name"), f"two rules are called {rule.name!r}: rename one"
        if (rule.expression is None) == (rule.function is None):
            found = "there is none" if rule.expression is None else "there are both"
            yield path, f"exactly one of expression and function is wanted, and {found}"
        elif rule.expression is not None:
            try:
                parse_expression(rule.expression, training.columns)
            except ExpressionError as error:
                yield (*path, "expression"), str(error)
