"""A query of a real PostgreSQL as a source: its types, its faults in a sentence, and that it is only read."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from support import postgresql
from support.postgresql import OWNER, PASSWORD, READER, PostgreSql
from timoneiro_components.definition.reading import parse_training
from timoneiro_components.definition.training import Training
from timoneiro_components.errors import StepError
from timoneiro_components.sources.table import check_source, read_source

pytestmark = pytest.mark.skipif(bool(postgresql.missing()), reason=postgresql.missing())
DEFINITION = """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: loans}
spec:
  source:
    sql:
      url: postgresql://host/db
      table: loans
      userFrom: {env: LOANS_USER}
      passwordFrom: {env: LOANS_PASSWORD}
  columns:
    id: {type: Key}
    income: {type: Number, nullable: true}
    age: {type: Integer, nullable: true}
    owner: {type: Boolean, nullable: true}
    status: {type: Category, values: [good, bad]}
  target: {column: status, positive: bad}
"""
TABLES = f"""
CREATE TYPE outcome AS ENUM ('good', 'bad');
CREATE TABLE loans (id uuid, income numeric(12, 2), age smallint, owner boolean, status outcome);
INSERT INTO loans VALUES
    ('00000000-0000-0000-0000-000000000001', 1234.50, 30, true, 'good'),
    ('00000000-0000-0000-0000-000000000002', 'NaN', NULL, NULL, 'bad');
CREATE TABLE kept (note text);
CREATE FUNCTION writes() RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO kept VALUES ('written'); RETURN 'bad'; END $$;
CREATE SCHEMA "Second Part";
CREATE TABLE "Second Part"."Loans" AS SELECT * FROM loans;
CREATE TABLE secret (id int);
GRANT SELECT ON loans TO {READER};
GRANT INSERT ON kept TO {READER};
GRANT USAGE ON SCHEMA "Second Part" TO {READER};
GRANT SELECT ON "Second Part"."Loans" TO {READER};
"""
FIRST = {
    "id": "00000000-0000-0000-0000-000000000001",
    "income": 1234.5,
    "age": 30,
    "owner": True,
    "status": "good",
}
SECOND = {
    "id": "00000000-0000-0000-0000-000000000002",
    "income": None,
    "age": None,
    "owner": None,
    "status": "bad",
}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSql]:
    with postgresql.running(tmp_path_factory.mktemp("postgresql")) as found:
        found.owner.execute(TABLES)
        yield found


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOANS_USER", READER)
    monkeypatch.setenv("LOANS_PASSWORD", PASSWORD)


def definition(database: PostgreSql, *settings: str) -> Training:
    return parse_training(DEFINITION, settings=[f"spec.source.sql.url={database.url}", *settings])


def asked(database: PostgreSql, query: str) -> Training:
    """The definition with a query in the place of the table."""
    return definition(database, "spec.source.sql.table=null", f"spec.source.sql.query={json.dumps(query)}")


def columns(**others: str) -> str:
    """A query whose columns are those of the table, but for these expressions."""
    found = {"id": "id", "income": "income", "age": "age", "owner": "owner", "status": "status", **others}
    return f"SELECT {', '.join(f'{value} AS {name}' for name, value in found.items())} FROM loans ORDER BY id"


def refused(training: Training, call: Any = read_source) -> str:
    with pytest.raises(StepError) as raised:
        call(training)
    told = str(raised.value)
    assert PASSWORD not in told and "\n" not in told and raised.value.__cause__ is None, told
    return told


def test_a_table_is_read_in_the_types_of_the_definition(database: PostgreSql) -> None:
    training = definition(database)
    check_source(training)
    assert sorted(read_source(training).table.to_pylist(), key=lambda row: row["id"]) == [FIRST, SECOND]


def test_a_table_of_a_schema_whose_names_need_quotes_is_found(database: PostgreSql) -> None:
    assert read_source(definition(database, "spec.source.sql.table=Second Part.Loans")).table.num_rows == 2


@pytest.mark.parametrize(
    "ending",
    ["", ";", " ;\n", " -- the whole table", " LIMIT 5", " /* 100 % :of %(them)s */", " OFFSET (SELECT 3 % 1)"],
)
def test_a_query_is_taken_as_it_stands(database: PostgreSql, ending: str) -> None:
    training = asked(database, columns() + ending)
    check_source(training)
    assert read_source(training).table.to_pylist() == [FIRST, SECOND]


def test_a_query_with_a_common_table_expression_is_one(database: PostgreSql) -> None:
    assert read_source(asked(database, f"WITH all_of AS ({columns()}) SELECT * FROM all_of")).table.num_rows == 2


def test_more_rows_than_one_portion_are_read_in_order(database: PostgreSql) -> None:
    query = (
        "SELECT n AS id, n * 0.5 AS income, CASE WHEN n > 15000 THEN n END AS age, n % 2 = 0 AS owner, 'bad' AS status "
        "FROM generate_series(1, 25001) AS n ORDER BY n"
    )
    table = read_source(asked(database, query)).table
    assert table["income"].to_pylist() == [n * 0.5 for n in range(1, 25002)]


def test_a_check_reads_no_row(database: PostgreSql) -> None:
    # Which would divide by zero.
    check_source(asked(database, columns(income="1 / (age - age)")))


@pytest.mark.parametrize(
    ("others", "sentence"),
    [
        ({"income": "'1.5'::text"}, "column 'income' is string, and its type in the definition is Number"),
        ({"income": "owner"}, "column 'income' is bool, and its type in the definition is Number"),
        ({"income": "'Infinity'::float8"}, "column 'income' has values that are infinite"),
        ({"age": "1.5"}, "column 'age' is decimal128(2, 1), and its type in the definition is Integer"),
        ({"age": "'Infinity'::numeric"}, "column 'age' has values of several types, or of an odd type"),
        ({"age": "'NaN'::numeric"}, "column 'age' has values of several types, or of an odd type"),
        ({"status": "'infinity'::date"}, "a date is infinite, or not in the years 1 to 9999"),
        ({"age": "1 / (age - age)"}, "the query cannot be computed for a value"),
        ({"age": "10::numeric ^ 30"}, "column 'age' has values of several types, or of an odd type"),
        ({"age": "now()"}, "column 'age' is timestamp[us, tz="),
        ({"owner": "age"}, "column 'owner' is int64, and its type in the definition is Boolean"),
        ({"status": "array['good']"}, "column 'status' is list<"),
        ({"age": "1 AS note, age"}, "column 'note' is not described: add it to spec.columns, or to spec.ignore"),
        ({"age": "1 AS age, age"}, "two columns are called 'age': rename one"),
    ],
)
def test_columns_that_do_not_fit_are_told(database: PostgreSql, others: dict[str, str], sentence: str) -> None:
    assert sentence in refused(asked(database, columns(**others)))


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("SELECT * FROM nowhere", "there is no such table or view"),
        ("SELECT nothing FROM loans", "the query names a column that is not there"),
        ("SELEC * FROM loans", "the query is no SQL that it understands"),
        ("SELECT * FROM secret", "this user may not read that"),
        ("SELECT 1; SELECT 2", "the query is no SQL that it understands"),
        ("SELECT 1) AS a; INSERT INTO kept VALUES ('x'); --", "the query is no SQL that it understands"),
        ("INSERT INTO kept VALUES ('x')", "the query is no SQL that it understands"),
        ("INSERT INTO kept VALUES ('x') RETURNING note", "the query is no SQL that it understands"),
        ("SELECT nothing(1)", "the query calls a function that is not there"),
        (";", "the query is no SQL that it understands"),
    ],
)
@pytest.mark.parametrize("call", [check_source, read_source])
def test_a_query_that_cannot_be_asked_is_told(database: PostgreSql, call: Any, query: str, sentence: str) -> None:
    assert refused(asked(database, query), call) == f"{database.url}: {sentence}"


def test_nothing_is_written_not_even_by_a_function(database: PostgreSql) -> None:
    told = refused(asked(database, columns(status="writes()")))
    assert told == f"{database.url}: the query writes, and a source is only read"
    assert database.owner.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_a_session_cannot_be_made_one_that_writes(database: PostgreSql) -> None:
    query = columns(status="set_config('transaction_read_only', 'off', true)")
    assert "the database cannot do it" in refused(asked(database, query))


def test_a_value_that_a_database_quotes_is_not_told(database: PostgreSql) -> None:
    query = columns(age="('Jane ' || status::text)::int")
    assert "Jane" not in refused(asked(database, query))


@pytest.mark.parametrize("call", [check_source, read_source])
def test_a_wrong_password_is_told_without_it(database: PostgreSql, call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOANS_PASSWORD", "hunter2")
    told = refused(definition(database), call)
    assert told == (f"{database.url}: the password is wrong: check the variables of userFrom and passwordFrom")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (["spec.source.sql.passwordFrom=null"], "it wants a password: name the variable that holds it in passwordFrom"),
        (["spec.source.sql.url=postgresql://127.0.0.1:{port}/nowhere"], "there is no such database"),
        (["spec.source.sql.url=postgresql://127.0.0.1:1/postgres"], "nothing listens there, or it is refused"),
        (["spec.source.sql.url=postgresql:///postgres?host=/nowhere"], "nothing listens there: check host and port"),
        (["spec.source.sql.url=postgresql://127.0.0.1:{port}/postgres?sslmode=require"], "it does not agree on enc"),
        (
            ["spec.source.sql.url=postgresql://127.0.0.1:{port}/postgres?sslmode=odd"],
            "it does not agree on encryption: check ssl",
        ),
    ],
)
def test_a_database_that_lets_nobody_in_is_told(database: PostgreSql, settings: list[str], sentence: str) -> None:
    training = definition(database, *(setting.format(port=database.port) for setting in settings))
    assert f": {sentence}" in refused(training, check_source)


def test_a_host_without_an_address_is_told(database: PostgreSql, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    training = definition(database, "spec.source.sql.url=postgresql://name.invalid/postgres")
    assert refused(training, check_source).endswith("/postgres: there is no host of that name")


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_there_is_told(
    database: PostgreSql, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv("LOANS_PASSWORD")
    else:
        monkeypatch.setenv("LOANS_PASSWORD", value)
    assert refused(definition(database), check_source) == (
        "the environment has no LOANS_PASSWORD, which spec.source.sql.passwordFrom names: set it"
    )


@contextmanager
def locked(database: PostgreSql) -> Iterator[None]:
    with database.owner.transaction():
        database.owner.execute("LOCK TABLE loans IN ACCESS EXCLUSIVE MODE")
        yield


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds are two."""
    from timoneiro_components.sources import databases  # noqa: PLC0415

    monkeypatch.setattr(databases, "_SECONDS", 2)


def test_a_check_does_not_wait_for_a_table_that_is_locked(database: PostgreSql, impatient: None) -> None:
    with locked(database):
        assert "it gave no answer within" in refused(definition(database), check_source)


def test_a_check_does_not_wait_for_what_never_answers(database: PostgreSql, impatient: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://127.0.0.1:{silent.getsockname()[1]}/postgres"
        assert "it gave no answer within" in refused(definition(database, f"spec.source.sql.url={url}"), check_source)


def test_who_owns_the_tables_cannot_write_either(database: PostgreSql, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOANS_USER", OWNER)
    assert "a source is only read" in refused(asked(database, columns(status="writes()")))


def test_a_driver_that_is_not_installed_is_told(database: PostgreSql, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    told = refused(definition(database), check_source)
    assert told.endswith("is not installed (psycopg): pip install 'timoneiro[components]'")


def test_times_of_a_database_are_those_of_a_join(database: PostgreSql) -> None:
    database.owner.execute(
        f"""CREATE TABLE ages AS SELECT id, '2025-01-31T12:00:00-03:00'::timestamptz AS seen, 40 AS age FROM loans;
        CREATE TABLE asked AS SELECT id, income, owner, status,
            '2025-01-31T15:00:00Z'::timestamptz - (id::text LIKE '%2')::int * '1 s'::interval AS asked FROM loans;
        GRANT SELECT ON ages, asked TO {READER}"""
    )
    source = definition(database).spec.source.model_dump(by_alias=True, exclude_none=True)
    join = {
        "source": {"sql": {**source["sql"], "table": "ages"}},
        "on": ["id"],
        "columns": ["age"],
        "asOf": {"left": "asked", "right": "seen"},
    }
    joining = definition(database, "spec.source.sql.table=asked", f"spec.joins=[{json.dumps(join)}]")
    check_source(joining)
    rows = read_source(joining).table.sort_by("id")
    assert rows["age"].to_pylist() == [40, None]
