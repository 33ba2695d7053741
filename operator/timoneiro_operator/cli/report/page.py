"""The report as one HTML page that needs nothing else: no script, no font, no network. Pure.

Everything that comes from the cluster or a file is escaped.
"""

from collections.abc import Iterable

from timoneiro_operator.api.duration import format_duration
from timoneiro_operator.cli.presentation.text import sentence
from timoneiro_operator.cli.report.content import CommandReport, EventReport, Promises, Report, RolloutReport
from timoneiro_operator.cli.report.markup import moment, prose
from timoneiro_operator.cli.report.metric_pages import metrics_section
from timoneiro_operator.cli.report.pictures import Time, weights_picture
from timoneiro_operator.cli.report.revision_pages import revisions_section
from timoneiro_operator.decide.text import percent
from timoneiro_page.markup import document, e, facts

# Word, sign and class of an outcome: the sign is for those who see no colour.
_BADGES = {
    "Adopted": ("Adopted", "\u2713", "good"),
    "Promoted": ("Promoted", "\u2713", "good"),
    "Restored": ("Restored", "\u2713", "good"),
    "RolledBack": ("Rolled back", "\u2717", "bad"),
    "Aborted": ("Aborted", "\u2717", "bad"),
    "Superseded": ("Superseded", "\u2013", "open"),
    "Withdrawn": ("Withdrawn", "\u2013", "open"),
}


def page(report: Report) -> str:
    """The whole document."""
    time = Time(report)
    title = f"{report.name}: {report.headline}"
    parts = [_traffic(report, time), metrics_section(report, time), _commands(report.commands)]
    # Of a rollout that runs people want to know first what it waits for; of one that is over, how it went.
    parts.insert(len(parts) if report.state == "Ended" else 0, _now(report))
    body = "".join([_header(report), *parts, revisions_section(report), _footer(report)])
    return document(title, body)


def _header(report: Report) -> str:
    rollout = report.rollout
    word, sign, kind = _badge(report)
    sentences = "".join(f"<p>{prose(told)}</p>" for told in report.decision)
    return (
        f'<header class="{kind}"><p class="where">{e(report.name)} <span>in namespace {e(report.namespace)}</span></p>'
        f'<h1>{e(report.headline)}</h1><p class="badge"><span aria-hidden="true">{sign}</span> {e(word)}</p>'
        f"{_pair(rollout)}{sentences}{facts(_facts(report))}</header>\n"
    )


def _badge(report: Report) -> tuple[str, str, str]:
    outcome = report.rollout.outcome if report.rollout else None
    if outcome is not None:
        return _BADGES.get(outcome, (outcome, "\u2013", "open"))
    phase = report.phase or "Not seen yet"
    return phase, "\u2026", "bad" if phase in ("Degraded", "RollingBack") else "open"


def _pair(rollout: RolloutReport | None) -> str:
    if rollout is None:
        return ""
    stable = f"against <b>{e(rollout.stable.name)}</b>" if rollout.stable else "first revision, without comparison"
    return f'<p class="pair">Candidate <b>{e(rollout.candidate.name)}</b> {stable}</p>'


def _facts(report: Report) -> Iterable[tuple[str, str]]:
    rollout = report.rollout
    if rollout is None:
        return
    if rollout.started_at:
        yield "Promoted" if rollout.after_promotion else "Began", moment(rollout.started_at)
    if rollout.ended_at:
        yield "Ended", moment(rollout.ended_at)
    if rollout.started_at:
        until = rollout.ended_at or report.generated_at
        yield (
            "Took" if rollout.ended_at else "Runs for",
            e(format_duration(until - rollout.started_at)),
        )
    if rollout.strategy and rollout.stable:
        yield "Strategy", e({"BlueGreen": "blue-green", "Canary": "canary"}.get(rollout.strategy, rollout.strategy))
    if report.weights:
        yield "Highest weight", f"{max(point.weight for point in report.weights)} %"
    if report.metrics:
        requests = max(metric.candidate.requests for metric in report.metrics)
        yield "Requests of the candidate", f"{requests:,}"
    if report.promises and rollout.stable:
        yield from _promised(report.promises)


def _promised(promises: Promises) -> Iterable[tuple[str, str]]:
    yield "False rollbacks", f"at most {percent(promises.false_rollback)}"
    if promises.promotion == "Evidence":
        yield "False promotions", f"at most {percent(promises.false_promotion)}"
    else:
        yield "False promotions", "not limited (NoHarm)"


def _now(report: Report) -> str:
    """What `timoneiro explain` says."""
    title = "Where it stands" if report.state == "Running" else "What holds now"
    items = "".join(f"<li>{prose(told)}</li>" for told in report.explanation)
    return f'<section><h2>{title}</h2><p class="dim">At {moment(report.generated_at)}.</p><ul>{items}</ul></section>\n'


def _traffic(report: Report, time: Time) -> str:
    rollout = report.rollout
    if rollout is None:
        return ""
    drawn = weights_picture(report, time)
    picture = f"<figure>{drawn}<figcaption>{_weight_words(rollout)}</figcaption></figure>" if drawn else ""
    steps = "".join(
        f"<li{' class=now' if step.now else ''}>{e(step.text)}{' <b>(now)</b>' if step.now else ''}</li>"
        for step in rollout.steps
    )
    schedule = f"<h3>Schedule</h3><ol>{steps}</ol>" if steps else ""
    return (
        f'<section><h2>Traffic and events</h2><div class="two">{picture}<div>{schedule}'
        f"{_events(report.events)}</div></div></section>\n"
    )


def _weight_words(rollout: RolloutReport) -> str:
    words = "Share of the traffic that the candidate has. A change is drawn at the end of the window in which it came."
    if rollout.mirrored:
        words += " Blue-green: while the candidate has none it gets a copy of the traffic, and so does the old model "
        words += "while the candidate has all of it."
    return words


def _events(events: tuple[EventReport, ...]) -> str:
    items = "".join(f"<li>{moment(event.at)} {prose(event.what)}</li>" for event in events)
    return f'<h3>Events</h3><ul class="events">{items}</ul>' if items else "<p>Nothing has happened yet.</p>"


def _commands(commands: tuple[CommandReport, ...]) -> str:
    items = "".join(
        f"<li>{moment(command.at)} <b>{e(command.asker)}</b> asked for <b>{e(command.action)}</b> of "
        f"{e(command.revision)}{'' if command.during else ' (not in this rollout)'}. "
        f"{'Done' if command.outcome == 'Done' else e(command.outcome)}: {prose(sentence(command.message))}</li>"
        for command in commands
    )
    listed = f'<ul class="events">{items}</ul>' if items else "<p>None was given: all of this went by itself.</p>"
    return f"<section><h2>Commands of people</h2>{listed}</section>\n"


def _footer(report: Report) -> str:
    return (
        f"<footer><p>Made at {moment(report.generated_at)} by <code>timoneiro report {e(report.name)}</code> from the "
        "status of the ModelDeployment. Ratios and evidence are anytime-valid: looking often does not change what they "
        "are worth.</p></footer>\n"
    )
