"""The traffic split of a Knative Service, as KServe makes it from canaryTrafficPercent and Knative carries it out.

Knative knows revisions by its own names. The latest one is ours when the labels of the template say so and Knative has
observed that template; the other one is what KServe calls rolled out. Nothing here is believed before that.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from timoneiro_operator.api import names
from timoneiro_operator.api.kinds import Body
from timoneiro_operator.decide.observation import RouteState, Routing

_LONGEST_NAME = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """The newest revision. `revision`: ours, by the label of the template. `name`: Knative's; None before it exists."""

    revision: str
    name: str | None
    ready: bool


def is_observed(knative: Body) -> bool:
    """Whether Knative's status is about the spec that is there."""
    status = knative.get("status") or {}
    return bool(status.get("observedGeneration", 0) >= knative["metadata"].get("generation", 1))


def latest_of(knative: Body | None) -> Latest | None:
    """The newest revision of a Knative Service; None while Knative has not observed its template."""
    if knative is None or not is_observed(knative):
        return None
    labels = ((knative.get("spec") or {}).get("template") or {}).get("metadata", {}).get("labels") or {}
    created = (knative.get("status") or {}).get("latestCreatedRevisionName")
    ready = bool(created) and created == newest_ready(knative)
    return Latest(revision=labels.get(names.LABEL_REVISION, ""), name=created, ready=ready)


def newest_ready(knative: Body | None) -> str | None:
    """Knative's name of the newest revision that is ready."""
    return ((knative or {}).get("status") or {}).get("latestReadyRevisionName") or None


def deployment_name(backend: str) -> str:
    """Name of the Deployment that Knative makes for its revision `backend`: of a long one a digest takes the place."""
    suffix = "-deployment"
    if len(backend) + len(suffix) <= _LONGEST_NAME:
        return backend + suffix
    digest = hashlib.md5(backend.encode(), usedforsecurity=False).hexdigest()
    return f"{backend[: _LONGEST_NAME - len(digest) - len(suffix)]}{digest}{suffix}"


def condition(knative: Body | None, kind: str) -> Body:
    """A condition of a Knative Service; empty when it does not exist."""
    conditions = ((knative or {}).get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c.get("type") == kind), {})


def read_split(knative: Body | None, ours: Mapping[str, str]) -> RouteState | None:
    """The split that Knative carries out; None while there is no Knative Service.

    `ours`: our revisions by Knative's names of them. A revision may be named twice in Knative's list, so that shares
    are summed by name.
    """
    if knative is None:
        return None
    shares: dict[str, int] = {}
    for target in (knative.get("status") or {}).get("traffic") or []:
        name = target.get("revisionName", "")
        shares[name] = shares.get(name, 0) + int(target.get("percent") or 0)
    # What is known and gets nothing has no target, unlike in a route: Knative needs none to give it traffic later.
    weights = dict.fromkeys(ours.values(), 0)
    for name, share in shares.items():
        if name in ours or share:
            weights[ours.get(name, name)] = weights.get(ours.get(name, name), 0) + share
    routing = Routing(weights=weights)
    if not is_observed(knative) or _by_target(knative.get("spec")) != _by_target(knative.get("status")):
        return RouteState(routing=routing, reason="Pending", message="Knative has not applied the split yet")
    foreign = [name for name, share in shares.items() if share and name not in ours]
    if foreign:
        words = f"Knative sends traffic to {foreign[0]}, which is neither the stable model nor the candidate"
        return RouteState(routing=routing, as_built=False, reason="OtherRevision", message=words)
    return RouteState(routing=routing, accepted=True, reason="Accepted", message="Knative has applied the split")


def _by_target(part: Body | None) -> dict[str, int]:
    """Percent by kind of target: the latest revision, or one by name."""
    found: dict[str, int] = {}
    for target in (part or {}).get("traffic") or []:
        name = "latest" if target.get("latestRevision") else target.get("revisionName", "")
        found[name] = found.get(name, 0) + int(target.get("percent") or 0)
    return found
