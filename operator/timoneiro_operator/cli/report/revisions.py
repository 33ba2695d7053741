"""The revisions of a report: those that serve, those that did, and the one that it is about. Pure."""

from collections.abc import Mapping

from timoneiro_operator.api.spec import Model
from timoneiro_operator.api.status import Status
from timoneiro_operator.api.times import Moment
from timoneiro_operator.cli.presentation.text import known_version
from timoneiro_operator.cli.presentation.view import View
from timoneiro_operator.cli.report.content import Card, RevisionReport, RolloutReport, Standing
from timoneiro_operator.decide.lifecycle import rejection_entry, snapshot_of


def revisions_of(view: View, rollout: RolloutReport | None, cards: Mapping[str, Card]) -> tuple[RevisionReport, ...]:
    """The candidate of the rollout first, what it was compared with next, then the others, the last one that served
    first. `cards` by version or by revision.
    """
    status = view.status
    order = [part.revision for part in (rollout.candidate, rollout.stable) if part] if rollout else []
    order += [part.revision for part in (status.candidate, status.stable) if part]
    order += [kept.revision for kept in view.former()]
    return tuple(_revision(view, revision, cards) for revision in dict.fromkeys(order))


def _revision(view: View, revision: str, cards: Mapping[str, Card]) -> RevisionReport:
    status, model = view.status, _model(view, revision)
    version = known_version(status, revision) or (model.version if model else None)
    return RevisionReport(
        revision=revision,
        version=version,
        standing=_standing(view, revision),
        uri=model.uri if model else _uri(status, revision),
        digest=model.digest if model else None,
        format=" ".join(part for part in (model.format.name, model.format.version) if part) if model else None,
        since=_since(status, revision),
        card=cards.get(revision) or cards.get(version or ""),
    )


def _model(view: View, revision: str) -> Model | None:
    """A candidate that was rolled back is forgotten soon, but for as long as the spec still asks for it."""
    kept = snapshot_of(view.status, revision)
    if kept is None and view.wanted == revision and view.spec is not None:
        return view.spec.model
    return kept.model if kept is not None else None


def _uri(status: Status, revision: str) -> str | None:
    parts = (status.stable, status.candidate, *status.retiring)
    return next((part.uri for part in parts if part is not None and part.revision == revision), None)


def _standing(view: View, revision: str) -> tuple[Standing, ...]:
    status = view.status
    found: list[Standing] = []
    if status.stable is not None and status.stable.revision == revision:
        found.append("Stable")
    if status.candidate is not None and status.candidate.revision == revision:
        found.append("Candidate")
    if any(kept.revision == revision for kept in view.former()):
        found.append("Former")
    if rejection_entry(status, revision) is not None:
        found.append("Rejected")
    return tuple(found)


def _since(status: Status, revision: str) -> Moment | None:
    if status.stable is not None and status.stable.revision == revision and status.stable.since:
        return status.stable.since
    kept = snapshot_of(status, revision)
    return kept.stable_since if kept is not None else None
