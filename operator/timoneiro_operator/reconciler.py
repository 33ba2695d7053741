"""One pass over one ModelDeployment: observe, decide, apply, one status write.

The only room that knows all the others. A pass may fail or be cut short anywhere: everything it does is repeated
without harm by the next one.
"""

import logging
import time
from collections.abc import Awaitable, Mapping
from typing import Any

import msgspec
from lightkube.core.exceptions import ApiError

from timoneiro_operator.api.deployment import InvalidSpec, ModelDeployment, parse, parse_status
from timoneiro_operator.api.duration import parse_duration
from timoneiro_operator.api.status import Condition, Status, to_text
from timoneiro_operator.decide.decide import arms_to_measure, decide
from timoneiro_operator.decide.decision import Decision, takes_traffic_away, with_refusal
from timoneiro_operator.decide.events import ended_between, events_between
from timoneiro_operator.decide.observation import Metrics, Observation
from timoneiro_operator.kube.cache import Body, Cache, Key, Kind
from timoneiro_operator.kube.client import KubeClient, Refused
from timoneiro_operator.metrics.scrape import ScrapeSource, Target
from timoneiro_operator.serving.inference_service import build_inference_service
from timoneiro_operator.serving.workload import read_workload, ready_pods
from timoneiro_operator.telemetry import Telemetry
from timoneiro_operator.traffic.gateway import build_route, differs, read_route

log = logging.getLogger(__name__)

# KServe's own label on the pods of an InferenceService.
_SERVICE_LABEL = "serving.kserve.io/inferenceservice"
# After a refusal nothing may happen by itself: a quota or a webhook may be back any time.
_RETRY_SECONDS = 10.0


class Reconciler:
    """Brings ModelDeployments where they are meant to be, one pass at a time."""

    def __init__(self, *, cache: Cache, client: KubeClient, source: ScrapeSource, telemetry: Telemetry) -> None:
        self._cache = cache
        self._client = client
        self._source = source
        self._telemetry = telemetry

    async def reconcile(self, key: Key) -> float | None:
        """One pass; returns the seconds after which another one is due even if nothing happens."""
        body = self._cache.get("ModelDeployment", key)
        if body is None or body["metadata"].get("deletionTimestamp"):
            # Children have owner references: Kubernetes removes them, without us.
            self._source.forget(key)
            self._telemetry.forget(key)
            return None
        now = time.time()
        try:
            deployment = parse(body)
        except InvalidSpec as error:
            await self._write(body, _invalid(body, str(error), now), now)
            return None
        observation = await self._observe(deployment, now)
        decision = decide(deployment, observation, now)
        if takes_traffic_away(decision, observation):
            # The verdict first: a crash in between must not give the traffic back to a candidate that was judged.
            await self._write(body, decision.status, now)
            await self._apply(deployment, decision, observation)
            return decision.look_again
        refused = await self._apply(deployment, decision, observation)
        await self._write(body, with_refusal(decision.status, refused), now)
        return min(decision.look_again or _RETRY_SECONDS, _RETRY_SECONDS) if refused else decision.look_again

    async def _observe(self, deployment: ModelDeployment, now: float) -> Observation:
        """The cluster as the cache has it, and counts if a comparison is running."""
        key = deployment.key
        by_service: dict[str, list[Body]] = {}
        for pod in self._cache.children(key, "Pod"):
            by_service.setdefault(pod["metadata"]["labels"].get(_SERVICE_LABEL, ""), []).append(pod)
        services = {body["metadata"]["name"]: body for body in self._cache.children(key, "InferenceService")}
        metrics = Metrics()
        arms = arms_to_measure(deployment.status)
        if arms is None:
            self._source.forget(key)
        else:
            analysis, recorded = deployment.spec.analysis, deployment.status.analysis
            metrics = await self._source.read(
                key,
                arms,
                {name: [_target(pod) for pod in ready_pods(by_service.get(name, ()))] for name in arms[:2]},
                interval=parse_duration(analysis.interval),
                now=now,
                recorded=recorded.last_window_end if recorded else None,
            )
            metrics = _for_metrics(metrics, [metric.name for metric in analysis.metrics])
        return Observation(
            workloads={name: read_workload(body, by_service.get(name, ())) for name, body in services.items()},
            route=read_route(self._cache.get("HTTPRoute", key)),
            metrics=metrics,
        )

    async def _apply(self, deployment: ModelDeployment, decision: Decision, seen: Observation) -> str | None:
        """Capacity first, then traffic, then what is not needed any more. Returns what was refused, in a sentence.

        One object that is refused keeps nothing else from being done: least of all traffic from going back.
        """
        refusals = []
        if decision.ensure is not None and decision.ensure not in seen.workloads:
            applying = self._client.apply("InferenceService", build_inference_service(deployment))
            refusals.append(await self._take("InferenceService", applying))
        for name, replicas in decision.scale.items():
            scaling = self._client.scale((deployment.namespace, name), replicas)
            refusals.append(await self._take("InferenceService", scaling))
        if decision.weights and differs(deployment, decision.weights, seen.route):
            applying = self._client.apply("HTTPRoute", build_route(deployment, decision.weights))
            refusals.append(await self._take("HTTPRoute", applying))
        for name in decision.delete:
            await self._client.delete("InferenceService", (deployment.namespace, name))
        return next((refusal for refusal in refusals if refusal), None)

    async def _take(self, kind: Kind, request: Awaitable[Body]) -> str | None:
        """The answer goes into the cache at once; a refusal is returned as a sentence."""
        try:
            self._cache.put(kind, await request)
        except Refused as error:
            log.warning("%s", error)
            return str(error)
        return None

    async def _write(self, body: Body, status: Status, now: float) -> None:
        """The one status write of a pass, and none when nothing has changed; then what people hear of it."""
        old = parse_status(body)
        if status == old:
            return
        written = await self._client.write_status(body, msgspec.to_builtins(status))
        self._cache.put("ModelDeployment", written)
        key = (body["metadata"]["namespace"], body["metadata"]["name"])
        self._telemetry.set_weight(key, status.traffic.desired.candidate if status.traffic else 0)
        for entry in ended_between(old, status):
            self._telemetry.count_outcome(entry.outcome)
        for event in events_between(old, status):
            log.info("%s/%s %s: %s", *key, event.reason, event.message)
            try:
                await self._client.record_event(
                    written, kind=event.kind, reason=event.reason, message=event.message, now=now
                )
            except ApiError as error:
                # The status says the same; an event that is refused is no reason to repeat a pass.
                log.warning("%s/%s: the event %s was refused: %s", *key, event.reason, error.status.message)


def _target(pod: Body) -> Target:
    return Target(pod["metadata"]["uid"], pod["metadata"]["name"], pod["status"]["podIP"])


def _for_metrics(metrics: Metrics, names: list[str]) -> Metrics:
    """The counts of failures under the name of each metric of type Errors."""
    if "errors" not in metrics.windows:
        return metrics
    window = metrics.windows["errors"]
    return Metrics(windows=dict.fromkeys(names, window), window_end=metrics.window_end, problem=metrics.problem)


def _invalid(body: Mapping[str, Any], message: str, now: float) -> Status:
    """The old status with `Ready=False, InvalidSpec`: nothing that serves is touched."""
    old = parse_status(body)
    before = next((c for c in old.conditions if c.type == "Ready"), None)
    changed = before is None or before.status != "False"
    ready = Condition(
        type="Ready",
        status="False",
        reason="InvalidSpec",
        message=message,
        last_transition_time=to_text(now) if changed or before is None else before.last_transition_time,
        observed_generation=body["metadata"].get("generation", 0),
    )
    others = tuple(c for c in old.conditions if c.type != "Ready")
    return msgspec.structs.replace(
        old,
        phase="Degraded" if old.stable is None else old.phase,
        message=f"the spec is invalid and was not acted on: {message}",
        observed_generation=body["metadata"].get("generation", 0),
        conditions=(ready, *others),
    )
