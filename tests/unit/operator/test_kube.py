"""The queue and the cache: nothing is done twice at once, nothing old wins over what is new."""

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from timoneiro_operator.api.kinds import Kind
from timoneiro_operator.api.manifests import is_written
from timoneiro_operator.api.names import LABEL_DEPLOYMENT
from timoneiro_operator.api.times import moment
from timoneiro_operator.kube import workqueue
from timoneiro_operator.kube.cache import Cache
from timoneiro_operator.kube.client import KubeClient, Unanswered
from timoneiro_operator.kube.workqueue import WorkQueue
from timoneiro_operator.telemetry import Telemetry


async def taken(queue: WorkQueue[str]) -> str:
    return await asyncio.wait_for(queue.get(), timeout=5)


async def test_a_key_that_is_added_twice_is_handed_out_once() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    queue.add("a")
    assert (await taken(queue), len(queue)) == ("a", 0)


async def test_a_key_that_is_worked_on_is_not_handed_to_anybody_else() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    await taken(queue)
    queue.add("a")
    assert len(queue) == 0


async def test_a_key_that_was_added_meanwhile_comes_again_when_it_is_done() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    await taken(queue)
    queue.add("a")
    queue.done("a")
    assert await taken(queue) == "a"


async def test_what_is_urgent_comes_before_all_that_waits_and_in_its_order() -> None:
    queue: WorkQueue[str] = WorkQueue()
    for key in ("a", "b", "c", "d"):
        queue.add(key)
    queue.add("c", urgent=True)
    queue.add("d", urgent=True)
    queue.add("c")
    assert [await taken(queue) for _ in range(4)] == ["c", "d", "a", "b"]
    assert len(queue) == 0


async def test_what_became_urgent_while_it_was_worked_on_comes_first_when_it_is_done() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    await taken(queue)
    queue.add("b")
    queue.add("a", urgent=True)
    queue.done("a")
    assert await taken(queue) == "a"


async def test_what_is_urgent_and_fails_is_as_urgent_until_it_goes_well() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a", urgent=True)
    await taken(queue)
    queue.add_failed("a")
    queue.done("a")
    queue.add("b")
    # Whatever calls for it now.
    queue.add("a")
    assert await taken(queue) == "a"
    queue.succeeded("a")
    queue.done("a")
    queue.add("a")
    assert [await taken(queue) for _ in range(2)] == ["b", "a"]


async def test_a_delayed_key_that_is_called_for_earlier_comes_once() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("a", 0.05)
    queue.add("a")
    await taken(queue)
    queue.done("a")
    queue.add_after("b", 0.1)
    assert await taken(queue) == "b"
    assert len(queue) == 0


async def test_delays_double_with_every_failure_in_a_row_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workqueue.random, "uniform", lambda low, high: 1.0)
    queue: WorkQueue[str] = WorkQueue()
    assert [queue.add_failed("a") for _ in range(12)][-3:] == [30.0, 30.0, 30.0]
    queue.succeeded("a")
    assert queue.add_failed("a") == workqueue.FIRST_DELAY
    queue.forget("a")


def body(version: int, *, uid: str = "u1", name: str = "fraud-a", owner: str | None = "fraud") -> dict[str, Any]:
    labels = {LABEL_DEPLOYMENT: owner} if owner else {}
    return {
        "metadata": {
            "name": name,
            "namespace": "ns",
            "uid": uid,
            "resourceVersion": str(version),
            "labels": labels,
        },
        "spec": {"v": version},
    }


def test_a_child_concerns_the_deployment_whose_label_it_carries() -> None:
    assert Cache().put("InferenceService", body(1)) == ("ns", "fraud")


def test_an_object_that_belongs_to_nobody_concerns_nobody() -> None:
    assert Cache().put("Pod", body(1, owner=None)) is None


@pytest.mark.parametrize(
    ("kind", "namespace", "concerned"),
    [
        ("ClusterServingRuntime", None, {("ns", "fraud"), ("other", "fraud")}),
        ("ServingRuntime", "ns", {("ns", "fraud")}),
    ],
)
def test_a_serving_runtime_of_nobody_concerns_all_whom_it_may_serve(
    kind: Kind, namespace: str | None, concerned: set[tuple[str, str]]
) -> None:
    cache = Cache()
    for where in ("ns", "other"):
        deployment = body(1, name="fraud", uid=where)
        deployment["metadata"]["namespace"] = where
        cache.put("ModelDeployment", deployment)
    runtime = body(2, owner=None)
    del runtime["metadata"]["namespace"]
    runtime["metadata"] |= {"namespace": namespace} if namespace else {}
    owner = cache.put(kind, runtime)
    assert owner is not None
    assert set(cache.concerned(owner)) == concerned


def test_a_serving_runtime_of_a_revision_concerns_its_deployment() -> None:
    cache = Cache()
    owner = cache.put("ServingRuntime", body(1))
    assert owner is not None
    assert cache.concerned(owner) == [("ns", "fraud")]


def test_the_annotations_of_a_serving_runtime_are_kept_since_kserve_goes_by_them() -> None:
    cache, runtime = Cache(), body(1, owner=None)
    runtime["metadata"]["annotations"] = {"serving.kserve.io/server-type": "mlserver"}
    cache.put("ServingRuntime", runtime)
    kept = cache.get("ServingRuntime", ("ns", "fraud-a"))
    assert kept is not None
    assert kept["metadata"]["annotations"] == runtime["metadata"]["annotations"]


def test_a_watch_event_that_is_older_than_our_own_write_is_ignored() -> None:
    cache = Cache()
    cache.put("HTTPRoute", body(7))
    assert cache.put("HTTPRoute", body(6)) is None
    assert cache.children(("ns", "fraud"), "HTTPRoute")[0]["spec"] == {"v": 7}


BUILT = {"spec": {"divisor": "1000m"}}


def generation(version: int, number: int) -> dict[str, Any]:
    made = body(version)
    made["metadata"]["generation"] = number
    return made


@pytest.mark.parametrize(
    ("later", "written"),
    [
        (None, True),
        (generation(8, 1), True),
        (generation(8, 2), False),
    ],
    ids=["nothing", "its status changes", "somebody edits it"],
)
@pytest.mark.parametrize("known", [None, 6, 7])
def test_the_answer_to_a_write_is_what_was_written_until_somebody_edits_it(
    later: dict[str, Any] | None, written: bool, known: int | None
) -> None:
    cache = Cache()
    if known is not None:
        # The object was there, or a watch was faster than the answer.
        cache.put("InferenceService", generation(known, 1))
    cache.put("InferenceService", generation(7, 1), written=BUILT)
    if later is not None:
        cache.put("InferenceService", later)
    (child,) = cache.children(("ns", "fraud"), "InferenceService")
    assert is_written(child, BUILT) is written
    assert not is_written(child, {"spec": {"divisor": "2"}})


def test_what_was_made_anew_under_the_same_name_is_not_what_was_written() -> None:
    cache, wanted = Cache(), {"metadata": {"name": "fraud-a"}, "spec": {"what": "ours"}}
    cache.put("InferenceService", generation(1, 1), written=wanted)
    other = generation(5, 1)
    other["metadata"]["uid"] = "u2"
    cache.put("InferenceService", other)
    found = cache.get("InferenceService", ("ns", "fraud-a"))
    assert found is not None
    assert not is_written(found, wanted)


def test_a_late_event_does_not_bring_back_what_was_deleted() -> None:
    cache = Cache()
    cache.put("Pod", body(5))
    cache.remove("Pod", body(6))
    cache.put("Pod", body(4))
    assert cache.children(("ns", "fraud"), "Pod") == []


def test_a_new_object_of_the_same_name_is_another_one() -> None:
    cache = Cache()
    cache.put("Pod", body(5))
    cache.remove("Pod", body(6))
    cache.put("Pod", body(8, uid="u2"))
    cache.remove("Pod", body(9, uid="u1"))
    assert len(cache.children(("ns", "fraud"), "Pod")) == 1


def test_a_list_removes_what_it_lacks_and_keeps_what_is_newer_than_it() -> None:
    cache = Cache()
    cache.put("Pod", body(5, name="gone", uid="u5"))
    cache.put("Pod", body(50, name="newer", uid="u50"))
    listing = cache.list_anew("Pod")
    listing.take(body(7, name="kept", uid="u7"))
    assert listing.end(20) == {("ns", "fraud")}
    names = {pod["metadata"]["name"] for pod in cache.children(("ns", "fraud"), "Pod")}
    assert names == {"kept", "newer"}


def test_a_pod_is_kept_without_its_spec() -> None:
    cache = Cache()
    cache.put("Pod", body(5))
    assert "spec" not in cache.children(("ns", "fraud"), "Pod")[0]


async def test_the_name_of_a_secret_does_not_become_another_path() -> None:
    asked: list[str] = []

    class Recording:
        async def get(self, resource: object, name: str, *, namespace: str) -> Any:
            asked.append(name)
            return SimpleNamespace(to_dict=dict)

    client = KubeClient(Recording(), Telemetry(), may_write=lambda: True)  # type: ignore[arg-type]
    await client.secret(("ns", "../../team-a/secrets/login"))
    assert asked == ["..%2F..%2Fteam-a%2Fsecrets%2Flogin"]


@pytest.mark.parametrize("verb", ["apply", "patch_components", "delete"])
async def test_a_write_without_an_answer_keeps_nothing_else_from_being_done(verb: str) -> None:
    class Silent:
        async def patch(self, *_: Any, **__: Any) -> None:
            raise httpx2.ReadTimeout("a webhook hangs")

        delete = patch

    client = KubeClient(Silent(), Telemetry(), may_write=lambda: True)  # type: ignore[arg-type]
    writes: dict[str, Any] = {
        "apply": lambda: client.apply("InferenceService", body(1), first=False),
        "patch_components": lambda: client.patch_components(("ns", "fraud-a"), {"predictor": {"minReplicas": 8}}),
        "delete": lambda: client.delete("InferenceService", ("ns", "fraud-a")),
    }
    with pytest.raises(Unanswered, match=r"InferenceService fraud-a: the API server gives no clear answer"):
        await writes[verb]()


@pytest.mark.parametrize("text", ["模型参数错误" * 70, "ä" * 2000, "a" + "😀" * 400, "short"])
async def test_the_message_of_an_event_fits_the_api_server_in_bytes(text: str) -> None:
    created: list[dict[str, Any]] = []

    class Recording:
        async def create(self, event: Any) -> None:
            created.append(event.to_dict())

    client = KubeClient(Recording(), Telemetry(), may_write=lambda: True)  # type: ignore[arg-type]
    await client.record_event(body(1), kind="Warning", reason="RolledBack", message=text, identity="r", now=moment(0.0))
    (message,) = [event["message"] for event in created]
    assert len(message.encode()) <= 1024
    assert text.startswith(message)
    assert message == text or len(message.encode()) > 990
