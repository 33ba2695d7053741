"""Expressions of rules: what they mean for a row, and every way to write one wrongly."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from timoneiro_components.definition.columns import Column
from timoneiro_components.definition.expressions import (
    ColumnOperand,
    ConstantOperand,
    ExpressionError,
    Operation,
    columns_in,
    parse_expression,
    parse_formula,
)
from timoneiro_components.quality.expressions import broken
from timoneiro_components.sources.columns import schema_of

COLUMNS = {
    "start": Column(type="Number", nullable=True),
    "end": Column(type="Number", nullable=True),
    "whole": Column(type="Integer", nullable=True),
    "other": Column(type="Integer", nullable=True),
    "employed": Column(type="Boolean", nullable=True),
    "job": Column(type="Category", values=("clerk", "it's", "or"), nullable=True),
    "id": Column(type="Key"),
    "end date": Column(type="Number", nullable=True),
    "a.b": Column(type="Number", nullable=True),
    "class": Column(type="Number", nullable=True),
    "true": Column(type="Number", nullable=True),
    "größe": Column(type="Number", nullable=True),
    "opened": Column(type="Time", nullable=True),
    "paid": Column(type="Time", nullable=True),
}
NOON, LATER = datetime(2025, 1, 31, 12, tzinfo=UTC), datetime(2025, 2, 2, 0, tzinfo=UTC)


def keeps(expression: str, **values: object) -> bool:
    """Whether a row with these values, and none in the other columns, keeps to the rule."""
    row = pa.table({name: [values.get(name)] for name in COLUMNS}, schema=schema_of(COLUMNS))
    return not broken(row, parse_expression(expression, COLUMNS))[0].as_py()


@pytest.mark.parametrize(
    ("expression", "row"),
    [
        ("end >= start", {"start": 1.0, "end": 1.0}),
        ("start < end", {"start": 1.0, "end": 1.5}),
        ("start != end", {"start": 1.0, "end": 1.5}),
        ("0 <= start <= 1", {"start": 1.0}),
        ("start > 0 or employed == false", {"start": 0.0, "employed": False}),
        ("not employed", {"employed": False}),
        ("employed", {"employed": True}),
        ("employed == True", {"employed": True}),
        ("start + 2 * end - 1 == 4", {"start": 1.0, "end": 2.0}),
        ("-start == 3", {"start": -3.0}),
        ("start == -3", {"start": -3.0}),
        ("whole / 2 == 1.5", {"whole": 3}),
        ("job == 'clerk'", {"job": "clerk"}),
        ('job == "it\'s" or job == "or"', {"job": "it's"}),
        ("`end date` > 0", {"end date": 1.0}),
        ("`a.b` > `class`", {"a.b": 1.0, "class": 0.0}),
        ("`true` == 1", {"true": 1.0}),
        ("`start`>0and`end`>0", {"start": 1.0, "end": 1.0}),
        ("größe > 0", {"größe": 1.0}),
        ("paid >= opened", {"opened": NOON, "paid": NOON}),
        ("paid - opened == 1.5", {"opened": NOON, "paid": LATER}),
        ("opened - paid < 0", {"opened": NOON, "paid": LATER}),
        ("isNull(paid)", {"opened": NOON}),
        ("id != '`start`'", {"id": "x"}),
        ("id == 'a\\\\b'", {"id": "a\\b"}),
        ("start > 0\n  and end > 0", {"start": 1.0, "end": 1.0}),
        ("isNull(start)", {}),
        ("isNull(`end date`) or `end date` > 0", {}),
        ("whole < 1e300", {"whole": 2**62}),
        ("whole == other", {"whole": 2**53 + 1, "other": 2**53 + 1}),
        ("whole < 99999999999999999999", {"whole": 1}),
    ],
)
def test_a_row_that_keeps_to_a_rule_is_fine(expression: str, row: dict[str, object]) -> None:
    assert keeps(expression, **row)


@pytest.mark.parametrize(
    ("expression", "row"),
    [
        ("end >= start", {"start": 2.0, "end": 1.0}),
        ("0 <= start <= 1", {"start": 1.5}),
        ("0 <= start <= 1", {"start": -0.5}),
        ("start > 0 or employed == false", {"start": 0.0, "employed": True}),
        ("not employed", {"employed": True}),
        ("whole == other", {"whole": 2**53 + 1, "other": 2**53}),
        ("whole == start", {"whole": 2**53 + 1, "start": 1.0}),
        ("job == 'clerk'", {"job": "or"}),
        ("not isNull(start)", {}),
        ("isNull(start) or start > 0", {"start": 0.0}),
        ("isNull(start) and end > 0", {"start": 0.0}),
        ("start + end * 2 == 6", {"start": 1.0, "end": 2.0}),
    ],
)
def test_a_row_that_does_not_keep_to_a_rule_is_found(expression: str, row: dict[str, object]) -> None:
    assert not keeps(expression, **row)


@pytest.mark.parametrize(
    ("expression", "row"),
    [
        ("end >= start", {"start": 2.0}),
        ("not (end >= start)", {"start": 2.0}),
        ("start + end > 0", {"start": -2.0}),
        ("start > 0 or employed == false", {"start": 0.0}),
        ("employed", {}),
        ("job != 'clerk'", {}),
        ("start / end > 1", {"start": 1.0, "end": 0.0}),
        ("start / end < 1", {"start": 1.0, "end": 0.0}),
        ("start * end < 1", {"start": 1e300, "end": 1e300}),
        ("whole / other == 1", {"whole": 1, "other": 0}),
    ],
)
def test_a_rule_says_nothing_of_a_row_where_its_answer_is_open(expression: str, row: dict[str, object]) -> None:
    assert keeps(expression, **row)


BAD = {
    "": "it cannot be read",
    " ": "it cannot be read",
    "end >=": "it cannot be read: write it like end >= start",
    "end = start": "it cannot be read: two values are compared with ==",
    "(end >= start": "it cannot be read: a bracket is not closed, or was never opened",
    "end >= start)": "it cannot be read: a bracket is not closed, or was never opened",
    "job == 'clerk": "it cannot be read: a quote or a backquote is not closed",
    "`end date > 0": "it cannot be read: a quote or a backquote is not closed",
    "start > 0 && end > 0": "it cannot be read: write and, or, not",
    "end date > 0": "it cannot be read: write it like end >= start; a column whose name is no plain word",
    "class > 0": "stands in backquotes",
    "ende >= start": "the data has no column 'ende'; did you mean 'end'?",
    "job == clerk": "the data has no column 'clerk'; a text stands in quotes",
    "`nothing` > 0": "the data has no column 'nothing'",
    "start == null": "whether a value is missing is asked with isNull(column)",
    "start == None": "whether a value is missing is asked with isNull(column)",
    "start": "it is a number for each row, and has to be true or false: compare it with something",
    "start + end": "it is a number for each row",
    "job": "it is a text for each row",
    "1 < 2": "it names no column",
    "true": "it names no column",
    "start > 'a'": "'start' is a number and 'a' is a text: they never compare",
    "employed == 1": "'employed' is true or false and 1 is a number: they never compare",
    "start > 0) or (end > 0": "it cannot be read: ",
    "paid - 1 > 0": "- takes a number on each side, and 'paid' is a time",
    "paid + opened > 0": "+ takes a number on each side, and 'paid' is a time",
    "paid > '2025-01-01'": "'paid' is a time and '2025-01-01' is a text: they never compare",
    "paid > whole": "'paid' is a time and 'whole' is a number: they never compare",
    "paid": "it is a time for each row, and has to be true or false",
    "job < 'x'": "< takes numbers or times, and 'job' is a text",
    "employed >= false": ">= takes numbers or times, and 'employed' is true or false",
    "job == 'clrk'": "'job' is never 'clrk': it is one of clerk, it's, or",
    "'clrk' == job": "'job' is never 'clrk'",
    "job + 1 > 2": "+ takes a number on each side, and 'job' is a text",
    "not start": "not takes true or false on each side, and 'start' is a number",
    "start and end > 0": "and takes true or false on each side, and 'start' is a number",
    "start > 0 or end": "or takes true or false on each side, and 'end' is a number",
    "-job > 0": "- takes a number on each side",
    "isNull(start, end)": "isNull asks about one column",
    "isNull(start > 0)": "isNull asks about one column",
    "isNull(x=start)": "isNull asks about one column",
    "isNull(nothing)": "the data has no column 'nothing'",
    "isNull(true)": "isNull asks about one column",
    "start in (1, 2)": "of comparisons ==, !=",
    "start is end": "of comparisons ==, !=",
    "start > 1j": "of constants numbers, texts, true and false are known",
    "id == b'x'": "of constants",
    "start > 1e999": "a number in it is too large",
    f"start > 1{'0' * 400}": "a number in it is too large",
    "start ** 9 ** 9 ** 9 > 1": "only columns, numbers, texts, comparisons",
    "start // 2 > 1": "only columns",
    "__import__('os').system('true') == 0": "only columns",
    "id.__class__ == 'x'": "only columns",
    "(lambda: start)() > 0": "only columns",
    "[x for x in id] == id": "only columns",
    "(x := start) > 0": "only columns",
    "f'{id}' == 'x'": "only columns",
    "start > 0, end > 0": "only columns",
    "start[0] > 0": "only columns",
    "start > 0 if employed else end > 0": "only columns",
    "start > 0\x00": "it cannot be read",
    f"{'not ' * 400}employed": "it is nested too deeply",
    f"{'(' * 900}start{')' * 900} > 0": "it cannot be read",
    f"{'-' * 1900}start > 0": "",
    "start > 0; end > 0": "it cannot be read",
    "import os": "it cannot be read",
}


@pytest.mark.parametrize("expression", BAD)
def test_what_is_no_expression_is_told_with_the_reason(expression: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        parse_expression(expression, COLUMNS)
    assert BAD[expression] in str(raised.value)


@given(st.text(max_size=60))
def test_no_text_at_all_raises_anything_else(text: str) -> None:
    try:
        parse_expression(text, COLUMNS)
    except ExpressionError as error:
        assert str(error)


WORDS = st.sampled_from(
    [*COLUMNS, "`end date`", "and", "or", "not", "(", ")", "==", "<", "+", "/", "1", "'x'", "isNull("]
)


@given(st.lists(WORDS, max_size=9))
def test_what_can_be_read_can_be_computed(words: list[str]) -> None:
    try:
        expression = parse_expression(" ".join(words), COLUMNS)
    except ExpressionError:
        return
    assert len(broken(schema_of(COLUMNS).empty_table(), expression)) == 0


@pytest.mark.parametrize(
    "name", [".x", "a[0]", "$", "a b.c", "'q'", '"', "\\", "x\ny", "__filename", "😀", "_", "None"]
)
def test_a_column_of_any_name_but_one_with_a_backquote_can_be_asked_for(name: str) -> None:
    expression = parse_expression(f"`{name}` > 0", {name: Column(type="Number")})
    assert broken(pa.table({name: [1.0, -1.0]}), expression).to_pylist() == [False, True]


def test_answers_are_in_the_order_of_the_rows() -> None:
    numbers = list(range(200_000))
    table = pa.concat_tables(
        [pa.table({"start": pa.array(numbers[at : at + 1000], pa.float64())}) for at in range(0, 200_000, 1000)]
    )
    found = broken(table, parse_expression("start < 150000", COLUMNS))
    assert found.to_pylist() == [number >= 150_000 for number in numbers]


FORMULAS = {
    "start / end": Operation("/", (ColumnOperand("start", "Number"), ColumnOperand("end", "Number"))),
    "paid - opened": Operation("daysBetween", (ColumnOperand("paid", "Time"), ColumnOperand("opened", "Time"))),
    "whole * 2": Operation("*", (ColumnOperand("whole", "Integer"), ConstantOperand(2))),
}


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_is_a_number_of_each_row(formula: str) -> None:
    assert parse_formula(formula, COLUMNS) == FORMULAS[formula]


@pytest.mark.parametrize(
    ("formula", "reason"),
    {
        "start > 1": "it is true or false for each row, and has to be a number",
        "paid": "it is a time for each row, and has to be a number: the days since another time are a number",
        "start": "it is what 'start' says already: leave it out",
        "1 + 2": "it names no column, so that it says nothing about a row",
        "employed + 1": "+ takes a number on each side, and 'employed' is true or false",
    }.items(),
)
def test_what_is_no_formula_is_told_with_the_reason(formula: str, reason: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        parse_formula(formula, COLUMNS)
    assert str(raised.value) == reason


def test_a_long_chain_of_differences_is_read_in_no_time() -> None:
    chain = " - ".join(["start"] * 40)
    assert isinstance(parse_formula(chain, COLUMNS), Operation)


def test_the_columns_of_a_text_are_known_even_where_it_is_no_expression() -> None:
    assert columns_in("`end date` / start > whole") == {"end date", "start", "whole"}
    assert columns_in("a ++ (") == frozenset()


def test_a_rule_of_many_terms_is_computed_once_a_term() -> None:
    assert keeps(" + ".join(["start"] * 46) + " == 92", start=2.0)
