"""Just enough SVG for three pictures.

A plotting library would be the largest dependency of the project for dots, lines and areas, and would write fonts as
outlines, which neither scale to a phone nor can be searched.
"""

import html
from collections.abc import Iterable, Sequence

INK, FAINT, GRID = "#1f2933", "#52606d", "#d9e0e6"
_FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"

Position = tuple[float, float]


def document(width: int, height: int, title: str, body: Iterable[str]) -> str:
    """A picture on white, so that it reads the same on a dark page; drawn for the width of a phone, shown larger."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width * 3 // 2}" height="{height * 3 // 2}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(title)}" font-family="{_FONT}">'
    )
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="#fff"/>', *body, "</svg>", ""])


def text(x: float, y: float, words: str, *, size: float = 12, anchor: str = "start", fill: str = INK) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}" fill="{fill}">'
        f"{html.escape(words)}</text>"
    )


def line(a: Position, b: Position, *, stroke: str = GRID, width: float = 1, dash: str = "") -> str:
    return (
        f'<line x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}" stroke="{stroke}" '
        f'stroke-width="{width:g}"{_dash(dash)}/>'
    )


def dot(at: Position, *, fill: str, radius: float = 4.5, hollow: bool = False) -> str:
    look = f'fill="#fff" stroke="{fill}" stroke-width="1.6"' if hollow else f'fill="{fill}" fill-opacity="0.85"'
    return f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius:g}" {look}/>'


def path(points: Sequence[Position], *, stroke: str, width: float = 2, dash: str = "") -> str:
    where = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{where}" fill="none" stroke="{stroke}" stroke-width="{width:g}"{_dash(dash)}/>'


def area(points: Sequence[Position], *, fill: str) -> str:
    where = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polygon points="{where}" fill="{fill}"/>'


def box(at: Position, width: float, height: float, *, fill: str) -> str:
    return f'<rect x="{at[0]:.1f}" y="{at[1]:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"/>'


def _dash(dash: str) -> str:
    return f' stroke-dasharray="{dash}"' if dash else ""
