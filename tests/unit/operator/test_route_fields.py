"""Fields of the route's rules: those of others stay whatever the weights do, and ours are what the spec says."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.fake_world import FakeWorld
from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.invalid_spec import InvalidSpec
from timoneiro_operator.api.status import Status
from timoneiro_operator.decide.decision import Decision
from timoneiro_operator.decide.observation import Routing
from timoneiro_operator.drivers.driver import Apply, Children
from timoneiro_operator.drivers.gateway import GatewayDriver
from timoneiro_operator.traffic.gateway import build_route, differs, read_route

HEADERS = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "X-Team", "value": "a"}]}}
REWRITE = {"type": "URLRewrite", "urlRewrite": {"hostname": "b"}}
OTHERS: dict[str, Any] = {
    "timeouts": {"request": "30s"},
    "retry": {"attempts": 3},
    "sessionPersistence": {"type": "Cookie"},
    "name": "models",
    "filters": [HEADERS, REWRITE],
}
OURS: dict[str, Any] = {
    "timeouts": {"request": "10s", "backendRequest": "2s"},
    "retry": {"codes": [502, 503], "attempts": 2, "backoff": "100ms"},
    "sessionPersistence": {"sessionName": "s", "type": "Cookie", "cookieConfig": {"lifetimeType": "Session"}},
}
ROUTINGS = [
    Routing(weights={"a": 100}),
    Routing(weights={"a": 90, "b": 10}),
    Routing(weights={"a": 100, "b": 0}, mirror="b"),
    Routing(weights={"a": 50, "b": 50}, preview="b"),
    Routing(weights={"a": 0, "b": 100}, mirror="a", preview="b"),
]


def deployment(**route: Any) -> ModelDeployment:
    world = FakeWorld()
    world.spec["route"] = {"hostnames": ["fraud.example.com"], "preview": {"header": {"name": "X-New"}}, **route}
    return world.deployment


def live(built: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    """The route in the cluster after somebody has written `others` into all of its rules."""
    body = copy.deepcopy(built)
    for rule in body["spec"]["rules"]:
        filters = [*others.get("filters", []), *rule.get("filters", [])]
        rule.update(others)
        rule.update({"filters": filters} if filters else {})
    return body


some_others = st.sets(st.sampled_from(sorted(OTHERS))).map(lambda names: {name: OTHERS[name] for name in names})


@given(some_others, st.sampled_from(ROUTINGS), st.sampled_from(ROUTINGS))
def test_what_others_have_written_stays_whatever_the_weights_do(
    others: dict[str, Any], before: Routing, after: Routing
) -> None:
    made = deployment()
    there = live(build_route(made, before), others)
    built = build_route(made, after, there)
    main = built["spec"]["rules"][-1]
    assert {name: main[name] for name in others if name != "filters"} == {
        name: value for name, value in others.items() if name != "filters"
    }
    kept = [entry for entry in main.get("filters", []) if entry["type"] != "RequestMirror"]
    assert kept == others.get("filters", [])
    seen = read_route(made, built)
    assert seen is not None
    assert (seen.routing, seen.as_built, differs(made, after, built)) == (after, True, False)


@given(some_others, st.sampled_from(ROUTINGS))
def test_a_route_with_fields_of_others_is_no_difference_and_no_edit(others: dict[str, Any], routing: Routing) -> None:
    made = deployment()
    there = live(build_route(made, routing), others)
    seen = read_route(made, there)
    assert seen is not None
    assert (seen.routing, seen.as_built, differs(made, routing, there)) == (routing, True, False)


def test_what_others_have_written_to_a_backend_stays_with_it() -> None:
    made = deployment()
    there = build_route(made, ROUTINGS[1])
    there["spec"]["rules"][0]["backendRefs"][1]["filters"] = [HEADERS]
    backends = build_route(made, ROUTINGS[3], there)["spec"]["rules"][-1]["backendRefs"]
    assert [backend.get("filters") for backend in backends] == [None, [HEADERS]]


@pytest.mark.parametrize("field", sorted(OURS))
class TestAFieldOfTheSpec:
    def test_is_in_every_rule_and_overrules_what_others_have_written(self, field: str) -> None:
        made = deployment(**{field: OURS[field]})
        there = live(build_route(deployment(), ROUTINGS[3]), {field: OTHERS[field]})
        assert differs(made, ROUTINGS[3], there)
        built = build_route(made, ROUTINGS[3], there)
        assert [rule[field] for rule in built["spec"]["rules"]] == [OURS[field], OURS[field]]
        assert not differs(made, ROUTINGS[3], built)

    def test_goes_when_it_leaves_the_spec(self, field: str) -> None:
        there = build_route(deployment(**{field: OURS[field]}), ROUTINGS[3])
        assert differs(deployment(), ROUTINGS[3], there)
        built = build_route(deployment(), ROUTINGS[3], there)
        assert not any(field in rule for rule in built["spec"]["rules"])
        assert not differs(deployment(), ROUTINGS[3], built)

    def test_does_not_hold_the_weights_up_where_the_cluster_does_not_know_it(self, field: str) -> None:
        made = deployment(**{field: OURS[field]})
        decision = Decision(status=Status(), routing=ROUTINGS[1])
        (write,) = GatewayDriver().writes(made, decision, Children(services={}, pods={}))
        assert isinstance(write, Apply)
        without = None if field == "timeouts" else build_route(deployment(), ROUTINGS[1])["spec"]
        assert (write.plain and write.plain["spec"]) == without

    def test_is_not_for_knative(self, field: str) -> None:
        with pytest.raises(InvalidSpec, match=f"spec.route.{field} needs route.driver Gateway"):
            deployment(driver="Knative", preview=None, **{field: OURS[field]})


@pytest.mark.parametrize(
    ("route", "words"),
    [
        ({"timeouts": {"request": "1d"}}, "spec.route.timeouts.request: '1d' is not a duration of the Gateway API"),
        ({"timeouts": {"backendRequest": "1.5s"}}, "spec.route.timeouts.backendRequest: '1.5s' is not a duration"),
        (
            {"timeouts": {"request": "1s", "backendRequest": "2s"}},
            "backendRequest 2s must not be longer",
        ),
        ({"retry": {"backoff": "soon"}}, "spec.route.retry.backoff: 'soon' is not a duration"),
        ({"retry": {"codes": [200]}}, "must be status codes from 400 to 599"),
        ({"sessionPersistence": {"idleTimeout": "x"}}, "spec.route.sessionPersistence.idleTimeout: 'x' is not"),
    ],
)
def test_a_field_that_makes_no_sense_is_refused_with_a_sentence(route: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidSpec, match=words):
        deployment(**route)


@pytest.mark.parametrize("timeouts", [{"request": "0s", "backendRequest": "2s"}, {"backendRequest": "2s"}])
def test_no_timeout_of_the_request_leaves_the_one_of_a_try_free(timeouts: dict[str, str]) -> None:
    assert deployment(timeouts=timeouts).spec.route.timeouts is not None
