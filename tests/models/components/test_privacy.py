"""Personal data on its way into a run: dropped, hashed, made coarser, erased, or a reason to stop."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pandas as pd
import pytest

from timoneiro_components.definition.problems import DefinitionError
from timoneiro_components.definition.reading import parse_training, read_training, resolved
from timoneiro_components.definition.training import Training
from timoneiro_components.errors import StepError
from timoneiro_components.ingest import Ingested, ingest
from timoneiro_components.privacy.preflight import check_privacy
from timoneiro_components.privacy.record import read_record
from timoneiro_components.tables import read_table
from timoneiro_components.validate import Validation, validate

KEY = "a key of sixteen characters or more"
DEFINITION = """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: loans}
spec:
  source: {csv: {path: loans.csv}}
  columns:
    id: {type: Key}
    age: {type: Integer, minimum: 18, maximum: 97}
    income: {type: Number, nullable: true}
    town: {type: Category, values: ["10", "20"]}
    contact: {type: Category, values: [none, other], nullable: true}
    status: {type: Category, values: [good, bad]}
  target: {column: status, positive: bad}
  checks: {maxMissing: 1, maxSingleAuc: 1}
"""
HASHED = ("spec.columns.id.personal=Hash", "spec.privacy.hashKeyFrom={env: LOANS_HASH_KEY}")
DROPPED = ("spec.columns.contact.personal=Drop",)


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [f"P-{number}" for number in range(100)],
            "age": [18 + number % 80 for number in range(100)],
            "income": [number * 1.5 for number in range(100)],
            "town": ["10", "20"] * 50,
            "contact": [f"mail{number}@example.org" for number in range(100)],
            "status": ["good", "good", "bad", "bad"] * 25,
        }
    )


class Folder:
    """A table and its definition in a folder, and what a run makes of them there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write(table())

    def write(self, rows: pd.DataFrame) -> None:
        rows.to_csv(self.path / "loans.csv", index=False)

    def training(self, *settings: str) -> Training:
        (self.path / "training.yaml").write_text(DEFINITION)
        return read_training(self.path / "training.yaml", settings)

    def ingest(self, *settings: str) -> Ingested:
        places = {name: self.path / name for name in ("data", "holdout", "privacy", "dataset")}
        return ingest(self.training(*settings), **places)

    def validate(self, *settings: str) -> Validation:
        self.ingest(*settings)
        names = ("data", "holdout", "privacy", "accepted", "accepted_holdout", "quarantine", "report")
        return validate(self.training(*settings), **{name: self.path / name for name in names})

    def data(self, *settings: str) -> pd.DataFrame:
        """What is written of the rows."""
        self.ingest(*settings)
        frame: pd.DataFrame = read_table(self.path / "data").to_pandas()
        return frame


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setenv("LOANS_HASH_KEY", KEY)
    return Folder(tmp_path)


def test_personal_data_in_a_column_that_says_nothing_of_it_stops_with_column_kind_and_count(folder: Folder) -> None:
    assert folder.validate().reasons == (
        "column 'contact' holds e-mail addresses (100 values, 100.0%): say what happens to it in its `personal`, or "
        "put it into spec.ignore; Keep with a `legalBasis`, if it is none",
    )


def test_nothing_is_written_of_a_table_that_is_stopped_for_personal_data(folder: Folder) -> None:
    folder.validate("spec.split.holdoutRows=10")
    written = [file for file in folder.path.iterdir() if file.name not in ("loans.csv", "training.yaml")]
    assert len(written) == 8 and not any(b"@example.org" in file.read_bytes() for file in written)
    assert read_table(folder.path / "data").num_rows == read_table(folder.path / "holdout").num_rows == 0


def test_the_report_of_a_stopped_run_says_that_nothing_was_written(folder: Folder) -> None:
    folder.validate()
    report = (folder.path / "report").read_text()
    assert "No row was written, and nothing else was checked." in report
    assert "| contact | e-mail addresses | values | 100 (100.0%) | nothing |" in report


def test_a_finding_can_be_a_warning(folder: Folder) -> None:
    settings = ("spec.privacy.onFinding=Warn", "spec.checks.actions.categories=Warn")
    done = folder.validate(*settings)
    assert done.reasons == () and done.warnings[0].startswith("column 'contact' holds e-mail addresses")


def test_a_column_that_is_dropped_is_in_nothing_that_is_written(folder: Folder) -> None:
    assert folder.validate(*DROPPED).reasons == ()
    assert read_table(folder.path / "accepted").column_names == ["id", "age", "income", "town", "status"]


def test_a_category_that_is_dropped_needs_no_values(folder: Folder) -> None:
    assert len(folder.data("spec.columns.contact={type: Category, personal: Drop}")) == 100


def test_a_column_that_is_dropped_is_not_learnt_from(folder: Folder) -> None:
    assert "contact" not in folder.training(*DROPPED).features


def test_the_resolved_definition_still_says_what_is_dropped(folder: Folder) -> None:
    again = parse_training(resolved(folder.training(*DROPPED)))
    assert again.spec.columns["contact"].personal == "Drop"


def test_a_column_that_is_kept_with_a_legal_basis_stops_nothing(folder: Folder) -> None:
    kept = "spec.columns.contact={type: Category, values: [x, y], personal: Keep, legalBasis: consent, nullable: true}"
    assert not any("e-mail" in reason for reason in folder.validate(kept).reasons)


def test_a_hashed_key_is_its_hmac(folder: Folder) -> None:
    expected = hmac.new(KEY.encode(), b"P-0", hashlib.sha256).hexdigest()
    assert folder.data(*DROPPED, *HASHED)["id"][0] == expected


def test_the_same_keys_give_the_same_hashes_in_every_run(folder: Folder) -> None:
    first, second = (folder.data(*DROPPED, *HASHED)["id"].to_list() for _ in range(2))
    assert first == second and len(set(first)) == 100


def test_a_line_break_after_the_key_changes_no_hash(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    first = folder.data(*DROPPED, *HASHED)["id"].to_list()
    monkeypatch.setenv("LOANS_HASH_KEY", f"{KEY}\n")
    assert folder.data(*DROPPED, *HASHED)["id"].to_list() == first


@pytest.mark.parametrize(("key", "found"), [("", "is not set"), ("short", "has fewer than 16 characters")])
def test_a_hash_without_a_good_key_is_told_before_anything_runs(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, key: str, found: str
) -> None:
    monkeypatch.setenv("LOANS_HASH_KEY", key)
    with pytest.raises(StepError, match=f"the environment variable LOANS_HASH_KEY {found}") as raised:
        check_privacy(folder.training(*DROPPED, *HASHED))
    assert "short" not in str(raised.value)


def test_the_key_is_in_nothing_that_is_written(folder: Folder) -> None:
    folder.validate(*DROPPED, *HASHED)
    assert not any(KEY.encode() in file.read_bytes() for file in folder.path.iterdir())


@pytest.mark.parametrize(
    ("width", "ages", "coarse"),
    [
        (10, [18, 19, 20, 29, 30, 97], [18, 18, 25, 25, 35, 95]),
        (10, [17, 98, 5, 120], [10, 99, 0, 129]),
        (1, [18, 19], [18, 19]),
        (50, [18, 49, 50, 97], [25, 25, 75, 75]),
    ],
)
def test_a_whole_number_becomes_the_middle_of_its_bin_and_stays_on_its_side_of_the_limits(
    folder: Folder, width: int, ages: list[int], coarse: list[int]
) -> None:
    folder.write(table().head(len(ages)).assign(age=ages))
    settings = (f"spec.columns.age.binWidth={width}", "spec.columns.age.personal=Generalise")
    assert folder.data(*DROPPED, *settings)["age"].to_list() == coarse


@pytest.mark.parametrize(
    ("width", "numbers", "coarse"),
    [
        (0.5, [0.0, 0.49, 0.5, -0.1], [0.25, 0.25, 0.75, -0.25]),
        (0.1, [0.3, None], [0.25, None]),
        (1000, [999.9], [500]),
    ],
)
def test_a_number_becomes_the_middle_of_its_bin(
    folder: Folder, width: float, numbers: list[float | None], coarse: list[float | None]
) -> None:
    folder.write(table().head(len(numbers)).assign(income=numbers))
    settings = (f"spec.columns.income.binWidth={width}", "spec.columns.income.personal=Generalise")
    found = folder.data(*DROPPED, *settings)["income"]
    assert [None if pd.isna(number) else pytest.approx(number, abs=0.11) for number in found] == coarse


@pytest.mark.parametrize("limit", [1e300, 1e18, 97.5])
def test_whole_numbers_keep_to_limits_that_are_not_whole_or_very_large(folder: Folder, limit: float) -> None:
    folder.write(table().head(3).assign(age=[19, 20, 97]))
    text = f"{{type: Integer, minimum: 18.5, maximum: {limit!r}, personal: Generalise, binWidth: 20}}"
    assert folder.data(*DROPPED, f"spec.columns.age={text}")["age"].to_list() == [19, 30, 90]


def test_a_number_that_no_bin_holds_is_told(folder: Folder) -> None:
    folder.write(table().assign(income=1e308))
    settings = ("spec.columns.income.binWidth=1e-9", "spec.columns.income.personal=Generalise")
    with pytest.raises(StepError, match="column 'income' has numbers that no bin of 1e-09 holds"):
        folder.ingest(*DROPPED, *settings)
    assert not (folder.path / "data").exists()


def test_a_text_becomes_its_beginning(folder: Folder) -> None:
    folder.write(table().assign(town=["10115", "20095"] * 50))
    settings = ("spec.columns.town.prefixLength=2", "spec.columns.town.personal=Generalise")
    assert set(folder.data(*DROPPED, *settings)["town"]) == {"10", "20"}
    assert folder.validate(*DROPPED, *settings).reasons == ()


ERASURE = "spec.privacy.erasure={path: erased.csv}"


@pytest.mark.parametrize(
    "listed",
    [
        "id\nP-3\nP-7\nP-999\n",
        "\ufeffid\r\nP-3\r\n\r\n P-7 \r\n",
        'date;id\n2026-01-01;P-3\n2026-01-02;"P-7"\n',
        "id\nP-3\nP-3\nP-7",
    ],
)
def test_rows_of_an_erasure_list_are_in_no_run(folder: Folder, listed: str) -> None:
    (folder.path / "erased.csv").write_text(listed, encoding="utf-8")
    data = folder.data(*DROPPED, ERASURE)
    assert len(data) == 98 and not {"P-3", "P-7"} & set(data["id"])


def test_the_list_is_of_keys_as_they_are_in_the_source_and_not_of_hashes(folder: Folder) -> None:
    (folder.path / "erased.csv").write_text("id\nP-3\n")
    assert len(folder.data(*DROPPED, *HASHED, ERASURE)) == 99


def test_two_keys_are_compared_together(folder: Folder) -> None:
    folder.write(table().assign(town=["1", "31"] * 50, id=["23", "2"] * 50))
    (folder.path / "erased.csv").write_text("town,id\n1,23\n")
    data = folder.data(*DROPPED, ERASURE, "spec.columns.town={type: Key}")
    assert len(data) == 50 and set(data["town"]) == {"31"}


def test_a_key_with_an_odd_character_is_one_key(folder: Folder) -> None:
    folder.write(table().assign(id=lambda f: f["id"].where(f.index > 0, "P-3\u2028P-7")))
    (folder.path / "erased.csv").write_text("id\nP-3\u2028P-7\n", encoding="utf-8")
    assert {"P-3", "P-7"} <= set(folder.data(*DROPPED, ERASURE)["id"])


def test_an_empty_erasure_list_leaves_every_row(folder: Folder) -> None:
    (folder.path / "erased.csv").write_text("id\n")
    assert len(folder.data(*DROPPED, ERASURE)) == 100


def test_how_many_rows_were_erased_is_in_the_report_and_the_record_and_their_keys_are_not(folder: Folder) -> None:
    (folder.path / "erased.csv").write_text("id\nP-31\nP-71\n")
    folder.validate(*DROPPED, ERASURE)
    report = (folder.path / "report").read_text()
    assert "2 were left out because of the erasure list" in report
    record = (folder.path / "privacy").read_text()
    assert json.loads(record)["rowsErased"] == 2 and "P-31" not in report + record


@pytest.mark.parametrize(
    ("listed", "sentence"),
    [
        (None, r"erased\.csv is not there: spec\.privacy\.erasure\.path is relative to training\.yaml"),
        (b"", r"does not begin with a line that names id, which are its keys"),
        (b"person\nP-3\n", r"does not begin with a line that names id"),
        (b"P-3\nP-4\n", r"does not begin with a line that names id"),
        (b"id\n\xff\n", r"erased\.csv is no UTF-8 text \(byte 3\)"),
        (b'id\n"P-3\n', r"a quote near line 2 is not closed"),
        (b"date,id\n2026-01-01\n", r"line 2 lacks a value for id"),
        (b"date,id\n2026-01-01, \n", r"line 2 lacks a value for id"),
    ],
)
def test_an_erasure_list_that_cannot_be_obeyed_is_told_before_anything_runs(
    folder: Folder, listed: bytes | None, sentence: str
) -> None:
    if listed is not None:
        (folder.path / "erased.csv").write_bytes(listed)
    with pytest.raises(StepError, match=sentence):
        check_privacy(folder.training(*DROPPED, ERASURE))


def test_what_is_recorded_is_read_again(folder: Folder) -> None:
    done = folder.ingest("spec.privacy.retention=two years", *HASHED)
    assert read_record(folder.path / "privacy") == done.privacy


def test_the_record_says_what_happens_to_columns_and_how_long_data_is_kept(folder: Folder) -> None:
    folder.ingest(*DROPPED, *HASHED, "spec.privacy.retention=two years")
    record = json.loads((folder.path / "privacy").read_text())
    assert record["columns"] == {"id": {"personal": "Hash"}, "contact": {"personal": "Drop"}}
    assert record["retention"] == "two years" and record["findings"] == []


def test_findings_in_columns_that_say_what_happens_are_recorded_without_values(folder: Folder) -> None:
    folder.write(table().assign(id=[f"p{number}@example.org" for number in range(100)]))
    folder.ingest(*DROPPED, *HASHED)
    text = (folder.path / "privacy").read_text()
    finding = {"column": "id", "kind": "e-mail addresses", "foundBy": "values", "values": 100, "share": 1.0}
    assert json.loads(text)["findings"] == [finding] and "example.org" not in text


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"findings": 3}'])
def test_what_is_no_record_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "privacy").write_text(content)
    with pytest.raises(StepError, match="is no record of personal data"):
        read_record(tmp_path / "privacy")


BAD: dict[str, tuple[str, ...]] = {
    "spec.columns.contact.personal: it must be 'Drop', 'Hash', 'Generalise' or 'Keep'": (
        "spec.columns.contact.personal=Delete",
    ),
    "spec.columns.contact.personal: Keep needs a `legalBasis`": ("spec.columns.contact.personal=Keep",),
    "spec.columns.contact.legalBasis: it is for columns with `personal: Keep`": (
        "spec.columns.contact.legalBasis=consent",
    ),
    "spec.columns.contact.personal: only keys are hashed, and this column is of type Category": (
        "spec.columns.contact.personal=Hash",
    ),
    "spec.columns.id.personal: Hash needs spec.privacy.hashKeyFrom": ("spec.columns.id.personal=Hash",),
    "spec.columns.id.personal: a key says which row it is: write Hash": ("spec.columns.id.personal=Drop",),
    "spec.columns.id.personal: numbers and categories are generalised": ("spec.columns.id.personal=Generalise",),
    "spec.columns.status.personal: what is predicted has to stay as it is": ("spec.columns.status.personal=Drop",),
    "spec.columns.age.personal: Generalise needs a `binWidth` for numbers": ("spec.columns.age.personal=Generalise",),
    "spec.columns.age.binWidth: it has to be whole": (
        "spec.columns.age.personal=Generalise",
        "spec.columns.age.binWidth=2.5",
    ),
    "spec.columns.age.binWidth: it is so wide that every number is in one bin": (
        "spec.columns.age={type: Integer, personal: Generalise, binWidth: 1e300}",
    ),
    "spec.columns.age.binWidth: it must be more than 0": ("spec.columns.age.binWidth=0",),
    "spec.columns.age.binWidth: it is for columns with `personal: Generalise`": ("spec.columns.age.binWidth=5",),
    "spec.columns.age.prefixLength: it is for texts": (
        "spec.columns.age={type: Integer, personal: Generalise, binWidth: 5, prefixLength: 2}",
    ),
    "spec.columns.town.personal: Generalise needs a `prefixLength` for texts": (
        "spec.columns.town.personal=Generalise",
    ),
    "spec.columns.town.values: they are what is left: texts of at most 1 characters": (
        "spec.columns.town.personal=Generalise",
        "spec.columns.town.prefixLength=1",
    ),
    "spec.columns.town.binWidth: it is for numbers": (
        'spec.columns.town={type: Category, values: ["1", "2"], personal: Generalise, binWidth: 5, prefixLength: 2}',
    ),
    "spec.privacy.erasure.keys[0]: 'age' is no column of type Key; those are id": (
        "spec.privacy.erasure={path: x.csv, keys: [age]}",
    ),
    "spec.privacy.erasure.keys: at least one key is wanted": ("spec.privacy.erasure={path: x.csv, keys: []}",),
    "spec.privacy.erasure: it tells rows by their keys, and no column is of type Key": (
        "spec.columns.id={type: Integer}",
        "spec.privacy.erasure={path: x.csv}",
    ),
    "spec.privacy.hashKeyFrom.env: it must be the name of an environment variable": (
        "spec.privacy.hashKeyFrom={env: my key}",
    ),
    "spec.privacy.maxRowsScanned: it must be at least 1000": ("spec.privacy.maxRowsScanned=5",),
    "spec.checks.rules[0].expression: the data has no column 'contact'": (
        *DROPPED,
        "spec.checks.rules=[{name: x, expression: not isNull(contact)}]",
    ),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_fault_is_told_with_its_field(fault: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        parse_training(DEFINITION, settings=BAD[fault])
    assert any(fault in str(problem) for problem in raised.value.problems), raised.value


def test_a_key_in_the_place_of_the_name_of_its_variable_is_not_repeated(folder: Folder) -> None:
    with pytest.raises(DefinitionError) as raised:
        parse_training(DEFINITION, settings=[f"spec.privacy.hashKeyFrom={{env: {KEY}}}"])
    assert KEY not in str(raised.value)
