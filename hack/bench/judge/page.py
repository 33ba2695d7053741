"""The tables of docs/judge.md, each between its pair of markers; the prose around them is written by people."""

import re
from collections.abc import Iterable, Mapping, Sequence

from bench.judge.measure import Measurement
from bench.judge.rivals import VALID
from bench.judge.run import Size
from bench.judge.scenarios import SCENARIOS
from bench.judge.sources import WINDOW_SECONDS
from bench.judge.targets import MOST_BY_WALD, percent, targets

_BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
_TITLES = {scenario.name: scenario.title for scenario in SCENARIOS}
_OURS = "Timoneiro"
_JUDGES = (
    _OURS,
    "Kayenta, at the end",
    "Kayenta, every 5 min",
    "z-test, once",
    "iter8 (Bayes)",
    "z-test, every look",
    "Flagger",
    "Argo Rollouts",
    "1.5x stable, 5 strikes",
)
_ORACLE = "oracle (knows the ratio)"
_STRICT = "Timoneiro, tolerance 0"


class Found:
    """Outcomes by what they are of."""

    def __init__(self, outcomes: Iterable[Measurement]) -> None:
        self._by = {(o.setting, o.scenario, o.judge, o.effect): o for o in outcomes}

    def at(self, scenario: str, effect: float, *, judge: str = _OURS, setting: str = "fixed") -> Measurement:
        return self._by[setting, scenario, judge, effect]


def fill(page: str, sections: Mapping[str, str]) -> str:
    """The page with each section between its markers. Raises ValueError when a pair is missing or not known."""
    there = set(re.findall(r"<!-- bench: (\S+) -->", page))
    if there != set(sections):
        raise ValueError(f"the page has markers for {sorted(there)}, and the benchmark writes {sorted(sections)}")
    for name, text in sections.items():
        page = _filled(page, name, text)
    return page


def _filled(page: str, name: str, text: str) -> str:
    begin, end = f"<!-- bench: {name} -->\n", "<!-- /bench -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed or begin in after:
        raise ValueError(f"the section {name} needs one pair of markers")
    return f"{before}{begin}{text}{end}{after}"


def sections(outcomes: Sequence[Measurement], *, seed: int, size: Size) -> dict[str, str]:
    """All generated parts of the page."""
    found = Found(outcomes)
    return {
        "setup": _setup(seed, size),
        "targets": _targets(outcomes),
        "null": _null(outcomes, found),
        "rivals": _rivals(found),
        "delays": _delays(found),
        "slow": _slow(outcomes),
        "failed": _failed(found),
        "policy": _policy(found),
        "low": _low(found),
        "late": _late(found),
        "valid": _valid(found),
        "outages": _outages(found),
        "cold": _cold(found),
        "dispersion": _dispersion(outcomes),
        "pods": _pods(found),
        "nodes": _nodes(found),
    }


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _setup(seed: int, size: Size) -> str:
    return (
        f"Seed {seed}; {size.harmless:,} rollouts for each situation and effect up to 1.25x, {size.worse:,} beyond it "
        f"(Kayenta's judge: {size.kayenta:,} and {size.kayenta_worse:,}). The same seed gives the same page.\n"
    )


def _targets(outcomes: Sequence[Measurement]) -> str:
    rows = [(t.what, t.target, f"{t.found}: {t.where}", "kept" if t.kept else "**broken**") for t in targets(outcomes)]
    return table(("what", "target", "worst found", ""), rows)


def _share(outcome: Measurement) -> str:
    """A share with the upper end of its 95 % interval."""
    return f"{percent(outcome.rolled_back.value)} (≤ {percent(outcome.rolled_back.interval[1])})"


def _null(outcomes: Sequence[Measurement], found: Found) -> str:
    covered = dict.fromkeys((o.scenario, o.judge) for o in outcomes if o.covered and o.effect == 1.0)

    def row(scenario: str, judge: str) -> list[str]:
        title = _TITLES[scenario] + judge.removeprefix(_OURS)
        cells = [_share(found.at(scenario, 1.0, judge=judge, setting=s)) for s in ("fixed", "policy")]
        edge = found.at(scenario, 1.25, judge=judge, setting="policy")
        return [title, *cells, _share(edge) if edge.harmless else "not harmless"]

    head = ("situation", "1x, 10 % of traffic", "1x, canary steps", "1.25x, canary steps")
    return table(head, (row(*pair) for pair in covered))


def _rivals(found: Found) -> str:
    places = ("steady", "bursts", "diurnal", "negligible", "low-10", "mirrored")
    head = ("judge", *(_TITLES[place] for place in places))

    def row(judge: str) -> list[str]:
        return [judge, *(percent(found.at(place, 1.0, judge=judge).rolled_back.value) for place in places)]

    return table(head, map(row, _JUDGES))


def _delays(found: Found) -> str:
    effects = (1.5, 2.0, 3.0, 5.0, 10.0)

    def cell(outcome: Measurement) -> str:
        share = percent(outcome.rolled_back.value)
        return share if outcome.delay is None else f"{share}, {outcome.delay:,.0f} s"

    def row(judge: str) -> list[str]:
        return [judge, *(cell(found.at("steady", effect, judge=judge)) for effect in effects)]

    def by_wald(name: str, judge: str, setting: str) -> list[str]:
        ours = [found.at("steady", effect, judge=judge, setting=setting) for effect in effects]
        return [name, *("-" if o.by_wald is None else f"{o.by_wald:.2f} of {o.bound:,.0f} s" for o in ours)]

    rows = [row(judge) for judge in (_OURS, _STRICT, *_JUDGES[1:], _ORACLE)]
    wald = (
        by_wald("delay / Wald's bound", _OURS, "fixed"),
        by_wald("with tolerance 0", _STRICT, "fixed"),
        by_wald("canary steps", _OURS, "policy"),
    )
    return table(("judge", *(f"{effect:g}x" for effect in effects)), [*rows, *wald])


def _slow(outcomes: Sequence[Measurement]) -> str:
    """Where the theory covers the judge and the delay is beyond 1.3 bounds by more than one window."""
    slow = [
        o
        for o in outcomes
        if o.covered and o.effect >= 2.0 and not o.scenario.startswith("late") and o.delay and o.bound
        if o.delay > MOST_BY_WALD * o.bound and o.delay > o.bound + WINDOW_SECONDS
    ]

    def row(o: Measurement) -> list[str]:
        setting = "10 %" if o.setting == "fixed" else "steps"
        return [_TITLES[o.scenario], setting, f"{o.effect:g}x", f"{o.delay:,.0f} s", f"{o.bound:,.0f} s"]

    return table(("situation", "setting", "effect", "median", "bound"), map(row, slow))


def _failed(found: Found) -> str:
    effects = (2.0, 3.0, 5.0, 10.0)

    def row(judge: str) -> list[str]:
        return [judge, *(f"{found.at('steady', effect, judge=judge).failed:,.0f}" for effect in effects)]

    return table(("judge", *(f"{effect:g}x" for effect in effects)), map(row, (_OURS, _STRICT, *_JUDGES[1:])))


def _ends(outcome: Measurement) -> list[str]:
    return [percent(share.value) for share in (outcome.rolled_back, outcome.promoted, outcome.held)]


def _policy(found: Found) -> str:
    def row(effect: float) -> list[str]:
        outcome = found.at("steady", effect, setting="policy")
        delay = "-" if outcome.delay is None else f"{outcome.delay:,.0f} s"
        return [f"{effect:g}x", *_ends(outcome), delay]

    head = ("candidate fails", "rolled back", "promoted", "held after 6 h", "median rollback")
    return table(head, map(row, (1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)))


def _low(found: Found) -> str:
    places = ("low-10", "low-5", "low-1", "low-0.1", "negligible", "zero", "zero-10")

    def row(place: str, effect: float) -> list[str]:
        return [_TITLES[place], f"{effect:g}x", *_ends(found.at(place, effect, setting="policy"))]

    head = ("situation", "effect", "rolled back", "promoted", "held")
    return table(head, (row(place, effect) for place in places for effect in (1.0, 2.0, 5.0)))


def _late(found: Found) -> str:
    def row(place: str, effect: float) -> list[str]:
        fixed, policy = found.at(place, effect), found.at(place, effect, setting="policy")
        delay = "-" if fixed.delay is None else f"{fixed.delay:,.0f} s"
        bound = "-" if fixed.bound is None else f"{fixed.bound:,.0f} s"
        shares = [percent(share.value) for share in (fixed.rolled_back, policy.rolled_back, policy.promoted)]
        return [_TITLES[place], f"{effect:g}x", shares[0], f"{delay} ({bound})", *shares[1:]]

    head = ("onset", "effect", "10 %: rolled back", "median (bound)", "steps: rolled back", "steps: promoted")
    return table(
        head, (row(place, effect) for place in ("late-10", "late-20", "late-60") for effect in (2.0, 3.0, 5.0, 10.0))
    )


def _valid(found: Found) -> str:
    """Those whose promise is ours: at the edge of what is harmless, and how soon they find what is not."""

    def found_after(outcome: Measurement) -> str:
        share = percent(outcome.rolled_back.value)
        return share if outcome.delay is None else f"{share}, {outcome.delay:,.0f} s"

    def row(judge: str) -> list[str]:
        edges = [percent(found.at(place, 1.25, judge=judge).rolled_back.value) for place in ("steady", "rise")]
        bursts = percent(found.at("bursts", 1.25, judge=judge).rolled_back.value)
        return [judge, *edges, bursts, *(found_after(found.at("steady", e, judge=judge)) for e in (2.0, 3.0, 5.0))]

    head = ("judge", "1.25x, steady", f"1.25x, {_TITLES['rise']}", "1.25x, bursts", "2x", "3x", "5x")
    return table(head, map(row, (_OURS, *VALID)))


def _outages(found: Found) -> str:
    rows = [("outage", 1.25), ("outage", 2.0), ("outage-long", 1.25), ("outage-long", 2.0), ("outage-long", 3.0)]
    rows += [("zero-outages", 2.0), ("zero-outages", 10.0)]

    def row(place: str, effect: float) -> list[str]:
        scenario = _BY_NAME[place]
        fails = f"{effect:g}x" if scenario.base else f"{100 * scenario.candidate_rate(effect):.2g} %"
        return [_TITLES[place], fails, *_ends(found.at(place, effect, setting="policy"))]

    head = ("situation", "candidate fails", "rolled back", "promoted", "held after 6 h")
    return table(head, (row(*pair) for pair in rows))


def _cold(found: Found) -> str:
    def row(judge: str) -> list[str]:
        of = [found.at("cold-start", effect, judge=judge, setting="policy") for effect in (1.0, 1.25, 3.0)]
        return [judge.removeprefix(_OURS).lstrip(", ") or "warm-up of 60 s", *(_share(outcome) for outcome in of)]

    head = ("", "1x rolled back", "1.25x rolled back", "3x rolled back")
    return table(head, map(row, (_OURS, "Timoneiro, no warm-up")))


def _dispersion(outcomes: Sequence[Measurement]) -> str:
    found = Found(outcomes)
    places = ("pods-window", "sessions", "retries", "users")
    pairs = dict.fromkeys((o.scenario, o.judge) for o in outcomes if o.scenario in places and o.judge.startswith(_OURS))

    def row(scenario: str, judge: str) -> list[str]:
        first, edge, margin, bad = (
            found.at(scenario, effect, judge=judge, setting="policy") for effect in (1.0, 1.25, 2.0, 3.0)
        )
        how = judge.removeprefix(_OURS).lstrip(", ") or "estimated"
        return [
            _TITLES[scenario],
            how,
            percent(first.rolled_back.value),
            percent(edge.rolled_back.value),
            percent(margin.promoted.value),
            percent(bad.rolled_back.value),
        ]

    head = ("situation", "dispersion", "1x rolled back", "1.25x rolled back", "2x promoted", "3x rolled back")
    return table(head, (row(*pair) for pair in pairs))


def _nodes(found: Found) -> str:
    def row(place: str) -> list[str]:
        first, edge, bad = (found.at(place, effect, setting="policy") for effect in (1.0, 1.25, 3.0))
        return [_TITLES[place], _share(first), _share(edge), _share(bad)]

    head = ("the candidate has", "1x rolled back", "1.25x rolled back", "3x rolled back")
    return table(head, map(row, ("node-1", "node-2", "node-4")))


def _pods(found: Found) -> str:
    def row(tolerance: str) -> list[str]:
        judge = f"{_OURS}, tolerance {tolerance}"
        cells = [
            percent(found.at(place, effect, judge=judge, setting="policy").rolled_back.value)
            for effect in (1.0, 1.25)
            for place in ("pod-1", "pod-2")
        ]
        return [tolerance, *cells]

    head = ("tolerance", "1x, one pod", "1x, two pods", "1.25x, one pod", "1.25x, two pods")
    return table(head, map(row, ("0", "0.1", "0.25", "0.5")))
