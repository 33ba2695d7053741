"""The report of a model as one HTML page that needs nothing else: no script, no font, no network.

It is made of `evaluation.json` alone, and reads like the report of a rollout.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from timoneiro_page.markup import code, document, e, facts, numbers

from .pictures import calibration_picture, curve_pictures, dependence_picture, importance_bars

_MOST_COLUMNS = 15


def write_report(seen: Mapping[str, Any], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(report(seen), encoding="ascii")


def report(seen: Mapping[str, Any]) -> str:
    """The whole document, for what `evaluation.json` holds."""
    parts = [
        _header(seen),
        _gates(seen["gates"]),
        _figures(seen),
        curve_pictures(seen),
        calibration_picture(seen),
        _confusion(seen),
        _slices(seen),
        _robustness(seen),
        _explanation(seen),
        _worst(seen),
        _making(seen["training"]),
        "<footer><p>Made of evaluation.json, which has every number of this page.</p></footer>\n",
    ]
    return document(f"{seen['title']}: {_headline(seen)}", "".join(parts))


def _headline(seen: Mapping[str, Any]) -> str:
    failed = sum(not gate["passed"] for gate in seen["gates"])
    if not failed:
        return "good enough to be published"
    return f"not published: {failed} of {len(seen['gates'])} gates failed"


def _header(seen: Mapping[str, Any]) -> str:
    passed = seen["passed"]
    kind, sign, word = ("good", "✓", "Passed") if passed else ("bad", "✗", "Failed")
    primary = seen["metrics"][seen["primary"]]
    champion = seen["champion"]["uri"] if seen["champion"] else "none: no model serves yet, or none was asked for"
    known = [
        (primary["title"], e(_with_interval(primary))),
        ("Test rows", f"{seen['testRows']:,}"),
        ("Training rows", f"{seen['training']['rows']:,}"),
        ("Algorithm", e(seen["training"]["algorithm"])),
    ]
    return (
        f'<header class="{kind}"><p class="where">{e(seen["name"])} <span>{e(seen["task"])}</span></p>'
        f"<h1>{e(seen['title'])}: {e(_headline(seen))}</h1>"
        f'<p class="badge"><span aria-hidden="true">{sign}</span> {word}</p>'
        f"{facts(known)}{facts([('Champion', code(champion))], 'long')}</header>\n"
    )


def _gates(gates: Sequence[Mapping[str, Any]]) -> str:
    listed = "".join(
        f'<article class="{"good" if gate["passed"] else "bad"}"><p class="verdict"><b>'
        f"{'✓ holds' if gate['passed'] else '✗ does not hold'}</b> {e(gate['wanted'])}</p>"
        f'<p class="dim">{e(gate["seen"])}.</p></article>'
        for gate in gates
    )
    return f"<section><h2>Gates</h2>{listed}</section>\n"


def _figures(seen: Mapping[str, Any]) -> str:
    champion = seen["champion"] is not None
    header = ["", "Value", f"{seen['confidence']:.0%} interval", *(["Champion"] if champion else []), "No column"]
    rows = [
        [
            entry["title"],
            _shown(entry["value"]),
            _interval(entry),
            *([_shown(entry["champion"])] if champion else []),
            _shown(entry["baseline"]),
        ]
        for entry in seen["metrics"].values()
    ]
    return (
        f"<section><h2>How good it is</h2><p>On {seen['testRows']:,} rows that it was not trained on. The interval "
        "says how sure the figure is with so many rows; the last column is a model that looks at no column.</p>"
        f"{numbers(header, rows)}</section>\n"
    )


def _confusion(seen: Mapping[str, Any]) -> str:
    matrix, classes = seen["curves"]["confusion"], seen["classes"]
    if not matrix or len(classes) > _MOST_COLUMNS:
        return ""
    rows = [[f"is {name}", *(f"{count:,}" for count in row)] for name, row in zip(classes, matrix, strict=True)]
    threshold = seen["training"]["threshold"]
    said = "" if threshold is None else f"<p>{e(classes[-1])} is answered from a probability of {threshold:.3g} on.</p>"
    return (
        "<section><h2>Which class is taken for which</h2>"
        f"{said}{numbers(['', *(f'said {name}' for name in classes)], rows)}</section>\n"
    )


def _slices(seen: Mapping[str, Any]) -> str:
    if not seen["slices"]:
        return ""
    primary = seen["metrics"][seen["primary"]]
    named = [name for name in (seen["primary"], "precision", "recall", "mae") if name in seen["metrics"]]
    columns = list(dict.fromkeys(named))
    header = ["Rows with", "Rows", *(seen["metrics"][name]["title"] for name in columns)]
    ordered = sorted(seen["slices"], key=lambda part: _badness(part["figures"].get(seen["primary"]), primary))
    rows = [
        [
            f"{part['column']}: {part['value']}",
            f"{part['rows']:,}",
            *(_shown(part["figures"].get(name)) for name in columns),
        ]
        for part in ordered
    ]
    return (
        f"<section><h2>Where it is good, and where not</h2><p>Parts of the test rows, the worst by "
        f"{e(primary['title'])} first. Parts with few rows are left out.</p>{numbers(header, rows)}</section>\n"
    )


def _badness(figure: float | None, primary: Mapping[str, Any]) -> float:
    """The worse, the smaller; what cannot be told comes last."""
    if figure is None:
        return float("inf")
    return -figure if primary["smallerIsBetter"] else figure


def _robustness(seen: Mapping[str, Any]) -> str:
    if not seen["robustness"]:
        return ""
    primary = seen["metrics"][seen["primary"]]
    rows = [["rows and labels as they are", _shown(primary["value"])]]
    rows += [
        [entry["what"], "no answer" if entry["figure"] is None else _shown(entry["figure"])]
        for entry in seen["robustness"]
    ]
    return (
        "<section><h2>When rows or labels are not as they should be</h2>"
        f"{numbers(['With', primary['title']], rows)}</section>\n"
    )


def _explanation(seen: Mapping[str, Any]) -> str:
    if not seen["importances"]:
        return ""
    title = seen["metrics"][seen["primary"]]["title"]
    followed = "".join(dependence_picture(seen, entry, number) for number, entry in enumerate(seen["dependences"]))
    follows = f'<h3>How the answers follow them</h3><div class="two">{followed}</div>' if followed else ""
    return (
        f"<section><h2>What it looks at</h2><p>By how much {e(title)} gets worse when the values of a column change "
        f"places among the rows.</p>{importance_bars(seen['importances'][:_MOST_COLUMNS])}{follows}</section>\n"
    )


def _worst(seen: Mapping[str, Any]) -> str:
    if not seen["worst"]:
        return ""
    title = seen["metrics"][seen["primary"]]["title"]
    parts = "".join(
        f"<h3>Among rows with {e(part['column'])}: {e(part['value'])} ({e(title)} {_shown(part['figure'])})</h3>"
        f"{_examples(seen, part['rows'])}"
        for part in seen["worstBySlice"]
    )
    return f"<section><h2>Where it errs most</h2>{_examples(seen, seen['worst'])}{parts}</section>\n"


def _examples(seen: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> str:
    classes = bool(seen["classes"])
    header = ["Row", "Is", "Said", *(["Probability of what it is"] if classes else [])]
    rows = [
        [
            ", ".join(f"{name} {value}" for name, value in entry["row"].items()),
            _cell(entry["truth"]),
            _cell(entry["predicted"]),
            *([_shown(entry["probabilityOfTruth"])] if classes else []),
        ]
        for entry in entries
    ]
    return numbers(header, rows)


def _making(record: Mapping[str, Any]) -> str:
    found = "".join(f"<p>{e(sentence)}</p>" for sentence in record["findings"])
    known: Iterable[tuple[str, str]] = [
        ("Seed", str(record["seed"])),
        ("Missing values", _missing_values(record)),
        ("Calibration", e(record["calibration"] or "none")),
        *((name, e(str(value))) for name, value in sorted(record["parameters"].items())),
    ]
    search = record["search"]
    tried = ""
    if search:
        ended = ", and the time ran out" if search["out_of_time"] else ""
        tried = (
            f"<p>The best of {search['completed'] + search['pruned']} trials by cross-validated "
            f"{e(search['metric'])} ({search['pruned']} were given up early{ended}): {search['figure']:.4g}.</p>"
        )
    rows = [[name, f"{mean:.4g}", f"{deviation:.2g}"] for name, (mean, deviation) in record["folds"].items()]
    return (
        f"<section><h2>How it was made</h2>{facts(known)}{tried}{found}"
        f"<h3>Cross-validation on the training rows</h3>{numbers(['', 'Mean of the folds', 'Deviation'], rows)}"
        "</section>\n"
    )


def _missing_values(record: Mapping[str, Any]) -> str:
    if not record["impute"]:
        return "passed on"
    indicated = ", ".join(record["missing_indicators"])
    return e(f"replaced; indicated for {indicated}" if indicated else "replaced")


def _with_interval(entry: Mapping[str, Any]) -> str:
    interval = _interval(entry)
    return f"{_shown(entry['value'])} ({interval})" if interval else _shown(entry["value"])


def _interval(entry: Mapping[str, Any]) -> str:
    if entry["low"] is None or entry["high"] is None:
        return ""
    return f"{_shown(entry['low'])} to {_shown(entry['high'])}"


def _cell(value: Any) -> str:
    return _shown(value) if isinstance(value, float) else str(value)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
