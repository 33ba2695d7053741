"""One pass over one ModelDeployment: observe, decide, apply, one status write.

The only room that knows all the others. A pass may fail or be cut short anywhere: everything it does is repeated
without harm by the next one.
"""

import dataclasses
import logging
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from timoneiro_operator.adoption import Adoption, AdoptionReader
from timoneiro_operator.api.declared import decides
from timoneiro_operator.api.deployment import (
    ModelDeployment,
    UnreadableStatus,
    parse,
    parse_acted_on,
    parse_status,
)
from timoneiro_operator.api.invalid_spec import InvalidSpec
from timoneiro_operator.api.kinds import Body, Key
from timoneiro_operator.api.runtime import Runtime, signature_problem
from timoneiro_operator.api.status import Status
from timoneiro_operator.api.times import Moment, moment
from timoneiro_operator.decide.conditions import invalid
from timoneiro_operator.decide.decide import decide
from timoneiro_operator.decide.decision import on_record, only_counted, with_refusal
from timoneiro_operator.decide.events import Event
from timoneiro_operator.decide.observation import Impairment, Metrics, Observation
from timoneiro_operator.decide.steps import arms_to_measure
from timoneiro_operator.drivers.available import contested_host, lacking
from timoneiro_operator.drivers.driver import Children, Driver, children_of
from timoneiro_operator.drivers.gateway import GatewayDriver
from timoneiro_operator.drivers.knative import KnativeDriver
from timoneiro_operator.drivers.runtimes import runtime_names
from timoneiro_operator.kube.askers import Askers
from timoneiro_operator.kube.cache import Cache
from timoneiro_operator.kube.client import KubeClient
from timoneiro_operator.kube.crd import ServedCrd
from timoneiro_operator.kube.permissions import WRITE_STATUS, Permissions
from timoneiro_operator.metrics.look import Look
from timoneiro_operator.recorder import NotOnRecord, Recorder
from timoneiro_operator.servable import ASK_AGAIN_SECONDS, NotServable, Servable
from timoneiro_operator.serving.adopted import Adopted
from timoneiro_operator.serving.runtime import read_runtime
from timoneiro_operator.serving.workload import with_cause
from timoneiro_operator.sources.reader import Reader
from timoneiro_operator.targets.arms import arm_targets
from timoneiro_operator.telemetry import Telemetry
from timoneiro_operator.writer import Writer

log = logging.getLogger(__name__)
replace = msgspec.structs.replace

# After a refusal nothing may happen by itself: a quota or a webhook may be back any time.
_RETRY_SECONDS = 10.0
# What has just changed may go further without anything else happening, and nobody else would wake it.
_AT_ONCE = 0.0
_DRIVERS: Mapping[str, Driver] = {"Gateway": GatewayDriver(), "Knative": KnativeDriver()}


class Reconciler:
    """Brings ModelDeployments where they are meant to be, one pass at a time."""

    def __init__(
        self,
        *,
        cache: Cache,
        client: KubeClient,
        reader: Reader,
        telemetry: Telemetry,
        clock: Callable[[], float] = time.time,
        own_runtime: str | None = None,
    ) -> None:
        """`clock`: seconds since the epoch. `own_runtime`: name of Timoneiro's serving runtime, if there is one."""
        self._cache = cache
        self._client = client
        self._reader = reader
        self._telemetry = telemetry
        self._clock = clock
        self._own_runtime = own_runtime
        self.crd = ServedCrd(client, telemetry)
        self.permissions = Permissions(client, telemetry)
        self.askers = Askers(client)
        self._servable = Servable(client)
        self._recorder = Recorder(
            cache=cache, client=client, telemetry=telemetry, crd=self.crd, permissions=self.permissions
        )
        self._writer = Writer(cache, client)
        self._adoption = AdoptionReader(cache, client)
        # Deployments of whose status this process knows all, whatever the API server keeps of it.
        self._whole: set[Key] = set()

    def unready(self) -> str | None:
        """What keeps this process from its work and cannot be told in a status; None when nothing does."""
        if not self.permissions.may("list", "ModelDeployment") or WRITE_STATUS in self.permissions.missing:
            return "the operator may not list ModelDeployments and write their status"
        return self.crd.sentence()

    async def reconcile(self, key: Key) -> float | None:
        """One pass; returns the seconds after which another one is due even if nothing happens."""
        body = self._cache.get("ModelDeployment", key)
        if body is None or body["metadata"].get("deletionTimestamp"):
            self._forget(key)
            return None
        self.askers.notice(key, body)
        now = moment(self._clock())
        problem, may_change = None, False
        try:
            deployment = parse(body)
            _check_status(deployment.status)
            deployment, children, adoption = await self._with_cluster(deployment, body)
            _check_server(deployment)
            await self._servable.check(deployment, now)
        except UnreadableStatus as error:
            # Whatever was decided would be decided without what is known.
            sentence = (
                f"the status cannot be read: {error}; {self.crd.sentence() or 'nothing is done until it is fixed'}"
            )
            await self._recorder.tell(body, Event("Warning", "StatusUnreadable", sentence), now)
            return _RETRY_SECONDS
        except InvalidSpec as error:
            problem, acted_on = str(error), parse_acted_on(body)
            may_change = isinstance(error, NotServable)
            if acted_on is None:
                generation = body["metadata"].get("generation", 0)
                await self._recorder.write(body, invalid(parse_status(body), problem, generation, now), now, held=True)
                return ASK_AGAIN_SECONDS if may_change else None
            deployment, children, adoption = await self._with_cluster(acted_on, body)
        deployment, contested = self._own_hosts(body, deployment, children)
        observation = await self._with_causes(deployment, self._observe(deployment, children, contested, now))
        observation = dataclasses.replace(observation, adoption=adoption.wanted)
        decision = decide(deployment, observation, now)
        if decision.fault is not None:
            log.error("%s/%s: the counts cannot be judged", *key, exc_info=decision.fault)
        if problem is not None:
            known, generation = deployment.status.conditions, deployment.generation
            status = invalid(decision.status, problem, generation, now, known=known)
            decision = dataclasses.replace(decision, status=status)
        writes = _DRIVERS[deployment.spec.route.driver].writes(deployment, decision, children)
        try:
            if not on_record(deployment.status, decision.status):
                # What was decided first: a crash in between must not give the traffic back to a candidate that was
                # judged, nor take the weights of a new step for somebody's edit.
                await self._recorder.write(body, decision.status, now, held=observation.held is not None)
                await self._writer.carry_out(deployment.key, writes)
                return _AT_ONCE
            refused, changed = await self._writer.carry_out(deployment.key, writes)
            # Nothing was put back where the API server has found nothing to change.
            status = decision.status if changed else replace(decision.status, restored=deployment.status.restored)
            if refused is not None:
                status = with_refusal(status, "Refused", refused, observation)
            elif contested is not None:
                status = with_refusal(status, "HostnameConflict", contested, observation)
            told = await self._recorder.write(body, status, now, held=observation.held is not None)
            if told and (writes or not only_counted(deployment.status, status)):
                return _AT_ONCE
        except NotOnRecord:
            return _AT_ONCE
        self._expect(replace(deployment, status=status), children, now)
        waits = refused is not None or contested is not None or may_change or self._cache.unwritten(body)
        return min(decision.look_again or _RETRY_SECONDS, _RETRY_SECONDS) if waits else decision.look_again

    def _forget(self, key: Key) -> None:
        """It is gone. Its children have owner references: Kubernetes removes them, without us, or lets them be."""
        for part in (self._reader, self._adoption, self._servable, self._telemetry, self.askers):
            part.forget(key)
        self._whole.discard(key)

    async def _with_cluster(
        self, deployment: ModelDeployment, body: Body
    ) -> tuple[ModelDeployment, Children, Adoption]:
        """The deployment with what the cluster has for it, what belongs to it there, and what it has adopted."""
        deployment = replace(await self._asked(deployment, body), own_runtime=self._own_runtime)
        adoption = await self._adoption.read(deployment)
        children = self._children(deployment, adoption.adopted)
        return replace(deployment, runtimes=self._runtimes(deployment, children)), children, adoption

    async def _asked(self, deployment: ModelDeployment, body: Body) -> ModelDeployment:
        """The deployment with whether it is proven who asks for its command, where nobody has answered that yet."""
        command = deployment.command
        if command is None or any(record.id == command.id for record in deployment.status.commands):
            return deployment
        verified = await self.askers.proven(deployment.key, body)
        return replace(deployment, command=replace(command, verified=verified))

    def _children(self, deployment: ModelDeployment, adopted: Sequence[Adopted]) -> Children:
        key = deployment.key
        return children_of(
            self._cache.children(key, "InferenceService"),
            self._cache.children(key, "Pod"),
            route=self._route(key),
            knative=next(iter(self._cache.children(key, "KnativeService")), None),
            runtimes=self._cache.children(key, "ServingRuntime"),
            adopted=adopted,
        )

    def _route(self, key: Key) -> Body | None:
        """The HTTPRoute of a ModelDeployment, whatever its name."""
        return next(iter(self._cache.children(key, "HTTPRoute")), None)

    def _runtimes(self, deployment: ModelDeployment, children: Children) -> dict[str, Runtime]:
        """Serving runtimes that matter, by name."""
        bodies = (self._cache.runtime(deployment.namespace, name) for name in runtime_names(deployment, children))
        return {body["metadata"]["name"]: read_runtime(body) for body in bodies if body is not None}

    def _own_hosts(
        self, body: Body, deployment: ModelDeployment, children: Children
    ) -> tuple[ModelDeployment, str | None]:
        """The deployment without host names that belong to another one, and a sentence about them.

        What serves goes on under the names that it has: a name too many must not stop a rollback.
        """
        others = [
            (other, self._route((other["metadata"]["namespace"], other["metadata"]["name"])))
            for other in self._cache.sharing_a_host(deployment.key)
        ]
        contested = contested_host(body, children.route, others)
        if contested is None or children.route is None:
            return deployment, contested
        had = (children.route.get("spec") or {}).get("hostnames") or deployment.spec.route.hostnames
        route = replace(deployment.spec.route, hostnames=tuple(had))
        return replace(deployment, spec=replace(deployment.spec, route=route)), contested

    def _observe(
        self, deployment: ModelDeployment, children: Children, contested: str | None, now: Moment
    ) -> Observation:
        """The cluster as the cache has it now, and counts that were read before if a comparison is running."""
        driver, missing = _DRIVERS[deployment.spec.route.driver], lacking(deployment, self._cache.absent)
        if missing is None and contested is not None and children.route is None:
            missing = "HostnameConflict", contested
        return Observation(
            missing=missing,
            workloads=driver.workloads(deployment, children),
            route=driver.route(deployment, children),
            metrics=self._measure(deployment, children, now),
            impaired=self._impairment(deployment),
        )

    def _impairment(self, deployment: ModelDeployment) -> Impairment | None:
        """What the operator itself lacks. What another process has decided may not be in a status that lacks fields."""
        if deployment.status == Status() or not any(decides(field) for field in self.crd.lacking):
            self._whole.add(deployment.key)
        outdated, missing = self.crd.sentence(), self.permissions.concerning(deployment.spec.route.driver)
        if outdated is None and not missing:
            return None
        may_not = "; ".join(f"{permission}: {permission.effect}" for permission in missing)
        forbidden = f"the operator may not {may_not}; give it the ClusterRole of the chart" if missing else None
        return Impairment(
            reason="PermissionMissing" if missing else "CRDOutdated",
            message="; ".join(sentence for sentence in (forbidden, outdated) if sentence is not None),
            holds=deployment.key not in self._whole or any(permission.holds for permission in missing),
            blind=any(permission.blind for permission in missing),
        )

    async def _with_causes(self, deployment: ModelDeployment, seen: Observation) -> Observation:
        """What was seen, with why pods are lacking.

        A read for each revision that lacks some, in the passes in which it does: a watch of Deployments would cost
        memory and traffic for all those that lack none.
        """
        status, causes = deployment.status, {}
        for part in (status.stable, status.candidate):
            workload = seen.workload(part.revision) if part is not None else None
            if part is not None and workload is not None and workload.lacks_pods:
                for name in workload.lacks_pods:
                    body = await self._client.component((deployment.namespace, name))
                    workload = with_cause(workload, body)
                causes[part.revision] = workload
        return dataclasses.replace(seen, workloads={**seen.workloads, **causes}) if causes else seen

    def _measure(self, deployment: ModelDeployment, children: Children, now: Moment) -> Metrics:
        look = self._look(deployment, children, now)
        if look is None:
            self._reader.forget(deployment.key)
            return Metrics()
        return self._reader.measure(look)

    def _expect(self, deployment: ModelDeployment, children: Children, now: Moment) -> None:
        """Nothing but counts is missing now: they may be read without another pass."""
        look = self._look(deployment, children, now)
        if look is not None:
            self._reader.expect(look)

    def _look(self, deployment: ModelDeployment, children: Children, now: Moment) -> Look | None:
        """What is to be counted now; None while nothing is compared."""
        arms = arms_to_measure(deployment.status)
        if arms is None:
            return None
        recorded, step = deployment.status.analysis, deployment.status.step
        gateway = deployment.spec.route.gateway
        return Look(
            key=deployment.key,
            arms=arms,
            analysis=deployment.spec.analysis,
            stable=arm_targets(deployment, children, arms.stable),
            candidate=arm_targets(deployment, children, arms.candidate),
            now=now.timestamp(),
            recorded=recorded.last_window_end if recorded else None,
            since=step.started_at.timestamp() if step and step.started_at else None,
            bounds=recorded.bounds if recorded else {},
            marks=recorded.marks if recorded else None,
            gateway=(gateway.namespace, gateway.name),
        )


def _check_status(status: Status) -> None:
    """Raises UnreadableStatus for one that lost its stable revision: the next model would get all traffic at once."""
    if status.stable is None and status.phase not in ("", "Pending", "Degraded"):
        raise UnreadableStatus(f"no stable revision, and the phase is {status.phase}")


def _check_server(deployment: ModelDeployment) -> None:
    """Raises InvalidSpec where a signature is demanded of a model server that does not look at it."""
    spec = deployment.spec
    problem = None if spec.model is None else signature_problem(spec.model, spec.predictor, deployment.own_runtime)
    if problem is not None:
        raise InvalidSpec(problem)
