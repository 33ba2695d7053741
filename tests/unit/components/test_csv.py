"""A CSV file becomes a table in the types of the definition, or a sentence with its file, its column and its row."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from timoneiro_components.definition.reading import read_training
from timoneiro_components.drafting.inference import guesses
from timoneiro_components.errors import StepError
from timoneiro_components.sources.dialect import dialect_of
from timoneiro_components.sources.table import check_source, read_source

DEFINITION = """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: loans}
spec:
  source:
    csv: {path: loans.csv}
  columns:
    income: {type: Number}
    age: {type: Integer}
    owner: {type: Boolean}
    status: {type: Category, values: [good, bad]}
  target: {column: status, positive: bad}
"""
HEADER = "income,age,owner,status\n"


def table(folder: Path, content: bytes | str, *settings: str) -> pa.Table:
    (folder / "training.yaml").write_text(DEFINITION)
    (folder / "loans.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_source(read_training(folder / "training.yaml", settings)).table


def refused(folder: Path, content: bytes | str, *settings: str) -> str:
    with pytest.raises(StepError) as raised:
        table(folder, content, *settings)
    return str(raised.value).removeprefix(f"{folder}/")


def test_values_have_the_types_of_the_definition(tmp_path: Path) -> None:
    assert table(tmp_path, HEADER + "1.5,30,yes,good\n,,,\n").to_pylist() == [
        {"income": 1.5, "age": 30, "owner": True, "status": "good"},
        {"income": None, "age": None, "owner": None, "status": None},
    ]


def test_columns_come_in_the_order_of_the_definition(tmp_path: Path) -> None:
    assert table(tmp_path, "status,age,owner,income\ngood,1,no,2\n").column_names == [
        "income",
        "age",
        "owner",
        "status",
    ]


@pytest.mark.parametrize("number", ["1", "-1.5", "+.5", "7.", "1e3", "1E-3", " 2 "])
def test_what_is_written_as_a_number_is_one(tmp_path: Path, number: str) -> None:
    assert table(tmp_path, f"{HEADER}{number},1,no,good\n")["income"].to_pylist() == [float(number)]


@pytest.mark.parametrize("number", ["1_000", "0x10", "inf", "nan", "NA", "1e999", "1 000", "=1+1", "٣", "1,5"])
def test_what_is_no_number_is_told_and_not_guessed(tmp_path: Path, number: str) -> None:
    content = f'{HEADER}1,1,no,good\n"{number}",1,no,good\n'
    assert refused(tmp_path, content) == (
        "loans.csv: column 'income': 1 value is no number, in row 2; texts that stand for a missing value go into "
        "spec.source.csv.missing; if fractions are written with ',', set spec.source.csv.decimal"
    )


def test_a_decimal_comma_is_read_where_it_is_said(tmp_path: Path) -> None:
    content = HEADER.replace(",", ";") + "1,5;1;no;good\n"
    assert table(tmp_path, content, 'spec.source.csv.decimal=","')["income"].to_pylist() == [1.5]


def test_a_point_beside_a_decimal_comma_is_no_number(tmp_path: Path) -> None:
    content = HEADER.replace(",", ";") + "1.000,5;1;no;good\n"
    assert "1 value is no number" in refused(tmp_path, content, 'spec.source.csv.decimal=","')


def test_a_text_that_is_said_to_be_missing_is_missing(tmp_path: Path) -> None:
    content = HEADER + "NA,1,no,good\n"
    assert table(tmp_path, content, 'spec.source.csv.missing=["NA"]')["income"].to_pylist() == [None]


@pytest.mark.parametrize("number", ["1.5", "1e3", "9999999999999999999", "one"])
def test_what_is_no_whole_number_is_told(tmp_path: Path, number: str) -> None:
    assert "column 'age': 1 value is no whole number, in row 1" in refused(tmp_path, f"{HEADER}1,{number},no,good\n")


@pytest.mark.parametrize(("text", "truth"), [("TRUE", True), ("f", False), ("1", True), ("No", False)])
def test_words_of_truth_are_read(tmp_path: Path, text: str, truth: bool) -> None:
    assert table(tmp_path, f"{HEADER}1,1,{text},good\n")["owner"].to_pylist() == [truth]


def test_what_is_neither_true_nor_false_is_told(tmp_path: Path) -> None:
    content = HEADER + "1,1,maybe,good\n" * 3
    assert "column 'owner': 3 values are neither true nor false, first in row 1" in refused(tmp_path, content)


def test_all_columns_that_do_not_fit_are_told_at_once(tmp_path: Path) -> None:
    told = refused(tmp_path, HEADER + "x,y,z,good\n")
    assert [name in told for name in ("'income'", "'age'", "'owner'")] == [True, True, True]


def test_no_message_repeats_a_value(tmp_path: Path) -> None:
    told = refused(tmp_path, HEADER + "secret-1,secret-2,secret-3,good\n")
    assert "secret" not in told and "secret" not in refused(tmp_path, HEADER + "1,1,secret\n")


@pytest.mark.parametrize("text", ["007", "NA", "None", "null", "1e-3", "true", "é\u2028\x85\x0b", 'a "b"', "x\ny\r\nz"])
def test_a_category_keeps_its_text(tmp_path: Path, text: str) -> None:
    lines = io.StringIO(newline="")
    csv.writer(lines).writerows([HEADER.strip().split(","), ["1", "1", "no", text]])
    assert table(tmp_path, lines.getvalue())["status"].to_pylist() == [text.strip()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_an_encoding_is_found_by_itself(tmp_path: Path, encoding: str) -> None:
    content = (HEADER + "1,1,no,café\n").encode(encoding)
    assert table(tmp_path, content)["status"].to_pylist() == ["café"]


def test_windows_1252_is_found_by_itself(tmp_path: Path) -> None:
    content = (HEADER + "1,1,no,€…\n").encode("cp1252")
    assert table(tmp_path, content)["status"].to_pylist() == ["€…"]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    content = (HEADER + "1,1,no,good\n").encode("utf-8-sig")
    assert table(tmp_path, content, "spec.source.csv.encoding=utf-8").num_rows == 1


def test_a_header_of_12_000_columns_is_read(tmp_path: Path) -> None:
    names = [f"a column with a number {number}" for number in range(12_000)]
    (tmp_path / "wide.csv").write_text(",".join(names) + "\n" + ",".join(["1"] * 12_000) + "\n")
    assert len(header(tmp_path / "wide.csv")) == 12_000


def test_an_encoding_that_is_said_is_used(tmp_path: Path) -> None:
    content = (HEADER + "1,1,no,€\n").encode("cp1252")
    assert table(tmp_path, content, "spec.source.csv.encoding=cp1252")["status"].to_pylist() == ["€"]


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_a_separator_is_found_by_itself(tmp_path: Path, separator: str) -> None:
    content = (HEADER + '1,1,no,"a,b;c"\n').replace(",", separator, 6)
    assert table(tmp_path, content).num_rows == 1


def test_a_file_of_many_blocks_is_one_table(tmp_path: Path) -> None:
    rows = table(tmp_path, HEADER + "1.25,30,yes,good\n" * 600_000)
    assert (rows.num_rows, rows["age"].combine_chunks().null_count) == (600_000, 0)


def test_the_row_of_a_fault_is_right_beyond_the_first_block(tmp_path: Path) -> None:
    content = HEADER + "1.25,30,yes,good\n" * 600_000 + "x,30,yes,good\n"
    assert "1 value is no number, in row 600,001" in refused(tmp_path, content)


BAD: dict[str, tuple[bytes | str, str]] = {
    "nothing": ("", "is empty: a table begins with the names of its columns"),
    "blank lines": ("\n\n  \n", "is empty: a table begins with the names of its columns"),
    "a header only": (HEADER, "has a header and no rows"),
    "no header": ("Jane Doe,2,3,good\n", "none of the columns that are described: does its first line name them?"),
    "quotes that are not doubled": (HEADER + '1,1,no,"good" x\n', "a quote near line 2 is not closed, or is within"),
    "a quote that takes a row with it": (
        HEADER + '1,1,no,"good\n1,1,no,"bad"\n1,1,no,"good"\n',
        "a quote near line 3 is not closed, or is within a value and not doubled",
    ),
    "a compressed file": (gzip.compress(HEADER.encode()), "is compressed (gzip): unpack it first"),
    "a column too few": ("income,age,owner\n1,1,no\n", "loans.csv: there is no column 'status'"),
    "a column with a typo": (
        "income,age,owner,satus\n1,1,no,good\n",
        "there is no column 'status', did you mean 'satus'?; column 'satus' is not described",
    ),
    "a column too many": (
        HEADER.replace("\n", ",note\n") + "1,1,no,good,x\n",
        "column 'note' is not described: add it to spec.columns, or to spec.ignore",
    ),
    "a column twice": ("income,age,age,status\n1,1,1,good\n", "two columns are called 'age': rename one"),
    "a column without a name": ("income,,owner,status\n1,1,1,good\n", "column 2 has no name"),
    "a short row": (HEADER + "1,1,no,good\n1,1\n", "row 2 has 2 values, and the header names 4 columns"),
    "a long row": (HEADER + "1,1,no,good,1\n", "row 1 has 5 values, and the header names 4 columns"),
    "an open quote": (HEADER + '1,1,no,"good\n' + "1,1,no,good\n" * 9, "a quote near line 11 is not closed"),
    "a row of 40 MB": (HEADER + '1,1,no,"' + "x" * 40_000_000 + '"\n', "more than 4 MiB: is a quote not closed?"),
    "another encoding on the way": (
        (HEADER + "1,1,no,good\n" * 400_000).encode() + b"1,1,no,caf\xe9\n",
        "a row is not in the encoding of the others: set spec.source.csv.encoding",
    ),
    "JSON": ('[{"income": 1}]', "none of the columns that are described"),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 20, "loans.csv"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_that_is_no_such_table_is_told_in_a_sentence(tmp_path: Path, case: str) -> None:
    content, sentence = BAD[case]
    assert sentence in refused(tmp_path, content)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        (
            "spec.source.csv.path=nowhere.csv",
            "nowhere.csv is not there: a path in training.yaml is relative to its folder",
        ),
        ("spec.source.csv.path=.", "cannot be read: Is a directory"),
        ("spec.source.csv.encoding=klingon", "there is no encoding 'klingon'"),
        ("spec.source.csv.encoding=ascii", "is not ascii: set spec.source.csv.encoding"),
        ("spec.source.csv.encoding=rot13", "there is no encoding 'rot13'"),
        ("spec.source.csv.encoding=hex", "there is no encoding 'hex'"),
        ("spec.source.csv.encoding=undefined", "there is no encoding 'undefined'"),
    ],
)
def test_what_is_said_of_a_file_and_is_not_so_is_told(tmp_path: Path, setting: str, sentence: str) -> None:
    assert sentence in refused(tmp_path, HEADER + "1,1,no,good caf\u00e9\n", setting)


def test_check_reads_names_and_nothing_more(tmp_path: Path) -> None:
    (tmp_path / "training.yaml").write_text(DEFINITION)
    (tmp_path / "loans.csv").write_text(HEADER + "x,y,z,unknown\n")
    check_source(read_training(tmp_path / "training.yaml"))


@given(st.binary(max_size=300))
def test_no_bytes_at_all_raise_anything_but_a_sentence(tmp_path_factory: Any, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    (folder / "loans.csv").write_bytes(content)
    for read in (lambda: table(folder, content), lambda: guesses(folder / "loans.csv")):
        try:
            read()
        except StepError as error:
            assert str(error)


@given(st.lists(st.text(max_size=6), min_size=2, max_size=12), st.sampled_from([",", ";", "\t", "|"]))
def test_whatever_is_in_a_cell_the_writer_of_the_file_and_its_reader_agree(
    tmp_path_factory: Any, cells: list[str], separator: str
) -> None:
    cells = [cell.replace("\x00", "") for cell in cells]
    file = tmp_path_factory.mktemp("cells") / "t.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=separator, quoting=csv.QUOTE_ALL).writerows(
            [["first", "other"], *([c, "x"] for c in cells)]
        )
    assert header(file) == ("first", "other")


def said(file: Path) -> Any:
    from timoneiro_components.definition.source import Csv  # noqa: PLC0415

    return Csv(path=str(file))


def header(file: Path) -> tuple[str, ...]:
    with file.open("rb") as stream:
        return dialect_of(str(file), stream, said(file)).names
