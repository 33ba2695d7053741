"""A table becomes a draft of training.yaml that says what it holds, and that passes the checks."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timoneiro_components.definition.reading import read_training
from timoneiro_components.definition.training import Training
from timoneiro_components.drafting.draft import draft
from timoneiro_components.drafting.inference import guesses
from timoneiro_components.errors import StepError
from timoneiro_components.privacy.protection import as_read
from timoneiro_components.sources.table import check_source, read_source


def drafted(
    folder: Path, columns: dict[str, Iterable[str]], separator: str = ",", target: str | None = None
) -> Training:
    """The draft for a table of these columns, read again."""
    file = folder / "Loans of 2025.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=separator)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    (folder / "training.yaml").write_text(draft(Path(file.name), guesses(file, target)), encoding="utf-8")
    return read_training(folder / "training.yaml")


TARGET = ["good", "bad", "good", "good"] * 10
COLUMNS: dict[str, tuple[list[str], str | None]] = {
    "whole numbers": ([str(n) for n in range(40)], "Integer"),
    "fractions": ([f"{n}.5" for n in range(40)], "Number"),
    "numbers with exponents": ([f"{n}e-3" for n in range(40)], "Number"),
    "numbers with gaps": ([str(n) if n % 3 else "" for n in range(40)], "Integer"),
    "numbers with NA": ([str(n) if n % 3 else "NA" for n in range(40)], "Integer"),
    "codes with zeros": ([f"{n % 7:03d}" for n in range(40)], "Category"),
    "words of truth": (["yes", "no"] * 20, "Boolean"),
    "zeros and ones": (["0", "1"] * 20, "Integer"),
    "a few words": (["a", "b", "c", "d"] * 10, "Category"),
    "words of YAML": (["null", "true", "~", "x: y"] * 10, "Category"),
    "numbers of 19 digits": ([str(10**18 + n % 4) for n in range(40)], "Category"),
    "digits of other scripts": (["٣", "٤"] * 20, "Category"),
    "yes and true": (["yes", "true"] * 20, "Category"),
    "notes": ([f"note number {n}" for n in range(40)], None),
    "the same in all": (["x"] * 40, None),
    "nothing": ([""] * 40, None),
    "dates": ([f"2025-01-{n % 28 + 1:02d}" for n in range(40)], "Time"),
    "times without an offset": ([f"2025-01-01 {n % 24:02d}:00:00" for n in range(40)], "Time"),
    "times with an offset": ([f"2025-01-01T{n % 24:02d}:00:00Z" for n in range(40)], "Time"),
    "dates of another form": ([f"{n % 28 + 1:02d}/01/2025 noon" for n in range(40)], None),
    "addresses": ([f"u{n}" for n in range(40)], "Key"),
}


@pytest.mark.parametrize("what", COLUMNS)
def test_a_column_gets_the_type_that_it_looks_like(tmp_path: Path, what: str) -> None:
    values, kind = COLUMNS[what]
    spec = drafted(tmp_path, {"x": values, "age": [str(n) for n in range(40)], "status": TARGET}).spec
    found = spec.columns.get("x")
    assert (None if found is None else found.type, "x" in spec.ignore) == (kind, kind is None)


def test_the_draft_of_a_table_reads_the_whole_table(tmp_path: Path) -> None:
    training = drafted(tmp_path, {**{name: values for name, (values, _) in COLUMNS.items()}, "status": TARGET})
    check_source(training)
    assert read_source(training).table.num_rows == 40


def test_the_rarer_class_of_the_target_is_the_positive_one(tmp_path: Path) -> None:
    training = drafted(tmp_path, {"age": [str(n) for n in range(40)], "status": TARGET})
    assert (training.spec.target.column, training.spec.target.positive) == ("status", "bad")


def test_a_target_of_zeros_and_ones_is_a_category(tmp_path: Path) -> None:
    training = drafted(tmp_path, {"age": [str(n) for n in range(40)], "target": ["0", "0", "1", "0"] * 10})
    assert training.spec.columns["target"].values == ("0", "1")


def test_an_id_is_a_key_although_it_is_a_number(tmp_path: Path) -> None:
    training = drafted(tmp_path, {"loan_id": [str(n) for n in range(40)], "age": ["1", "2"] * 20, "status": TARGET})
    assert training.spec.columns["loan_id"].type == "Key"


def test_a_decimal_comma_is_found(tmp_path: Path) -> None:
    training = drafted(tmp_path, {"income": [f"{n},5" for n in range(40)], "status": TARGET}, ";")
    assert training.spec.source.csv is not None
    assert (training.spec.source.csv.decimal, training.spec.columns["income"].type) == (",", "Number")


def test_a_word_for_missing_that_is_a_value_elsewhere_stays_a_value(tmp_path: Path) -> None:
    numbers = [str(n) if n % 3 else "none" for n in range(40)]
    training = drafted(
        tmp_path, {"size": numbers, "kind": ["none", "x"] * 20, "age": ["1", "2"] * 20, "status": TARGET}
    )
    assert training.spec.columns["kind"].values == ("none", "x")


@pytest.mark.parametrize("name", ["\x7f", "\x80", "a\u2028b", "\ufeff x"])
def test_a_name_that_cannot_be_seen_is_written_so_that_it_can_be_read(tmp_path: Path, name: str) -> None:
    training = drafted(tmp_path, {name: ["1", "2"] * 20, "age": ["1", "2"] * 20, "status": TARGET})
    assert read_source(training).table.num_rows == 40


def test_the_name_of_the_file_becomes_a_name(tmp_path: Path) -> None:
    assert drafted(tmp_path, {"age": ["1", "2"] * 20, "status": TARGET}).metadata.name == "loans-of-2025"


def test_missing_values_beyond_the_default_are_accepted_as_they_were_seen(tmp_path: Path) -> None:
    training = drafted(tmp_path, {"age": ["1", "2", "3", ""] * 10, "status": TARGET})
    assert training.spec.checks.max_missing == 0.25


PERSONAL: dict[str, list[str]] = {
    "customer_email": [f"someone{n % 5}@example.com" for n in range(40)],
    "phone": [f"55119{n % 7:01d}1234567" for n in range(40)],
    "notes and mail": [f"x{n}@example.com" if n % 2 else f"note number {n}" for n in range(40)],
}


@pytest.mark.parametrize("name", PERSONAL)
def test_a_column_that_looks_like_personal_data_is_not_read_unless_somebody_says_so(tmp_path: Path, name: str) -> None:
    training = drafted(tmp_path, {name: PERSONAL[name], "age": [str(n) for n in range(40)], "status": TARGET})
    assert name not in read_source(as_read(training)).table.column_names


def test_a_draft_names_the_kind_of_personal_data_and_none_of_it(tmp_path: Path) -> None:
    drafted(tmp_path, {"contact": PERSONAL["customer_email"], "age": ["1", "2"] * 20, "status": TARGET})
    text = (tmp_path / "training.yaml").read_text()
    assert "contact: {type: Category, personal: Drop}   # ? they look like e-mail addresses" in text
    assert "someone" not in text


def test_a_key_that_looks_like_personal_data_is_left_out_and_the_way_to_keep_it_is_said(tmp_path: Path) -> None:
    emails = [f"someone{n}@example.com" for n in range(40)]
    training = drafted(tmp_path, {"email": emails, "age": ["1", "2"] * 20, "status": TARGET})
    assert (list(training.spec.columns), training.spec.ignore) == (["age", "status"], ("email",))
    assert "looks like personal data (email: e-mail addresses)" in (tmp_path / "training.yaml").read_text()


def test_no_personal_data_is_taken_for_what_is_to_be_predicted(tmp_path: Path) -> None:
    two = ["a@example.com", "b@example.com", "c@example.com", "d@example.com"] * 10
    assert (
        drafted(
            tmp_path, {"income": [str(n) for n in range(40)], "age": ["1", "2"] * 20, "mail": two}
        ).spec.target.column
        == "age"
    )


def test_a_table_without_a_target_asks_for_one(tmp_path: Path) -> None:
    gaps = ["" if n % 2 else str(n) for n in range(40)]
    with pytest.raises(StepError, match=r"spec\.target\.column: text is wanted, and there is none"):
        drafted(tmp_path, {"age": gaps, "income": gaps})


@given(
    st.lists(
        st.tuples(st.text(min_size=1, max_size=8), st.sampled_from(["1", "a", "", "NA", "x y", "0,5", "yes", "é'\""])),
        min_size=1,
        max_size=5,
        unique_by=lambda pair: pair[0].strip(),
    )
)
def test_whatever_columns_are_called_and_hold_the_draft_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, columns: list[tuple[str, str]]
) -> None:
    usable = {name: [value, "2", "b", "b"] * 10 for name, value in columns if name.strip() and name.isprintable()}
    usable.pop("status", None)
    training = drafted(tmp_path_factory.mktemp("t"), {**usable, "age": [str(n) for n in range(40)], "status": TARGET})
    assert read_source(training).table.num_rows == 40


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["low", "high"] * 20, "BinaryClassification"),
        (["low", "high", "middle", "none"] * 10, "MulticlassClassification"),
        ([f"{n}.5" for n in range(40)], "Regression"),
    ],
)
def test_the_task_is_that_of_the_column_that_is_to_be_predicted(tmp_path: Path, values: list[str], task: str) -> None:
    training = drafted(tmp_path, {"age": [str(n) for n in range(40)], "size": values}, target="size")
    assert (training.spec.task, training.spec.target.column) == (task, "size")


def test_without_a_column_of_two_values_the_last_one_is_taken(tmp_path: Path) -> None:
    columns = {"age": [str(n) for n in range(40)], "price": [f"{n}.5" for n in range(40)]}
    assert drafted(tmp_path, columns).spec.target.column == "price"


def test_a_target_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"has no column 'prize'; did you mean 'price'\?"):
        drafted(tmp_path, {"age": ["1", "2"], "price": ["1", "2"]}, target="prize")
