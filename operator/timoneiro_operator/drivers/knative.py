"""Driver Knative: one InferenceService, whose canaryTrafficPercent splits the traffic between its last two revisions.

Measured on KServe 0.20: `latest` in its split means the newest revision that is *ready*. A new template is therefore
always written together with percent 0, in one write, and gets more only when its own revision is ready; and a revision
that was rolled back stays at percent 0 until another one comes.
"""

import dataclasses

from timoneiro_operator.api import names
from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.kinds import Body
from timoneiro_operator.api.status import Candidate, Revision, Stable, Status
from timoneiro_operator.decide.capacity import replicas
from timoneiro_operator.decide.decision import Decision
from timoneiro_operator.decide.lifecycle import snapshot_of
from timoneiro_operator.decide.observation import Failure, RouteState, Workload
from timoneiro_operator.drivers.driver import Children, Patch, Write
from timoneiro_operator.drivers.runtimes import serve, unused, with_runtime
from timoneiro_operator.serving.inference_service import build_inference_service
from timoneiro_operator.serving.workload import is_as_built
from timoneiro_operator.traffic.knative import condition, latest_of, newest_ready, read_split


class KnativeDriver:
    """KServe in Knative mode. Replicas are part of a Knative revision: an edit of them comes with the next one."""

    def workloads(self, deployment: ModelDeployment, children: Children) -> dict[str, Workload]:
        service = children.services.get(deployment.name)
        if service is None or service["metadata"].get("deletionTimestamp"):
            return {}
        stable, candidate = deployment.status.stable, deployment.status.candidate
        served = _served(service)
        found: dict[str, Workload] = {}
        if stable is not None and (stable.revision == served or _rolled_out(service)):
            # While Knative reprograms its gateway, readiness of the route is unknown, and traffic goes on.
            broken = condition(children.knative, "RoutesReady").get("status") == "False"
            latest = latest_of(children.knative)
            # Made anew after somebody's edit it has another name, and is the same model.
            anew = latest is not None and latest.ready and latest.revision == stable.revision
            name = latest.name if anew and latest is not None else stable.backend or _rolled_out(service)
            found[stable.revision] = Workload(
                ready_replicas=0 if broken else _replicas(deployment, stable), routable=not broken, backend=name
            )
            if (former := _former(deployment.status, service)) is not None:
                # KServe keeps it for the way back as long as the one after it has not all traffic.
                # Only the newest revision can be a candidate: published again, it is another one of Knative's.
                found[former.revision] = dataclasses.replace(
                    found[stable.revision],
                    ready_replicas=_replicas(deployment, former),
                    backend=former.backend,
                    reusable=False,
                )
        if candidate is not None and candidate.revision == served:
            found[served] = _candidate(candidate, children.knative, _replicas(deployment, candidate))
        snapshot = snapshot_of(deployment.status, served)
        if served in found and snapshot is not None:
            as_built = is_as_built(service, build_inference_service(deployment, snapshot))
            workload = dataclasses.replace(found[served], as_built=as_built)
            found[served] = with_runtime(workload, deployment, snapshot, service, children)
        return found

    def route(self, deployment: ModelDeployment, children: Children) -> RouteState | None:
        service = children.services.get(deployment.name)
        if service is None:
            return None
        split = read_split(children.knative, _our_names(deployment.status, service, children.knative))
        if split is None or _as_written(deployment.status, service):
            return split
        return dataclasses.replace(split, as_built=False)

    def writes(self, deployment: ModelDeployment, decision: Decision, children: Children) -> tuple[Write, ...]:
        return (*self._writes(deployment, decision, children), *unused(decision.status, children))

    def _writes(self, deployment: ModelDeployment, decision: Decision, children: Children) -> tuple[Write, ...]:
        service, status = children.services.get(deployment.name), decision.status
        ensure = {snapshot.revision: snapshot for snapshot in decision.ensure}
        stable, candidate = status.stable, status.candidate
        if service is None:
            first = stable or candidate
            snapshot = ensure.get(first.revision) if first else None
            if snapshot is None:
                return ()
            return (serve(deployment, snapshot, first=True),)
        if service["metadata"].get("deletionTimestamp"):
            return ()
        served = _served(service)
        weights, former = decision.routing.weights, status.former
        share = weights.get(candidate.revision, 0) if candidate else 0
        rest = 100 - (weights.get(former.revision, 0) if former else 0)
        wanted = candidate or stable
        snapshot = ensure.get(wanted.revision) if wanted else None
        if snapshot is not None and (stable is None or candidate is None or _splits_from(stable, service)):
            percent = None if stable is None else share if candidate else rest
            return (serve(deployment, snapshot, first=False, percent=percent),)
        if stable is None or not weights:
            return ()
        percent = rest if served == stable.revision else share
        if _percent(service) == percent:
            return ()
        return (Patch(name=deployment.name, components={"predictor": {"canaryTrafficPercent": percent}}),)


def _replicas(deployment: ModelDeployment, part: Revision) -> int:
    """Of a revision that is ready: Knative calls it so when it has as many as it was asked for."""
    return replicas(deployment, deployment.status, part).least


def _as_written(status: Status, service: Body) -> bool:
    """Whether the percent is the one of the last pass: KServe may not have acted on somebody's edit yet."""
    if status.stable is None or status.traffic is None:
        return True
    latest_is_stable = status.stable.revision == _served(service)
    wanted = status.traffic.desired
    return _percent(service) == (100 - wanted.former if latest_is_stable else wanted.candidate)


def _our_names(status: Status, service: Body, knative: Body | None) -> dict[str, str]:
    """Our revisions by Knative's names: what was seen ready, and the newest one by the label of its template."""
    stable, candidate, latest = status.stable, status.candidate, latest_of(knative)
    ours = {part.revision for part in (stable, candidate) if part is not None}
    found: dict[str, str] = {}
    if latest is not None and latest.name is not None and latest.revision in ours:
        found[latest.name] = latest.revision
    if stable is not None and (name := stable.backend or _rolled_out(service)):
        found[name] = stable.revision
    if candidate is not None and candidate.backend is not None:
        found[candidate.backend] = candidate.revision
    if (former := _former(status, service)) is not None and former.backend is not None:
        found[former.backend] = former.revision
    return found


def _former(status: Status, service: Body) -> Stable | None:
    """The model that was stable before, in a holdback, while KServe still calls it the one that is rolled out."""
    former = status.former
    if former is None or former.backend is None or former.backend != _rolled_out(service):
        return None
    return former.as_stable()


def _candidate(candidate: Candidate, knative: Body | None, replicas: int) -> Workload:
    """Known by Knative's name once it was ready; before that by the template that Knative has observed."""
    if candidate.backend is not None:
        ready = newest_ready(knative) == candidate.backend
        return Workload(ready_replicas=replicas if ready else 0, routable=ready, backend=candidate.backend)
    latest = latest_of(knative)
    if latest is None or latest.revision != candidate.revision:
        return Workload()
    failed, failure = condition(knative, "ConfigurationsReady"), None
    if not latest.ready and failed.get("status") == "False":
        words = failed.get("message") or "Knative gives no message"
        # A container that ended once may be up in a moment: the progress deadline decides.
        failure = Failure(reason=failed.get("reason") or "RevisionFailed", message=words, final=False)
    return Workload(
        ready_replicas=replicas if latest.ready else 0, routable=latest.ready, backend=latest.name, failure=failure
    )


def _served(service: Body) -> str:
    """The revision whose template the InferenceService has."""
    return str(service["metadata"]["labels"].get(names.LABEL_REVISION, ""))


def _rolled_out(service: Body) -> str | None:
    """Knative's name of the last revision that had all traffic, as KServe keeps it."""
    components = (service.get("status") or {}).get("components") or {}
    return (components.get("predictor") or {}).get("latestRolledoutRevision") or None


def _splits_from(stable: Stable, service: Body) -> bool:
    """KServe splits between the newest revision and the one that it calls rolled out: that has to be the stable one."""
    rolled_out = _rolled_out(service)
    return rolled_out is not None and rolled_out == (stable.backend or rolled_out)


def _percent(service: Body) -> int:
    """All of the traffic goes to the latest revision when nothing is said."""
    percent = ((service.get("spec") or {}).get("predictor") or {}).get("canaryTrafficPercent")
    return 100 if percent is None else int(percent)
