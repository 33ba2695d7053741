"""The judge: is the candidate worse than the stable model, not worse, or can it not be known yet?

PURE: counts in, evidence and verdicts out; the standard library only; no clock, no Kubernetes. A notebook needs
`Trial`, or `ShapeTrial` for whether both models answer alike; the operator judges several metrics together by `judge`.
"""

from timoneiro_judge.comparison import Comparison
from timoneiro_judge.counts import Counts, Dispersion, Limits, Spread, Window
from timoneiro_judge.forecast import Forecast, Needed, Preflight, Stage, forecast, preflight
from timoneiro_judge.routing import log_e_mismatch
from timoneiro_judge.shape import Bin, Bins, Difference, Shape
from timoneiro_judge.shape_trial import ShapeTrial
from timoneiro_judge.trial import Evidence, Needs, Ratio, Trial
from timoneiro_judge.verdict import Guard, Judgement, MetricVerdict, Part, Verdict, judge

__all__ = [
    "Bin",
    "Bins",
    "Comparison",
    "Counts",
    "Difference",
    "Dispersion",
    "Evidence",
    "Forecast",
    "Guard",
    "Judgement",
    "Limits",
    "MetricVerdict",
    "Needed",
    "Needs",
    "Part",
    "Preflight",
    "Ratio",
    "Shape",
    "ShapeTrial",
    "Spread",
    "Stage",
    "Trial",
    "Verdict",
    "Window",
    "forecast",
    "judge",
    "log_e_mismatch",
    "preflight",
]
