"""Times as texts mean one instant, whoever reads them, or none."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timoneiro_serving.times import NoTime, iso, microseconds, zone_of

SAO_PAULO, BERLIN = zone_of("America/Sao_Paulo"), zone_of("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "zone", "instant"),
    [
        ("2025-01-31T12:00:00Z", None, "2025-01-31T12:00:00Z"),
        ("2025-01-31t12:00:00z", None, "2025-01-31T12:00:00Z"),
        ("2025-01-31 12:00:00-03:00", None, "2025-01-31T15:00:00Z"),
        ("2025-01-31T12:00:00-0300", BERLIN, "2025-01-31T15:00:00Z"),
        ("2025-01-31T12:00", SAO_PAULO, "2025-01-31T15:00:00Z"),
        ("2025-01-31", SAO_PAULO, "2025-01-31T03:00:00Z"),
        ("2025-01-31", None, "2025-01-31T00:00:00Z"),
        ("2025-01-31T12:00:00.123456789Z", None, "2025-01-31T12:00:00.123456Z"),
        ("1969-12-31T23:59:59.5Z", None, "1969-12-31T23:59:59.500000Z"),
        # An hour that comes twice, and one that never comes.
        ("2025-10-26T02:30:00", BERLIN, "2025-10-26T00:30:00Z"),
        ("2025-03-30T02:30:00", BERLIN, "2025-03-30T01:30:00Z"),
    ],
)
def test_a_time_is_the_instant_that_it_means(text: str, zone: object, instant: str) -> None:
    assert iso(microseconds(text, zone) / 1e6) == instant  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "20250131", "2025-W05-1", "2025-02-30", "31.01.2025", "1677-12-31", "2262-01-01", "1738324800"),
        *("2025-01-31T25:00:00Z", "2025-01-31T12:00:00+25:00", "２０２５-01-31", "2025-01-31T12:00:00Z; drop"),
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(NoTime):
        microseconds(text, UTC)


def test_a_time_of_day_without_an_offset_is_none_where_no_zone_is_meant() -> None:
    with pytest.raises(NoTime):
        microseconds("2025-01-31T12:00:00", None)


@pytest.mark.parametrize("name", ["Foo/Bar", "", "../../etc/passwd", "x\0y"])
def test_a_zone_that_is_none_is_named(name: str) -> None:
    with pytest.raises(ValueError, match="there is no time zone"):
        zone_of(name)


@given(st.datetimes(datetime(1678, 1, 2), datetime(2261, 12, 30), timezones=st.just(UTC)))
def test_an_instant_comes_back_from_its_text(when: datetime) -> None:
    found = microseconds(when.isoformat(), None)
    assert microseconds(iso(found / 1e6), None) == pytest.approx(found, abs=2)


@given(st.text())
def test_any_text_is_a_time_or_none(text: str) -> None:
    with suppress(NoTime):
        assert isinstance(microseconds(text, UTC), int)
