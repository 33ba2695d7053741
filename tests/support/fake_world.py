"""A cluster in memory for tests of `decide`: obeys every decision at once, on a virtual clock.

Fake below the line: no Kubernetes, no gateway. Readiness, failures and counts are what a test says.
"""

import copy
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import msgspec

from timoneiro_judge.counts import Counts, Window
from timoneiro_operator.api.command import Action, Command, encode_command
from timoneiro_operator.api.deployment import ModelDeployment, parse
from timoneiro_operator.api.duration import Duration
from timoneiro_operator.api.names import ANNOTATION_COMMAND, ANNOTATION_COMMAND_BY
from timoneiro_operator.api.scaling import Replicas
from timoneiro_operator.api.status import CommandRecord, Snapshot, Status
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide.decide import decide
from timoneiro_operator.decide.decision import Decision
from timoneiro_operator.decide.observation import (
    Answers,
    Failure,
    Metrics,
    Observation,
    Pods,
    RouteState,
    Routing,
    Workload,
)
from timoneiro_operator.decide.steps import Arms, arms_to_measure
from timoneiro_operator.decide.warm_up import warms_up_until

EPOCH = 1_800_000_000.0

SPEC: dict[str, Any] = {
    "model": {"format": {"name": "sklearn", "version": "1"}, "uri": "s3://models/fraud/1", "version": "1"},
    "route": {"hostnames": ["fraud.example.com"]},
    # Without a holdback, as most tests are about what comes before it; test_holdback.py is about the rest.
    "rollout": {"canary": {"steps": [{"weight": 10, "for": "1m"}, {"weight": 50, "for": "1m"}]}, "holdback": 0},
    "analysis": {
        "interval": "10s",
        "warmUp": "0s",
        "minRequests": 50,
        "metrics": [{"name": "errors", "negligible": 0.01}],
    },
}


@dataclass
class FakeWorld:
    """One ModelDeployment and what there is around it, by revision. `rate`: events per request by model uri."""

    spec: dict[str, Any] = field(default_factory=lambda: copy.deepcopy(SPEC))
    status: Status = field(default_factory=Status)
    now: float = EPOCH
    generation: int = 1
    services: dict[str, Workload] = field(default_factory=dict)
    scaled: dict[str, Replicas] = field(default_factory=dict)
    uris: dict[str, str] = field(default_factory=dict)
    route: RouteState | None = None
    gateway_accepts: bool = True
    ready: bool = True
    failures: dict[str, Failure] = field(default_factory=dict)
    rate: dict[str, float] = field(default_factory=dict)
    requests_per_second: float = 100.0
    # Models, by uri, that answer nothing; and whether the source counts what arrives, or only what has ended.
    hanging: set[str] = field(default_factory=set)
    counts_arrivals: bool = True
    # Percent of the requests by revision, where it is not what the gateway has accepted.
    realised: dict[str, int] = field(default_factory=dict)
    problem: tuple[str, str] | None = None
    missing: tuple[str, str] | None = None
    command: Command | None = None
    # What an InferenceService serves that is to be adopted, or why it cannot be.
    adoption: Snapshot | str = "it does not exist"
    # The pair that was looked at last, and since when: the first look at another one brings no counts.
    looked_at: Arms | None = None
    looked_since: float = EPOCH
    writes: int = 0
    deleted: list[str] = field(default_factory=list)
    dice: Random = field(default_factory=lambda: Random(7))

    @property
    def deployment(self) -> ModelDeployment:
        annotations, command = {}, self.command
        if command is not None:
            annotations = {ANNOTATION_COMMAND: encode_command(command), ANNOTATION_COMMAND_BY: command.by}
        deployment = parse(
            {
                "metadata": {
                    "name": "fraud",
                    "namespace": "ns",
                    "uid": "u",
                    "generation": self.generation,
                    "annotations": annotations,
                },
                "spec": self.spec,
                "status": msgspec.json.decode(msgspec.json.encode(self.status)),
            }
        )
        if deployment.command is None or command is None:
            return deployment
        proven = msgspec.structs.replace(deployment.command, verified=command.verified)
        return msgspec.structs.replace(deployment, command=proven)

    def model(self, number: int) -> str:
        """Asks for another model; returns its revision."""
        self.spec["model"] |= {"uri": f"s3://models/fraud/{number}", "version": str(number)}
        self.generation += 1
        return self.wanted()

    def adopting(self, **said: Any) -> str:
        """An InferenceService called `old` that serves what the spec says; returns its revision. `said`: otherwise."""
        self.spec["adopt"] = "old"
        deployment = self.deployment
        revision = deployment.revision or ""
        snapshot = Snapshot(
            revision=revision, model=deployment.model, predictor=deployment.spec.predictor, adopted="old"
        )
        self.adoption = msgspec.structs.replace(snapshot, **said)
        self.services[self.adoption.revision] = Workload(ready_replicas=1, routable=True)
        self.uris[self.adoption.revision] = self.adoption.model.uri
        return self.adoption.revision

    def wanted(self) -> str:
        return self.deployment.revision or ""

    def ask(self, action: Action, *, revision: str | None = None, by: str = "ana", **fields: Any) -> CommandRecord:
        """A person's command, and one pass that reads it; returns what the operator put on record."""
        status = self.status
        meant = {"retry": self.wanted(), "rollback": status.stable.revision if status.stable else ""}
        running = status.candidate.revision if status.candidate else ""
        chosen = meant.get(action, running) if revision is None else revision
        number = len(status.commands) + 1
        self.command = Command(
            id=f"{action}-{number}-{self.now}",
            action=action,
            revision=chosen or "none",
            by=by,
            **{"verified": True, **fields},
        )
        self.tick()
        return self.status.commands[-1]

    def observe(self) -> Observation:
        metrics = Metrics(problem=self.problem)
        arms = arms_to_measure(self.status)
        if arms is not None and self.problem is None:
            last = self.status.analysis.last_window_end if self.status.analysis else None
            interval = Duration(self.spec["analysis"]["interval"]).total_seconds()
            started = self.status.step.started_at if self.status.step else None
            if arms != self.looked_at:
                self.looked_at, self.looked_since = arms, self.now
            known = last or started
            since = known.timestamp() if known else self.looked_since
            if self.now - since >= interval:
                window = self.window(arms.stable, arms.candidate)
                analysis = self.deployment.spec.analysis
                until = warms_up_until(self.status, analysis)
                warming = bool(analysis.warm_up) and until is not None and since < until.timestamp()
                metrics = Metrics(
                    windows={"errors": replace(window, candidate=Counts()) if warming else window},
                    warm_up=replace(window, stable=Counts()) if warming else None,
                    window_end=self.now,
                    seconds=self.now - since,
                    answers=self.answers(window, arms.stable, arms.candidate),
                )
        return Observation(
            workloads=dict(self.services),
            route=self.route,
            metrics=metrics,
            missing=self.missing,
            adoption=self.adoption,
        )

    def answers(self, window: Window, stable: str, candidate: str) -> Answers:
        """What was answered well, and what had arrived for it."""
        begun = tuple(self.arrived(name) for name in (candidate, stable))
        return Answers(
            candidate=window.candidate.requests - window.candidate.events,
            stable=window.stable.requests - window.stable.events,
            begun=(begun[0], begun[1]) if self.counts_arrivals else None,
        )

    def arrived(self, name: str) -> int:
        """Requests that a revision gets in an interval."""
        routing = self.route.routing if self.route else Routing()
        total = self.requests_per_second * Duration(self.spec["analysis"]["interval"]).total_seconds()
        share = 100 if name == routing.mirror else routing.weights.get(name, 0)
        return round(total * self.realised.get(name, share) / 100)

    def window(self, stable: str, candidate: str) -> Window:
        def counts(name: str) -> Counts:
            requests = 0 if self.uris.get(name) in self.hanging else self.arrived(name)
            rate = self.rate.get(self.uris.get(name, ""), 0.0)
            events = sum(self.dice.random() < rate for _ in range(requests)) if rate else 0
            return Counts(requests=requests, events=events)

        return Window(candidate=counts(candidate), stable=counts(stable))

    def decide(self) -> Decision:
        return decide(self.deployment, self.observe(), moment(self.now))

    def tick(self, seconds: float = 0.0) -> Decision:
        """Time goes on, then one pass; everything it decides is carried out."""
        self.now += seconds
        decision = self.decide()
        self.carry_out(decision)
        if decision.status != self.status:
            self.writes += 1
        self.status = decision.status
        return decision

    def carry_out(self, decision: Decision) -> None:
        theirs = {known.revision for known in decision.status.revisions if known.adopted is not None}
        touched = {known.revision for known in decision.ensure} | decision.scale.keys() | set(decision.delete)
        assert not touched & theirs, f"{touched & theirs} was adopted and is not ours"
        for snapshot in decision.ensure:
            failure = self.failures.get(snapshot.revision)
            up = self.ready and failure is None
            wanted = decision.scale[snapshot.revision]
            least, before = wanted.least, wanted.transformer
            made = Workload(
                ready_replicas=least if up else 0,
                transformer=Pods(ready=before.least if up else 0, staying=before.least) if before else None,
                routable=up,
                replicas=least,
                failure=failure,
            )
            self.services[snapshot.revision] = made
            self.scaled[snapshot.revision] = decision.scale[snapshot.revision]
            self.uris[snapshot.revision] = snapshot.model.uri
        for name, wanted in decision.scale.items():
            if name in self.services and self.scaled.get(name) != wanted:
                self.scaled[name] = wanted
                self.autoscale(name, self.services[name].replicas)
        if decision.routing.weights and (self.route is None or self.route.routing != decision.routing):
            self.route = RouteState(routing=decision.routing, accepted=self.gateway_accepts, reason="Pending")
        if self.route is not None and self.gateway_accepts != self.route.accepted:
            self.route = replace(self.route, accepted=self.gateway_accepts)
        for name in decision.delete:
            self.deleted.append(name)
            self.services.pop(name, None)

    def autoscale(self, name: str, load: int) -> None:
        """Its autoscaler finds that a revision needs `load` replicas, and they are ready at once, if any can be."""
        least, most, before = self.scaled[name]
        there, number = self.services[name], min(max(load, least), most)
        up = there.ready_replicas > 0 and self.ready
        self.services[name] = replace(there, replicas=number, ready_replicas=number if up else there.ready_replicas)
        if before is not None and there.transformer is not None:
            number = min(max(load, before.least), before.most)
            pods = Pods(ready=number if up else there.transformer.ready, staying=number)
            self.services[name] = replace(self.services[name], transformer=pods)

    def settle(self, passes: int = 10) -> None:
        """Passes without time going on, until nothing changes any more."""
        for _ in range(passes):
            before = (self.status, self.route, dict(self.services))
            self.tick()
            if before == (self.status, self.route, dict(self.services)):
                return
        raise AssertionError(f"still changing after {passes} passes: {self.line()}")

    def line(self) -> str:
        """One line for golden traces: phase, step, weights and `+` copy at the gateway, stable, candidate."""
        weights, mirror = self.route.routing.shares() if self.route else ({}, None)
        stable = self.status.stable.version if self.status.stable else "-"
        candidate = self.status.candidate.version if self.status.candidate else "-"
        shares = ",".join(f"{self._number(name)}:{weight}" for name, weight in weights.items())
        shares += f"+{self._number(mirror)}" if mirror else ""
        return f"{self.status.phase} {self.status.step_text or '-'} {shares or '-'} {stable} {candidate}"

    def _number(self, revision: str) -> str:
        return self.uris[revision].rsplit("/", 1)[1]

    def trace(self, seconds: float, ticks: int) -> list[str]:
        """Lines of `ticks` passes, `seconds` apart; lines that repeat the one before are left out."""
        lines: list[str] = []
        for _ in range(ticks):
            self.tick(seconds)
            if not lines or lines[-1] != self.line():
                lines.append(self.line())
        return lines

    def until(self, state: str, *, seconds: float = 1.0) -> Decision:
        """Passes `seconds` apart until the line begins with `state` and the clock of its step, if it has one, runs."""
        for _ in range(600):
            decision, step = self.tick(seconds), self.status.step
            running = step is None or step.started_at is not None or step.kind == "Promotion"
            if self.line().startswith(state) and (running or not self.gateway_accepts):
                return decision
        raise AssertionError(f"{state} was not reached: {self.line()}")

    def healthy(self) -> "FakeWorld":
        """The first model is live."""
        self.settle()
        assert self.status.phase == "Healthy", self.line()
        return self
