"""`get`, `status` and `explain` agree in every state: which phase it is in, who serves how much, and why."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import msgspec
import pytest
from rich.console import Console

from support import played
from support.fake_world import SPEC, FakeWorld
from support.rolling import BAD, BLUE_GREEN, lose, rolled_back, rolling, stable_of
from timoneiro_operator.api import names
from timoneiro_operator.api.status import Status, Weights
from timoneiro_operator.api.times import moment
from timoneiro_operator.cli.errors import DONE, FAILED, UNFINISHED
from timoneiro_operator.cli.presentation.explain import explain
from timoneiro_operator.cli.presentation.outcome import status_exit
from timoneiro_operator.cli.presentation.tables import deployments_table
from timoneiro_operator.cli.presentation.tree import Picture, draw
from timoneiro_operator.cli.presentation.view import View, view_of
from timoneiro_operator.decide.conditions import invalid
from timoneiro_operator.decide.decision import with_refusal
from timoneiro_operator.decide.observation import Failure, RouteState, Workload
from timoneiro_operator.decide.text import revision_name

CRASHED = Failure(reason="CrashLoopBackOff", message="digest differs", final=True)
FULL = Failure(reason="FailedCreate", message="exceeded quota: full", final=False, no_room=True)
FROZEN = "HTTPRoute fraud was refused: ValidatingAdmissionPolicy 'freeze' denied request: change freeze until Monday"
TAKEN = "the host name fraud.example.com belongs to ModelDeployment ns/other: choose another one"


def view(world: FakeWorld) -> View:
    return view_of(
        {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "metadata": {"name": "fraud", "namespace": "ns", "uid": "u", "generation": world.generation},
            "spec": world.spec,
            "status": msgspec.json.decode(msgspec.json.encode(world.status)),
        }
    )


def told(seen: View, now: float) -> tuple[str, str, str, str]:
    """What `get` (drawn and as a table), `status` and `explain` print."""
    console = Console(width=10_000)
    with console.capture() as drawn:
        console.print(draw(Picture(view=seen, services=[], pods=[]), moment(now)))
    body = {"metadata": {"name": "fraud", "namespace": "ns"}}
    with console.capture() as table:
        console.print(deployments_table([(seen, body)], namespaces=False, now=moment(now)))
    return drawn.get(), table.get(), status_exit(seen).line, " ".join(explain(seen, moment(now)))


def has(status: Status) -> Weights | None:
    """Who has how much: what the route says where that is not what is wanted."""
    if status.traffic is None or status.weight in (None, status.traffic.desired.candidate):
        return status.traffic.desired if status.traffic else None
    return Weights(stable=100 - status.weight, candidate=status.weight)


def causes(status: Status) -> list[str]:
    """Words that everybody has to be told: what holds, ends or stops it."""
    if status.phase == "RolledBack":
        return [entry.reason for entry in status.rejected[-1:]]
    trouble = status.phase in ("Holding", "Degraded") or any(w in status.message for w in ("not ready:", "was refused"))
    return [status.message] if trouble else []


def check(world: FakeWorld) -> None:
    """Raises AssertionError where one of them says less, or something else, than the others."""
    seen, status = view(world), world.status
    drawn, table, line, sentences = told(seen, world.now)
    everywhere = (drawn, line, sentences)
    assert status.phase
    for text in (drawn, table) if seen.invalid else (drawn, table, line):
        assert status.phase in text, text
    for part in (status.stable, status.candidate):
        if part is not None and seen.invalid is None:
            # At the beginning of a sentence it is written large.
            assert all(revision_name(part)[1:] in text for text in everywhere), everywhere
    weights = has(status)
    if weights is not None and status.stable is not None and seen.invalid is None:
        name = revision_name(status.stable).capitalize()
        assert f"stable {revision_name(status.stable)}  {weights.stable} %" in drawn
        whole = weights.stable == 100 and f"{name} serves all traffic" in sentences
        assert whole or f"{name} has {weights.stable} % of the traffic" in sentences, sentences
    if weights is not None and status.candidate is not None and status.stable is not None and seen.invalid is None:
        assert f"{weights.candidate} % to {revision_name(status.candidate)}" in line
        assert f"{revision_name(status.candidate)} {weights.candidate} %" in sentences
        assert f"candidate {revision_name(status.candidate)}  {weights.candidate} %" in drawn
    if weights is not None and status.former is not None and seen.invalid is None:
        former = revision_name(status.former)
        assert all(former in text for text in everywhere), everywhere
        assert f"former {former}  {weights.former} %" in drawn
    for cause in causes(status):
        assert all(cause.rstrip(".") in text for text in everywhere), (cause, everywhere)


def passes(world: FakeWorld, seconds: float, count: int) -> Iterator[FakeWorld]:
    for _ in range(count):
        world.tick(seconds)
        yield world


ROLLOUTS: dict[str, Callable[[], FakeWorld]] = {
    "promoted": lambda: played.world((0.01, 0.01)),
    "rolled back": lambda: played.world((0.01, 0.05)),
    "blue-green": lambda: played.world((0.01, 0.009), rollout=BLUE_GREEN),
    "a holdback": lambda: played.world((0.01, 0.01), rollout={**SPEC["rollout"], "holdback": 20, "keepStable": "1m"}),
    "without harm": lambda: played.world((0.01, 0.012), promotion="NoHarm"),
    "a pause": lambda: played.world(
        (0.01, 0.01), rollout={"canary": {"steps": [{"weight": 10, "for": "1m"}, {"pause": {"for": "1m"}}]}}
    ),
}


@pytest.mark.parametrize("rollout", ROLLOUTS)
def test_they_agree_in_every_pass_of_a_rollout(rollout: str) -> None:
    world = ROLLOUTS[rollout]()
    world.requests_per_second = 40.0
    check(world)
    world.model(2)
    for _ in passes(world, 10, 60):
        check(world)


def first_pending() -> FakeWorld:
    world = FakeWorld(ready=False)
    world.tick()
    return world


def first_crashes() -> FakeWorld:
    world = first_pending()
    world.services[world.wanted()] = Workload(failure=CRASHED)
    world.tick(1)
    return world


def healthy() -> FakeWorld:
    return FakeWorld().healthy()


def no_model() -> FakeWorld:
    world = FakeWorld()
    del world.spec["model"]
    world.tick()
    return world


def no_room() -> FakeWorld:
    world = FakeWorld().healthy()
    name = world.model(2)
    world.tick(1)
    world.services[name] = Workload(failure=FULL, lacks_pods=("fraud-b-predictor",))
    world.tick(1)
    return world


def stable_down() -> FakeWorld:
    world = FakeWorld().healthy()
    lose(world, stable_of(world))
    world.tick(1)
    return world


def stable_down_in_a_step() -> FakeWorld:
    world = rolling()
    # All requests go where somebody is.
    world.realised = {world.wanted(): 100, stable_of(world): 0}
    lose(world, stable_of(world))
    world.trace(10, 6)
    return world


def gateway_mixes() -> FakeWorld:
    world = rolling()
    world.realised = {world.wanted(): 60, stable_of(world): 40}
    world.trace(10, 2)
    return world


def gateway_refuses() -> FakeWorld:
    world = rolling()
    assert world.route is not None
    words = "the gateway refuses the route: no such Service"
    world.gateway_accepts = False
    world.route = replace(world.route, accepted=False, reason="BackendNotFound", message=words)
    world.tick(1)
    return world


def without_metrics() -> FakeWorld:
    world = rolling()
    world.problem = ("ScrapeFailed", "pod x did not answer")
    world.tick(1)
    return world


def without_requests() -> FakeWorld:
    world = rolling(requests_per_second=1.0)
    world.trace(60, 3)
    return world


def without_evidence() -> FakeWorld:
    world = rolling(requests_per_second=1.5)
    world.spec["analysis"]["minRequests"] = 1
    world.trace(60, 20)
    return world


def paused() -> FakeWorld:
    world = rolling()
    world.ask("pause")
    return world


def stranded() -> FakeWorld:
    world = rolling("Progressing 2/2")
    lose(world, stable_of(world))
    world.ask("abort")
    return world


def going_back() -> FakeWorld:
    world = rolling()
    world.gateway_accepts = False
    world.ask("abort")
    return world


def lacking_in_a_step() -> FakeWorld:
    world = rolling()
    world.missing = ("DriverNotInstalled", "install the Gateway API")
    world.tick(1)
    return world


def lacking_at_first() -> FakeWorld:
    world = FakeWorld(missing=("KServeNotInstalled", "install KServe"))
    world.tick()
    return world


def name_taken_at_first() -> FakeWorld:
    world = FakeWorld(missing=("HostnameConflict", TAKEN))
    decision = world.tick()
    world.status = with_refusal(decision.status, "HostnameConflict", TAKEN, world.observe())
    return world


def name_taken_while_it_serves() -> FakeWorld:
    world = FakeWorld().healthy()
    world.status = with_refusal(world.tick(1).status, "HostnameConflict", TAKEN, world.observe())
    return world


def denied(world: FakeWorld) -> FakeWorld:
    """The next pass cannot write the route, and says so as the reconciler does."""
    kept = world.route
    decision = world.tick(1)
    world.route = kept
    world.status = with_refusal(decision.status, "Refused", FROZEN, world.observe())
    return world


def denied_step() -> FakeWorld:
    world = rolling("Progressing 0/2")
    kept = world.route
    for _ in range(3):
        world.tick(1)
        world.route = kept
    return denied(world)


def denied_entry() -> FakeWorld:
    """The route is not even to name the candidate."""
    world = FakeWorld().healthy()
    world.model(2)
    world.tick(1)
    kept = world.route
    world.tick(1)
    world.route = kept
    return denied(world)


def denied_rollback() -> FakeWorld:
    world = rolling(rate=dict(BAD))
    kept: RouteState | None = None
    while world.status.candidate is not None:
        kept = world.route
        world.tick(10)
    world.route = kept
    return denied(world)


def invalid_spec() -> FakeWorld:
    world = FakeWorld().healthy()
    world.status = invalid(world.status, "spec.route.hostnames is empty", world.generation, moment(world.now))
    return world


def not_adopted() -> FakeWorld:
    world = FakeWorld(adoption="InferenceService old cannot be adopted: none of its pods is ready: fix it first")
    world.spec["adopt"] = "old"
    world.tick()
    return world


def adopted() -> FakeWorld:
    world = FakeWorld()
    world.adopting()
    world.settle()
    return world


def adopted_and_gone() -> FakeWorld:
    world = adopted()
    gone = Failure(reason="InferenceServiceGone", message="it no longer exists", final=True)
    world.services[stable_of(world)] = Workload(failure=gone)
    world.tick(1)
    return world


def adopted_and_edited() -> FakeWorld:
    world = adopted()
    strayed = "InferenceService old was edited"
    world.services[stable_of(world)] = Workload(ready_replicas=1, routable=True, strayed=strayed)
    world.tick(1)
    return world


STATES: dict[Callable[[], FakeWorld], tuple[str, int, str]] = {
    not_adopted: ("Pending", UNFINISHED, "none of its pods is ready"),
    adopted: ("Healthy", DONE, "serves all traffic"),
    adopted_and_gone: ("Degraded", FAILED, "it no longer exists"),
    adopted_and_edited: ("Degraded", FAILED, "InferenceService old was edited"),
    no_model: ("Pending", UNFINISHED, "No model has been published yet"),
    first_pending: ("Pending", UNFINISHED, "gets all traffic as soon as it is ready"),
    first_crashes: ("Degraded", FAILED, "CrashLoopBackOff: digest differs"),
    no_room: ("Holding", UNFINISHED, "exceeded quota: full"),
    stable_down: ("Degraded", FAILED, "is not ready yet"),
    stable_down_in_a_step: ("Holding", UNFINISHED, "the stable model has no ready replica"),
    gateway_mixes: ("Holding", UNFINISHED, "the gateway has accepted 10 %"),
    gateway_refuses: ("Progressing", UNFINISHED, "no such Service"),
    without_metrics: ("Holding", UNFINISHED, "pod x did not answer"),
    without_requests: ("Holding", UNFINISHED, "more requests of the candidate"),
    without_evidence: ("Holding", UNFINISHED, "more evidence of 'not worse' is needed"),
    paused: ("Paused", UNFINISHED, "ana paused the rollout"),
    stranded: ("RollingBack", UNFINISHED, "aborted by ana"),
    going_back: ("RollingBack", UNFINISHED, "All traffic goes back to the stable model"),
    rolled_back: ("RolledBack", FAILED, "worse"),
    lacking_in_a_step: ("Degraded", FAILED, "install the Gateway API"),
    lacking_at_first: ("Degraded", FAILED, "install KServe"),
    name_taken_at_first: ("Degraded", FAILED, "belongs to ModelDeployment ns/other"),
    name_taken_while_it_serves: ("Healthy", FAILED, "belongs to ModelDeployment ns/other"),
    denied_entry: ("Holding", UNFINISHED, "change freeze until Monday"),
    denied_step: ("Holding", UNFINISHED, "change freeze until Monday"),
    denied_rollback: ("RollingBack", UNFINISHED, "change freeze until Monday"),
    invalid_spec: ("Healthy", FAILED, "spec.route.hostnames is empty"),
    healthy: ("Healthy", DONE, "serves all traffic since"),
}


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_they_agree_in_every_state_that_people_meet(state: Callable[[], FakeWorld]) -> None:
    world = state()
    phase, code, words = STATES[state]
    check(world)
    assert (world.status.phase, status_exit(view(world)).code) == (phase, code)
    assert words in " ".join(explain(view(world), moment(world.now)))


@pytest.mark.parametrize("state", [denied_entry, denied_step, denied_rollback])
def test_what_a_policy_denies_is_quoted_everywhere_and_no_gateway_is_blamed(state: Callable[[], FakeWorld]) -> None:
    world = state()
    drawn, _, line, sentences = told(view(world), world.now)
    for text in (drawn, line, sentences):
        assert "ValidatingAdmissionPolicy 'freeze' denied request" in text
        assert "gateway" not in text.replace("gateway.networking", ""), text


def test_where_the_traffic_really_is_is_said_and_not_where_it_should_be() -> None:
    world = denied_rollback()
    drawn, table, line, sentences = told(view(world), world.now)
    assert "the traffic stays at 90 % stable, 10 % candidate" in line
    assert f"stable {revision_name(world.status.stable)}  90 %" in drawn  # type: ignore[arg-type]
    assert " 10 " in table
    assert "has 90 % of the traffic, and 100 % and 0 % are wanted" in sentences


def test_a_stable_model_that_is_down_is_no_fault_of_the_gateway() -> None:
    world = stable_down_in_a_step()
    accepted = next(c for c in world.status.conditions if c.type == "RouteAccepted")
    assert accepted.reason != "RoutingMismatch"
    assert "gateway splits" not in " ".join(explain(view(world), moment(world.now)))
    world.services[stable_of(world)] = replace(world.services[stable_of(world)], ready_replicas=1)
    world.realised = {}
    world.trace(10, 3)
    assert world.status.phase != "Holding"
