"""Reads of what was adopted, by name and in the passes: what is read when, and what a read that fails changes."""

from typing import Any

import httpx2
import msgspec
import pytest
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import Status as ApiStatus

from support.fake_world import FakeWorld
from support.pods import pod_of
from timoneiro_operator.adoption import AdoptionReader
from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.status import Candidate, Retiring, Snapshot, Stable, Status
from timoneiro_operator.kube.cache import Cache


def forbidden() -> ApiError:
    return ApiError(status=ApiStatus(code=403, message="no"))


class FakeClient:
    """An API server with one InferenceService `old` and a pod of it."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.error: Exception | None = None
        model = {"modelFormat": {"name": "sklearn"}, "storageUri": "s3://m/1", "runtime": "r"}
        model["args"] = ["--model_name=fraud"]  # type: ignore[assignment]
        self.body: dict[str, Any] | None = {"metadata": {"name": "old"}, "spec": {"predictor": {"model": model}}}

    async def named(self, kind: str, key: tuple[str, str]) -> dict[str, Any] | None:
        self.read.append(key[1])
        if self.error is not None:
            raise self.error
        return self.body

    async def pods_of(self, service: tuple[str, str]) -> list[dict[str, Any]]:
        return [pod_of(f"{service[1]}-predictor", conditions=[{"type": "Ready", "status": "True"}])]


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


@pytest.fixture
def cache() -> Cache:
    return Cache()


@pytest.fixture
def reader(client: FakeClient, cache: Cache) -> AdoptionReader:
    return AdoptionReader(cache, client)  # type: ignore[arg-type]


def deployment(status: Status | None = None, **spec: Any) -> ModelDeployment:
    world = FakeWorld(status=status or Status())
    world.spec |= spec
    return world.deployment


def serving(**parts: Any) -> ModelDeployment:
    """The adopted one is its stable model."""
    plain = deployment()
    snapshot = Snapshot(revision="a", model=plain.model, predictor=plain.spec.predictor, adopted="old")
    stable = Stable(revision="a", inference_service="old", uri="s3://m/1", ready=True)
    return deployment(msgspec.structs.replace(Status(stable=stable, revisions=(snapshot,)), **parts), adopt="old")


async def test_who_has_adopted_nothing_costs_no_read(reader: AdoptionReader, client: FakeClient) -> None:
    found = await reader.read(deployment())
    assert (found.adopted, client.read) == ((), [])


async def test_what_is_to_be_adopted_is_read_with_its_runtime(reader: AdoptionReader, cache: Cache) -> None:
    runtime = {
        "metadata": {"name": "r", "namespace": "ns", "uid": "r", "resourceVersion": "1"},
        "spec": {"supportedModelFormats": [], "containers": []},
    }
    cache.put("ServingRuntime", runtime)
    found = await reader.read(deployment(adopt="old"))
    assert isinstance(found.wanted, Snapshot)
    assert found.wanted.adopted == "old"
    assert found.wanted.runtime is not None
    assert [item.snapshot for item in found.adopted] == [found.wanted]


async def test_what_is_not_there_is_said(reader: AdoptionReader, client: FakeClient) -> None:
    client.body = None
    found = await reader.read(deployment(adopt="old"))
    assert found.adopted == ()
    assert "does not exist" in str(found.wanted)


async def test_what_serves_is_read_and_what_only_could_serve_again_is_not(
    reader: AdoptionReader, client: FakeClient
) -> None:
    found = await reader.read(serving())
    assert [item.snapshot.revision for item in found.adopted] == ["a"]
    other = Candidate(revision="b", inference_service="fraud-b", uri="s3://m/2", ready=True)
    warm = Retiring(was="Stable", revision="a", inference_service="old", uri="", delete_at="2026-11-26T10:00:00Z")
    assert len((await reader.read(serving(stable=other, retiring=(warm,)))).adopted) == 1
    assert (await reader.read(serving(stable=other))).adopted == ()
    assert client.read == ["old", "old"]


@pytest.mark.parametrize("error", [forbidden(), httpx2.ConnectError("away")])
async def test_after_a_read_that_fails_the_last_one_counts(
    reader: AdoptionReader, client: FakeClient, error: Exception
) -> None:
    before = await reader.read(serving())
    client.error = error
    assert await reader.read(serving()) == before
    reader.forget(("ns", "fraud"))
    client.error = httpx2.ConnectError("away")
    with pytest.raises(httpx2.ConnectError):
        await reader.read(serving())


async def test_what_may_not_be_read_is_left_out_and_said(reader: AdoptionReader, client: FakeClient) -> None:
    client.error = forbidden()
    assert (await reader.read(serving())).adopted == ()
    found = await reader.read(deployment(adopt="old"))
    assert "may not read InferenceService old" in str(found.wanted)
