"""The judge: is the candidate worse than the stable model, not worse, or can it not be known yet?

PURE: counts in, evidence and verdicts out; the standard library only; no clock, no Kubernetes. A notebook needs `Trial`
alone; the operator judges several metrics together by `judge`.
"""

from timoneiro_judge.comparison import Comparison, Counts, Dispersion, Limits, Spread, Window
from timoneiro_judge.forecast import Forecast, forecast
from timoneiro_judge.routing import log_e_mismatch
from timoneiro_judge.trial import Evidence, Needs, Ratio, Trial
from timoneiro_judge.verdict import Guard, Judgement, Part, Verdict, judge

__all__ = [
    "Comparison",
    "Counts",
    "Dispersion",
    "Evidence",
    "Forecast",
    "Guard",
    "Judgement",
    "Limits",
    "Needs",
    "Part",
    "Ratio",
    "Spread",
    "Trial",
    "Verdict",
    "Window",
    "forecast",
    "judge",
    "log_e_mismatch",
]
