"""Fields of the route's rules with a real gateway: those of others stay, and ours do what they say."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from demo.acts import production_rows
from support.bench import QUICK, Bench

HEADER = {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": [{"name": "X-Team", "value": "a"}]}}


@pytest.fixture(scope="module")
def bench(open_bench: Callable[..., Bench]) -> Bench:
    return open_bench("fields", **QUICK)


def rule(bench: Bench) -> dict[str, Any]:
    """The rule for all requests."""
    found: dict[str, Any] = bench.cluster.get("httproute", bench.name)["spec"]["rules"][-1]
    return found


def answer(bench: Bench) -> tuple[int, str | None]:
    """Status and the header of the other team, of one request through the gateway."""
    body = json.dumps({"instances": production_rows()[:1]}).encode()
    request = urllib.request.Request(bench.url, data=body, headers={"Host": bench.host})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.headers.get("X-Team")
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("X-Team")


@pytest.mark.usefixtures("nothing_is_lost_and_no_rule_is_broken")
def test_what_others_have_written_stays_through_a_whole_rollout(bench: Bench) -> None:
    edits = [
        {"op": "add", "path": "/spec/rules/0/timeouts", "value": {"request": "20s"}},
        {"op": "add", "path": "/spec/rules/0/name", "value": "models"},
        {"op": "add", "path": "/spec/rules/0/filters", "value": [HEADER]},
    ]
    bench.cluster.kubectl("patch", "httproute", bench.name, "--type=json", "-p", json.dumps(edits))
    version = bench.release("good")
    bench.wait("the promotion", lambda: bench.outcome(version))
    assert (bench.outcome(version) or {})["outcome"] == "Promoted"
    bench.wait("the end of the old model", lambda: len(rule(bench)["backendRefs"]) == 1)
    assert (rule(bench)["timeouts"], rule(bench)["name"], rule(bench)["filters"]) == (
        {"request": "20s"},
        "models",
        [HEADER],
    )
    assert answer(bench) == (200, "a")
    assert "restored" not in bench.status()


def configured(bench: Bench, **route: Any) -> None:
    bench.configure(route={"hostnames": [bench.host], **route}, **QUICK)


@pytest.mark.parametrize("field", ["request", "backendRequest"])
def test_the_gateway_keeps_a_timeout_of_the_spec_until_it_leaves_the_spec(
    open_bench: Callable[..., Bench], field: str
) -> None:
    bench = open_bench(f"slow-{field.lower()}", load=False)
    configured(bench, timeouts={field: "1ms"})
    bench.wait("a request that takes too long", lambda: answer(bench)[0] == 504)
    configured(bench)
    bench.wait("an answer", lambda: answer(bench)[0] == 200)


def test_a_field_that_the_cluster_does_not_know_is_named_and_holds_no_weight_up(bench: Bench) -> None:
    configured(bench, retry={"attempts": 2, "codes": [503]})
    words = bench.wait("a word", lambda: "retry" in (m := bench.status()["message"]) and m)
    assert "HTTPRoute" in words
    version = bench.release("good")
    bench.wait("the promotion", lambda: bench.outcome(version))
    assert (bench.outcome(version) or {})["outcome"] == "Promoted"
    configured(bench)
    bench.wait("silence", lambda: "retry" not in bench.status()["message"])
