"""Which lost requests are a fault's own doing."""

import pytest

from chaos.traffic import LONGEST_EXCUSE_SECONDS, Fate, Request, Window, excuse, unexcused


def every_second(*fates: Fate) -> list[Request]:
    """One request a second from second 0 on, each answered within half of one."""
    return [Request(sent=float(n), ended=n + 0.5, fate=fate) for n, fate in enumerate(fates)]


def test_a_window_ends_when_nothing_is_lost_any_more() -> None:
    requests = every_second("answered", "lost", "lost", "answered", "answered", "lost")
    assert excuse("kill Envoy", 0.9, 1.0, requests) == Window("kill Envoy", 0.9, 2.5)


def test_what_is_lost_long_after_a_fault_is_not_its_doing() -> None:
    requests = every_second("answered", "lost", "answered", "answered", "answered", "lost")
    windows = [excuse("kill Envoy", 0.9, 1.0, requests)]
    assert [r.sent for r in unexcused(requests, windows)] == [5.0]


def test_no_outage_without_end_is_excused() -> None:
    requests = every_second(*["lost"] * 100)
    window = excuse("kill Envoy", 0.0, 1.0, requests)
    assert window.ended == 1.0 + LONGEST_EXCUSE_SECONDS


def test_a_request_that_was_under_way_when_the_fault_came_is_excused() -> None:
    request = Request(sent=1.0, ended=4.0, fate="lost")
    assert unexcused([request], [Window("stop Envoy", 3.0, 3.5)]) == []


@pytest.mark.parametrize("fate", ["answered", "failed by model"])
def test_only_lost_requests_need_an_excuse(fate: Fate) -> None:
    assert unexcused([Request(0.0, 1.0, fate)], []) == []
