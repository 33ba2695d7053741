"""Model packages and benches that the end-to-end tests share."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from demo.platform import install
from localcluster.cluster import Cluster
from support.bench import Bench, make_package
from support.waiting import wait


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model that answers everything, and one that fails on requests that leave a value out."""
    return {
        "good": make_package(tmp_path_factory.mktemp("good"), impute=True),
        "bad": make_package(tmp_path_factory.mktemp("bad"), impute=False),
    }


@pytest.fixture(scope="session")
def watched() -> Iterator[Cluster]:
    """A cluster of its own with Timoneiro and all that is optional, and a namespace `models` in it for pods."""
    name = f"own-{uuid4().hex[:6]}"
    try:
        cluster = Cluster.up(name, print, prometheus=True, services=True)
        install(cluster)
        cluster.kubectl("create", "namespace", "models")
        wait(
            "the default ServiceAccount is there",
            lambda: "default" in cluster.kubectl("-n", "models", "get", "serviceaccounts", "-o", "name"),
        )
        yield cluster
    finally:
        Cluster.remove(name)


@pytest.fixture(scope="module")
def open_bench(platform: Cluster, packages: dict[str, Path]) -> Iterator[Callable[..., Bench]]:
    """Makes ModelDeployments whose first model is live and under load; they go with the module."""
    opened: list[Bench] = []

    def make(name: str, *, load: bool = True, **spec: Any) -> Bench:
        bench = Bench(platform, packages, name=name, **spec)
        opened.append(bench)
        bench.release("good")
        bench.wait("the first model goes live", lambda: bench.status().get("phase") == "Healthy")
        if load:
            bench.start_load()
        return bench

    yield make
    for bench in opened:
        bench.close()


@pytest.fixture
def nothing_is_lost(bench: Bench) -> Iterator[None]:
    """Around a test: no request is failed by anything but the model that answers it."""
    before = bench.sent
    yield
    lost = bench.tally(since=before)
    assert lost.failed_by_rollout == 0, lost.details


@pytest.fixture
def nothing_is_lost_and_no_rule_is_broken(bench: Bench, nothing_is_lost: None) -> Iterator[None]:
    """Around a test: and the observer agrees."""
    yield
    assert bench.outside.violations() == []
