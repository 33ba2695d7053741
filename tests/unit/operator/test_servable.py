"""What the cluster would not take is an invalid spec; everything that is about something else is not."""

from types import SimpleNamespace
from typing import Any

import httpx2
import msgspec
import pytest
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import Status as ApiStatus

from support.fake_world import FakeWorld
from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.status import Rejected, Status
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide.lifecycle import wanted_snapshot
from timoneiro_operator.kube.client import KubeClient
from timoneiro_operator.servable import ASK_AGAIN_SECONDS, NotServable, Servable
from timoneiro_operator.serving.refusals import in_our_words, is_about_the_content
from timoneiro_operator.telemetry import Telemetry

TYPED = "failed to create typed patch object (default/x; serving.kserve.io/v1beta1, Kind=InferenceService): "
INVALID = 'InferenceService.serving.kserve.io "x" is invalid: '
KSERVE = 'admission webhook "inferenceservice.kserve-webhook-server.validator" denied the request: '


@pytest.mark.parametrize(
    ("code", "message", "ours"),
    [
        (
            500,
            f"{TYPED}.spec.predictor.nodeSelectr: field not declared in schema",
            "spec.predictor.nodeSelectr: field not declared in schema",
        ),
        (
            500,
            f"{TYPED}.spec.predictor.model.resources.limitz: field not declared in schema",
            "spec.predictor.resources.limitz: field not declared in schema",
        ),
        (
            500,
            f"{TYPED}errors:\n  .spec.predictor.model.args[2]: expected string, got 1\n  .spec.predictor.timeout: no",
            "spec.predictor.args[1]: expected string, got 1; spec.predictor.timeout: no",
        ),
        (
            500,
            f"{TYPED}.spec.predictor.model.modelFormat.nam: field not declared in schema",
            "spec.model.format.nam: field not declared in schema",
        ),
        (422, f"{INVALID}spec.predictor.model.storageUri: Invalid value", "spec.model.uri: Invalid value"),
        (403, f"{KSERVE}[rps] is not a supported metric", "[rps] is not a supported metric"),
        (400, f"{KSERVE}quantities must match", "quantities must match"),
    ],
)
def test_what_is_said_of_an_inference_service_is_told_of_the_spec(code: int, message: str, ours: str) -> None:
    assert is_about_the_content(code, message)
    assert in_our_words(message) == ours


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (403, 'inferenceservices.serving.kserve.io is forbidden: User "x" cannot patch resource'),
        (403, 'admission webhook "policy.example.com" denied the request: no images from there'),
        (400, 'admission webhook "policy.example.com" denied the request: no images from there'),
        (422, "inferenceservices.x \"x\" is forbidden: ValidatingAdmissionPolicy 'p' denied request: no"),
        (500, 'failed calling webhook "inferenceservice.kserve-webhook-server.validator": connection refused'),
        (404, "the server could not find the requested resource"),
        (409, "conflict"),
    ],
)
def test_what_is_not_about_the_spec_does_not_make_it_invalid(code: int, message: str) -> None:
    assert not is_about_the_content(code, message)


class Answers:
    """An API server that says what a test wants, and counts how often it was asked."""

    def __init__(self, answer: tuple[int, str] | None) -> None:
        self.answer, self.asked = answer, 0

    async def refusal(self, kind: str, body: dict[str, Any]) -> tuple[int, str] | None:
        self.asked += 1
        return self.answer


BAD = (422, f"{INVALID}spec.predictor.logger.mode: Unsupported value")


def deployment(status: Status | None = None) -> ModelDeployment:
    return FakeWorld(status=status or Status()).deployment


async def test_a_refusal_is_a_sentence_with_the_field_and_is_remembered_for_a_while() -> None:
    api = Answers(BAD)
    servable = Servable(api)  # type: ignore[arg-type]
    for now in (0.0, 1.0, ASK_AGAIN_SECONDS):
        with pytest.raises(NotServable, match=r"KServe does not accept it: spec\.predictor\.logger\.mode"):
            await servable.check(deployment(), moment(now))
    assert api.asked == 2


async def test_a_clock_that_was_set_back_keeps_no_refusal_for_longer() -> None:
    api = Answers(BAD)
    servable = Servable(api)  # type: ignore[arg-type]
    for now in (3600.0, 0.0):
        with pytest.raises(NotServable):
            await servable.check(deployment(), moment(now))
    assert api.asked == 2


async def test_what_was_mended_is_asked_about_at_once() -> None:
    api = Answers(BAD)
    servable = Servable(api)  # type: ignore[arg-type]
    with pytest.raises(NotServable):
        await servable.check(deployment(), moment(0.0))
    world = FakeWorld()
    world.spec["predictor"] = {"logger": {"mode": "all"}}
    api.answer = None
    await servable.check(world.deployment, moment(1.0))
    assert api.asked == 2


@pytest.mark.parametrize("answer", [None, (403, "forbidden")])
async def test_what_is_taken_or_not_known_goes_on(answer: tuple[int, str] | None) -> None:
    await Servable(Answers(answer)).check(deployment(), moment(0.0))  # type: ignore[arg-type]


async def test_nobody_asks_about_another_model_that_is_served_as_one_before() -> None:
    made, api = deployment(), Answers(BAD)
    world = FakeWorld(status=Status(revisions=(wanted_snapshot(made, made.revision or ""),)))
    world.model(2)
    await Servable(api).check(world.deployment, moment(0.0))  # type: ignore[arg-type]
    assert api.asked == 0
    world.spec["predictor"] = {"logger": {"mode": "nobody"}}
    with pytest.raises(NotServable):
        await Servable(api).check(world.deployment, moment(0.0))  # type: ignore[arg-type]


async def test_nobody_asks_again_and_again_about_what_serves_when_its_replicas_were_edited() -> None:
    world, api = FakeWorld().healthy(), Answers(None)
    world.spec["predictor"] = {"minReplicas": 3}
    world.settle()
    await Servable(api).check(world.deployment, moment(0.0))  # type: ignore[arg-type]
    assert api.asked == 0


@pytest.mark.parametrize("known", ["on record", "rejected", "no model", "to be adopted"])
async def test_nobody_asks_about_what_is_on_record_or_does_not_come(known: str) -> None:
    made, api = deployment(), Answers(BAD)
    revision = made.revision or ""
    if known == "no model":
        made = msgspec.structs.replace(made, spec=msgspec.structs.replace(made.spec, model=None))
    elif known == "to be adopted":
        made = msgspec.structs.replace(made, spec=msgspec.structs.replace(made.spec, adopt="theirs"))
    elif known == "rejected":
        made = deployment(Status(rejected=(Rejected(revision=revision, at=moment(0.0), reason="worse"),)))
    else:
        made = deployment(Status(revisions=(wanted_snapshot(made, revision),)))
    await Servable(api).check(made, moment(0.0))  # type: ignore[arg-type]
    assert api.asked == 0


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (None, None),
        (ApiError(status=ApiStatus(code=422, message="no")), (422, "no")),
        (httpx2.ReadTimeout("too long"), None),
    ],
)
async def test_a_dry_run_writes_nothing_and_never_raises(error: Exception | None, refusal: Any) -> None:
    asked: list[dict[str, Any]] = []

    class Recording:
        async def patch(self, resource: object, name: str, body: object, **how: Any) -> Any:
            asked.append(how)
            if error is not None:
                raise error
            return SimpleNamespace(to_dict=dict)

    client = KubeClient(Recording(), Telemetry(), may_write=lambda: False)  # type: ignore[arg-type]
    body = {"metadata": {"name": "x", "namespace": "ns"}}
    assert await client.refusal("InferenceService", body) == refusal
    assert [how["dry_run"] for how in asked] == [True]
