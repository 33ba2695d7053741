"""An object that nests as deep as an API server takes it is read like any other one: it must not stop the others."""

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.fake_world import SPEC
from timoneiro_operator.__main__ import let_json_nest
from timoneiro_operator.api.declared import paths_of
from timoneiro_operator.api.deployment import parse
from timoneiro_operator.kube.cache import Cache

_DEEP = 9_900
KEY = ("ns", "fraud")


@pytest.fixture(autouse=True)
def nesting() -> Iterator[None]:
    before = sys.getrecursionlimit()
    let_json_nest()
    yield
    sys.setrecursionlimit(before)


def read() -> str | None:
    """From the text of the API server to a revision, in a thread, as the watches have one."""
    metadata = {"name": "fraud", "namespace": "ns", "uid": "u", "generation": 1, "resourceVersion": "1"}
    text = json.dumps({"metadata": metadata, "spec": {**SPEC, "predictor": {"affinity": "DEEP"}}})
    cache = Cache()
    cache.put("ModelDeployment", json.loads(text.replace('"DEEP"', '{"a":' * _DEEP + "1" + "}" * _DEEP)))
    body = cache.get("ModelDeployment", KEY)
    assert body is not None
    assert sum(1 for _ in paths_of(body)) > _DEEP
    return parse(body).revision


def test_a_deployment_that_nests_as_deep_as_it_can_has_a_revision() -> None:
    with ThreadPoolExecutor(1) as thread:
        revision = thread.submit(read).result()
    assert revision is not None
