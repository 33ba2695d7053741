"""Which lost requests are a fault's own doing."""

import pytest

from chaos.traffic import LONGEST_EXCUSE_SECONDS, FaultWindow, excuse, in_words, unexcused
from demo.load import Blamed, RequestRecord


def every_second(*blamed: Blamed) -> list[RequestRecord]:
    """One request a second from second 0 on, each answered within half of one."""
    return [RequestRecord(sent=float(n), ended=n + 0.5, blamed=who) for n, who in enumerate(blamed)]


def test_a_window_ends_when_nothing_is_lost_any_more() -> None:
    requests = every_second("nobody", "the rollout", "the rollout", "nobody", "nobody", "the rollout")
    assert excuse(FaultWindow("kill Envoy", 0.9, 1.0), 1.0, requests) == FaultWindow("kill Envoy", 0.9, 2.5)


def test_what_is_lost_long_after_a_fault_is_not_its_doing() -> None:
    requests = every_second("nobody", "the rollout", "nobody", "nobody", "nobody", "the rollout")
    windows = [excuse(FaultWindow("kill Envoy", 0.9, 1.0), 1.0, requests)]
    assert [r.sent for r in unexcused(requests, windows)] == [5.0]


def test_what_a_fault_kills_may_begin_later_until_the_status_is_safe_again() -> None:
    requests = every_second("nobody", "nobody", "nobody", "the rollout", "the rollout", "nobody", "the rollout")
    windows = [excuse(FaultWindow("hand: InferenceService deleted", 0.2, 0.3), 4.0, requests)]
    assert [r.sent for r in unexcused(requests, windows)] == [6.0]


def test_no_outage_without_end_is_excused() -> None:
    requests = every_second(*["the rollout"] * 100)
    window = excuse(FaultWindow("kill Envoy", 0.0, 1.0), 1.0, requests)
    assert window.ended == 1.0 + LONGEST_EXCUSE_SECONDS


def test_a_request_that_was_under_way_when_the_fault_came_is_excused() -> None:
    request = RequestRecord(sent=1.0, ended=4.0, blamed="the rollout")
    assert unexcused([request], [FaultWindow("stop Envoy", 3.0, 3.5)]) == []


@pytest.mark.parametrize("blamed", ["nobody", "the model"])
def test_only_lost_requests_need_an_excuse(blamed: Blamed) -> None:
    assert unexcused([RequestRecord(sent=0.0, ended=1.0, blamed=blamed)], []) == []


def test_what_was_lost_in_the_same_way_is_one_sentence() -> None:
    requests = [
        RequestRecord(sent=100.0 + n, ended=101.0, blamed="the rollout", detail=f"10:00:0{n} HTTP 503: no")
        for n in (1, 2)
    ]
    assert in_words(requests, 100.0) == ["2 requests were lost, 1.0 to 2.0 s into the run: HTTP 503: no"]
