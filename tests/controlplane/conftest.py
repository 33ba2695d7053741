"""A namespace for each test on the real API server; nothing is served in these tests."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from localcluster.cluster import Cluster


@pytest.fixture
def namespace(platform: Cluster) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"test-{uuid4().hex[:8]}"
    platform.kubectl("create", "namespace", name)
    yield name
    platform.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def get(platform: Cluster, namespace: str) -> Callable[..., dict[str, Any]]:
    """An object as the API server has it."""

    def read(kind: str, name: str) -> dict[str, Any]:
        return platform.get("-n", namespace, kind, name)

    return read
