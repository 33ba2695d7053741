"""What a driver needs of the cluster, and whether it is there: kinds, and host names that nobody else has."""

from typing import Any

import pytest

from support.fake_world import FakeWorld
from timoneiro_operator.drivers.available import contested_host, lacking, needed_kinds


@pytest.mark.parametrize(
    ("driver", "absent", "reason"),
    [
        ("Gateway", {"InferenceService"}, "KServeNotInstalled"),
        ("Gateway", {"HTTPRoute"}, "DriverNotInstalled"),
        ("Gateway", {"KnativeService"}, None),
        ("Knative", {"KnativeService"}, "DriverNotInstalled"),
        ("Knative", {"HTTPRoute"}, None),
        ("Knative", set(), None),
    ],
)
def test_what_the_cluster_lacks_is_said_with_the_remedy(driver: str, absent: set[str], reason: str | None) -> None:
    world = FakeWorld()
    world.spec |= {"route": {"driver": driver, "hostnames": ["fraud.example.com"]}}
    found = lacking(world.deployment, absent)
    assert (found[0] if found else None) == reason
    assert found is None or "install" in found[1]


def body(name: str, *, hosts: list[str], created: int = 1, **route: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": "ns",
            "uid": name,
            "creationTimestamp": f"2026-11-24T10:00:0{created}Z",
        },
        "spec": {"route": {"hostnames": hosts, **route}},
    }


def live(*hosts: str) -> dict[str, Any]:
    return {"spec": {"hostnames": list(hosts)}}


class TestHosts:
    MINE = body("mine", hosts=["a.example.com", "b.example.com"], created=2)

    def test_the_older_deployment_gets_a_name_that_nobody_has_yet(self) -> None:
        older = body("older", hosts=["b.example.com"])
        sentence = contested_host(self.MINE, None, [(older, None)])
        assert sentence == "the host name b.example.com belongs to ModelDeployment ns/older: choose another one"
        assert contested_host(older, None, [(self.MINE, None)]) is None

    def test_whoever_has_a_name_in_its_route_keeps_it_against_an_older_one(self) -> None:
        older = body("older", hosts=["b.example.com"])
        assert contested_host(self.MINE, live("a.example.com", "b.example.com"), [(older, None)]) is None
        assert contested_host(older, None, [(self.MINE, live("b.example.com"))]) is not None

    def test_the_same_name_at_another_gateway_is_another_name(self) -> None:
        older = body("older", hosts=["b.example.com"], gateway={"name": "other", "namespace": "kserve"})
        assert contested_host(self.MINE, None, [(older, None)]) is None

    def test_a_name_of_a_deployment_on_knative_is_no_name_at_a_gateway(self) -> None:
        older = body("older", hosts=["b.example.com"], driver="Knative")
        assert contested_host(self.MINE, None, [(older, None)]) is None

    def test_names_of_its_own_are_nobodys_business(self) -> None:
        assert contested_host(self.MINE, None, [(body("older", hosts=["c.example.com"]), None)]) is None


@pytest.mark.parametrize(
    ("drivers", "kinds"),
    [
        ([], set()),
        ([None], {"InferenceService", "HTTPRoute"}),
        (["Knative"], {"InferenceService", "KnativeService"}),
        (["Knative", "Gateway"], {"InferenceService", "HTTPRoute", "KnativeService"}),
    ],
)
def test_only_kinds_that_somebody_needs_are_looked_for(drivers: list[str | None], kinds: set[str]) -> None:
    bodies = [{"spec": {"route": {"driver": driver} if driver else {}}} for driver in drivers]
    assert needed_kinds(bodies) == kinds
