"""Invariants of a rollout, whatever happens in whatever order."""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from support.fake_world import FakeWorld
from timoneiro_operator.api.status import to_seconds
from timoneiro_operator.decide.decide import decide
from timoneiro_operator.decide.observation import Failure

RATES = {f"s3://models/fraud/{number}": rate for number, rate in ((1, 0.0), (2, 0.0), (3, 0.3), (4, 0.01))}


class Rollouts(RuleBasedStateMachine):
    """Random wishes, failures, outages, crashes between two writes, and time."""

    def __init__(self) -> None:
        super().__init__()
        self.world = FakeWorld(rate=RATES)
        self.last_weight = 0
        self.outages = 0

    @initialize()
    def first_model(self) -> None:
        self.world.settle()

    @rule(seconds=st.sampled_from([0, 1, 10, 30, 61, 4000]))
    def time_goes_on(self, seconds: int) -> None:
        self._pass(seconds)

    @rule(number=st.integers(1, 4))
    def another_model_is_wanted(self, number: int) -> None:
        self.world.model(number)
        self._pass(1)

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

    @rule()
    def the_candidate_loses_its_pods(self) -> None:
        candidate = self.world.status.candidate
        if candidate and candidate.inference_service in self.world.services:
            old = self.world.services[candidate.inference_service]
            self.world.services[candidate.inference_service] = replace(old, ready_replicas=0)
            self._pass(1)

    @rule()
    def the_candidate_cannot_load(self) -> None:
        candidate = self.world.status.candidate
        if candidate and candidate.inference_service in self.world.services:
            old = self.world.services[candidate.inference_service]
            broken = Failure(reason="FailedLoad", message="broken", final=True)
            self.world.services[candidate.inference_service] = replace(old, ready_replicas=0, failure=broken)
            self._pass(1)

    def _pass(self, seconds: float) -> None:
        world = self.world
        before, services = world.status, dict(world.services)
        world.now += seconds
        seen = world.observe()
        decision = decide(world.deployment, seen, world.now)
        assert decide(world.deployment, seen, world.now) == decision, "decide is idempotent"
        self._check_weights(decision.weights, services, before)
        self._check_deletions(decision, before)
        self._check_steps(before, decision.status)
        world.carry_out(decision)
        world.status = decision.status

    def _check_weights(self, weights, services, before) -> None:
        if not weights:
            return
        assert sum(weights.values()) == 100
        stable = before.stable.inference_service if before.stable else None
        for name, weight in weights.items():
            if (
                weight
                and name != stable
                and (self.world.route is None or weight > self.world.route.weights.get(name, 0))
            ):
                assert services[name].serving, f"{name} gets {weight} % and is not ready"

    def _check_deletions(self, decision, before) -> None:
        kept = {part.inference_service for part in (decision.status.stable, decision.status.candidate) if part}
        routed = self.world.route.weights if self.world.route else {}
        for name in decision.delete:
            assert name not in kept
            assert not routed.get(name), f"{name} is deleted with {routed[name]} % of the traffic"

    def _check_steps(self, before, after) -> None:
        same = before.candidate and after.candidate and before.candidate.revision == after.candidate.revision
        if not (same and before.step and after.step) or before.step.weight == after.step.weight:
            return
        assert before.step.not_before is not None, "a step ended that had never begun"
        assert self.world.now >= to_seconds(before.step.not_before), "a step ended early"
        assert self.world.problem is None, "the weight moved without metrics"

    @invariant()
    def only_what_was_promoted_is_stable(self) -> None:
        status = self.world.status
        if status.stable is not None:
            assert (
                status.stable.revision in {e.revision for e in status.history if e.outcome == "Promoted"}
                or len(status.history) == 10
            )

    @invariant()
    def the_stable_model_is_never_removed(self) -> None:
        if self.world.status.stable is not None:
            assert self.world.status.stable.inference_service not in self.world.deleted or (
                self.world.status.stable.inference_service in self.world.services
            )

    def teardown(self) -> None:
        """From everywhere, going back to the stable model brings all traffic back to it."""
        world = self.world
        if world.status.stable is None:
            return
        world.spec["model"]["uri"] = world.status.stable.uri
        world.gateway_accepts, world.ready, world.problem = True, True, None
        for _ in range(8):
            world.tick(1)
        assert {n: w for n, w in world.route.weights.items() if w} == {world.status.stable.inference_service: 100}


TestRollouts = Rollouts.TestCase
TestRollouts.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
