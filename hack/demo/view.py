"""What the terminal shows while the demo runs: a live table, or a line a change where there is no terminal."""

import re

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from demo.load import Load
from demo.watch import Seen

_COLOURS = {
    "Healthy": "green",
    "Progressing": "cyan",
    "Promoting": "cyan",
    "Holding": "yellow",
    "Pending": "yellow",
    "RollingBack": "red",
    "RolledBack": "red",
    "Degraded": "red",
}


class LiveView:
    """Shows the state of the rollout. Use as a context manager."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self._live = Live(console=self.console, refresh_per_second=4) if self.console.is_terminal else None
        self._title = ""
        self._last = ""
        self._load: Load | None = None

    def __enter__(self) -> "LiveView":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.update("")
            self._live.stop()

    def act(self, title: str) -> None:
        self._title = title
        self.say(f"\n[bold]{title}[/bold]")

    def say(self, text: str) -> None:
        self.console.print(text)

    def pipeline(self, line: str) -> None:
        """A step of the pipeline has ended."""
        text = re.sub(r"sha256:([0-9a-f]{12})[0-9a-f]+", r"sha256:\1…", line)
        self.console.print(Text(f"  {text}", style="dim"), no_wrap=True, overflow="ellipsis", crop=False)

    def attach(self, load: Load) -> None:
        self._load = load

    def look(self, seen: Seen) -> None:
        """A new state of the ModelDeployment."""
        if self._live is not None:
            self._live.update(self._panel(seen))
            return
        line = f"  {seen.phase:<12} step {seen.step or '-':<8} {seen.weight:>3} %  {seen.verdict or seen.message}"
        if line != self._last:
            self._last = line
            self.console.print(line, markup=False, soft_wrap=True)

    def _panel(self, seen: Seen) -> Panel:
        table = Table.grid(padding=(0, 2))
        table.add_row("phase", Text(seen.phase or "-", style=_COLOURS.get(seen.phase, "white")))
        table.add_row("step", seen.step or "-")
        table.add_row("candidate", f"{_bar(seen.weight)} {seen.weight:>3} %   version {seen.candidate or '-'}")
        stable = 100 - seen.weight - seen.former
        table.add_row("stable", f"{_bar(stable)} {stable:>3} %   version {seen.stable or '-'}")
        if seen.former:
            table.add_row("held back", f"{_bar(seen.former)} {seen.former:>3} %   the version before it")
        table.add_row("ratio", _ratio(seen))
        table.add_row("evidence", f"worse {seen.worse:.3g} of 100    not worse {seen.not_worse:.3g} of 20")
        table.add_row("verdict", seen.verdict or "-")
        if self._load is not None:
            tally = self._load.so_far()
            table.add_row(
                "load",
                f"{self._load.requests_per_second():.0f} requests/s, {tally.sent:,} sent, "
                f"{tally.failed_by_model} failed by a model, {tally.failed_by_rollout} by the rollout",
            )
        return Panel(Group(table, Text(seen.message, style="dim")), title=self._title, width=100)


def _bar(percent: int) -> str:
    return "█" * round(percent / 5) + "░" * (20 - round(percent / 5))


def _ratio(seen: Seen) -> str:
    estimate, lower, upper = seen.ratio
    if estimate is None:
        if not seen.events:
            return f"no failures in {seen.requests:,} requests of the candidate"
        return f"{seen.events:,} failures in {seen.requests:,} requests, too few of the stable model for a ratio"
    low = "0" if lower is None else f"{lower:.2g}"
    high = "?" if upper is None else f"{upper:.2g}"
    return f"{estimate:.2g}x [{low}, {high}] after {seen.requests:,} requests of the candidate"
