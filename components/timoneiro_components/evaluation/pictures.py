"""Pictures of the report of a model, as SVG. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from timoneiro_page.chart import BOTTOM, LEFT, RIGHT, TOP, Chart
from timoneiro_page.markup import e
from timoneiro_page.scales import Scale

Points = Sequence[Sequence[float]]
# More would run into each other.
_MOST_TICKS = 6
_APART = 0.15
_SHARES = [(0.0, "0"), (0.5, "0.5"), (1.0, "1")]


def curve_pictures(seen: Mapping[str, Any]) -> str:
    """The ROC and the precision-recall curve of two classes; what was said against what is, of a number."""
    curves, found = seen["curves"], []
    if curves["roc"]:
        chart = _unit()
        chart.line([(0.0, 0.0), (1.0, 1.0)], "better", "by chance")
        chart.line(_pairs(curves["roc"]), "estimate", "the model")
        caption = "ROC: share of the positives that are found, by share of false alarms"
        found.append(_figure(chart, "roc", "ROC curve", caption))
    if curves["precisionRecall"]:
        chart = _unit()
        chart.line(_pairs(curves["precisionRecall"]), "estimate", "the model")
        caption = "Precision (share of the alarms that are right) by recall (share of the positives that are found)"
        found.append(_figure(chart, "pr", "Precision-recall curve", caption))
    if curves.get("predictions"):
        found.append(_said_against_is(curves["predictions"]))
    found += [_learning_curve(seen), _stages(seen), _validation_curve(seen)]
    return f'<section><h2>Curves</h2><div class="two">{"".join(found)}</div></section>\n'


def calibration_picture(seen: Mapping[str, Any]) -> str:
    """Share of positives by the probability that was said."""
    bins = seen["curves"].get("calibration")
    if not bins:
        return ""
    chart = _unit()
    chart.line([(0.0, 0.0), (1.0, 1.0)], "better", "as it should be")
    chart.line([(said, share) for said, share, _ in bins], "estimate", "the model")
    caption = "Share of positives among rows that got about the same probability"
    return (
        "<section><h2>Are its probabilities true?</h2>"
        f"{_figure(chart, 'calibration', 'Calibration', caption)}</section>\n"
    )


def importance_bars(importances: Sequence[Mapping[str, Any]]) -> str:
    """A bar for each column, with its figure beside it."""
    most = max((entry["loss"] or 0.0 for entry in importances), default=0.0)
    rows = []
    for entry in importances:
        loss = entry["loss"] or 0.0
        width = 100 * max(loss, 0.0) / most if most > 0 else 0.0
        bar = (
            '<svg viewBox="0 0 100 8" preserveAspectRatio="none" height="8" aria-hidden="true">'
            f'<rect class="dot estimate" width="{width:.1f}" height="8"/></svg>'
        )
        rows.append(f'<tr><th scope="row">{e(entry["column"])}</th><td>{bar}</td><td>{loss:.3g}</td></tr>')
    return f'<table class="numbers bars"><tbody>{"".join(rows)}</tbody></table>'


def dependence_picture(seen: Mapping[str, Any], entry: Mapping[str, Any], number: int) -> str:
    """The mean answer by the value of one column."""
    points = entry["points"]
    answers = [answer for _, answer in points]
    low, high = (0.0, max([*answers, 1e-9])) if seen["classes"] else _room(answers)
    is_text = any(isinstance(value, str) for value, _ in points)
    values = [float(place) for place in range(len(points))] if is_text else [float(value) for value, _ in points]
    x = Scale(low=min(values), high=max(values), start=LEFT, end=RIGHT)
    chart = Chart(x=x, y=_height(low, high))
    ticks = [(place, _short(str(value))) for place, (value, _) in zip(values, points, strict=True)]
    chart.grid(ticks if is_text and len(ticks) <= 4 else [ticks[0], ticks[-1]], _ends(low, high))
    chart.line(list(zip(values, answers, strict=True)), "estimate", f"{answers[-1]:.3g}")
    what = f"probability of {seen['classes'][-1]}" if len(seen["classes"]) == 2 else "answer"
    caption = f"Mean {what} by {entry['column']}"
    return _figure(chart, f"pd{number}", entry["column"], caption)


def _learning_curve(seen: Mapping[str, Any]) -> str:
    curve = seen["training"]["curve"]
    if len(curve) < 2 or curve[0]["rows"] >= curve[-1]["rows"]:
        return ""
    figures = [point[side] for point in curve for side in ("fitted", "unseen")]
    low, high = _room(figures)
    x = Scale(low=curve[0]["rows"], high=curve[-1]["rows"], start=LEFT, end=RIGHT)
    chart = Chart(x=x, y=_height(low, high))
    chart.grid([(point["rows"], f"{point['rows']:,}") for point in (curve[0], curve[-1])], _ends(low, high))
    chart.line([(point["rows"], point["fitted"]) for point in curve], "better", "rows it has seen")
    chart.line([(point["rows"], point["unseen"]) for point in curve], "estimate", "other rows")
    title = seen["metrics"][seen["training"]["curve_metric"]]["title"]
    return _figure(chart, "learning", "Learning curve", f"{title} by the number of rows that it was fitted on")


def _stages(seen: Mapping[str, Any]) -> str:
    record = seen["training"]["stopping"]
    if record is None:
        return ""
    points, number = _pairs(record["curve"]), record["number"]
    low, high = _room([figure for _, figure in points])
    first, last = points[0][0], points[-1][0]
    chart = Chart(x=Scale(low=first, high=max(last, first + 1), start=LEFT, end=RIGHT), y=_height(low, high))
    # Numbers below each other would not be legible.
    ends = [stage for stage in (first, last) if abs(stage - number) > _APART * (last - first)]
    chart.grid([(stage, f"{stage:,.0f}") for stage in (number, *ends)], _ends(low, high))
    chart.line(points, "estimate", "other rows")
    chart.dots([point for point in points if point[0] == number], "estimate")
    title = seen["metrics"][record["metric"]]["title"]
    caption = f"{title} by the number of stages, mean of the folds. {record['finding']}"
    return _figure(chart, "stages", "Early stopping", caption)


def _validation_curve(seen: Mapping[str, Any]) -> str:
    """The values in their order, as far from each other as from the next: they mostly grow by factors."""
    record = seen["training"]["validation"]
    if record is None or len(record["points"]) < 2:
        return ""
    points, last = record["points"], len(record["points"]) - 1
    low, high = _room([point[side] for point in points for side in ("fitted", "unseen")])
    chart = Chart(x=Scale(low=0, high=last, start=LEFT, end=RIGHT), y=_height(low, high))
    told = range(last + 1) if last < _MOST_TICKS else (0, last)
    chart.grid([(place, _value_text(points[place]["value"])) for place in told], _ends(low, high))
    chart.line([(place, point["fitted"]) for place, point in enumerate(points)], "better", "rows it has seen")
    chart.line([(place, point["unseen"]) for place, point in enumerate(points)], "estimate", "other rows")
    title = seen["metrics"][seen["training"]["curve_metric"]]["title"]
    caption = f"{title} by {record['parameter']}. {record['finding']}"
    return _figure(chart, "validation", f"Validation curve of {record['parameter']}", caption)


def _said_against_is(points: Points) -> str:
    low, high = _room([value for point in points for value in point])
    chart = Chart(x=Scale(low=low, high=high, start=LEFT, end=RIGHT), y=_height(low, high))
    chart.grid([(low, f"{low:.3g}"), (high, f"{high:.3g}")], _ends(low, high))
    chart.line([(low, low), (high, high)], "better", "as it should be")
    chart.dots([(said, known) for known, said in points], "estimate")
    return _figure(chart, "said", "What was said, and what is", "What is, by what the model said")


def _unit() -> Chart:
    """Both sides from 0 to 1."""
    chart = Chart(x=Scale(low=0.0, high=1.0, start=LEFT, end=RIGHT), y=_height(0.0, 1.0))
    chart.grid(_SHARES, _SHARES)
    return chart


def _height(low: float, high: float) -> Scale:
    return Scale(low=low, high=high, start=BOTTOM, end=TOP)


def _ends(low: float, high: float) -> list[tuple[float, str]]:
    return [(low, f"{low:.3g}"), (high, f"{high:.3g}")]


def _room(values: Sequence[float]) -> tuple[float, float]:
    """From below the smallest to above the largest, never of no height."""
    low, high = min(values), max(values)
    room = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room


def _pairs(points: Points) -> list[tuple[float, float]]:
    return [(point[0], point[1]) for point in points if math.isfinite(point[1])]


def _value_text(value: Any) -> str:
    """As it stands in the definition."""
    return _short(value if isinstance(value, str) else json.dumps(value))


def _short(text: str) -> str:
    try:
        return f"{float(text):.3g}"
    except ValueError:
        return text if len(text) <= 8 else f"{text[:7]}…"


def _figure(chart: Chart, name: str, title: str, caption: str) -> str:
    return f"<figure>{chart.svg(name, title, caption)}<figcaption>{e(caption)}</figcaption></figure>"
