"""Three pictures: false rollbacks, delay against effect, and what becomes of rollouts over time."""

import math
from collections.abc import Iterator, Sequence

from bench.judge.measure import Measurement
from bench.judge.run import Timeline
from bench.judge.sources import WINDOW_SECONDS
from bench.judge.svg import FAINT, GRID, Position, area, box, document, dot, line, path, text

_WIDTH = 400
_PROMISE = 0.01
_JUDGES = (
    "Timoneiro",
    "Kayenta, every 5 min",
    "z-test, once",
    "iter8 (Bayes)",
    "z-test, every look",
    "Flagger",
    "Argo Rollouts",
    "1.5x stable, 5 strikes",
)
_SITUATIONS = (
    ("steady", "steady", "#1f77b4"),
    ("bursts", "shared bursts", "#d95f02"),
    ("diurnal", "load ±80 %", "#7b3294"),
    ("negligible", "0.1 % fail", "#1b9e77"),
    ("low-10", "10 requests/s", "#c2185b"),
)
_LINES = (
    ("Timoneiro", "#0b5fa5", 3.0, ""),
    ("Timoneiro, tolerance 0", "#5aa9e6", 2.0, ""),
    ("Flagger", "#d95f02", 2.0, ""),
    ("Argo Rollouts", "#a6761d", 2.0, ""),
    ("Kayenta, every 5 min", "#7b3294", 2.0, ""),
    ("iter8 (Bayes)", "#1b9e77", 2.0, "6 4"),
    ("z-test, every look", "#c2185b", 2.0, "6 4"),
)
_TICKS = ((30, "30 s"), (60, "1 min"), (120, "2 min"), (300, "5 min"), (600, "10 min"), (1800, "30 min"))
_EFFECTS = (1.5, 2.0, 3.0, 5.0, 10.0)


def false_rollbacks(outcomes: Sequence[Measurement]) -> str:
    """A row for each judge, a dot for each situation, on a logarithmic scale; the promise as a line."""
    found = {(o.judge, o.scenario): o for o in outcomes if o.setting == "fixed" and o.effect == 1.0}
    left, right, top, row = 148, _WIDTH - 14, 54, 34
    height = top + row * len(_JUDGES) + 96
    low, high = math.log10(1e-4), 0.0

    def x(share: float) -> float:
        return left + (math.log10(max(share, 1e-4)) - low) / (high - low) * (right - left)

    def body() -> Iterator[str]:
        yield text(10, 20, "Harmless candidates rolled back within 30 minutes", size=13.5)
        bottom = top + row * len(_JUDGES)
        for share, label in ((1e-4, "≤ 0.01"), (1e-3, "0.1"), (1e-2, "1"), (1e-1, "10"), (1.0, "100 %")):
            promise = share == _PROMISE
            yield line((x(share), top - 8), (x(share), bottom), stroke="#c62828" if promise else GRID)
            yield text(x(share), bottom + 16, label, anchor="end" if share == 1.0 else "middle", fill=FAINT)
        yield text(x(_PROMISE), top - 12, "promised: 1 %", size=11, anchor="middle", fill="#c62828")
        for index, judge in enumerate(_JUDGES):
            y = top + row * (index + 0.5)
            yield line((left, y), (right, y))
            yield text(left - 12, y + 4, judge, anchor="end")
            for place, (name, _, colour) in enumerate(_SITUATIONS):
                back = found[judge, name].rolled_back
                yield dot((x(back.value), y + 4 * (place - 2)), fill=colour, hollow=back.count == 0)
        for place, (_, words, colour) in enumerate(_SITUATIONS):
            at = (18 + 130 * (place % 3), bottom + 42 + 20 * (place // 3))
            yield dot(at, fill=colour)
            yield text(at[0] + 10, at[1] + 4, words)
        yield text(10, bottom + 86, "One dot for each situation. Hollow: none of all rollouts.", size=11, fill=FAINT)

    return document(_WIDTH, height, "Harmless candidates rolled back, by judge and situation", body())


def delays(outcomes: Sequence[Measurement]) -> str:
    """Median seconds until the rollback against the effect, both logarithmic, and Wald's bound below."""
    found = {(o.judge, o.effect): o for o in outcomes if o.setting == "fixed" and o.scenario == "steady"}
    left, right, top, bottom = 52, _WIDTH - 16, 42, 290
    slowest = math.log(2400.0 / 20.0)

    def at(effect: float, seconds: float) -> Position:
        across = (math.log(effect) - math.log(1.5)) / (math.log(10.0) - math.log(1.5))
        return left + across * (right - left), bottom - math.log(seconds / 20.0) / slowest * (bottom - top)

    def points(judge: str) -> list[Position]:
        rows = [(effect, found[judge, effect].delay) for effect in _EFFECTS]
        return [at(effect, seconds) for effect, seconds in rows if seconds is not None]

    def body() -> Iterator[str]:
        yield text(10, 20, "Time until half of the bad candidates are back", size=13.5)
        for seconds, label in _TICKS:
            height = at(1.5, seconds)[1]
            yield line((left, height), (right, height))
            yield text(left - 6, height + 4, label, size=11, anchor="end", fill=FAINT)
        for effect in _EFFECTS:
            yield text(at(effect, 20)[0], bottom + 16, f"{effect:g}x", anchor="middle", fill=FAINT)
        bounds = [(effect, found["Timoneiro", effect].bound) for effect in _EFFECTS]
        lower = [at(effect, seconds) for effect, seconds in bounds if seconds is not None]
        yield area([*lower, (lower[-1][0], bottom), (lower[0][0], bottom)], fill="#e8eef4")
        for judge, colour, width, dash in _LINES:
            yield path(points(judge), stroke=colour, width=width, dash=dash)
            for point in points(judge):
                yield dot(point, fill=colour, radius=2.5)
        for place, (judge, colour, width, dash) in enumerate(_LINES):
            x, y = 12 + 190 * (place % 2), bottom + 42 + 20 * (place // 2)
            yield line((x, y - 4), (x + 24, y - 4), stroke=colour, width=width, dash=dash)
            yield text(x + 30, y, judge)
        y = bottom + 42 + 20 * (len(_LINES) // 2)
        yield box((202, y - 10), 24, 11, fill="#e8eef4")
        yield text(232, y, "below Wald's bound")
        notes = (
            "Dashed: quick, because it rolls back harmless candidates too.",
            "Wald's bound is the one for a tolerated 1.25x.",
            "Missing: not half of the candidates were rolled back.",
        )
        for place, words in enumerate(notes):
            yield text(10, y + 24 + 16 * place, words, size=11, fill=FAINT)

    return document(_WIDTH, bottom + 174, "Median delay of a rollback against the effect, by judge", body())


def over_time(timelines: Sequence[Timeline]) -> str:
    """Shares of rollouts that are rolled back, promoted or on their way, for three effects."""
    found = {line.effect: line for line in timelines if line.scenario == "steady"}
    left, right, panel, gap, top = 46, _WIDTH - 14, 104, 34, 62
    shown = (1.0, 1.5, 2.0)
    colours = (("rolled back", "#c0504d"), ("on the way, or held", "#e3e7eb"), ("promoted", "#5b9a68"))

    def body() -> Iterator[str]:
        yield text(10, 20, "Part of all rollouts; weights 5, 25, then 50 %", size=13.5)
        for place, (words, colour) in enumerate(colours):
            yield box((14 + (0, 108, 264)[place], 31), 12, 12, fill=colour)
            yield text(14 + (0, 108, 264)[place] + 17, 41, words)
        for index, effect in enumerate(shown):
            base = top + index * (panel + gap) + panel
            rows = found[effect]
            count = len(rows.promoted)

            def at(window: int, share: float, base: float = base, count: int = count) -> Position:
                return left + window / count * (right - left), base - share * panel

            yield box((left, base - panel), right - left, panel, fill=colours[1][1])
            promoted = [at(0, 0.0), *(at(k + 1, float(v)) for k, v in enumerate(rows.promoted)), at(count, 0.0)]
            taken = [at(0, 1.0), *(at(k + 1, 1.0 - float(v)) for k, v in enumerate(rows.rolled_back)), at(count, 1.0)]
            yield area(promoted, fill=colours[2][1])
            yield area(taken, fill=colours[0][1])
            yield text(left - 8, base - panel / 2 + 5, f"{effect:g}x", size=14, anchor="end")
            for minute in (0, 10, 20, 30, 40, 50, 60):
                x = at(round(minute * 60 / WINDOW_SECONDS), 0.0)[0]
                yield line((x, base), (x, base + 4), stroke=FAINT)
                words = "60 min" if minute == 60 else str(minute)
                yield text(x, base + 16, words, size=11, anchor="end" if minute == 60 else "middle", fill=FAINT)

    return document(_WIDTH, top + len(shown) * (panel + gap), "Rollouts over time, by effect", body())
