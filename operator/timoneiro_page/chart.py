"""A line chart as SVG, drawn on a phone's width so that its text is legible there. Pure.

Colours and dashes are classes of the page's style (`style.py`), so that one picture serves day, night and paper. Lines
are told apart by dashes and by their labels at the right end, never by colour alone.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass, field

from timoneiro_page.scales import Scale, spread

WIDTH, HEIGHT = 340.0, 196.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 236.0, 10.0, 168.0
_LINE_HEIGHT = 13.0

Places = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Words at the right end of a line, at the height `y`. `kind`: the class of the line that it belongs to."""

    y: float
    text: str
    kind: str


@dataclass(slots=True, kw_only=True)
class Chart:
    """`x` and `y` place values in the box; what is drawn is kept in order, the first at the bottom."""

    x: Scale
    y: Scale
    parts: list[str] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)

    def grid(self, xs: Sequence[tuple[float, str]], ys: Sequence[tuple[float, str]]) -> None:
        """Ticks with their texts: below the chart, and at its left with a line across."""
        for value, text in ys:
            y = self.y(value)
            self.parts.append(f'<path class="grid" d="M{_n(LEFT)} {_n(y)}H{_n(RIGHT)}"/>')
            self.parts.append(_text(LEFT - 5, y + 4, text, "tick end"))
        for value, text in xs:
            x = self.x(value)
            self.parts.append(f'<path class="grid" d="M{_n(x)} {_n(BOTTOM)}v4"/>')
            self.parts.append(_text(x, BOTTOM + 18, text, "tick middle"))

    def line(self, points: Places, kind: str, label: str) -> None:
        """A line through `points`, as they are in time. A single one is drawn as a dot."""
        places = [(self.x(x), self.y(y)) for x, y in points]
        if not places:
            return
        if len(places) == 1:
            self.parts.append(f'<circle class="{kind} dot" cx="{_n(places[0][0])}" cy="{_n(places[0][1])}" r="3"/>')
        else:
            self.parts.append(f'<path class="line {kind}" d="M{_joined(places)}"/>')
        self.labels.append(Label(y=places[-1][1], text=label, kind=kind))

    def dots(self, points: Places, kind: str) -> None:
        """A dot for each of `points`, in no order."""
        for x, y in points:
            self.parts.append(f'<circle class="{kind} dot" cx="{_n(self.x(x))}" cy="{_n(self.y(y))}" r="2"/>')

    def staircase(self, points: Places, end: float, kind: str, label: str) -> None:
        """Each value holds from its time until the next, the last one until `end`."""
        steps: list[tuple[float, float]] = []
        for (x, y), (until, _) in zip(points, [*points[1:], (end, 0.0)], strict=True):
            steps += [(x, y), (until, y)]
        self.line(steps, kind, label)

    def band(self, points: Sequence[tuple[float, float, float]], kind: str) -> None:
        """The room between a lower and an upper end (x, lower, upper), with its two edges."""
        if len(points) < 2:
            for x, lower, upper in points:
                at = self.x(x)
                self.parts.append(f'<path class="edge {kind}" d="M{_n(at)} {_n(self.y(lower))}V{_n(self.y(upper))}"/>')
            return
        over = [(self.x(x), self.y(upper)) for x, _, upper in points]
        under = [(self.x(x), self.y(lower)) for x, lower, _ in points]
        self.parts.append(f'<path class="band {kind}" d="M{_joined([*over, *reversed(under)])}Z"/>')
        self.parts += [f'<path class="edge {kind}" d="M{_joined(edge)}"/>' for edge in (over, under)]

    def level(self, value: float, kind: str, label: str) -> None:
        """A line across at `value`: a bound."""
        y = self.y(value)
        self.parts.append(f'<path class="level {kind}" d="M{_n(LEFT)} {_n(y)}H{_n(RIGHT)}"/>')
        self.labels.append(Label(y=y, text=label, kind=kind))

    def svg(self, name: str, title: str, description: str) -> str:
        """The picture. `name` is unique on the page; `title` and `description` are its text alternative."""
        heights = spread([label.y for label in self.labels], gap=_LINE_HEIGHT, low=TOP, high=BOTTOM)
        legend = [_legend(label, height) for label, height in zip(self.labels, heights, strict=True)]
        return (
            f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-labelledby="{name}-t {name}-d">'
            f'<title id="{name}-t">{html.escape(title)}</title><desc id="{name}-d">{html.escape(description)}</desc>'
            f'<path class="axis" d="M{_n(LEFT)} {_n(BOTTOM)}H{_n(RIGHT)}"/>{"".join(self.parts)}{"".join(legend)}</svg>'
        )


def _legend(label: Label, height: float) -> str:
    """The words beside the end of their line, with a thread to it where they had to move."""
    thread = f'<path class="thread" d="M{_n(RIGHT + 1)} {_n(label.y)}L{_n(RIGHT + 6)} {_n(height)}"/>'
    return thread + _text(RIGHT + 8, height + 4, label.text, f"label {label.kind}")


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{_n(x)}" y="{_n(y)}">{html.escape(text)}</text>'


def _joined(places: Places) -> str:
    return "L".join(f"{_n(x)} {_n(y)}" for x, y in places)


def _n(number: float) -> str:
    """A tenth of a unit is less than a pixel."""
    return f"{number:.1f}".removesuffix(".0")
