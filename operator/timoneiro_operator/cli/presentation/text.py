"""Revisions, times and evidence in the words that people read. Pure; `now` is seconds since the epoch."""

from collections.abc import Mapping
from typing import Any

from timoneiro_operator.api.analysis_status import MetricStatus
from timoneiro_operator.api.duration import format_duration
from timoneiro_operator.api.status import Revision, Status, Weights
from timoneiro_operator.api.times import Moment, read_moment
from timoneiro_operator.decide.text import (
    name_of,
    percent,
    rate_text,
    ratio_text,
    revision_name,
    shape_words,
    step_text,
)


def known_name(status: Status, revision: str) -> str:
    """The name of a revision with its version, if the status remembers that."""
    return name_of(revision, known_version(status, revision))


def known_version(status: Status, revision: str) -> str | None:
    """What people call a revision, as far as the status remembers it."""
    parts: list[Revision | None] = [status.stable, status.candidate]
    serving = [(part.revision, part.version) for part in parts if part]
    kept = [(entry.revision, entry.model.version) for entry in status.revisions]
    rejected = [(entry.revision, entry.version) for entry in status.rejected]
    past = [(entry.revision, entry.version) for entry in status.history]
    known = (*serving, *kept, *rejected, *past)
    return next((version for other, version in known if other == revision and version), None)


def is_routed(status: Status) -> bool:
    """The API server takes what is due: what is not so yet is for the gateway to do."""
    return not any(c.type == "Progressing" and c.reason == "Refused" for c in status.conditions)


def shares(status: Status) -> Weights | None:
    """Percent that each model has: of the route where it is not what is wanted. None before anything serves."""
    if status.traffic is None or status.weight in (None, status.traffic.desired.candidate):
        return status.traffic.desired if status.traffic else None
    return Weights(stable=100 - (status.weight or 0), candidate=status.weight or 0)


def shares_text(status: Status) -> str | None:
    """Who has the traffic, in a sentence; None before anything serves."""
    if status.stable is None:
        return None
    has = shares(status) or Weights(stable=100, candidate=0)
    others = f" and {revision_name(status.candidate)} {has.candidate} %" if status.candidate is not None else ""
    if status.former is not None:
        others = f" and {revision_name(status.former)} {has.former} %"
    if status.candidate is None and has.stable == 100:
        return f"{big_name(status.stable)} serves all traffic."
    wanted = "" if status.traffic is None or status.traffic.accepted else _wanted(status)
    return f"{big_name(status.stable)} has {has.stable} % of the traffic{others}{wanted}."


def _wanted(status: Status) -> str:
    """What is wanted and not so yet: the gateway's doing, unless the API server does not even take it."""
    assert status.traffic is not None
    wanted = status.traffic.desired
    if is_routed(status):
        return "; the gateway has not accepted that yet"
    return "" if wanted == shares(status) else f", and {wanted.stable} % and {wanted.candidate} % are wanted"


def sentence(text: str) -> str:
    """`text` with one full stop at its end: messages come with and without."""
    return f"{text.rstrip().rstrip('.')}."


def upper(text: str) -> str:
    """`text` as the beginning of a sentence."""
    return text[0].upper() + text[1:]


def big_name(revision: Revision) -> str:
    """The name of a revision at the beginning of a sentence."""
    return upper(revision_name(revision))


def left(until: Moment, now: Moment) -> float:
    """Seconds until `until`; negative afterwards."""
    return (until - now).total_seconds()


def ago(since: Moment, now: Moment) -> str:
    return f"{format_duration(now - since)} ago"


def created_at(metadata: Mapping[str, Any]) -> Moment | None:
    """When an object was made; None where it does not say so."""
    text = metadata.get("creationTimestamp")
    return read_moment(text) if text else None


def age(since: Moment | None, now: Moment) -> str:
    """The age of an object as kubectl writes it, in its largest unit: 45s, 12m, 5h, 12d; `-` when it is unknown."""
    if since is None:
        return "-"
    seconds = max(0, int((now - since).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def bound(probability: float) -> str:
    return f"{1 / probability:,.0f}" if probability > 0 else "?"


def counts_text(metric: MetricStatus) -> str:
    """The integers of both arms: `candidate 12 of 1,204, stable 30 of 3,600`."""
    candidate, stable = metric.candidate, metric.stable
    return f"candidate {candidate.events:,} of {candidate.requests:,}, stable {stable.events:,} of {stable.requests:,}"


def was_refused(action: str, revision: str, reason: str) -> str:
    """What is said to who asked for a command that the operator has refused, or would refuse."""
    return f"{action} of {name_of(revision, None)} was refused: {reason}"


def measured_text(metric: MetricStatus) -> str:
    """Ratio and counts, with the bound of a latency and the time that is left.

    Of a guard its rate and its limit, and of a shape the bin that differs the most.
    """
    if metric.limit is not None:
        rate = rate_text(metric.candidate)
        return f"{rate} of {metric.candidate.requests:,} requests, at most {percent(metric.limit)}"
    if metric.shape is not None:
        n, m = metric.candidate.requests, metric.stable.requests
        return f"{shape_words(metric.shape)}, after {n:,} requests to the candidate and {m:,} to the stable model"
    slow = f"slower than {metric.bound:g} s: " if metric.bound is not None else ""
    left = f", about {format_duration(metric.seconds_left)} more to a decision" if metric.seconds_left else ""
    return f"{slow}{counts_text(metric)}, ratio {ratio_text(metric.ratio)}{left}"


def status_line(name: str, status: Status) -> str:
    """All that matters of a rollout in one line, without the time: the same state gives the same line."""
    parts: list[str] = [status.phase or "not seen by the operator yet"]
    step = status.step
    if step is not None:
        words = {"Listed": "entering the route", "Promotion": "going to all traffic"}
        own = step_text(step) if status.former is not None else f"step {step_text(step)}"
        parts.append(words.get(step.kind, own))
    if status.candidate is not None:
        has = shares(status)
        weight = has.candidate if has else 0
        parts.append(f"{weight} % to {revision_name(status.candidate)}")
    if status.stable is not None:
        parts.append(f"stable {revision_name(status.stable)}")
    line = ", ".join(parts)
    told = [text for text in (status.verdict, status.message) if text]
    # Most messages of a decision end with the verdict already.
    if len(told) == 2 and told[0] in told[1]:
        told = told[1:]
    return f"{name}: " + "; ".join([line, *told])
