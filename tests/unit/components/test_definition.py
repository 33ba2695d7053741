"""Every fault of training.yaml is told at once, with its line and its field, before anything runs."""

from __future__ import annotations

import base64
import json
import re
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timoneiro_components.definition.problems import DefinitionError
from timoneiro_components.definition.reading import encoded, parse_training, read_training, resolved
from timoneiro_components.definition.schema import fields_at, json_schema
from timoneiro_components.errors import StepError

SMALL = """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata:
  name: loans
spec:
  source:
    csv: {path: loans.csv}
  columns:
    income: {type: Number, minimum: 0}
    job: {type: Category, values: [no, yes]}
    status: {type: Category, values: [good, bad]}
  target: {column: status, positive: bad}
  gates:
    - {metric: rocAuc, atLeast: 0.7}
"""


def faults(text: str, *settings: str) -> list[str]:
    with pytest.raises(DefinitionError) as raised:
        parse_training(text, settings=settings)
    return [str(problem) for problem in raised.value.problems]


def changed(old: str, new: str) -> str:
    assert SMALL.count(old) == 1, old
    return SMALL.replace(old, new)


def file_at(path: str) -> str:
    return changed("{path: loans.csv}", f"{{path: '{path}'}}")


PATH = "line 7, spec.source.csv.path"
OTHER_PROTOCOL = f"{PATH}: a file is on this machine, at s3://bucket/key, at gs://bucket/key or at lakefs://repository/"
LAKEFS = f"{PATH}: write lakefs://repository/branch/path, the address of one object, without credentials"
POINTER = f"{PATH}: of DVC write the path of the .dvc file on this machine, such as data/loans.csv.dvc"


def sql(url: str, others: str = "table: loans") -> str:
    return changed("csv: {path: loans.csv}", f"sql: {{url: '{url}', {others}}}")


IN_THE_FILE = "line 7, spec.source.sql.url: user and password do not belong in a file: name variables in userFrom and"


def test_a_small_definition_has_every_default() -> None:
    training = parse_training(SMALL)
    assert (training.spec.split.folds, training.spec.model.algorithm, training.classes) == (
        5,
        "LogisticRegression",
        ("good", "bad"),
    )


def test_a_character_that_json_writes_as_two_escapes_is_one() -> None:
    text = changed("income:", '"income \\ud83d\\ude00":').replace("[no, yes]", '["\\ud83d\\ude00", yes]')
    columns = parse_training(text).spec.columns
    assert "income 😀" in columns and columns["job"].values == ("😀", "yes")


def test_words_of_yaml_1_1_stay_text() -> None:
    assert parse_training(SMALL).spec.columns["job"].values == ("no", "yes")


@pytest.mark.parametrize("number", ["1e-3", "1E3", ".5", "7.", "+2", "-0"])
def test_a_number_is_a_number_however_it_is_written(number: str) -> None:
    text = changed("minimum: 0", f"minimum: {number}")
    assert parse_training(text).spec.columns["income"].minimum == float(number)


def test_the_resolved_definition_says_the_same() -> None:
    training = parse_training(SMALL)
    assert parse_training(resolved(training)) == training


@pytest.mark.parametrize("title", ["needs python3", "{{$.inputs}}", "é | $(rm)", "x" * 2000])
def test_the_encoded_definition_says_the_same_and_nothing_of_it_can_be_replaced(title: str) -> None:
    training = parse_training(SMALL, settings=[f"metadata.title={json.dumps(title)}"])
    text = encoded(training)
    assert parse_training(text) == training
    assert re.fullmatch(r"timoneiro-definition:[A-Za-z0-9+/=]+", text)


@pytest.mark.parametrize("length", [40, 80, 200])
def test_an_encoded_definition_that_was_cut_off_is_told_as_such(length: int) -> None:
    assert "it is encoded, and was cut off or changed" in faults(encoded(parse_training(SMALL))[:length])[0]


def test_a_definition_that_grows_when_it_is_unpacked_is_refused() -> None:
    bomb = base64.b64encode(zlib.compress(b" " * 100_000_000)).decode()
    assert "it is larger than 1 MiB" in faults(f"timoneiro-definition:{bomb}")[0]


def test_a_definition_of_thousands_of_columns_fits_an_argument() -> None:
    columns = {f"a column with a number {number}": {"type": "Number", "minimum": 0} for number in range(5000)}
    many = json.dumps({**columns, "status": {"type": "Category", "values": ["good", "bad"]}})
    assert len(encoded(parse_training(SMALL, settings=[f"spec.columns={many}"]))) < 128 * 1024


def test_a_path_is_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "training.yaml").write_text(SMALL)
    csv = read_training(tmp_path / "training.yaml").spec.source.csv
    assert csv is not None and csv.path == str(tmp_path / "loans.csv")


@pytest.mark.parametrize(
    ("path", "whole"),
    [
        ("s3://data/loans.csv", "s3://data/loans.csv"),
        ("gs://data/../loans.csv", "gs://data/../loans.csv"),
        ("lakefs://loans/main/2025/loans.csv", "lakefs://loans/main/2025/loans.csv"),
        ("data/loans.csv.dvc", "{folder}/data/loans.csv.dvc"),
        ("file:///data/a%20b/loans.csv", "/data/a b/loans.csv"),
        ("file://localhost/data/loans.csv", "/data/loans.csv"),
        ("data: 1/loans.csv", "{folder}/data: 1/loans.csv"),
    ],
)
def test_addresses_are_left_as_they_are_and_paths_made_whole(tmp_path: Path, path: str, whole: str) -> None:
    (tmp_path / "training.yaml").write_text(file_at(path))
    training = read_training(tmp_path / "training.yaml")
    assert training.spec.source.csv and training.spec.source.csv.path == whole.format(folder=tmp_path)


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("sqlite:///a b/loans.db", "sqlite:///{folder}/a b/loans.db"),
        ("sqlite:////data/loans.db", "sqlite:////data/loans.db"),
        ("postgresql://host/db", "postgresql://host/db"),
    ],
)
def test_a_database_in_a_file_is_relative_to_the_definition(tmp_path: Path, url: str, whole: str) -> None:
    (tmp_path / "training.yaml").write_text(sql(url))
    training = read_training(tmp_path / "training.yaml")
    assert training.spec.source.sql and training.spec.source.sql.url == whole.format(folder=tmp_path)
    assert parse_training(encoded(training)) == training


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "training.yaml").write_text(SMALL, encoding="utf-8-sig")
    assert read_training(tmp_path / "training.yaml").metadata.name == "loans"


BAD = {
    "an empty file": ("", "it must begin with `apiVersion: timoneiro.dev/v1alpha1`"),
    "a list": ("- 1", "it must begin with `apiVersion: timoneiro.dev/v1alpha1`"),
    "a comment": ("# nothing", "it must begin with `apiVersion: timoneiro.dev/v1alpha1`"),
    "an open quote": (SMALL + 'x: "', "is no YAML: while scanning a quoted scalar, found unexpected end of stream"),
    "a tab": (SMALL + "\tx: 1", "is no YAML: while scanning for the next token"),
    "two documents": (SMALL + "---\na: 1\n", "line 15: it is no YAML: expected a single document in the stream"),
    "a control character": (SMALL + "x: \x07", "it is no YAML: unacceptable character"),
    "a deep nest": ("a: " + "[" * 3000 + "]" * 3000, "it is nested too deeply"),
    "a tag": (changed("name: loans", "name: !!python/name:os.system x"), "tag:yaml.org,2002:python/name:os.system"),
    "an anchor": (
        changed("income: {type: Number, minimum: 0}", "income: &a {type: Number}\n    age: *a"),
        "line 10, spec.columns.age: anchors and aliases (& and *) are not supported: write the value again",
    ),
    "a field twice": (
        changed("kind: Training", "kind: Training\nkind: Training"),
        "line 3, kind: it is there twice, first in line 2",
    ),
    "a column twice": (
        changed("    job:", "    income: {type: Integer}\n    job:"),
        "line 10, spec.columns.income: it is there twice, first in line 9",
    ),
    "a number as a name": (
        changed("    income:", "    2019:"),
        'line 9, spec.columns: names of fields and columns are text: write "2019" in quotes',
    ),
    "a list as a name": (changed("    income:", "    [a, b]:"), "and neither lists nor objects"),
    "another version": (
        changed("v1alpha1", "v1"),
        "line 1, apiVersion: it must be 'timoneiro.dev/v1alpha1'; did you mean timoneiro.dev/v1alpha1?",
    ),
    "another kind": (changed("kind: Training", "kind: training"), "line 2, kind: it must be 'Training'; did you mean"),
    "no name": (changed("  name: loans", "  title: loans"), "line 3, metadata.name: it is missing. Of the model, and"),
    "a large name": (changed("name: loans", "name: Loans"), "line 4, metadata.name: it must be lower case letters"),
    "a name that is a number": (
        changed("name: loans", "name: 1.10"),
        'line 4, metadata.name: text is wanted: write "1.10" in quotes',
    ),
    "an unknown field": (
        changed("{path:", "{seperator: ;, path:"),
        "line 7, spec.source.csv.seperator: there is no such field; did you mean separator?",
    ),
    "a field that is like none": (
        changed("kind: Training", "kind: Training\nxyz: 1"),
        "line 3, xyz: there is no such field; known are apiVersion, kind, metadata, spec",
    ),
    "no source": (
        changed("    csv: {path: loans.csv}", "    title: x"),
        "exactly one of csv, parquet, jsonLines, sql and python",
    ),
    "two sources": (
        changed("{path: loans.csv}", "{path: loans.csv}\n    python: {function: 'a:b'}"),
        "line 6, spec.source: exactly one of csv, parquet, jsonLines, sql and python is wanted, and there are csv",
    ),
    "a function that is none": (
        changed("csv: {path: loans.csv}", "python: {function: load}"),
        "line 7, spec.source.python.function: it must be module:function, such as loans.table:load",
    ),
    "a path with a zero byte": (
        changed("path: loans.csv", 'path: "a\\0b"'),
        "line 7, spec.source.csv.path: it must be the name of a file",
    ),
    "a file in the web": (file_at("https://reader:hunter2@host/loans.csv"), OTHER_PROTOCOL),
    "a file of another machine": (file_at("ssh://host/loans.csv"), OTHER_PROTOCOL),
    "a file at an FTP server": (file_at("FTP://host/loans.csv"), OTHER_PROTOCOL),
    "a file of this machine with a host": (file_at("file://host/loans.csv"), f"{PATH}: write file:///folder/loans.csv"),
    "a bucket alone": (file_at("s3://data"), f"{PATH}: write s3://bucket/key, the address of one object"),
    "a folder of a bucket": (file_at("s3://data/2025/"), f"{PATH}: write s3://bucket/key, the address of one object"),
    "credentials in the address of an object": (
        file_at("s3://key:secret@data/x"),
        f"{PATH}: write s3://bucket/key, the",
    ),
    "no bucket": (file_at("gs:///x"), f"{PATH}: write gs://bucket/key, the address of one object"),
    "a repository of lakeFS alone": (file_at("lakefs://loans"), LAKEFS),
    "a branch of lakeFS alone": (file_at("lakefs://loans/main"), LAKEFS),
    "a folder of lakeFS": (file_at("lakefs://loans/main/2025/"), LAKEFS),
    "a branch of lakeFS that is none": (file_at("lakefs://loans/../loans.csv"), LAKEFS),
    "what is not committed in lakeFS": (file_at("lakefs://loans/main$/loans.csv"), LAKEFS),
    "a repository of lakeFS that is none": (file_at("lakefs://Loans!/main/loans.csv"), LAKEFS),
    "credentials in an address of lakeFS": (file_at("lakefs://key:secret@loans/main/loans.csv"), LAKEFS),
    "an address of DVC": (file_at("dvc://loans.csv"), POINTER),
    "a file of DVC in a store": (file_at("s3://data/loans.csv.dvc"), POINTER),
    "neither a query nor a table": (
        sql("sqlite:///a.db", "userFrom: null"),
        "line 7, spec.source.sql: exactly one of query and table is wanted, and there is none",
    ),
    "a query and a table": (
        sql("sqlite:///a.db", "table: a, query: b"),
        "line 7, spec.source.sql: exactly one of query and table is wanted, and there are both",
    ),
    "a password in a URL": (sql("postgresql://reader:hunter2@host/db"), IN_THE_FILE),
    "a password with odd signs in a URL": (sql("postgresql://reader:hunt@er/2@host/db"), IN_THE_FILE),
    "a user in a URL": (sql("postgresql://reader@host/db"), IN_THE_FILE),
    "a password among the options of a URL": (
        sql("postgresql://host/db?password=hunter2"),
        "line 7, spec.source.sql.url: its options can be application_name, host, port, sslcert, sslkey, sslmode, "
        "sslrootcert; user and password go into userFrom and passwordFrom",
    ),
    "options of a URL that are none": (sql("postgresql://host/db?hunter2"), "spec.source.sql.url: it is no URL: write"),
    "a password in the place of its variable": (
        sql("postgresql://host/db", "table: a, passwordFrom: hunter2"),
        "line 7, spec.source.sql.passwordFrom: fields are wanted, each in a line of its own",
    ),
    "a password that is no name of a variable": (
        sql("postgresql://host/db", "table: a, passwordFrom: {env: 'hunter2!'}"),
        "line 7, spec.source.sql.passwordFrom.env: it must be the name of an environment variable",
    ),
    "a password in a field of its own": (
        sql("postgresql://host/db", "table: a, password: hunter2"),
        "line 7, spec.source.sql.password: there is no such field; did you mean passwordFrom?",
    ),
    "a user of SQLite": (
        sql("sqlite:///a.db", "table: a, userFrom: {env: A}"),
        "line 7, spec.source.sql.userFrom: SQLite knows no users: leave it out",
    ),
    "a database in memory": (sql("sqlite://"), "line 7, spec.source.sql.url: write sqlite:///loans.db, or sqlite:////"),
    "another database": (sql("mysql://host/db"), "line 7, spec.source.sql.url: it must begin with sqlite:/// or"),
    "another driver": (sql("postgresql+psycopg2://host/db"), "spec.source.sql.url: it must begin with sqlite:/// or"),
    "no database": (sql("postgresql://host"), "line 7, spec.source.sql.url: write postgresql://host:5432/database"),
    "a port that is none": (sql("postgresql://host:http/db"), "line 7, spec.source.sql.url: it is no URL: write"),
    "a host that is none": (sql("postgresql://[::1/db"), "line 7, spec.source.sql.url: it is no URL: write"),
    "a query without text": (
        sql("sqlite:///a.db", "query: ''"),
        "line 7, spec.source.sql.query: text is wanted, and there is none",
    ),
    "a separator that is the decimal sign": (
        changed("{path: loans.csv}", "{path: loans.csv, separator: ',', decimal: ','}"),
        "line 7, spec.source.csv.decimal: it is the separator too, so that no number could be read",
    ),
    "a separator that nobody uses": (
        changed("{path: loans.csv}", "{path: loans.csv, separator: '::'}"),
        "line 7, spec.source.csv.separator: it must be 'Auto'",
    ),
    "an unknown type": (
        changed("type: Number", "type: number"),
        "line 9, spec.columns.income.type: it must be 'Number', 'Integer', 'Boolean', 'Category', 'Time' or 'Key'; "
        "did you mean Number?",
    ),
    "a column without a type": (
        changed("type: Number, ", ""),
        "columns.income.type: it is missing. Number",
    ),
    "a column that is no object": (
        changed("{type: Number, minimum: 0}", "Number"),
        "line 9, spec.columns.income: fields are wanted, each in a line of its own, as `name: value`",
    ),
    "columns that are a list": (
        changed(
            "  columns:\n    income: {type: Number, minimum: 0}\n    job: {type: Category, values: [no, yes]}\n"
            "    status: {type: Category, values: [good, bad]}\n",
            "  columns: [income, status]\n",
        ),
        "line 8, spec.columns: fields are wanted",
    ),
    "a minimum that is no number": (
        changed("minimum: 0", "minimum: .nan"),
        "line 9, spec.columns.income.minimum: a finite number is wanted: with NaN or infinity no limit ever holds",
    ),
    "a minimum without end": (changed("minimum: 0", "minimum: 1e999"), "a finite number is wanted"),
    "a minimum that is text": (
        changed("minimum: 0", 'minimum: "0,5"'),
        "line 9, spec.columns.income.minimum: a number is wanted: write 0.5",
    ),
    "a minimum that is true": (changed("minimum: 0", "minimum: true"), "minimum: a number is wanted"),
    "a minimum of thousands of digits": (changed("minimum: 0", "minimum: 1" + "0" * 5000), "is no kind of value"),
    "a minimum above the maximum": (
        changed("minimum: 0", "minimum: 5, maximum: 4"),
        "line 9, spec.columns.income.minimum: it is above the maximum, which is 4: no value could be right",
    ),
    "limits of a category": (
        changed("values: [no, yes]", "values: [no, yes], maximum: 3"),
        "line 10, spec.columns.job.maximum: it is for numbers, and this column is of type Category",
    ),
    "a clip without a limit": (
        changed("minimum: 0", "clip: true"),
        "line 9, spec.columns.income.clip: it needs a minimum or a maximum, beyond which values are clipped",
    ),
    "a clip of a category": (
        changed("values: [no, yes]", "values: [no, yes], clip: true"),
        "line 10, spec.columns.job.clip: it is for numbers, and this column is of type Category",
    ),
    "parts of a number": (
        changed("minimum: 0", "parts: [TimeOfDay]"),
        "line 9, spec.columns.income.parts: it is for times, and this column is of type Number",
    ),
    "an unknown part": (
        changed("type: Number, minimum: 0", "type: Time, parts: [Hour]"),
        "line 9, spec.columns.income.parts[0]: it must be 'TimeOfDay', 'DayOfWeek', 'DayOfMonth' or 'DayOfYear'",
    ),
    "the time zone of a machine": (
        changed("type: Number, minimum: 0", "type: Time, timeZone: localtime"),
        "line 9, spec.columns.income.timeZone: there is no time zone 'localtime'",
    ),
    "a computed feature with the name of a part": (
        changed("type: Number, minimum: 0", "type: Time, parts: [TimeOfDay]")
        .replace("    job:", "    age: {type: Number}\n    job:")
        .replace("  target:", "  features: {income TimeOfDay sine: age + 1}\n  target:"),
        "spec.features.income TimeOfDay sine: a part of a time, or a column that is ignored, is called so",
    ),
    "computed features that may be missing": (
        changed("  target:", "  model: {impute: false}\n  features: {twice: income * 2}\n  target:"),
        "line 12, spec.model.impute: computed features may be missing, and LogisticRegression takes no row without",
    ),
    "missing values that are indicated and not replaced": (
        changed("minimum: 0", "nullable: true").replace(
            "  target:", "  model: {impute: false, missingIndicators: true}\n  target:"
        ),
        "line 12, spec.model.missingIndicators: with impute: false the model sees itself which values are missing",
    ),
    "no patience": (
        changed("  target:", "  model: {algorithm: HistGradientBoosting, earlyStopping: {patience: 0}}\n  target:"),
        "line 12, spec.model.earlyStopping.patience: it must be at least 1",
    ),
    "indicators of no column": (
        changed("  target:", "  model: {missingIndicators: true}\n  target:"),
        "line 12, spec.model.missingIndicators: no column that the model learns from is nullable",
    ),
    "indicators in ONNX": (
        changed("minimum: 0", "nullable: true").replace(
            "  target:", "  model: {missingIndicators: true}\n  package: {format: Onnx}\n  target:"
        ),
        "line 13, spec.package.format: Onnx cannot say which values were missing: leave out spec.model.missingIndica",
    ),
    "a part that is there twice": (
        changed("type: Number, minimum: 0", "type: Time, parts: [DayOfWeek, DayOfWeek]"),
        "line 9, spec.columns.income.parts: a part is there twice",
    ),
    "an unknown time zone": (
        changed("type: Number, minimum: 0", "type: Time, timeZone: Sao Paulo"),
        "line 9, spec.columns.income.timeZone: there is no time zone 'Sao Paulo': write one of the tz database",
    ),
    "a minimum of a time": (
        changed("type: Number, minimum: 0", "type: Time, minimum: 0"),
        "line 9, spec.columns.income.minimum: it is for numbers, and this column is of type Time",
    ),
    "a time as the target": (
        changed("status: {type: Category, values: [good, bad]}", "status: {type: Time}"),
        "spec.target.column: 'status' is of type Time, and classes are a Category or a Boolean",
    ),
    "a computed feature of nothing": (
        changed("  target:", "  features: {ratio: age / 2}\n  target:"),
        "line 12, spec.features.ratio: the data has no column 'age'; ",
    ),
    "a computed feature of the target": (
        changed("  target:", "  features: {ratio: income / status}\n  target:"),
        "line 12, spec.features.ratio: the data has no column 'status'; ",
    ),
    "a computed truth": (
        changed("  target:", "  features: {poor: income < 10}\n  target:"),
        "line 12, spec.features.poor: it is true or false for each row, and has to be a number",
    ),
    "a computed feature that is a column already": (
        changed("  target:", "  features: {again: income}\n  target:"),
        "line 12, spec.features.again: it is what 'income' says already: leave it out",
    ),
    "a computed feature with the name of a column": (
        changed("  target:", "  features: {job: income * 2}\n  target:"),
        "line 12, spec.features.job: spec.columns describes a column of that name: choose another one",
    ),
    "timeliness of a number": (
        changed("  target:", "  checks: {timeliness: [{column: income, maxAge: 7d}]}\n  target:"),
        "line 12, spec.checks.timeliness[0].column: 'income' is of type Number, and a Time is wanted",
    ),
    "timeliness of nothing": (
        changed("  target:", "  checks: {timeliness: [{column: age, maxAge: 7d}]}\n  target:"),
        "line 12, spec.checks.timeliness[0].column: the data has no 'age': describe it in spec.columns",
    ),
    "timeliness that says nothing": (
        changed("  target:", "  checks: {timeliness: [{column: income}]}\n  target:"),
        "line 12, spec.checks.timeliness[0]: it says neither maxAge nor maxGap, and so nothing",
    ),
    "an age in words": (
        changed("  target:", "  checks: {timeliness: [{column: income, maxAge: a week}]}\n  target:"),
        "spec.checks.timeliness[0].maxAge: it must be a whole number of seconds, minutes, hours or days, such as 45s",
    ),
    "values of a number": (
        changed("minimum: 0", "values: [a, b]"),
        "line 9, spec.columns.income.values: it is for categories, and this column is of type Number",
    ),
    "a category without values": (
        changed("job: {type: Category, values: [no, yes]}", "job: {type: Category}"),
        "line 10, spec.columns.job: a category needs `values`: all that are possible",
    ),
    "a category with one value": (
        changed("[no, yes]", "[no]"),
        "spec.columns.job.values: a category with one",
    ),
    "a value twice": (changed("[no, yes]", "[no, no]"), "line 10, spec.columns.job.values: a value is there twice"),
    "a value with a space at its end": (
        changed("[no, yes]", "[no, 'yes ']"),
        "line 10, spec.columns.job.values: a value begins or ends with a space, which is cut off",
    ),
    "a number by its tag only": (changed("minimum: 0", "minimum: !!int abc"), "calls it a number, and it is none"),
    "a definition that was cut off": ("timoneiro-definition:eJz", "it is encoded, and was cut off or changed"),
    "a value that is a number": (
        changed("[no, yes]", "[007, yes]"),
        'line 10, spec.columns.job.values[0]: text is wanted: write "007" in quotes',
    ),
    "a value that is true": (changed("[no, yes]", "[true, no]"), 'write "true" in quotes'),
    "a value that is nothing": (changed("[no, yes]", "[~, yes]"), 'text is wanted: write "~" in quotes'),
    "values that are text": (changed("[no, yes]", "no"), "line 10, spec.columns.job.values: a list is wanted"),
    "yes for true": (changed("minimum: 0", "nullable: yes"), "line 9, spec.columns.income.nullable: true or false is"),
    "a key that may be missing": (
        changed("{type: Number, minimum: 0}", "{type: Key, nullable: true}"),
        "line 9, spec.columns.income.nullable: a key says which row it is, so that it cannot be missing",
    ),
    "a target that is no column": (
        changed("column: status", "column: state"),
        "line 12, spec.target.column: spec.columns has no 'state': describe it there",
    ),
    "a target that is a number": (
        changed("{column: status, positive: bad}", "{column: income, positive: bad}"),
        "line 12, spec.target.column: 'income' is of type Number, and classes are a Category or a Boolean",
    ),
    "a target that may be missing": (
        changed("values: [good, bad]", "values: [good, bad], nullable: true"),
        "line 11, spec.columns.status.nullable: a row without its answer teaches nothing",
    ),
    "three classes": (
        changed("[good, bad]", "[good, bad, late]"),
        "line 11, spec.columns.status.values: BinaryClassification takes two classes, and there are 3",
    ),
    "a positive class that is none": (
        changed("positive: bad", "positive: worse"),
        "line 12, spec.target.positive: 'status' is one of good, bad",
    ),
    "a column that is described and ignored": (
        SMALL + "  ignore: [job]\n",
        "line 15, spec.ignore[0]: spec.columns describes 'job': leave it out there or here",
    ),
    "nothing to learn from": (
        changed("income: {type: Number, minimum: 0}\n    job: {type: Category, values: [no, yes]}", "id: {type: Key}"),
        "line 8, spec.columns: there is nothing to learn from",
    ),
    "a clipped number for ONNX": (
        changed("minimum: 0", "minimum: 0, clip: true") + "  package: {format: Onnx}\n",
        "spec.package.format: Onnx takes columns as they are, and column 'income' is clipped: write Sklearn",
    ),
    "a computed feature for ONNX": (
        changed("  target:", "  features: {twice: income * 2}\n  target:").replace(
            "[no, yes]", "[no, yes], personal: Drop"
        )
        + "  package: {format: Onnx}\n",
        "spec.package.format: Onnx takes columns as they are, and feature 'twice' is computed: write Sklearn",
    ),
    "a gate without a limit": (
        changed(", atLeast: 0.7", ""),
        "line 14, spec.gates[0]: exactly one of atLeast, atMost and champion is wanted, and there is none",
    ),
    "a gate with two limits": (
        changed("atLeast: 0.7", "atLeast: 0.7, champion: 0.1"),
        "line 14, spec.gates[0]: exactly one of atLeast, atMost and champion is wanted, and there are atLeast and "
        "champion",
    ),
    "a gate that never passes": (
        changed("atLeast: 0.7", "atLeast: 1.01"),
        "line 14, spec.gates[0].atLeast: rocAuc is between 0 and 1: this gate would never pass",
    ),
    "a gate that always passes": (
        changed("atLeast: 0.7", "atLeast: 0"),
        "line 14, spec.gates[0].atLeast: rocAuc is between 0 and 1: this gate would always pass",
    ),
    "a champion that never matters": (changed("atLeast: 0.7", "champion: 1"), "this gate would always pass"),
    "a champion's margin below zero": (
        changed("atLeast: 0.7", "champion: -0.01"),
        "line 14, spec.gates[0].champion: it must be at least 0",
    ),
    "a gate the wrong way round": (
        changed("metric: rocAuc, atLeast: 0.7", "metric: logLoss, atLeast: 0.7"),
        "line 14, spec.gates[0].atLeast: logLoss is better the smaller: write atMost",
    ),
    "a loss below zero": (changed("rocAuc, atLeast: 0.7", "logLoss, atMost: -1"), "this gate would never pass"),
    "a decimal comma": (
        changed("atLeast: 0.7", "atLeast: 0,7"),
        "line 14, spec.gates[0]: 7 is no field; if it is a fraction, write the number with a point: 0.95",
    ),
    "a limit that is NaN": (changed("atLeast: 0.7", "atLeast: .nan"), "a finite number is wanted"),
    "an unknown metric": (changed("rocAuc", "roc_auc"), "did you mean rocAuc?"),
    "a share above 1": (SMALL + "  checks: {maxMissing: 5}\n", "spec.checks.maxMissing: it must be at most 1"),
    "a test of all rows": (SMALL + "  split: {test: 1}\n", "line 15, spec.split.test: it must be less than 1"),
    "one fold": (SMALL + "  split: {folds: 1}\n", "line 15, spec.split.folds: it must be at least 2"),
    "half a fold": (SMALL + "  split: {folds: 2.5}\n", "line 15, spec.split.folds: a whole number is wanted"),
    "a seed below zero": (SMALL + "  model: {seed: -1}\n", "line 15, spec.model.seed: it must be at least 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_fault_is_told_with_its_place_and_the_remedy(case: str) -> None:
    text, sentence = BAD[case]
    assert any(sentence in told for told in faults(text)), faults(text)


def test_all_faults_are_told_at_once_in_the_order_of_their_lines() -> None:
    text = changed("name: loans", "name: Loans").replace("type: Number", "type: number").replace("0.7", "x")
    assert [told.partition(":")[0] for told in faults(text)] == [
        "line 4, metadata.name",
        "line 9, spec.columns.income.type",
        "line 14, spec.gates[0].atLeast",
    ]


def test_a_table_in_the_place_of_a_definition_is_told_as_such() -> None:
    assert "is it the table?" in faults("a,b\n" * 300_000)[0]


def test_a_definition_that_is_not_there_comes_with_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"is not there: make one with `timoneiro training init TABLE\.csv"):
        read_training(tmp_path / "training.yaml")


def test_a_definition_in_another_encoding_is_told(tmp_path: Path) -> None:
    (tmp_path / "training.yaml").write_bytes(SMALL.replace("loans.csv", "é.csv").encode("latin-1"))
    with pytest.raises(StepError, match=r"is no UTF-8 text \(byte \d+\): save it as UTF-8"):
        read_training(tmp_path / "training.yaml")


@pytest.mark.parametrize(
    ("setting", "value"),
    [("spec.model.seed=3", 3), ("spec.gates[0].atLeast=0.9", 0.9), ("metadata.name=other", "other")],
)
def test_a_setting_takes_the_place_of_a_field(setting: str, value: object) -> None:
    training = parse_training(SMALL, settings=[setting])
    assert value in (training.spec.model.seed, training.spec.gates[0].at_least, training.metadata.name)


def test_a_column_whose_name_has_dots_is_set_in_brackets() -> None:
    text = SMALL.replace("income:", '"a.b":')
    training = parse_training(text, settings=['spec.columns["a.b"].minimum=7'])
    assert training.spec.columns["a.b"].minimum == 7


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("spec.model.seed", "spec.model.seed: write --set spec.model.seed=3"),
        ("spec.model.seed=3\njunk: 4", "spec.model.seed: one value is wanted, in one line"),
        ("=3", "=3: write --set spec.model.seed=3"),
        ("spec.gates[7].atLeast=1", "spec.gates[7].atLeast: it leads to nothing that the definition has"),
        ("metadata.name.first=x", "metadata.name.first: it leads to nothing that the definition has"),
        ("spec.modl.seed=3", "spec.modl: there is no such field; did you mean model?"),
        ("spec.model.seed=", "spec.model.seed: a whole number is wanted"),
        ("spec.model.seed=[", "is no YAML"),
    ],
)
def test_a_setting_that_fits_nothing_is_told(setting: str, sentence: str) -> None:
    assert any(sentence in told for told in faults(SMALL, setting))


@given(st.text(max_size=200))
def test_no_text_at_all_raises_anything_else(text: str) -> None:
    with pytest.raises(DefinitionError):
        parse_training(text)


DATA = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "path", ["kind", "metadata", "spec", "spec.source", "spec.columns", "spec.gates[0]", "spec.target"]
)
@given(data=DATA)
def test_no_data_of_any_form_raises_anything_else(path: str, data: object) -> None:
    with suppress(DefinitionError):
        parse_training(SMALL, settings=[f"{path}={json.dumps(data)}"])


def test_the_schema_knows_the_fields_and_describes_them() -> None:
    csv = fields_at(("spec", "source", "csv"))
    assert set(csv) == {"path", "encoding", "separator", "decimal", "missing"} and "description" in csv["path"]


def test_the_schema_refuses_fields_that_are_not_known() -> None:
    objects = [definition for definition in json_schema()["$defs"].values() if definition.get("type") == "object"]
    assert all(found["additionalProperties"] is False for found in objects)


MODEL_FAULTS = {
    "an unknown algorithm": ("spec.model.algorithm=RandomForrest", "did you mean RandomForest?"),
    "an algorithm of another task": ("spec.model.algorithm=Ridge", "Ridge is not for BinaryClassification: choose"),
    "a metric of another task": ("spec.gates=[{metric: mae, atMost: 1}]", "mae is not for BinaryClassification"),
    "no metric": ("spec.gates=[{metric: goodness, atLeast: 1}]", "there is no such metric; it is one of rocAuc, "),
    "a search that looks for nothing": ("spec.model.search={metric: goodness}", "there is no such metric"),
    "a search by one's own": ("spec.model.search={metric: 'a:b'}", "which way one of your own is better is not known"),
    "a search of an unknown model": (
        "spec.model={algorithm: 'sklearn.svm:SVC', search: {}}",
        "spec.model.search.space: where to look is not known of sklearn.svm:SVC",
    ),
    "a range without an end": ("spec.model.search={space: {C: {low: 1}}}", "write low and high, or choices"),
    "a range of nothing": ("spec.model.search={space: {C: {low: 2, high: 2}}}", "it must be less than high"),
    "powers of nothing": ("spec.model.search={space: {C: {low: 0, high: 2, log: true}}}", "with log it must be more"),
    "choices and a range": ("spec.model.search={space: {C: {low: 1, choices: [2]}}}", "either choices or low and high"),
    "no choice": ("spec.model.search={space: {C: {choices: []}}}", "at least 1 is wanted"),
    "a parameter twice": (
        "spec.model={parameters: {C: 1}, search: {space: {C: {low: 1, high: 2}}}}",
        "spec.model.parameters has it too",
    ),
    "a curve of one value": (
        "spec.model.validationCurve={parameter: C, values: [1]}",
        "spec.model.validationCurve.values: at least 2",
    ),
    "a curve with a value twice": (
        "spec.model.validationCurve={parameter: C, values: [1, 2, 1]}",
        "spec.model.validationCurve.values: a value is there twice",
    ),
    "no trials": ("spec.model.search={trials: 0}", "it must be at least 1"),
    "no time": ("spec.model.search={seconds: 0}", "it must be more than 0"),
    "a cost of nothing": ("spec.model.costs={falsePositive: 0, falseNegative: 1}", "it must be more than 0"),
    "half of the costs": ("spec.model.costs={falsePositive: 1}", "falseNegative: it is missing"),
    "a calibration of another name": ("spec.model.calibration=Platt", "it must be 'Sigmoid' or 'Isotonic'"),
    "groups of nobody": ("spec.split.groupBy=customer", "spec.columns has no 'customer'"),
    "the target as group": ("spec.split.groupBy=status", "it is the target"),
    "an order of categories": ("spec.split.orderBy=job", "what says when is a time, a number, or a key"),
    "groups and an order": ("spec.split={groupBy: job, orderBy: income}", "either groupBy or orderBy"),
    "slices of nothing": ("spec.evaluation.slices=[age]", "spec.columns has no 'age'"),
    "slices of the target": ("spec.evaluation.slices=[status]", "'status' is the target"),
    "a slice of nothing": ("spec.gates=[{metric: f1, slice: age, atLeast: 0.5}]", "spec.columns has no 'age'"),
    "a slice and a disturbance": (
        "spec.gates=[{metric: f1, slice: job, robustness: Noise, atMost: 0.5}]",
        "at most one of slice, fairness and robustness is wanted, and there are slice and robustness",
    ),
    "fairness of at least": ("spec.gates=[{metric: f1, fairness: job, atLeast: 0.5}]", "write atMost"),
    "fairness of nothing": ("spec.gates=[{metric: f1, fairness: job, atMost: 0}]", "it must be more than 0"),
    "a disturbance of another name": ("spec.gates=[{metric: f1, robustness: Rain, atMost: 1}]", "it must be 'Noise'"),
    "values taken away where none may be missing": (
        "spec.gates=[{metric: f1, robustness: Missing, atMost: 0.5}]",
        "spec.gates[0].robustness: no column that the model is asked with is nullable: leave this gate out",
    ),
    "wrong labels of at least": (
        "spec.gates=[{metric: f1, robustness: LabelNoise, atLeast: 0.5}]",
        "spec.gates[0].atLeast: robustness is about a difference: write atMost",
    ),
    "most labels wrong": ("spec.evaluation.labelNoise=0.6", "spec.evaluation.labelNoise: it must be at most 0.5"),
    "noise without a number": (
        "spec={ignore: [income], gates: [{metric: f1, robustness: Noise, atMost: 0.5}], source: {csv: {path: a.csv}}, "
        "columns: {job: {type: Boolean}, owner: {type: Boolean}}, target: {column: job, positive: 'true'}}",
        "spec.gates[0].robustness: no column that the model is asked with is a number: leave this gate out",
    ),
    "confidence without a champion": (
        "spec.gates=[{metric: f1, atLeast: 0.5, confidence: 0.9}]",
        "confidence: it is for a comparison with the champion",
    ),
    "too little confidence": ("spec.gates=[{metric: f1, champion: 0.1, confidence: 0.1}]", "it must be at least 0.5"),
    "several classes without a positive": ("spec.task=MulticlassClassification", "positive: it is for BinaryClass"),
    "a number of classes": ("spec.task=Regression", "'status' is of type Category, and Regression predicts a Number"),
    "an unknown task": ("spec.task=Ranking", "it must be 'BinaryClassification', 'MulticlassClassification' or"),
}


@pytest.mark.parametrize("what", MODEL_FAULTS)
def test_a_model_that_contradicts_itself_is_told_by_field(what: str) -> None:
    setting, sentence = MODEL_FAULTS[what]
    assert any(sentence in found for found in faults(SMALL, setting)), faults(SMALL, setting)


def test_two_classes_without_a_positive_one_are_told() -> None:
    found = faults(changed(", positive: bad", ""))
    assert found == [
        "line 12, spec.target.positive: it is missing: the class whose probability is judged, one of good, bad"
    ]


def test_a_regression_has_no_classes_and_a_gate_of_its_own() -> None:
    text = changed(", positive: bad", "").replace("{type: Category, values: [good, bad]}", "{type: Number}")
    text = text[: text.index("  gates:")]
    training = parse_training(text, settings=["spec.task=Regression", "spec.model.algorithm=Ridge"])
    assert training.classes == () and [gate.metric for gate in training.spec.gates] == ["r2"]


@pytest.mark.parametrize("setting", ["spec.model.calibration=Sigmoid", "spec.model.balanced=true"])
def test_what_is_for_classes_is_no_part_of_a_regression(setting: str) -> None:
    text = changed(", positive: bad", "").replace("{type: Category, values: [good, bad]}", "{type: Number}")
    text = text[: text.index("  gates:")]
    found = faults(text, "spec.task=Regression", "spec.model.algorithm=Ridge", setting)
    assert len(found) == 1 and found[0].endswith("it is for classes, and the task is Regression")


def test_a_fault_of_a_field_is_told_alone() -> None:
    """Defaults that depend on other fields say nothing of it."""
    text = SMALL[: SMALL.index("  gates:")] + "  checks: {minRowsPerClass: 1}\n"
    assert faults(text) == ["line 13, spec.checks.minRowsPerClass: it must be at least 2"]
