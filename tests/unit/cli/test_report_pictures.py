"""Where ticks and labels go, and that every picture stays inside of its box."""

import math
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import played
from timoneiro_operator.api.times import moment
from timoneiro_operator.cli.presentation.view import view_of
from timoneiro_operator.cli.report.gather import report_of
from timoneiro_operator.cli.report.page import page
from timoneiro_operator.cli.report.words import short
from timoneiro_page.chart import HEIGHT, WIDTH, Chart
from timoneiro_page.scales import Scale, linear_ticks, log_ticks, spread, time_ticks

positive = st.floats(min_value=1e-9, max_value=1e12)
SVG = re.compile(r"<svg.*?</svg>")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


@given(st.floats(min_value=0, max_value=1e10), st.integers(2, 8))
def test_ticks_of_time_begin_at_zero_and_are_few(seconds, most) -> None:
    ticks = time_ticks(seconds, most)
    assert ticks[0] == 0
    assert len(ticks) <= most
    assert ticks == sorted(set(ticks))
    assert ticks[-1] <= seconds


@given(positive, st.integers(3, 8))
def test_ticks_of_a_rate_begin_at_zero_and_are_few_and_more_than_that(high, most) -> None:
    ticks = linear_ticks(high, most)
    assert 2 <= len(ticks) <= most
    assert ticks[0] == 0
    assert ticks == sorted(set(ticks))
    assert ticks[-1] <= high


@given(positive, st.floats(min_value=1.01, max_value=1e12), st.integers(2, 8))
def test_ticks_of_a_logarithmic_axis_are_inside_few_and_never_less_than_two(low, times, most) -> None:
    high = low * times
    ticks = log_ticks(low, high, most)
    assert 2 <= len(ticks) <= most
    assert ticks == sorted(set(ticks))
    assert low <= ticks[0]
    assert ticks[-1] <= high
    assert all(math.isfinite(tick) for tick in ticks)


def test_ticks_of_a_logarithmic_axis_are_round_where_something_round_is_inside() -> None:
    assert log_ticks(0.4, 2.5) == [0.5, 1.0, 2.0]
    assert log_ticks(0.1, 1000, 5) == [0.1, 1.0, 10.0, 100.0, 1000.0]
    assert log_ticks(1.0, 1e12, 5) == [1.0, 1e3, 1e6, 1e9, 1e12]


@given(st.lists(st.floats(min_value=-100, max_value=300), max_size=12))
def test_labels_are_inside_keep_their_order_and_do_not_overlap_where_there_is_room(places) -> None:
    moved = spread(places, gap=10, low=0, high=120)
    assert all(-1e-6 <= place <= 120 + 1e-6 for place in moved)
    order = sorted(range(len(places)), key=lambda index: places[index])
    gaps = [moved[after] - moved[before] for before, after in pairwise(order)]
    assert all(gap >= 10 - 1e-6 for gap in gaps)


def test_labels_that_do_not_touch_stay_where_they_are() -> None:
    assert spread([90.0, 10.0, 50.0], gap=10, low=0, high=100) == [90.0, 10.0, 50.0]


@given(st.floats(allow_nan=False), st.booleans())
def test_a_scale_never_leaves_its_ends(value, log) -> None:
    place = Scale(low=0.1, high=10.0, start=100.0, end=0.0, log=log)(value)
    assert 0.0 <= place <= 100.0


@given(st.floats(min_value=0, max_value=1e12))
def test_short_numbers_are_short(value) -> None:
    assert len(short(value)) <= 5


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1.6e-6, "<0.01"),
        (0.079, "0.079"),
        (2.34, "2.3"),
        (66.7, "67"),
        (128, "128"),
        (1555, "1.6k"),
        (35_000_000, "35M"),
        (1e12, "1e12"),
    ],
)
def test_short_numbers_keep_two_digits(value, text) -> None:
    assert short(value) == text


def test_a_single_window_is_a_dot_and_no_line() -> None:
    scale = Scale(low=0, high=1, start=0, end=100)
    chart = Chart(x=scale, y=scale)
    chart.line([(0.5, 0.5)], "estimate", "now")
    assert "<circle" in chart.parts[0]


@pytest.mark.parametrize(
    "name", ["promoted", "rolled_back", "rolled_back_at_once", "blue_green", "holding", "no_harm", "first"]
)
def test_every_number_of_every_picture_is_finite_and_inside_of_its_box(name) -> None:
    world = getattr(played, name)()
    pictures = SVG.findall(page(report_of(view_of(world.body()), moment(world.now))))
    assert pictures
    for picture in pictures:
        for x, y in places_of(ET.fromstring(picture)):
            assert 0 <= x <= WIDTH
            assert 0 <= y <= HEIGHT


def test_every_picture_has_a_title_and_a_description_of_its_own() -> None:
    world = played.holding()
    document = page(report_of(view_of(world.body()), moment(world.now)))
    pictures = [ET.fromstring(picture) for picture in SVG.findall(document)]
    names = [child.get("id") for picture in pictures for child in picture if child.tag in ("title", "desc")]
    assert len(names) == len(set(names)) == 2 * len(pictures)
    assert all(picture.get("aria-labelledby") in " ".join(str(name) for name in names) for picture in pictures)
    assert all((picture.findtext("title") or "") and (picture.findtext("desc") or "") for picture in pictures)


def test_lines_are_told_apart_without_colour() -> None:
    world = played.promoted()
    document = page(report_of(view_of(world.body()), moment(world.now)))
    style = document[document.index("<style>") : document.index("</style>")]
    dashes = re.findall(r"\.(?:line|level)\.(\w+)\{[^}]*stroke-dasharray:([\d ]+)", style)
    assert len({dash for _, dash in dashes}) == len(dashes) == 3


def places_of(picture: ET.Element) -> list[tuple[float, float]]:
    """Every point of a picture; what is no number fails."""
    found: list[tuple[float, float]] = []
    for part in picture.iter():
        if part.tag == "text":
            found.append((float(part.get("x", "")), float(part.get("y", ""))))
        if part.tag == "circle":
            found.append((float(part.get("cx", "")), float(part.get("cy", ""))))
        found += points_of(part.get("d", ""))
    return found


def points_of(path: str) -> list[tuple[float, float]]:
    """Points of a path of M, L, H, V, v and Z."""
    found: list[tuple[float, float]] = []
    assert re.fullmatch(r"(?:[MLHVv][-\d. ]+|Z)*", path), path
    for letter, rest in re.findall(r"([MLHVv])([-\d. ]+)", path):
        numbers = [float(number) for number in NUMBER.findall(rest)]
        x, y = found[-1] if found else (0.0, 0.0)
        if letter in "ML":
            found.append((numbers[0], numbers[1]))
        else:
            found.append({"H": (numbers[0], y), "V": (x, numbers[0]), "v": (x, y + numbers[0])}[letter])
    return found
