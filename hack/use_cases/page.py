"""Figures in the pages of the use cases, between two marks; the words around them are people's."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from .measure import CaseResult, Scores, scores

_BEGIN, _END = "<!-- Written by make use-cases -->", "<!-- Until here -->"


def with_figures(page: str, table: Sequence[str]) -> str:
    """`page` with `table` between its marks. Raises ValueError if it has none."""
    block = "\n".join([_BEGIN, "", *table, "", _END])
    found, times = re.subn(f"{re.escape(_BEGIN)}.*?{re.escape(_END)}", lambda _: block, page, flags=re.DOTALL)
    if times != 1:
        raise ValueError(f"the page has {times} places between {_BEGIN} and {_END}, and one is wanted")
    return found


def case_table(tested: CaseResult) -> list[str]:
    """The figures of one use case: its model, no model, and the best that is possible."""
    share = np.full(len(tested.truth), tested.truth.mean())
    rows = [
        f"| {len(tested.truth):,} test rows | {tested.truth.sum():,} {tested.case.positives} "
        "| ROC AUC | PR AUC | log loss |",
        "|---|---|---|---|---|",
        _row("the model", tested.algorithm, tested.model_scores),
    ]
    if tested.best_scores is not None:
        rows.append(_row("the best possible", "the true probabilities", tested.best_scores))
    rows.append(_row("no model", "always the same", scores(tested.truth, share)))
    return rows


def overview(all_tested: Sequence[CaseResult]) -> list[str]:
    """The table of all use cases."""
    rows = [
        "| use case | data | rows | model | ROC AUC | best possible | PR AUC | best possible |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for tested in all_tested:
        case, model, best = tested.case, tested.model_scores, tested.best_scores
        known = ("not known", "not known") if best is None else (f"{best.roc_auc:.3f}", f"{best.pr_auc:.3f}")
        rows.append(
            f"| [{case.title}]({case.name}.md) | {case.data} | {tested.rows:,} | {tested.algorithm} "
            f"| {model.roc_auc:.3f} | {known[0]} | {model.pr_auc:.3f} | {known[1]} |"
        )
    return rows


def _row(who: str, what: str, found: Scores) -> str:
    return f"| {who} | {what} | {found.roc_auc:.3f} | {found.pr_auc:.3f} | {found.log_loss:.4f} |"
