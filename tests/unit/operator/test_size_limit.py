"""A status never grows beyond what the API server stores, whatever is released; what serves is never left out of it."""

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.fake_world import FakeWorld
from support.faulty_rollout import FaultyRollout
from timoneiro_operator.api.deployment import parse_acted_on, parse_status
from timoneiro_operator.api.packing import pack, unpack
from timoneiro_operator.decide.size_limit import ROOM

# What etcd takes, without 256 KiB of annotations and as much for the rest of the metadata.
OBJECT = 1_572_864 - 2 * 262_144


def large(size: int, release: int) -> dict[str, Any]:
    """A predictor of about `size` bytes, of its own for each release."""
    return {"args": [f"{release}-{'x' * size}"]}


def stored(world: FakeWorld) -> dict[str, Any]:
    return pack(msgspec.json.decode(msgspec.json.encode(world.status)))


def size(what: Any) -> int:
    return len(msgspec.json.encode(what))


def release(world: FakeWorld, number: int, predictor: dict[str, Any]) -> bool:
    """Another model is wanted. False when the API server does not take it: there is no room for the spec itself."""
    spec = {**copy.deepcopy(world.spec), "predictor": predictor}
    if size(spec) + size(stored(world)) > OBJECT:
        return False
    world.spec = spec
    world.model(number)
    return True


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 1_000_000), st.sampled_from(["promote", "abort", "leave", "rollback"])), max_size=8
    )
)
def test_whatever_is_released_the_status_fits_what_serves_is_in_it_and_commands_are_answered(
    releases: list[tuple[int, str]],
) -> None:
    world = FakeWorld().healthy()
    for number, (bytes_of_it, then) in enumerate(releases, start=2):
        release(world, number, large(bytes_of_it, number))
        for _ in range(5):
            world.tick(1.0)
            check(world)
        if then != "leave":
            action: Any = "rollback" if then == "rollback" else then
            record = world.ask(action, full=True) if then == "promote" else world.ask(action)
            assert record.outcome in ("Done", "Refused")
        for _ in range(10):
            world.tick(1.0)
            check(world)


def check(world: FakeWorld) -> None:
    assert size(world.spec) + size(stored(world)) <= OBJECT + 65_536
    known = {snapshot.revision for snapshot in world.status.revisions}
    serving = {part.revision for part in (world.status.stable, world.status.candidate) if part is not None}
    assert serving <= known


def promoted(world: FakeWorld, number: int, predictor: dict[str, Any]) -> str:
    assert release(world, number, predictor)
    world.tick()
    world.ask("promote", full=True)
    world.until("Healthy")
    assert world.status.stable is not None
    return world.status.stable.revision


def test_of_large_specs_the_oldest_is_left_out_and_said_and_releases_go_on() -> None:
    world = FakeWorld().healthy()
    revisions = [promoted(world, number, large(240_000, number)) for number in range(2, 8)]
    assert world.status.forgotten
    assert [snapshot.revision for snapshot in world.status.revisions][-1] == revisions[-1]
    assert size(world.spec) + size(stored(world)) <= ROOM


def test_a_large_spec_that_only_the_model_of_changes_is_kept_once() -> None:
    world = FakeWorld().healthy()
    same = large(240_000, 0)
    for number in range(2, 8):
        promoted(world, number, same)
    assert len(world.status.revisions) >= 5
    assert size(stored(world)) < 300_000
    assert not world.status.forgotten


def test_a_large_transformer_is_kept_once_however_many_revisions_it_stands_before() -> None:
    world = FakeWorld().healthy()
    world.spec["transformer"] = {"containers": [{"image": "tokens:1", "args": ["x" * 240_000]}]}
    for number in range(2, 8):
        promoted(world, number, {})
    assert len([known for known in world.status.revisions if known.transformer is not None]) >= 5
    assert size(stored(world)) < 300_000
    assert not world.status.forgotten


def test_a_revision_that_does_not_fit_beside_the_stable_one_is_not_begun_and_says_so() -> None:
    world = FakeWorld().healthy()
    promoted(world, 2, large(300_000, 2))
    assert release(world, 3, large(450_000, 3))
    world.settle()
    assert world.status.candidate is None
    assert world.status.phase == "Degraded"
    assert "is too large to be put on record beside the stable one" in world.status.message


def test_a_rollback_that_does_not_fit_is_refused_in_words() -> None:
    world = FakeWorld().healthy()
    promoted(world, 2, large(10, 2))
    promoted(world, 3, large(250_000, 3))
    promoted(world, 4, large(250_000, 4))
    world.spec["predictor"] = large(500_000, 5)
    assert "too large" in world.ask("rollback", to=world.status.revisions[-2].revision).message


@pytest.mark.parametrize("parts", [set(), {"predictor"}, {"transformer"}, {"predictor", "transformer"}])
def test_a_packed_status_says_the_same(parts: set[str]) -> None:
    world = FakeWorld().healthy()
    world.spec["transformer"] = {"containers": [{"image": "tokens:1"}]}
    promoted(world, 2, large(100, 2))
    body = {"metadata": {"name": "fraud", "namespace": "ns", "uid": "u"}, "spec": world.spec}
    plain = msgspec.json.decode(msgspec.json.encode(world.status))
    packed = pack(plain, parts)
    assert unpack(packed) == plain
    assert parse_status({**body, "status": packed}) == parse_status({**body, "status": plain}) == world.status
    assert parse_acted_on({**body, "status": packed}) == parse_acted_on({**body, "status": plain})


@pytest.mark.parametrize("part", ["predictor", "transformer"])
def test_a_reference_to_a_part_that_is_gone_is_no_reference(part: str) -> None:
    whole = {"predictor": {"args": ["x"]}, "transformer": {"timeout": 5}}
    packed = pack({"revisions": [{"revision": "a", **whole}], "actedOn": whole})
    packed[f"{part}s"] = []
    assert unpack(packed) == {"revisions": [], "actedOn": None}


async def test_a_rollout_that_an_older_version_has_begun_goes_on() -> None:
    rollout = FaultyRollout()
    await rollout.until_it_has_traffic()
    rollout.plane.objects["ModelDeployment", "fraud"]["status"] = unpack(rollout.plane.status)
    assert "predictor" in rollout.plane.status["revisions"][0]
    rollout.start()
    assert (await rollout.go_on(600))[-1] == 100
    assert "predictorHash" in rollout.plane.status["revisions"][0]
