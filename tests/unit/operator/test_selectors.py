"""Selectors: read exactly or refused with the place, and always written with the namespace."""

import re

import pytest
from hypothesis import given

from support.selectors import TEXTS, selectors
from timoneiro_operator.api.promql import (
    LONGEST_TEXT,
    BadSelector,
    Matcher,
    Selector,
    filled,
    matchers,
    selector,
    written,
)

PLACEHOLDERS = {"namespace": "ns", "revision": "1a", "inferenceService": "f-1a", "workload": "f.1a-predictor"}


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("asked", '{__name__="asked",namespace="ns"}'),
        (" asked {} ", '{__name__="asked",namespace="ns"}'),
        ('a:b{c="d", e=~"5..",}', '{__name__="a:b",c="d",e=~"5..",namespace="ns"}'),
        ("a{b!='c',\n d!~`e\\d`}", '{__name__="a",b!="c",d!~"e\\\\d",namespace="ns"}'),
        ('a{b="\\"\\\\"}', '{__name__="a",b="\\"\\\\",namespace="ns"}'),
        ('{__name__="http.requests"}', '{__name__="http.requests",namespace="ns"}'),
        ('{__name__=~"a_total|b_total"}', '{__name__=~"a_total|b_total",namespace="ns"}'),
        ("sum", '{__name__="sum",namespace="ns"}'),
        ('a{b="[1m:1s] # }",c="é"}', '{__name__="a",b="[1m:1s] # }",c="é",namespace="ns"}'),
        ('a{namespace="ns"}', '{__name__="a",namespace="ns"}'),
        ('a{namespace=~".*"}', '{__name__="a",namespace=~".*",namespace="ns"}'),
    ],
)
def test_a_selector_is_written_anew_with_the_namespace(text: str, sent: str) -> None:
    assert written(selector(text), "ns") == sent


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('a{b="c"}[1m:1s] #', "'a{b=\"c\"}[1m:1s] #' cannot be read"),
        ('a{b="c"} # }', "'b=\"c\"} # ' cannot be read"),
        ("a # comment", "cannot be read"),
        ("a offset 5m", "cannot be read"),
        ("a @ 1", "cannot be read"),
        ("rate(a[5m])", "cannot be read"),
        ("a or b", "cannot be read"),
        ("a{b=c}", "'b=c' cannot be read"),
        ('a{"b"="c"}', "cannot be read"),
        ('a{b="c"d="e"}', "cannot be read"),
        ('a{,b="c"}', "cannot be read"),
        ('a{b="\\d"}', "cannot be read"),
        ('a{b="\\\'"}', "cannot be read"),
        ('a{b="\\xff"}', "cannot be read"),
        ('{b="c"}', "must name its counter once"),
        ("", "must name its counter once"),
        ('a{__name__="b"}', "must name its counter once"),
        ('{__name__=""}', "must name its counter once"),
        ('{__name__=~".*"}', "must name its counter once"),
        ('{__name__!="a"}', "must name its counter once"),
        ('a{b="\ud800"}', "characters that cannot be sent"),
        ('a{b="\ufffd"}', "characters that cannot be sent"),
        ('a{b="\n"}', "characters that cannot be sent"),
        ('a{b="{{pod}}"}', r"{{pod}} is not known; there are inferenceService, namespace"),
        ('a{b="' + LONGEST_TEXT * "x" + '"}', f"is longer than {LONGEST_TEXT} characters"),
        ("{{revision}}_total", "cannot be read"),
    ],
)
def test_what_is_no_selector_is_refused_with_the_place(text: str, place: str) -> None:
    with pytest.raises(BadSelector, match=re.escape(place)):
        selector(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('a="b"} or vector(1) or {c="d"', "cannot be read"),
        ('{a="b"}', "cannot be read"),
        ("up", "cannot be read"),
        ('__name__="x"', "must not name a metric"),
        ('a="' + LONGEST_TEXT * "x" + '"', f"is longer than {LONGEST_TEXT} characters"),
    ],
)
def test_labels_are_labels_and_nothing_else(text: str, words: str) -> None:
    with pytest.raises(BadSelector, match=words):
        matchers(text)


def test_labels_may_be_none() -> None:
    assert written(matchers(" "), "ns") == '{namespace="ns"}'


def test_placeholders_are_filled_in_and_in_a_pattern_they_stand_for_themselves() -> None:
    found = filled(matchers('a="{{ workload }}-x",b=~"{{workload}}-.+",c!~"{{revision}}"'), PLACEHOLDERS)
    assert found == (
        Matcher("a", "=", "f.1a-predictor-x"),
        Matcher("b", "=~", r"f\.1a-predictor-.+"),
        Matcher("c", "!~", "1a"),
    )


def test_what_a_placeholder_stands_for_is_never_more_than_a_value() -> None:
    odd = dict.fromkeys(PLACEHOLDERS, '"} or vector(1) #\\')
    assert written(filled(selector('a{b="{{revision}}"}'), odd), "ns") == (
        '{__name__="a",b="\\"} or vector(1) #\\\\",namespace="ns"}'
    )


@pytest.mark.parametrize("text", [240 * "{{ " + 300 * " ", "{{" + 1000 * " ", 500 * "{{"])
def test_a_text_that_ends_in_no_placeholder_is_read_as_fast_as_any_other(text: str) -> None:
    for _ in range(2000):
        assert selector(f'a{{b="{text[:1000]}"}}')[1].value == text[:1000]


@given(selectors())
def test_every_selector_is_read_as_it_was_meant(written: tuple[str, Selector]) -> None:
    text, meant = written
    assert selector(text) == meant


@given(TEXTS)
def test_whatever_people_write_is_refused_or_reads_the_same_when_it_was_written(text: str) -> None:
    """What comes out is in the language that goes in, has our matcher, and means the same: so it is one selector."""
    try:
        found = selector(text)
    except BadSelector:
        return
    assert selector(written(found, "ns")) == tuple(dict.fromkeys((*found, Matcher("namespace", "=", "ns"))))
