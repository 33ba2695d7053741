"""The numbers behind a decision, drawn: for each metric the verdict, the ratio, the counts and two bars. Pure."""

import math

from rich.console import Group
from rich.text import Text

from timoneiro_operator.api.analysis_status import AnalysisStatus, MetricStatus
from timoneiro_operator.api.spec import Spec
from timoneiro_operator.cli.presentation.text import bound, known_name, measured_text
from timoneiro_operator.cli.presentation.view import View
from timoneiro_operator.decide.text import VERDICT_WORDS, number

BAR_LENGTH = 20
_VERDICT_STYLES = {"Worse": "red", "Differs": "red", "NotWorse": "green", "Undecided": "yellow"}


def draw_evidence(view: View) -> Group | None:
    """Up to three lines for each metric; None when nothing has been compared, or the bounds are unknown."""
    analysis, spec = view.status.analysis, view.spec
    if analysis is None or not analysis.metrics or spec is None:
        return None
    width = max(len(metric.name) for metric in analysis.metrics)
    lines = [_title(view, analysis)]
    for metric in analysis.metrics:
        lines += _metric(metric, spec, width, promoted=analysis.promoted_by is not None)
    if len(analysis.metrics) > 1 and analysis.worse is not None:
        words = "What counts as evidence of 'worse' is the weighted mean over the metrics that decide"
        lines.append(Text(f"{words}: {number(analysis.worse)}"))
    return Group(*lines)


def filled(e_value: float, probability: float, length: int = BAR_LENGTH) -> int:
    """How many of `length` cells an e-value fills on its way to the bound 1/probability.

    The scale is logarithmic, as evidence multiplies; 1 and less is empty, and only the bound itself is full.
    """
    if e_value <= 1 or not 0 < probability < 1:
        return 0
    share = math.log(e_value) / -math.log(probability)
    # A hair below the bound is the bound: 1 / 0.01 is not exactly 100, and the status is rounded.
    return length if share >= 1 - 1e-9 else min(length - 1, int(share * length))


def _metric(metric: MetricStatus, spec: Spec, width: int, *, promoted: bool) -> list[Text]:
    verdict = (f"{VERDICT_WORDS[metric.verdict]:<9}", _VERDICT_STYLES[metric.verdict])
    first = Text.assemble((f"{metric.name:<{width}}", "bold"), "  ", verdict)
    first.append(f"  {measured_text(metric)}")
    if metric.role == "Inform":
        first.append("  (informs, and decides nothing)", style="dim")
    if metric.problem is not None:
        first.append(f"  {metric.problem}", style="red")
    indent = " " * (width + 2)
    what = f"{'worse' if metric.shape is None else 'different':<9}  "
    worse = Text.assemble(indent, what, _bar(metric.evidence.worse, spec.analysis.false_rollback, "red"))
    if metric.role != "Inform":
        worse.append(f"; rolled back at {bound(spec.analysis.false_rollback)}", style="dim")
    if metric.limit is not None or metric.shape is not None or promoted:
        return [first, worse]
    better = Text.assemble(indent, "not worse  ")
    better.append_text(_bar(metric.evidence.not_worse, spec.analysis.false_promotion, "green"))
    needed = spec.analysis.promotion == "Evidence"
    limit = f"promotion needs {bound(spec.analysis.false_promotion)}" if needed else "promotion does not need it"
    return [first, worse, better.append(f"; {limit}", style="dim")]


def _bar(e_value: float, probability: float, style: str) -> Text:
    cells = filled(e_value, probability)
    return Text.assemble(("█" * cells, style), ("░" * (BAR_LENGTH - cells), "dim"), f" {number(e_value)}")


def _title(view: View, analysis: AnalysisStatus) -> Text:
    if not analysis.candidate or not analysis.stable:
        return Text("Evidence", style="bold")
    pair = f"{known_name(view.status, analysis.candidate)} against {known_name(view.status, analysis.stable)}"
    since = " since the promotion" if analysis.promoted_by is not None else ""
    return Text.assemble(("Evidence", "bold"), f"{since} about {pair}")
