"""Each permission of the operator taken away in turn: a bad candidate goes back wherever that can be done at all."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.fake_world import FakeWorld
from support.faulty_rollout import FaultyRollout
from support.rolling import rolling
from timoneiro_operator.api.command import Action, Command
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide.decide import decide
from timoneiro_operator.decide.decision import Decision
from timoneiro_operator.decide.observation import Impairment
from timoneiro_operator.kube.permissions import PERMISSIONS

ROOT = Path(__file__).parents[3]
ALL = sorted({f"{known.verb} {known.resource}" for known in PERMISSIONS})
# The weights cannot be changed without it.
IMPOSSIBLE = "patch httproutes"
# Without it a new process knows of no deployment at all.
UNKNOWN = "list modeldeployments"
OF_ANOTHER_DRIVER = ("list services", "watch services")


def condition(rollout: FaultyRollout) -> dict[str, Any]:
    found = {c["type"]: c for c in rollout.plane.status["conditions"]}
    return dict(found["OperatorReady"])


@pytest.mark.parametrize("denied", ALL)
async def test_a_bad_candidate_goes_back_without_a_permission_that_was_taken_away_meanwhile(denied: str) -> None:
    rollout = FaultyRollout()
    await rollout.until_it_has_traffic()
    rollout.plane.denied = {denied}
    rollout.source.failing = 0.5
    shares = await rollout.go_on(60)
    assert shares[-1] == (10 if denied == IMPOSSIBLE else 0)


@pytest.mark.parametrize("denied", ALL)
async def test_a_bad_candidate_goes_back_in_a_process_that_never_had_the_permission(denied: str) -> None:
    rollout = FaultyRollout()
    await rollout.until_it_has_traffic()
    rollout.plane.denied = {denied}
    rollout.start()
    rollout.source.failing = 0.5
    shares = await rollout.go_on(60)
    assert shares[-1] == (10 if denied in (IMPOSSIBLE, UNKNOWN) else 0)
    assert max(shares) <= 10


@pytest.mark.parametrize("denied", sorted(set(ALL) - {"patch modeldeployments/status", UNKNOWN, *OF_ANOTHER_DRIVER}))
async def test_a_permission_that_is_missing_is_a_condition_until_it_is_granted(denied: str) -> None:
    rollout = FaultyRollout(denied={denied})
    await rollout.look()
    assert condition(rollout)["reason"] == "PermissionMissing"
    assert f"the operator may not {denied}." in condition(rollout)["message"].replace(": ", ".")
    rollout.plane.denied = set()
    await rollout.look()
    assert condition(rollout)["status"] == "True"


@pytest.mark.parametrize("denied", OF_ANOTHER_DRIVER)
async def test_a_permission_that_a_deployment_does_not_need_is_not_its_concern(denied: str) -> None:
    rollout = FaultyRollout(denied={denied})
    await rollout.until_it_has_traffic()
    assert condition(rollout)["status"] == "True"
    assert (await rollout.go_on(600))[-1] == 100


@pytest.mark.parametrize("denied", ["list pods", "list inferenceservices", "list httproutes"])
async def test_what_cannot_be_seen_speaks_neither_for_a_candidate_nor_against_it(denied: str) -> None:
    rollout = FaultyRollout()
    await rollout.until_it_has_traffic()
    rollout.plane.denied = {denied}
    rollout.start()
    assert set(await rollout.go_on(600)) == {10}
    assert rollout.plane.status["phase"] == "Holding"
    assert "restored" not in rollout.plane.status


async def test_without_a_record_nothing_goes_forward() -> None:
    rollout = FaultyRollout()
    await rollout.until_it_has_traffic()
    rollout.plane.denied = {"patch modeldeployments/status"}
    assert set(await rollout.go_on(600)) == {10}


async def test_a_candidate_that_went_back_without_a_record_gets_nothing_from_the_next_process() -> None:
    rollout = FaultyRollout()
    await rollout.until_it_has_traffic()
    rollout.plane.denied = {"patch modeldeployments/status"}
    rollout.source.failing = 0.5
    assert (await rollout.go_on(60))[-1] == 0
    assert "candidate" in rollout.plane.status
    rollout.source.failing = 0.005
    rollout.start()
    assert set(await rollout.go_on(120)) == {0}


async def test_what_was_decided_without_a_record_is_put_on_record_when_that_is_allowed() -> None:
    rollout = FaultyRollout()
    await rollout.until_it_has_traffic()
    rollout.plane.denied = {"patch modeldeployments/status"}
    rollout.source.failing = 0.5
    await rollout.go_on(60)
    rollout.plane.denied = set()
    await rollout.go_on(10)
    assert rollout.plane.status["phase"] == "RolledBack"
    assert rollout.plane.status["history"][-1]["outcome"] == "RolledBack"


def held(world: FakeWorld) -> Decision:
    """What is decided while nothing may go forward."""
    impaired = Impairment(reason="PermissionMissing", message="it may not", holds=True)
    return decide(world.deployment, replace(world.observe(), impaired=impaired), moment(world.now))


def test_a_model_that_serves_is_not_called_degraded_while_nobody_may_see_its_pods() -> None:
    world = FakeWorld().healthy()
    impaired = Impairment(reason="PermissionMissing", message="pods may not be listed", holds=True, blind=True)
    seen = replace(world.observe(), workloads={}, impaired=impaired)
    status = decide(world.deployment, seen, moment(world.now)).status
    assert (status.phase, status.message) == ("Healthy", "pods may not be listed")


def test_no_rollout_begins_while_nothing_may_go_forward() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    status = held(world).status
    assert (status.candidate, status.phase, status.message) == (None, "Healthy", "it may not")


def test_a_first_revision_gets_no_route_while_nothing_may_go_forward() -> None:
    world = FakeWorld()
    world.tick()
    status = held(world).status
    assert (status.stable, status.phase, status.message) == (None, "Pending", "it may not")


@pytest.mark.parametrize(
    ("action", "outcome"), [("promote", "Refused"), ("abort", "Done"), ("pause", "Done"), ("resume", "Refused")]
)
def test_only_what_gives_no_traffic_is_carried_out_while_nothing_may_go_forward(action: Action, outcome: str) -> None:
    world = rolling()
    assert world.status.candidate is not None
    world.command = Command(id="1", action=action, revision=world.status.candidate.revision, by="ana")
    assert held(world).status.commands[-1].outcome == outcome


def test_the_table_is_the_role_of_the_chart() -> None:
    documents = list(yaml.safe_load_all((ROOT / "manifests/operator/rbac.yaml").read_text()))
    (role,) = [document for document in documents if document["kind"] == "ClusterRole"]
    ruled = {
        (verb, group, resource, name)
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
    }
    assert {(known.verb, known.group, known.resource, known.name) for known in PERMISSIONS} == ruled
