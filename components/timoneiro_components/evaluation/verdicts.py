"""Each gate with the number that it saw. Comparisons are this way round so that NaN passes none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..definition.gates import Disturbance, Gate
from ..definition.metrics import METRICS, PRIMARY, title_of
from ..definition.training import Training
from ..tasks.answers import ModelAnswers
from ..tasks.registry import Figure, better, figure_of
from .intervals import Resampling
from .robustness import in_words
from .slices import Slice

CONFIDENCE = 0.9


@dataclass(frozen=True)
class GateVerdict:
    """One gate: what it wants, what it saw (None where there was nothing to see), in words, and whether it holds."""

    wanted: str
    seen: str
    passed: bool

    @property
    def reason(self) -> str:
        return f"{self.seen}; {self.wanted} is wanted"


@dataclass(frozen=True)
class GateEvidence:
    """What gates are about: answers of the candidate, of the champion (None: there is none) and of a model that looks
    at no column, on the same rows; the parts of the rows; answers under disturbances."""

    candidate: ModelAnswers
    champion: ModelAnswers | None
    baseline: ModelAnswers
    parts: Sequence[Slice]
    disturbed: Mapping[Disturbance, ModelAnswers | None]
    resampling: Resampling


def verdicts(training: Training, evidence: GateEvidence) -> list[GateVerdict]:
    """Every gate of the definition, after the one that every model has to pass: better than no column at all."""
    return [_baseline(training, evidence), *(_judge(gate, training, evidence) for gate in training.spec.gates)]


def _baseline(training: Training, evidence: GateEvidence) -> GateVerdict:
    metric = PRIMARY[training.spec.task]
    figure = figure_of(training.spec.task, metric)
    found, alone = figure(evidence.candidate), figure(evidence.baseline)
    return GateVerdict(
        wanted=f"a better {title_of(metric)} than without looking at any column",
        seen=f"{title_of(metric)} is {found:.4f}, and {alone:.4f} without any column",
        passed=better(metric, found, alone) > 0,
    )


def _judge(gate: Gate, training: Training, evidence: GateEvidence) -> GateVerdict:
    figure = figure_of(training.spec.task, gate.metric)
    if gate.fairness is not None:
        return _fairness(gate, gate.fairness, figure, evidence)
    if gate.robustness is not None:
        return _robustness(gate, gate.robustness, figure, training, evidence)
    if gate.slice is not None:
        return _slices(gate, gate.slice, figure, training, evidence)
    if gate.champion is not None:
        return _champion(gate, figure, evidence.candidate, evidence.champion, evidence.resampling)
    found = figure(evidence.candidate)
    return GateVerdict(_limit(gate), f"{title_of(gate.metric)} is {found:.4f}", _within(gate, found))


def _champion(
    gate: Gate,
    figure: Figure,
    candidate: ModelAnswers,
    champion: ModelAnswers | None,
    resampling: Resampling,
    where: str = "",
) -> GateVerdict:
    margin, confidence = gate.champion or 0.0, gate.confidence or CONFIDENCE
    title = f"{title_of(gate.metric)}{where}"
    wanted = f"{title} at most {margin:g} worse than the champion's ({confidence:.0%} sure)"
    if champion is None:
        return GateVerdict(wanted, "there is no champion", passed=True)
    found, other = figure(candidate), figure(champion)
    _, low, high = resampling.difference(figure, candidate, champion, confidence)
    # By how much it may be worse, with that confidence.
    smaller = gate.metric in METRICS and METRICS[gate.metric].smaller_is_better
    worst = high if smaller else -low
    if confidence == 0.5:
        worst = -better(gate.metric, found, other)
    way = "higher" if smaller else "lower"
    seen = f"{title} is {found:.4f}, the champion's is {other:.4f} on the same rows: at most {max(worst, 0):.4f} {way}"
    return GateVerdict(wanted, seen, passed=worst <= margin)


def _slices(gate: Gate, column: str, figure: Figure, training: Training, evidence: GateEvidence) -> GateVerdict:
    """The first part that does not pass, or else the worst one, speaks for all."""
    parts = [part for part in evidence.parts if part.column == column]
    if not parts:
        least = training.spec.evaluation.min_slice_rows
        return GateVerdict(_limit(gate), f"no value of column {column} has {least} rows", passed=False)
    found = []
    for part in parts:
        rows = evidence.candidate.take(part.chosen)
        if gate.champion is not None:
            champion = None if evidence.champion is None else evidence.champion.take(part.chosen)
            resampling = Resampling(evidence.resampling.groups[part.chosen], evidence.resampling.seed)
            found.append(_champion(gate, figure, rows, champion, resampling, f" of {part.name}"))
        else:
            value = figure(rows)
            seen = f"{title_of(gate.metric)} of {part.name} is {value:.4f} ({part.rows} rows)"
            found.append(GateVerdict(_limit(gate), seen, _within(gate, value)))
    return min(found, key=lambda verdict: verdict.passed)


def _fairness(gate: Gate, column: str, figure: Figure, evidence: GateEvidence) -> GateVerdict:
    title = title_of(gate.metric)
    wanted = f"a difference of {title} between values of {column} of at most {gate.at_most:g}"
    parts = [
        (part.value, figure(evidence.candidate.take(part.chosen))) for part in evidence.parts if part.column == column
    ]
    if len(parts) < 2:
        return GateVerdict(wanted, f"{column} has no two values with enough rows", passed=False)
    if unknown := [value for value, found in parts if math.isnan(found)]:
        return GateVerdict(wanted, f"{title} of {column} {unknown[0]} cannot be told from its rows", passed=False)
    (low, least), (high, most) = min(parts, key=_second), max(parts, key=_second)
    seen = f"{title} is {least:.4f} for {column} {low} and {most:.4f} for {high}"
    return GateVerdict(wanted, seen, passed=most - least <= (gate.at_most or 0.0))


def _robustness(
    gate: Gate, kind: Disturbance, figure: Figure, training: Training, evidence: GateEvidence
) -> GateVerdict:
    title, what = title_of(gate.metric), in_words(kind, training)
    wanted = f"{title} at most {gate.at_most:g} worse with {what}"
    if kind not in evidence.disturbed:
        return GateVerdict(wanted, "no column can be disturbed so", passed=False)
    answers = evidence.disturbed[kind]
    if answers is None:
        return GateVerdict(wanted, "the model does not answer such rows", passed=False)
    before, after = figure(evidence.candidate), figure(answers)
    seen = f"{title} is {before:.4f}, and {after:.4f} with {what}"
    return GateVerdict(wanted, seen, passed=better(gate.metric, before, after) <= (gate.at_most or 0.0))


def _limit(gate: Gate) -> str:
    if gate.champion is not None:
        return f"{title_of(gate.metric)} at most {gate.champion:g} worse than the champion's"
    limit = f"at least {gate.at_least:g}" if gate.at_least is not None else f"at most {gate.at_most:g}"
    return f"{title_of(gate.metric)} of {limit}"


def _within(gate: Gate, found: float) -> bool:
    if gate.at_least is not None:
        return found >= gate.at_least
    return gate.at_most is not None and found <= gate.at_most


def _second(entry: tuple[str, float]) -> float:
    return entry[1]
