"""Just enough SVG for the pictures of the use cases, with colours for light and for dark pages."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
# By name: in the light, in the dark.
_COLOURS = {
    "paper": ("#ffffff", "#0d1117"),
    "ink": ("#1f2933", "#e6edf3"),
    "faint": ("#52606d", "#9aa7b4"),
    "grid": ("#d9e0e6", "#30363d"),
    "quiet": ("#8795a1", "#7d8b99"),
    "model": ("#0b5fa5", "#58a6ff"),
    "best": ("#1b7f5a", "#3fb98a"),
    "alarm": ("#c62828", "#ff7b72"),
}
Spot = tuple[float, float]


def picture(width: int, height: int, title: str, body: Iterable[str]) -> str:
    """A whole file. It follows the reader's setting, and brings its own paper, so that it reads on any page."""
    light, dark = (" ".join(f"--{name}: {pair[place]};" for name, pair in _COLOURS.items()) for place in (0, 1))
    style = [f"svg {{ {light} }}", f"@media (prefers-color-scheme: dark) {{ svg {{ {dark} }} }}"]
    for name in _COLOURS:
        style.append(f".f-{name} {{ fill: var(--{name}); }} .s-{name} {{ stroke: var(--{name}); fill: none; }}")
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width * 3 // 2}" height="{height * 3 // 2}" '
            f'viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(title)}" font-family="{_FONT}">',
            f"<style>{' '.join(style)}</style>",
            f'<rect class="f-paper" width="{width}" height="{height}"/>',
            *body,
            "</svg>",
            "",
        ]
    )


def words(at: Spot, text: str, *, size: float = 11, anchor: str = "start", colour: str = "ink") -> str:
    return (
        f'<text class="f-{colour}" x="{at[0]:.1f}" y="{at[1]:.1f}" font-size="{size:g}" text-anchor="{anchor}">'
        f"{html.escape(text)}</text>"
    )


def polyline(points: Sequence[Spot], *, colour: str, width: float = 2, dash: str = "") -> str:
    where = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<polyline class="s-{colour}" points="{where}" stroke-width="{width:g}"{dashes}/>'


def disc(at: Spot, *, colour: str, radius: float = 3) -> str:
    return f'<circle class="f-{colour}" cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius:g}"/>'


def bar(at: Spot, width: float, height: float, *, colour: str) -> str:
    return f'<rect class="f-{colour}" x="{at[0]:.1f}" y="{at[1]:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


@dataclass(frozen=True)
class Axes:
    """A panel: its edges in the picture, and what they stand for."""

    left: float
    right: float
    top: float
    bottom: float
    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, x: float, y: float) -> Spot:
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return self.left + across * (self.right - self.left), self.bottom - up * (self.bottom - self.top)

    def grid(self, xs: Sequence[tuple[float, str]], ys: Sequence[tuple[float, str]]) -> Iterable[str]:
        """Lines and labels at these values."""
        for x, label in xs:
            across, down = self.at(x, self.y[0])
            yield polyline([(across, self.top), (across, down)], colour="grid", width=1)
            # The last one would leave the picture.
            yield words((across, down + 15), label, anchor="end" if x == self.x[1] else "middle", colour="faint")
        for y, label in ys:
            across, down = self.at(self.x[0], y)
            yield polyline([(across, down), (self.right, down)], colour="grid", width=1)
            yield words((across - 6, down + 4), label, anchor="end", colour="faint")
