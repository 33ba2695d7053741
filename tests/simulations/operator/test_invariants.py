"""Invariants of a rollout, whatever happens in whatever order: design, section "Rollout rules"."""

from dataclasses import replace
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from support.fake_world import FakeWorld
from timoneiro_operator.api.command import Action, Command
from timoneiro_operator.api.status import Status
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide.decide import decide
from timoneiro_operator.decide.decision import Decision, only_counted
from timoneiro_operator.decide.given import Given
from timoneiro_operator.decide.observation import Failure, Routing, Workload
from timoneiro_operator.decide.reasons import routing_mismatch
from timoneiro_operator.decide.routing import routing_of, settled
from timoneiro_operator.decide.steps import arms_to_measure

RATES = {f"s3://models/fraud/{number}": rate for number, rate in ((1, 0.0), (2, 0.0), (3, 0.3), (4, 0.01))}

SCHEDULES: list[dict[str, Any]] = [
    {"canary": {"steps": [{"weight": 10, "for": "1m"}, {"weight": 50, "for": "1m"}]}},
    {"canary": {"steps": [{"pause": {}}, {"weight": 10, "for": "0s"}, {"pause": {"for": "1m"}}, {"pause": {}}]}},
    {"canary": {"steps": [{"weight": 50, "for": "10s"}, {"weight": 100, "for": "1m"}]}},
    {"strategy": "BlueGreen", "blueGreen": {"mirror": "1m", "bake": "1m"}},
    {"canary": {"steps": [{"weight": 50, "for": "10s"}]}, "holdback": 0},
]
PARTS = ["stable", "candidate", "former"]
ACTIONS: list[Action] = ["promote", "abort", "pause", "resume", "retry", "rollback"]


class Rollouts(RuleBasedStateMachine):
    """Random schedules, wishes, commands, failures, outages, edits by hand, crashes between two writes, and time."""

    def __init__(self) -> None:
        super().__init__()
        self.world = FakeWorld(rate=RATES)
        self.world.spec["rollout"] = {"deadline": "30m", "keepStable": "2m"}
        self.number = 0

    @initialize(
        schedule=st.sampled_from(SCHEDULES),
        wish=st.sampled_from(["Hold", "Rollback", "Promote"]),
        promotion=st.sampled_from(["Evidence", "NoHarm"]),
        replicas=st.integers(1, 2),
        most=st.sampled_from([None, 8]),
        preview=st.booleans(),
        adopted=st.booleans(),
    )
    def first_model(
        self,
        schedule: dict[str, Any],
        wish: str,
        promotion: str,
        replicas: int,
        most: int | None,
        preview: bool,
        adopted: bool,
    ) -> None:
        spec = self.world.spec
        spec["rollout"] |= {**schedule, "onInconclusive": wish}
        spec["analysis"] = {**spec["analysis"], "promotion": promotion}
        spec["predictor"] = {"minReplicas": replicas} | ({"maxReplicas": most} if most else {})
        if preview:
            spec["route"] = {**spec["route"], "preview": {"header": {"name": "X-Timoneiro"}}}
        if adopted:
            self.world.adopting()
        self.world.settle()

    @rule(seconds=st.sampled_from([0, 1, 10, 30, 61, 4000, -60, -4000]))
    def time_goes_on_or_a_clock_is_set_back(self, seconds: int) -> None:
        self._pass(seconds)

    @rule(number=st.integers(1, 4))
    def another_model_is_wanted(self, number: int) -> None:
        self.world.model(number)
        self._pass(1)

    @rule()
    def no_model_is_wanted(self) -> None:
        model = self.world.spec.pop("model")
        self._pass(1)
        self.world.spec["model"] = model

    @rule(schedule=st.sampled_from(SCHEDULES))
    def the_schedule_is_edited(self, schedule: dict[str, Any]) -> None:
        self.world.spec["rollout"] = {"strategy": "Canary", **self.world.spec["rollout"], **schedule}
        self._pass(1)

    @rule(replicas=st.integers(1, 3))
    def the_replicas_are_edited(self, replicas: int) -> None:
        self.world.spec["predictor"] = {**self.world.spec["predictor"], "minReplicas": replicas}
        self._pass(1)

    @rule(part=st.sampled_from(PARTS), load=st.integers(1, 8))
    def the_autoscaler_follows_the_load(self, part: str, load: int) -> None:
        revision = getattr(self.world.status, part)
        if revision is not None and revision.revision in self.world.services.keys() & self.world.scaled.keys():
            self.world.autoscale(revision.revision, load)
            self._pass(1)

    @rule(action=st.sampled_from(ACTIONS), full=st.booleans(), right=st.booleans(), seconds=st.sampled_from([0, 61]))
    def somebody_asks(self, action: Action, full: bool, right: bool, seconds: int) -> None:
        status = self.world.status
        part = status.stable if action == "rollback" or status.former else status.candidate
        revision = self.world.wanted() if action == "retry" else part.revision if part else "nobody"
        self.number += 1
        self.world.command = Command(
            id=str(self.number), action=action, revision=revision if right else "another", full=full, by="ana"
        )
        self._pass(seconds)
        answers = [record.id for record in self.world.status.commands].count(str(self.number))
        assert answers == (0 if self.world.missing else 1)

    @rule(seconds=st.sampled_from([1, 10, 61]))
    def the_operator_dies_between_acting_and_writing(self, seconds: int) -> None:
        self.world.now += seconds
        self.world.carry_out(self.world.decide())

    @rule(up=st.booleans())
    def new_pods_become_ready_or_not(self, up: bool) -> None:
        self.world.ready = up

    @rule(accepts=st.booleans())
    def the_gateway_accepts_or_not(self, accepts: bool) -> None:
        self.world.gateway_accepts = accepts
        self._pass(1)

    @rule(gone=st.booleans())
    def the_metrics_come_and_go(self, gone: bool) -> None:
        self.world.problem = ("ScrapeFailed", "no answer") if gone else None

    @rule(share=st.sampled_from([None, 0, 1, 30, 100]))
    def the_gateway_splits_otherwise_than_it_says(self, share: int | None) -> None:
        status = self.world.status
        self.world.realised = {}
        arms = arms_to_measure(status)
        if arms is not None and share is not None:
            self.world.realised = {arms.candidate: share, arms.stable: 100 - share}

    @rule(absent=st.booleans())
    def kserve_comes_and_goes(self, absent: bool) -> None:
        self.world.missing = ("KServeNotInstalled", "install KServe") if absent else None
        self._pass(1)

    @rule(part=st.sampled_from(PARTS), ready=st.integers(0, 2))
    def pods_come_and_go(self, part: str, ready: int) -> None:
        self._change(part, ready_replicas=ready, routable=True)

    @rule()
    def the_candidate_cannot_load(self) -> None:
        self._change("candidate", ready_replicas=0, failure=Failure(reason="FailedLoad", message="broken", final=True))

    @rule(part=st.sampled_from(PARTS))
    def somebody_edits_an_inference_service(self, part: str) -> None:
        self._change(part, as_built=False)

    @rule(part=st.sampled_from(PARTS))
    def somebody_deletes_an_inference_service(self, part: str) -> None:
        revision = getattr(self.world.status, part)
        if revision is not None:
            self.world.services.pop(revision.revision, None)
            self._pass(1)

    @rule(share=st.integers(0, 100))
    def somebody_edits_the_route(self, share: int) -> None:
        route = self.world.route
        if route is not None and len(route.routing.weights) > 1:
            first, second = list(route.routing.weights)[:2]
            self.world.route = replace(route, routing=Routing(weights={first: share, second: 100 - share}))
            self._pass(1)

    @rule()
    def somebody_deletes_the_route(self) -> None:
        self.world.route = None
        self._pass(1)

    def _change(self, part: str, **fields: Any) -> None:
        revision = getattr(self.world.status, part)
        if revision is not None and revision.revision in self.world.services:
            old = self.world.services[revision.revision]
            self.world.services[revision.revision] = replace(old, **fields)
            self._pass(1)

    def _pass(self, seconds: float) -> None:
        world = self.world
        before, services = world.status, dict(world.services)
        world.now += seconds
        seen = world.observe()
        decision = decide(world.deployment, seen, moment(world.now))
        assert decide(world.deployment, seen, moment(world.now)) == decision, "decide is idempotent"
        self._check_weights(decision, services)
        self._check_deletions(decision)
        self._check_steps(before, decision)
        self._check_endings(before, decision.status)
        self._check_holdback(before, decision)
        self._check_report(decision)
        route = world.route
        world.carry_out(decision)
        world.status = decision.status
        if only_counted(before, decision.status) and (services, route) == (world.services, world.route):
            again = decide(world.deployment, world.observe(), moment(world.now))
            assert again.status == decision.status, "counts are all weighed in the pass that has them"

    def _check_weights(self, decision: Decision, services: dict[str, Any]) -> None:
        """Weight is never given to what is not ready, unless nobody is and the stable model has to take it."""
        weights = decision.routing.weights
        if not weights:
            return
        assert sum(weights.values()) == 100
        stable = decision.status.stable.revision if decision.status.stable else None
        has = self.world.route.routing.weights if self.world.route else {}
        for revision, weight in weights.items():
            serving = revision in services and services[revision].serving
            if weight <= has.get(revision, 0) or serving or not has:
                continue
            losers = [r for r, w in has.items() if w > weights.get(r, 0) and r in services and services[r].serving]
            assert revision == stable, f"{revision} gets {weight} % and is not ready"
            assert not losers, f"{revision} is not ready and gets the traffic of {losers}"

    def _check_deletions(self, decision: Decision) -> None:
        kept = {part.revision for part in (decision.status.stable, decision.status.candidate) if part}
        routed = self.world.route.routing.weights if self.world.route else {}
        for revision in decision.delete:
            assert revision not in kept
            assert not routed.get(revision), f"{revision} is deleted with {routed[revision]} % of the traffic"

    def _check_steps(self, before: Status, decision: Decision) -> None:
        """No step ends early or blindly, unless a person or a former stable model skips it."""
        after, world = decision.status, self.world
        same = before.candidate and after.candidate and before.candidate.revision == after.candidate.revision
        asked = after.commands != before.commands or (after.candidate and after.candidate.instant)
        if asked or not (same and before.step and after.step):
            return
        if (before.step.weight, before.step.rank) == (after.step.weight, after.step.rank):
            return
        assert after.step.weight >= before.step.weight, "a step went back"
        assert before.step.not_before is not None, "a step ended that had never begun, or waits for a person"
        assert world.now >= before.step.not_before.timestamp(), "a step ended early"
        assert world.problem is None, "the weight moved without metrics"
        assert before.paused is None, "the weight moved in a pause"
        counted = after.analysis != before.analysis
        assert counted or routing_mismatch(before) is None, "the weight moved although the gateway does as it likes"

    def _check_holdback(self, before: Status, decision: Decision) -> None:
        """Whoever is stable, it is by a promotion or a rollback on record; and a rollback goes to what serves."""
        after, former = decision.status, before.former
        if former is None or after.stable is None or after.stable.revision != former.revision:
            return
        assert before.stable is not None
        assert any(entry.revision == before.stable.revision for entry in after.rejected)
        assert after.history[-1].revision == before.stable.revision
        assert self.world.services[former.revision].serving, "all traffic goes to what does not serve"

    def _check_endings(self, before: Status, after: Status) -> None:
        """Nothing is called promoted that did not have all traffic but the holdback, accepted by the gateway."""
        # By all but their end: after a clock was set back that is said anew.
        known = [msgspec.structs.replace(entry, ended_at="") for entry in before.history]
        new = [entry for entry in after.history if msgspec.structs.replace(entry, ended_at="") not in known]
        for entry in new:
            if entry.outcome in ("Promoted", "Restored"):
                route = self.world.route
                assert route is not None
                assert route.accepted
                kept = {after.former.revision: 100 - after.step.weight} if after.former and after.step else {}
                shares = {entry.revision: 100 - sum(kept.values()), **kept}
                assert route.routing.shares() == ({name: share for name, share in shares.items() if share}, None)
                assert after.stable is not None
                assert after.stable.revision == entry.revision

    def _check_report(self, decision: Decision) -> None:
        """What is reported as accepted is what the gateway has."""
        traffic = decision.status.traffic
        if traffic is not None and traffic.accepted and self.world.missing is None:
            given = Given(deployment=self.world.deployment, seen=self.world.observe(), now=moment(self.world.now))
            routing = routing_of(given, decision.status)
            assert settled(routing, self.world.observe())

    @invariant()
    def what_serves_can_be_made_again(self) -> None:
        status = self.world.status
        known = {snapshot.revision for snapshot in status.revisions}
        assert {part.revision for part in (status.stable, status.candidate) if part} <= known
        assert len(known) <= 20

    @invariant()
    def a_phase_of_a_rollout_has_a_candidate(self) -> None:
        status = self.world.status
        assert status.candidate is not None or status.phase not in ("Paused", "Holding", "Promoting", "Progressing")
        assert status.step is None or status.candidate is not None or status.former is not None

    @invariant()
    def lists_are_bounded(self) -> None:
        status = self.world.status
        assert max(len(status.history), len(status.rejected), len(status.commands)) <= 10

    def teardown(self) -> None:
        """From everywhere, abort brings all traffic to the stable model once that is ready, whatever the spec says."""
        world = self.world
        world.gateway_accepts, world.ready, world.problem, world.missing = True, True, None, None
        if world.status.stable is None:
            return
        for _ in range(3):
            stable = world.status.stable.revision
            if world.deployment.adopted(stable):
                # Whoever has made it has made it again: nobody else does.
                world.services.setdefault(stable, Workload())
            if stable in world.services:
                world.services[stable] = replace(
                    world.services[stable], ready_replicas=3, routable=True, failure=None, as_built=True
                )
            if world.status.former is not None:
                world.ask("abort", revision=stable)
            elif world.status.candidate is not None:
                world.ask("abort")
            for _ in range(3):
                world.tick(1)
        assert (world.status.candidate, world.status.former) == (None, None), world.line()
        assert world.route is not None
        assert world.route.routing.shares() == ({world.status.stable.revision: 100}, None)


TestRollouts = Rollouts.TestCase
TestRollouts.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
