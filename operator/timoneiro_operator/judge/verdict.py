"""From evidence to a verdict, with the two error probabilities that the user has stated."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from timoneiro_operator.judge.comparison import Comparison
from timoneiro_operator.judge.evidence import log_sum_exp

Verdict = Literal["Worse", "NotWorse", "Undecided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict on the whole candidate, and on each metric."""

    verdict: Verdict
    metrics: Mapping[str, Verdict]


def judge(comparisons: Mapping[str, Comparison], *, false_rollback: float, false_promotion: float) -> Judgement:
    """Judge a candidate by all metrics together.

    Worse: the mean of the evidence over the metrics has reached 1 / false_rollback (a mean of e-values is one,
    however the metrics depend on each other). NotWorse: every metric by itself has reached 1 / false_promotion at
    some time (intersection-union: no correction needed). Otherwise Undecided.
    """
    logs = {name: comparison.log_worse for name, comparison in comparisons.items()}
    mean = log_sum_exp(logs.values()) - math.log(len(logs)) if logs else -math.inf
    worse = mean >= math.log(1.0 / false_rollback)
    highest = max(logs.values(), default=-math.inf)
    metrics: dict[str, Verdict] = {}
    for name, comparison in comparisons.items():
        if worse and logs[name] >= min(highest, math.log(1.0 / false_rollback)):
            metrics[name] = "Worse"
        elif comparison.best_log_not_worse >= math.log(1.0 / false_promotion):
            metrics[name] = "NotWorse"
        else:
            metrics[name] = "Undecided"
    if worse:
        verdict: Verdict = "Worse"
    elif metrics and all(value == "NotWorse" for value in metrics.values()):
        verdict = "NotWorse"
    else:
        verdict = "Undecided"
    return Judgement(verdict=verdict, metrics=metrics)
