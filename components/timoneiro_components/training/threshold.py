"""The probability from which the positive class is answered, by what mistakes cost."""

from __future__ import annotations

import numpy as np

from ..definition.model import Costs
from ..tasks.answers import ModelAnswers


def cheapest_threshold(unseen: ModelAnswers, costs: Costs) -> float:
    """The threshold whose mistakes on rows that no model was fitted on cost least; half way between two scores.

    Of several the one that is nearest to what costs alone would give, were the probabilities right.
    """
    # Only their ratio matters, and their sum may be too large for a number.
    most = max(costs.false_positive, costs.false_negative)
    false_positive, false_negative = costs.false_positive / most, costs.false_negative / most
    by_costs = false_positive / (false_positive + false_negative)
    order = np.argsort(-unseen.score, kind="stable")
    score, positive = unseen.score[order], unseen.positive[order]
    # With the first k said to be positive, k from 0 to n.
    false_positives = np.concatenate([[0], np.cumsum(~positive)])
    false_negatives = positive.sum() - np.concatenate([[0], np.cumsum(positive)])
    total = false_positive * false_positives + false_negative * false_negatives
    edges = np.concatenate([[1.0], score, [0.0]])
    thresholds = (edges[:-1] + edges[1:]) / 2
    # Rows of the same score cannot be told apart.
    apart = np.concatenate([[True], score[:-1] != score[1:], [True]])
    best = np.flatnonzero(apart & np.isclose(total, total[apart].min(), rtol=1e-12, atol=0))
    return float(thresholds[best[np.abs(thresholds[best] - by_costs).argmin()]])
