"""The local cluster of the tests, started once; the tests that need it share it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from demo.platform import install
from localcluster.cluster import Cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster named by TIMONEIRO_TEST_CLUSTER, which is left up, or one of the test run's own."""
    name = os.environ.get("TIMONEIRO_TEST_CLUSTER")
    if name:
        yield Cluster.up(name, print)
        return
    own = Cluster.up(f"test-{os.getpid()}", print)
    yield own
    own.down()


@pytest.fixture(scope="session")
def platform(cluster: Cluster) -> Cluster:
    """The cluster with Timoneiro in it, installed by its chart."""
    install(cluster)
    return cluster
