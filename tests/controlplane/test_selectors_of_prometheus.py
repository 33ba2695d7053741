"""What is sent to Prometheus, as the real one reads it: raw samples of one selector, within one namespace."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings

from localcluster.build.tools import PROMETHEUS, build_tools
from support.selectors import TEXTS, selectors
from support.waiting import wait
from timoneiro_operator.api.promql import BadSelector, Matcher, Selector, filled, matchers, selector
from timoneiro_operator.metrics.profiles import PROFILES
from timoneiro_operator.metrics.promql import profile_selector, range_query

PLACEHOLDERS = {"namespace": "ns", "revision": "1a", "inferenceService": "f-1a", "workload": "f-1a-predictor"}
MANY = settings(max_examples=300, deadline=None)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A Prometheus that scrapes nothing, on a socket of its own choice."""
    folder: Path = tmp_path_factory.mktemp("prometheus")
    (folder / "prometheus.yaml").write_text("{}\n")
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [
                str(build_tools(print, (PROMETHEUS,)).programs["prometheus"]),
                f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                "--web.listen-address=127.0.0.1:0",
            ],
            stdout=output,
            stderr=output,
        )
    try:
        port = wait("Prometheus listens", lambda: _port(log.read_text()), state=log.read_text)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            wait("Prometheus answers", lambda: _is_ready(client), state=log.read_text)
            yield client
    finally:
        process.terminate()
        process.wait(timeout=30)


def _port(log: str) -> str | None:
    lines = [line for line in log.splitlines() if "Listening on" in line]
    return lines[0].rpartition(":")[2] if lines else None


def _is_ready(client: httpx.Client) -> bool:
    return client.get("/-/ready").status_code == 200


def read(client: httpx.Client, sent: Selector) -> Selector | None:
    """The matchers that Prometheus has read; None where it refuses a pattern. Nothing else may be in the query."""
    answer: dict[str, Any] = client.post("/api/v1/parse_query", data={"query": range_query(sent, "ns", 5.0)}).json()
    if answer["status"] != "success":
        assert "error parsing regexp" in answer["error"], answer
        return None
    data = answer["data"]
    assert (data["type"], data["range"], data["offset"], data["timestamp"]) == ("matrixSelector", 5000, 0, None)
    return tuple(Matcher(one["name"], one["type"], one["value"]) for one in data["matchers"])


def within(selector: Selector) -> Selector:
    return tuple(dict.fromkeys((*selector, Matcher("namespace", "=", "ns"))))


@MANY
@given(written=selectors())
def test_a_selector_means_to_prometheus_what_it_means_here(
    prometheus: httpx.Client, written: tuple[str, Selector]
) -> None:
    text, meant = written
    assert read(prometheus, selector(text)) in (within(meant), None)


@MANY
@given(text=TEXTS)
def test_whatever_people_write_is_refused_or_one_selector_of_the_namespace(prometheus: httpx.Client, text: str) -> None:
    for parse in (selector, matchers):
        try:
            found = filled(parse(text), PLACEHOLDERS)
        except BadSelector:
            continue
        assert read(prometheus, found) in (within(found), None)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_the_series_of_a_profile_are_asked_in_one_selector_of_the_namespace(
    prometheus: httpx.Client, profile: Any
) -> None:
    found = profile_selector(profile, 'namespace="{{namespace}}",pod=~"{{workload}}-.+"', PLACEHOLDERS)
    assert read(prometheus, found) == within(found)
