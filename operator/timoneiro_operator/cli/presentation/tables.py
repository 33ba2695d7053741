"""Tables: all ModelDeployments, and what has become of one. Pure: from data to rich renderables."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from timoneiro_operator.api.kinds import Body
from timoneiro_operator.api.times import Moment, clock
from timoneiro_operator.cli.presentation.finding import Finding
from timoneiro_operator.cli.presentation.text import age, created_at, shares
from timoneiro_operator.cli.presentation.tree import PHASE_STYLES
from timoneiro_operator.cli.presentation.view import View
from timoneiro_operator.decide.text import step_text

# What may be wrapped on a narrow terminal; the rest is useless when it is.
_PROSE = ("VERDICT", "REASON", "WHAT CAME OF IT", "QUERY")
_OUTCOME_STYLES = {
    "Adopted": "green",
    "Promoted": "green",
    "Restored": "green",
    "RolledBack": "red",
    "Aborted": "red",
    "Refused": "red",
}


def _table(*headings: str) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
    for heading in headings:
        table.add_column(heading, no_wrap=heading not in _PROSE, overflow="fold")
    return table


def deployments_table(rows: Sequence[tuple[View | str, Body]], *, namespaces: bool, now: Moment) -> Table:
    """One row for each ModelDeployment, as `kubectl get md` has it. A text instead of a view: why it cannot be read."""
    headings = ("NAME", "PHASE", "STEP", "WEIGHT", "STABLE", "CANDIDATE", "VERDICT", "AGE")
    table = _table(*(("NAMESPACE", *headings) if namespaces else headings))
    for view, body in rows:
        metadata = body["metadata"]
        first = [metadata["namespace"], metadata["name"]] if namespaces else [metadata["name"]]
        old = age(created_at(metadata), now)
        if isinstance(view, str):
            table.add_row(*first, "?", "", "", "", "", Text(view, style="red"), old)
            continue
        table.add_row(*first, *_cells(view), old)
    return table


def _cells(view: View) -> list[RenderableType]:
    status, has = view.status, shares(view.status)
    return [
        Text(status.phase or "-", style=PHASE_STYLES.get(status.phase, "")),
        step_text(status.step),
        str(has.candidate) if has else "-",
        status.stable.revision if status.stable else "-",
        status.candidate.revision if status.candidate else "-",
        Text("the spec is invalid", style="red") if view.invalid is not None else status.verdict,
    ]


def findings_table(findings: Sequence[Finding]) -> RenderableType:
    """What was found of each metric and arm, and below it what is missing of those that cannot be measured."""
    table = _table("METRIC", "ARM", "REQUESTS", "EVENTS", "SERIES", "COUNTED", "QUERY")
    missing: dict[str, list[str]] = {}
    for finding in findings:
        counts = finding.counts
        table.add_row(
            finding.metric,
            finding.arm,
            f"{counts.requests:,}" if counts else "-",
            f"{counts.events:,}" if counts else "-",
            str(finding.series) if finding.series else "-",
            finding.over if counts else Text("missing", style="red") if finding.missing else "-",
            finding.query or "-",
        )
        if finding.missing:
            missing.setdefault(finding.missing, []).append(f"{finding.metric} ({finding.arm})")
    sentences = [Text(f"\n{', '.join(where)}: {why}", style="red") for why, where in missing.items()]
    return Group(table, *sentences)


def history_tables(view: View) -> RenderableType:
    """Rollouts and commands, the latest last; a sentence in the place of either that is empty."""
    rollouts = _table("ENDED", "REVISION", "VERSION", "OUTCOME", "REASON")
    for entry in view.status.history:
        outcome = Text(entry.outcome, style=_OUTCOME_STYLES.get(entry.outcome, ""))
        rollouts.add_row(clock(entry.ended_at), entry.revision, entry.version or "-", outcome, entry.reason)
    commands = _table("WHEN", "WHO", "WHAT", "REVISION", "OUTCOME", "WHAT CAME OF IT")
    for record in view.status.commands:
        outcome = Text(record.outcome, style=_OUTCOME_STYLES.get(record.outcome, ""))
        commands.add_row(clock(record.at), record.asker, record.action, record.revision, outcome, record.message)
    return Group(
        Text("Rollouts", style="bold"),
        rollouts if view.status.history else Text("none has ended yet"),
        Text(),
        Text("Commands", style="bold"),
        commands if view.status.commands else Text("none was given yet"),
    )
