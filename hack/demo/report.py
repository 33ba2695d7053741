"""The report of a demo: one self-contained page and one JSON file.

The pictures are drawn as SVG here: a plotting library would be the largest dependency of the project for two lines
and a staircase, and the page has to work without any script.
"""

import html
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from demo.load import Tally
from demo.watch import Seen

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _GAP = 720, 150, 52, 16, 34


@dataclass(frozen=True, kw_only=True)
class Act:
    """One release: what had to become of it, and what did."""

    title: str
    story: str
    version: str
    expected: str
    outcome: str
    reason: str
    seconds: float
    highest_weight: int
    tally: Tally
    seen: Sequence[Seen]

    @property
    def ok(self) -> bool:
        return not self.wrong

    @property
    def wrong(self) -> list[str]:
        """What is not as it had to be, in words; empty when everything is."""
        found, tally = [], self.tally
        if self.outcome != self.expected:
            ended = "it did not end in time" if self.outcome == "Undecided" else f"it ended as {self.outcome}"
            found.append(f"{ended}, and should have ended as {self.expected}: {self.reason or 'nothing was said'}")
        if tally.failed_by_rollout:
            first = tally.details[0] if tally.details else "no details"
            found.append(
                f"{tally.failed_by_rollout:,} of {tally.sent:,} requests were lost by the rollout; first: {first}"
            )
        if not tally.whole:
            found.append(f"{tally.open:,} of {tally.sent:,} requests are unaccounted for")
        if found and tally.late:
            found.append(
                f"this machine is overloaded: {tally.late:,} requests could not be sent when they were due, so that "
                "the above may be its doing; try again when nothing else runs"
            )
        if found and tally.held_back:
            found.append(
                f"{tally.held_back:,} requests were held back, since too many were open: nothing answers in time"
            )
        return found


def write(folder: Path, acts: Sequence[Act], seconds: float) -> None:
    """Writes `index.html` and `summary.json` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_text(json.dumps(summary(acts, seconds), indent=2) + "\n")
    (folder / "index.html").write_text(page(acts, seconds))


def summary(acts: Sequence[Act], seconds: float) -> dict[str, object]:
    """Figures of the whole demo and of each act."""
    return {
        "promoted": sum(act.outcome == "Promoted" for act in acts),
        "rolled_back": sum(act.outcome == "RolledBack" for act in acts),
        "requests_total": sum(act.tally.sent for act in acts),
        "requests_failed_by_model": sum(act.tally.failed_by_model for act in acts),
        "requests_failed_by_rollout": sum(act.tally.failed_by_rollout for act in acts),
        "seconds": round(seconds, 1),
        "acts": [
            {
                "title": act.title,
                "version": act.version,
                "expected": act.expected,
                "outcome": act.outcome,
                "ok": act.ok,
                "wrong": act.wrong,
                "reason": act.reason,
                "seconds": round(act.seconds, 1),
                "highest_weight": act.highest_weight,
                **asdict(act.tally),
            }
            for act in acts
        ],
    }


def page(acts: Sequence[Act], seconds: float) -> str:
    """The report as HTML."""
    total = sum(act.tally.sent for act in acts)
    lost = sum(act.tally.failed_by_rollout for act in acts)
    verdict = (
        "Every release ended as expected." if all(act.ok for act in acts) else "A release did not end as expected."
    )
    sections = "\n".join(_section(act) for act in acts)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Timoneiro demo</title><style>{_STYLE}</style></head><body><main>
<h1>Timoneiro demo</h1>
<p class="lead">{verdict} {total:,} requests in {seconds:.0f} s; lost by the rollouts: <b>{lost}</b>.</p>
{sections}
<footer>Evidence is an e-value: the candidate is rolled back at 100 for &ldquo;worse&rdquo; (at most 1 % of harmless
candidates ever get there) and promoted at 20 for &ldquo;not worse&rdquo; (at most 5 % of candidates that are worse by
the margin ever do).</footer>
</main></body></html>
"""


def _section(act: Act) -> str:
    state = "ok" if act.ok else "bad"
    picture = _picture(act.seen) if any(look.weight for look in act.seen) else ""
    tally = act.tally
    rows = "".join(f"<dt>{name}</dt><dd>{html.escape(value)}</dd>" for name, value in (
        ("Outcome", _outcome(act)),
        ("Why", act.reason or "-"),
        ("Highest share of the traffic", f"{act.highest_weight} %"),
        ("Requests", f"{tally.sent:,}, of which {tally.failed_by_model:,} failed by the model and "
                     f"{tally.failed_by_rollout:,} lost by the rollout; {tally.thinned:.1%} of the load was not sent"),
        ("Time", f"{act.seconds:.0f} s"),
    ))  # fmt: skip
    details = "".join(f"<li>{html.escape(line)}</li>" for line in (*act.wrong, *tally.details))
    return f"""<section class="{state}"><h2>{html.escape(act.title)}</h2><p>{html.escape(act.story)}</p>
{picture}<dl>{rows}</dl>{f"<ul>{details}</ul>" if details else ""}</section>"""


def _outcome(act: Act) -> str:
    if act.outcome == act.expected:
        return f"{act.outcome}, as expected"
    return f"{act.outcome}, and it had to be {act.expected}"


def _picture(seen: Sequence[Seen]) -> str:
    """Weight and evidence over time, one above the other."""
    start, end = seen[0].time, max(seen[-1].time, seen[0].time + 1)

    def x(look: Seen) -> float:
        return _LEFT + (look.time - start) / (end - start) * (_WIDTH - _LEFT - _RIGHT)

    def staircase(values: list[tuple[float, float]]) -> str:
        parts = [f"M{values[0][0]:.1f},{values[0][1]:.1f}"]
        parts += [f"H{right:.1f}V{y:.1f}" for right, y in values[1:]]
        return "".join(parts)

    weight = [(x(look), _y(look.weight / 100, 0)) for look in seen]
    top = max(3.0, *(math.log10(max(1.0, value)) for look in seen for value in (look.worse, look.not_worse)))
    worse = [(x(look), _y(_level(look.worse, top), 1)) for look in seen]
    not_worse = [(x(look), _y(_level(look.not_worse, top), 1)) for look in seen]
    height = 2 * _HEIGHT + 2 * _GAP
    marks = [_mark(_y(share, 0), f"{round(share * 100)} %") for share in (0, 0.5, 1)]
    marks += [_mark(_y(power / top, 1), f"{10**power:,}") for power in range(0, int(top) + 1, 1 if top < 5 else 3)]
    bounds = [
        _bound(_y(2 / top, 1), "rollback at 100", "worse"),
        _bound(_y(math.log10(20) / top, 1), "promotion at 20", "better"),
    ]
    seconds = "".join(
        f'<text class="tick" x="{_LEFT + share * (_WIDTH - _LEFT - _RIGHT):.0f}" y="{height - 4}" text-anchor="middle">'
        f"{share * (end - start):.0f} s</text>"
        for share in (0, 0.25, 0.5, 0.75, 1)
    )
    return f"""<figure><svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="Weight and evidence over time">
<text class="name" x="{_LEFT}" y="14">Share of the traffic that the candidate gets</text>
<text class="name" x="{_LEFT}" y="{_HEIGHT + _GAP + 8}">Evidence (log scale)
<tspan class="worse" dx="12">worse</tspan><tspan class="better" dx="12">not worse</tspan></text>
{"".join(marks)}{"".join(bounds)}{seconds}
<path class="weight" d="{staircase(weight)}"/><path class="line worse" d="{staircase(worse)}"/>
<path class="line better" d="{staircase(not_worse)}"/></svg></figure>"""


def _level(value: float, top: float) -> float:
    return max(0.0, math.log10(max(1.0, value))) / top


def _y(share: float, panel: int) -> float:
    """Height in the picture of a share 0..1 of panel 0 or 1."""
    bottom = (panel + 1) * _HEIGHT + panel * _GAP
    return bottom - share * (_HEIGHT - 26)


def _mark(y: float, text: str) -> str:
    return (
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
    )


def _bound(y: float, text: str, kind: str) -> str:
    return (
        f'<line class="bound {kind}" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="tick {kind}" x="{_LEFT + 4}" y="{y - 4:.1f}">{text}</text>'
    )


_STYLE = """
:root{color-scheme:light dark;--ink:#16202a;--dim:#5b6b7a;--paper:#fff;--card:#f5f7f9;--worse:#c0392b;--better:#1e7d4f;
--weight:#2667b0;--grid:#d5dde4}
@media (prefers-color-scheme:dark){:root{--ink:#e8eef3;--dim:#9fb0bf;--paper:#11181f;--card:#1a232c;--worse:#ff7b6b;
--better:#5fd39a;--weight:#79b4f5;--grid:#2e3b47}}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:46rem;margin:0 auto;padding:1.5rem 1rem}
h1{margin:0 0 .3rem}.lead{font-size:1.1rem;margin-top:0}
section{background:var(--card);border-left:4px solid var(--better);border-radius:6px;
padding:.6rem 1rem 1rem;margin:1.2rem 0}
section.bad{border-color:var(--worse)}h2{margin:.2rem 0;font-size:1.15rem}
section p{color:var(--dim);margin:.2rem 0 .6rem}
figure{margin:0}svg{width:100%;height:auto;display:block}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:.8rem 0 0;font-size:.95rem}
dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}
@media (max-width:32rem){dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}}
.grid{stroke:var(--grid)}.tick{fill:var(--dim);font-size:11px}.name{fill:var(--ink);font-size:13px;font-weight:600}
.weight{fill:none;stroke:var(--weight);stroke-width:2.5}.line{fill:none;stroke-width:2.2}
path.worse,line.worse{stroke:var(--worse)}path.better,line.better{stroke:var(--better)}
text.worse,tspan.worse{fill:var(--worse)}text.better,tspan.better{fill:var(--better)}
.bound{stroke-dasharray:5 4;stroke-width:1.3}
footer{color:var(--dim);font-size:.9rem}
@media print{section{break-inside:avoid}}
"""
