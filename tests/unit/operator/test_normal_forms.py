"""What the API server and webhooks make of what the operator writes is nobody's edit, whatever it is."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.fake_control_plane import FakeControlPlane
from support.fake_world import EPOCH, SPEC
from timoneiro_operator.api.kinds import Kind
from timoneiro_operator.decide.observation import Metrics
from timoneiro_operator.metrics.look import Look
from timoneiro_operator.sources.source import Source

Body = dict[str, Any]
DIVISOR = {"name": "CPUS", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1000m"}}}


def model_of(body: Body) -> Body:
    model: Body = body["spec"]["predictor"]["model"]
    return model


def rules_of(body: Body) -> list[Body]:
    rules: list[Body] = body["spec"]["rules"]
    return rules


def divisor(body: Body) -> Body:
    (variable,) = [entry for entry in model_of(body)["env"] if entry["name"] == "CPUS"]
    reference: Body = variable["valueFrom"]["resourceFieldRef"]
    return reference


def added(items: list[Any], item: Any) -> None:
    """As webhooks have to do it: asked again, they add nothing."""
    if item not in items:
        items.append(item)


# The kind of object that it is about, and what admission does to it, however often it is asked.
ADMISSION: dict[str, tuple[Kind, Callable[[Body], Any]]] = {
    "a quantity in its normal form": ("InferenceService", lambda body: divisor(body).update(divisor="1")),
    "a further variable": ("InferenceService", lambda body: added(model_of(body)["env"], {"name": "X", "value": "1"})),
    "a further argument": ("InferenceService", lambda body: added(model_of(body)["args"], "--log")),
    "a default": ("InferenceService", lambda body: model_of(body).update(protocolVersion="v2")),
    "another image store": ("InferenceService", lambda body: model_of(body).update(storageUri="s3://mirror/1")),
    "variables in another order": ("InferenceService", lambda body: model_of(body)["env"].reverse()),
    "a timeout": ("HTTPRoute", lambda body: rules_of(body)[-1].update(timeouts={"request": "5s"})),
    "a filter": (
        "HTTPRoute",
        lambda body: added(rules_of(body)[-1].setdefault("filters", []), {"type": "ExtensionRef"}),
    ),
}


@dataclass
class WithAdmission(FakeControlPlane):
    """An API server whose webhooks change what is written, and which gives a new version only to what is new."""

    webhooks: tuple[str, ...] = ()
    applied: list[str] = field(default_factory=list)

    async def apply(self, kind: Kind, body: Body, *, first: bool) -> Body:
        self.applied.append(kind)
        body = copy.deepcopy(dict(body))
        for name in self.webhooks:
            about, change = ADMISSION[name]
            if about == kind:
                change(body)
        old = self.objects.get((kind, body["metadata"]["name"]))
        if old is not None and old["spec"] == body["spec"]:
            return old
        return await super().apply(kind, body, first=first)


class NoCounts:
    """A source fake that has nothing to say."""

    def forget(self, key: tuple[str, str]) -> None: ...

    async def read(self, look: Look) -> Metrics:
        return Metrics()


def cluster(*webhooks: str) -> WithAdmission:
    spec = copy.deepcopy(SPEC)
    spec["predictor"] = {"env": [DIVISOR, {"name": "LAST", "value": "1"}]}
    return WithAdmission(spec=spec, now=EPOCH, webhooks=webhooks)


SOURCES: dict[str, Source] = {"Scrape": NoCounts()}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(sorted(ADMISSION)), unique=True))
async def test_nothing_is_written_again_and_nobody_is_blamed(webhooks: list[str]) -> None:
    world = cluster(*webhooks)
    operator = world.operator(SOURCES)
    for _ in range(3):
        await operator()
    assert world.status["phase"] == "Healthy"
    assert sorted(world.applied) == ["HTTPRoute", "InferenceService"]
    assert "restored" not in world.status


@pytest.mark.parametrize("webhook", sorted(ADMISSION))
async def test_an_operator_that_starts_anew_asks_the_api_server_once_and_blames_nobody(webhook: str) -> None:
    world = cluster(webhook)
    await world.operator(SOURCES)()
    before, versions = len(world.applied), world.versions
    anew = world.operator(SOURCES)
    for _ in range(3):
        await anew()
    assert len(world.applied) - before <= 1
    assert (world.versions, "restored" in world.status) == (versions, False)


@pytest.mark.parametrize("webhook", sorted(ADMISSION))
async def test_an_edit_by_somebody_is_put_back_all_the_same(webhook: str) -> None:
    world = cluster(webhook)
    operator = world.operator(SOURCES)
    await operator()
    (key,) = [key for key in world.objects if key[0] == "InferenceService"]
    edited = copy.deepcopy(world.objects[key])
    edited["metadata"]["generation"] += 1
    edited["spec"]["predictor"]["model"]["storageUri"] = "s3://elsewhere/"
    world.store("InferenceService", edited)
    await operator()
    assert world.objects[key]["spec"]["predictor"]["model"]["storageUri"] != "s3://elsewhere/"
    assert world.status["restored"]["what"] == f"InferenceService {key[1]} was edited"
