"""The part of the page about the metrics: verdict, pictures and counts of each. Pure."""

from collections.abc import Iterable

from timoneiro_operator.api.analysis_status import MostDifferent
from timoneiro_operator.api.duration import format_duration
from timoneiro_operator.cli.report.content import ArmReport, MetricReport, Promises, Report
from timoneiro_operator.cli.report.pictures import (
    Time,
    evidence_picture,
    guard_picture,
    ratio_picture,
    together_picture,
)
from timoneiro_operator.cli.report.words import ratio_words, short
from timoneiro_operator.decide.text import VERDICT_WORDS, percent, shape_words
from timoneiro_page.markup import e, facts

_KINDS = {"Worse": "bad", "Differs": "bad", "NotWorse": "good", "Undecided": "open"}
_SIGNS = {"Worse": "\u2717", "Differs": "\u2260", "NotWorse": "\u2713", "Undecided": "\u2026"}


def metrics_section(report: Report, time: Time) -> str:
    """All metrics; where there are none, why."""
    if report.rollout is None:
        return ""
    if not report.metrics:
        first = report.rollout.stable is None
        words = "The first revision has nothing to be compared with." if first else "Nothing was counted side by side."
        return f"<section><h2>Metrics</h2><p>{words}</p></section>\n"
    metrics = "".join(
        _metric(metric, report.promises, time, f"m{index}") for index, metric in enumerate(report.metrics)
    )
    reading = f'<p class="dim">{e(_READING)}</p>'
    return f"<section><h2>Metrics</h2>{reading}{_together(report, time)}{metrics}</section>\n"


def _together(report: Report, time: Time) -> str:
    if report.together is None:
        return ""
    drawn = together_picture(report.together, report.promises, time)
    words = (
        f"Evidence of 'worse' {short(report.together.worse)}: the weighted mean over the metrics that decide. "
        f"{_rollback(report.promises)}"
    )
    return f"<article><h3>All metrics together</h3><p>{e(words)}</p>{_figures([(drawn, '')])}</article>"


def _rollback(promises: Promises | None) -> str:
    return f"At {short(promises.worse_bound)} the candidate is rolled back." if promises else ""


def _metric(metric: MetricReport, promises: Promises | None, time: Time, name: str) -> str:
    guard = metric.limit is not None
    kind = "open" if metric.role == "Inform" else _KINDS[metric.verdict]
    inform = '<span class="tag">Inform: shown, decides nothing</span>' if metric.role == "Inform" else ""
    first = guard_picture(metric, time, f"{name}r") if guard else ratio_picture(metric, time, f"{name}r")
    if metric.shape is not None:
        first = ""
    pictures = [
        (first, _GUARD if guard else _RATIO),
        (evidence_picture(metric, promises, time, f"{name}e"), _EVIDENCE),
    ]
    return (
        f'<article class="{kind}"><h3>{e(metric.name)} {inform}</h3>'
        f'<p class="verdict"><span aria-hidden="true">{_SIGNS[metric.verdict]}</span> '
        f"<b>{e(_verdict(metric))}</b> {e(_what(metric))}</p>"
        f"{_notes(metric)}{_figures(pictures)}"
        f'<div class="two">{_counts(metric)}{facts(_limits(metric, promises))}</div></article>'
    )


_RATIO = "Ratio of the rates, candidate / stable"
_EVIDENCE = "Evidence on its way to its bounds"
_GUARD = "Rate of the candidate so far"
_READING = (
    "Ratio: the rate of the candidate divided by that of the stable model; the band is where it is with confidence, "
    "cut off where it is wider than the picture. Evidence: 1 is none, and at its bound the operator acts. Both are "
    "drawn on logarithmic scales."
)


def _verdict(metric: MetricReport) -> str:
    if metric.limit is not None:
        return "over its limit" if metric.verdict == "Worse" else "not known to be over its limit"
    return VERDICT_WORDS[metric.verdict]


def _what(metric: MetricReport) -> str:
    if metric.limit is not None:
        return f"rate of {metric.of or 'events'}, which may be {percent(metric.limit)} at most"
    if metric.shape is not None:
        return f"{shape_words(metric.shape)}; different is not always worse"
    what = f"ratio {ratio_words(metric.ratio)}"
    return f"{what}; an event is a request slower than {metric.bound:g} s" if metric.bound is not None else what


def _notes(metric: MetricReport) -> str:
    sentences = [f"There are no counts of it: {metric.problem}."] if metric.problem else []
    if not metric.trail:
        sentences.append("Nothing over time yet: its pictures begin with the first window that is counted.")
    if metric.seconds_left is not None:
        sentences.append(f"At today's traffic it is decided in about {format_duration(metric.seconds_left)}.")
    if metric.limit is not None and metric.trail and all(point.worse <= 1 for point in metric.trail):
        sentences.append("There never was any evidence that the limit is passed.")
    return "".join(f"<p>{e(sentence)}</p>" for sentence in sentences)


def _figures(pictures: Iterable[tuple[str, str]]) -> str:
    figures = [
        f"<figure>{drawn}{f'<figcaption>{e(caption)}</figcaption>' if caption else ''}</figure>"
        for drawn, caption in pictures
        if drawn
    ]
    return f'<div class="two">{"".join(figures)}</div>' if figures else ""


def _shares(metric: MetricReport, shape: MostDifferent) -> str:
    arms = [("Candidate", metric.candidate, shape.candidate)]
    if metric.stable is not None:
        arms.append(("Stable", metric.stable, shape.stable))
    rows = "".join(
        f'<tr><th scope="row">{name}</th><td>{arm.requests:,}</td><td>{percent(share)}</td></tr>'
        for name, arm, share in arms
    )
    return (
        '<table class="numbers"><thead><tr><td></td><th scope="col">Requests</th>'
        f'<th scope="col">{e(shape.bin or "-")}</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _counts(metric: MetricReport) -> str:
    if metric.shape is not None:
        return _shares(metric, metric.shape)
    arms = [("Candidate", metric.candidate), *([("Stable", metric.stable)] if metric.stable is not None else [])]
    rows = "".join(f'<tr><th scope="row">{name}</th>{_cells(arm)}</tr>' for name, arm in arms)
    return (
        '<table class="numbers"><thead><tr><td></td><th scope="col">Requests</th><th scope="col">Events</th>'
        f'<th scope="col">Rate</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _cells(arm: ArmReport) -> str:
    rate = percent(arm.rate) if arm.rate is not None else "no request"
    return f"<td>{arm.requests:,}</td><td>{arm.events:,}</td><td>{rate}</td>"


def _limits(metric: MetricReport, promises: Promises | None) -> Iterable[tuple[str, str]]:
    worse = f"{short(metric.worse)}"
    what = "worse" if metric.shape is None else "different"
    yield f"Evidence of '{what}'", f"{worse} of {short(promises.worse_bound)}" if promises else worse
    if metric.limit is None and metric.shape is None:
        better = short(metric.not_worse)
        if promises is not None and promises.promotion == "NoHarm":
            better += ", not needed (NoHarm)"
        elif promises is not None:
            better += f" of {short(promises.not_worse_bound)}"
        yield "Evidence of 'not worse'", better
    if metric.tolerance is not None:
        yield "Harmless up to" if metric.shape is None else "Alike up to", f"{1 + metric.tolerance:g}x"
    if metric.margin is not None:
        yield "Not promoted from", f"{1 + metric.margin:g}x"
    if metric.negligible is not None:
        yield "Negligible rate", percent(metric.negligible)
    if metric.bound is not None:
        yield "Bound", f"{metric.bound:g} s"
    if metric.limit is not None:
        yield "Limit", percent(metric.limit)
    if metric.weight is not None and metric.weight != 1:
        yield "Weight", f"{metric.weight:.3g}"
