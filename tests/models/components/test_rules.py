"""What follows where rows do not keep to limits, categories, keys and rules: warned of, taken out, or stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from timoneiro_components.definition.problems import DefinitionError
from timoneiro_components.definition.reading import parse_training
from timoneiro_components.errors import StepError
from timoneiro_components.privacy.record import PrivacyRecord, write_record
from timoneiro_components.quality.preflight import check_rules
from timoneiro_components.sources.columns import schema_of
from timoneiro_components.tables import read_table, take_test, write_table
from timoneiro_components.validate import Validation, validate

DEFINITION = """\
apiVersion: timoneiro.dev/v1alpha1
kind: Training
metadata: {name: loans}
spec:
  source: {csv: {path: loans.csv}}
  columns:
    id: {type: Key}
    start: {type: Number, minimum: 0, maximum: 100}
    end: {type: Number, nullable: true}
    job: {type: Category, values: [clerk, nurse]}
    status: {type: Category, values: [good, bad]}
  target: {column: status, positive: bad}
  checks: {maxMissing: 0.2}
"""

NOTHING_PERSONAL = PrivacyRecord((), {}, rows=0, rows_scanned=0, rows_erased=0, retention=None, withheld=False)


def rows(count: int = 200) -> pd.DataFrame:
    """Rows in which nothing is wrong."""
    random = np.random.default_rng(5)
    start = random.uniform(0, 100, count).round(3)
    return pd.DataFrame(
        {
            "id": [f"{number:05d}" for number in range(count)],
            "start": start,
            "end": start + random.uniform(0, 9, count),
            "job": random.choice(["clerk", "nurse"], count),
            "status": random.choice(["good", "bad"], count),
        }
    )


class Judged(NamedTuple):
    done: Validation
    accepted: list[str]
    accepted_holdout: list[str]
    quarantine: dict[str, list[str]]
    report: str


Judge = Callable[..., Judged]


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    """Validates a table under the definition with these settings; the first `held` rows are the holdout."""

    def judge_rows(table: pd.DataFrame, *settings: str, held: int = 0) -> Judged:
        training = parse_training(DEFINITION, settings=settings)
        whole = pa.Table.from_pandas(table, schema=schema_of(training.spec.columns), preserve_index=False)
        write_table(whole.slice(held), tmp_path / "data")
        write_table(whole.slice(0, held), tmp_path / "holdout")
        write_record(NOTHING_PERSONAL, tmp_path / "privacy")
        names = ("data", "holdout", "privacy", "accepted", "accepted_holdout", "quarantine", "report")
        done = validate(training, **{name: tmp_path / name for name in names})
        kept, kept_holdout, taken = (
            read_table(tmp_path / name) for name in ("accepted", "accepted_holdout", "quarantine")
        )
        reasons = dict(zip(taken["id"].to_pylist(), taken["quarantine_reasons"].to_pylist(), strict=True))
        report = (tmp_path / "report").read_text()
        return Judged(done, kept["id"].to_pylist(), kept_holdout["id"].to_pylist(), reasons, report)

    return judge_rows


def rule(expression: str, action: str = "Quarantine") -> str:
    return f"spec.checks.rules=[{{name: order, expression: {json.dumps(expression)}, action: {action}}}]"


def function(name: str, action: str = "Quarantine") -> str:
    return f'spec.checks.rules=[{{name: own, function: "users_own_rules:{name}", action: {action}}}]'


@pytest.fixture
def own_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of the user's own."""
    (tmp_path / "users_own_rules.py").write_text(
        "import pandas as pd\n"
        "number = 3\n"
        "def ordered(frame): return frame['end'] >= frame['start']\n"
        "def nullable(frame): return (frame['start'] >= 0).astype('boolean')\n"
        "def changes(frame): frame['start'] = 0.0; return frame['start'] == 0\n"
        "def fails(frame): raise ValueError(frame['id'][0])\n"
        "def short(frame): return (frame['start'] >= 0)[:5]\n"
        "def a_list(frame): return [True] * len(frame)\n"
        "def numbers(frame): return frame['start']\n"
        "def turned(frame): return (frame['start'] >= 0)[::-1]\n"
        "def open_answer(frame): return (frame['start'] >= 0).astype('boolean').where(frame['start'] > 3)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


def test_rows_in_which_nothing_is_wrong_are_all_accepted(judge: Judge) -> None:
    judged = judge(rows(), rule("end >= start"))
    assert (judged.done.reasons, judged.done.quarantined, len(judged.accepted)) == ((), 0, 200)


def test_a_rule_that_stops_says_how_many_rows_do_not_keep_to_it(judge: Judge) -> None:
    judged = judge(rows().assign(end=lambda f: f["end"].mask(f.index < 3, -1.0)), rule("end >= start", "Stop"))
    assert judged.done.reasons == ("rule 'order': 3 of 200 rows do not keep to it",)


def test_a_rule_that_warns_stops_nothing_and_takes_no_row(judge: Judge) -> None:
    judged = judge(rows().assign(end=lambda f: f["end"].mask(f.index < 3, -1.0)), rule("end >= start", "Warn"))
    assert (judged.done.reasons, len(judged.accepted)) == ((), 200)
    assert judged.done.warnings == ("rule 'order': 3 of 200 rows do not keep to it",)


def test_rows_that_are_taken_out_are_kept_with_the_reasons(judge: Judge) -> None:
    judged = judge(rows().assign(end=lambda f: f["end"].mask(f.index < 2, -1.0)), rule("end >= start"))
    assert judged.quarantine == {"00000": ["rule 'order'"], "00001": ["rule 'order'"]}
    assert judged.accepted == [f"{number:05d}" for number in range(2, 200)]


def test_a_row_has_every_reason_that_it_is_taken_out_for(judge: Judge) -> None:
    spoilt = rows().assign(
        start=lambda f: f["start"].mask(f.index == 7, 101.0), end=lambda f: f["end"].mask(f.index == 7, 1.0)
    )
    judged = judge(spoilt, rule("end >= start"), "spec.checks.actions.limits=Quarantine")
    assert judged.quarantine == {"00007": ["start: above 100", "rule 'order'"]}


@pytest.mark.parametrize(
    ("action", "spoil", "label"),
    [
        ("limits", {"start": -1.0}, "start: below 0"),
        ("categories", {"job": "cook"}, "job: none of its values"),
        ("missing", {"job": None}, "job: missing"),
        ("missing", {"status": None}, "status: missing"),
        ("duplicateKeys", {"id": "00000"}, "a key that an earlier row has"),
    ],
)
def test_an_action_of_the_definition_takes_rows_out(
    judge: Judge, action: str, spoil: dict[str, Any], label: str
) -> None:
    spoilt = rows()
    for column, value in spoil.items():
        spoilt.loc[9, column] = value
    judged = judge(spoilt, f"spec.checks.actions.{action}=Quarantine")
    assert (judged.done.reasons, list(judged.quarantine.values())) == ((), [[label]])
    assert len(judged.accepted) == 199 and "00009" not in judged.accepted


def test_of_rows_with_the_same_key_the_first_stays(judge: Judge) -> None:
    judged = judge(
        rows().assign(id=lambda f: f["id"].where(f.index > 2, "00001")), "spec.checks.actions.duplicateKeys=Quarantine"
    )
    assert judged.accepted.count("00001") == 1


def test_a_row_with_a_good_copy_of_its_key_stays_where_the_other_is_taken_out_for_its_values(judge: Judge) -> None:
    spoilt = rows()
    spoilt.loc[1, "id"], spoilt.loc[0, "start"] = "00000", -1.0
    actions = "spec.checks.actions={limits: Quarantine, duplicateKeys: Quarantine}"
    assert judge(spoilt, actions).accepted.count("00000") == 1


def test_copies_of_a_row_are_taken_out_and_the_first_stays(judge: Judge) -> None:
    twice = pd.concat([rows(), rows().head(3)], ignore_index=True)
    judged = judge(twice, "spec.checks.actions={duplicates: Quarantine, duplicateKeys: Quarantine}")
    assert (judged.done.reasons, len(judged.accepted), judged.done.quarantined) == ((), 200, 3)


def test_copies_within_the_tolerance_stay(judge: Judge) -> None:
    twice = pd.concat([rows(), rows().head(3)], ignore_index=True)
    settings = ("spec.checks.maxDuplicates=0.05", "spec.checks.actions={duplicates: Quarantine, duplicateKeys: Warn}")
    assert judge(twice, *settings).done.quarantined == 0


def test_the_holdout_obeys_the_same_rules_and_stays_the_holdout(judge: Judge) -> None:
    spoilt = rows().assign(end=lambda f: f["end"].mask(f.index.isin([3, 100]), -1.0))
    judged = judge(spoilt, rule("end >= start"), held=10)
    assert judged.accepted_holdout == [f"{number:05d}" for number in range(10) if number != 3]
    assert len(judged.accepted) == 189 and set(judged.quarantine) == {"00003", "00100"}


def test_more_rows_than_may_be_taken_out_fail_the_gate(judge: Judge) -> None:
    spoilt = rows().assign(end=lambda f: f["end"].mask(f.index < 11, -1.0))
    reasons = judge(spoilt, rule("end >= start")).done.reasons
    assert reasons == ("11 of 200 rows are quarantined (5.5%), 5.0% are accepted",)


def test_the_share_that_may_be_taken_out_is_the_definition_s(judge: Judge) -> None:
    spoilt = rows().assign(end=lambda f: f["end"].mask(f.index < 11, -1.0))
    assert judge(spoilt, rule("end >= start"), "spec.checks.maxQuarantined=0.06").done.reasons == ()


def test_checks_of_the_table_are_about_the_rows_that_are_left(judge: Judge) -> None:
    spoilt = rows()
    spoilt.loc[0:8, "status"] = None
    settings = ("spec.checks.actions.missing=Quarantine", "spec.checks.maxMissing=0")
    assert judge(spoilt, *settings).done.reasons == ()


def like_the_first(count: int) -> pd.DataFrame:
    """Rows of which the first `count` differ in nothing but their key."""
    copies = rows()
    for column in ("start", "end", "job", "status"):
        copies[column] = copies[column].where(copies.index >= count, copies[column][0])
    return copies


def test_test_rows_that_are_like_training_rows_are_warned_of(judge: Judge) -> None:
    judged = judge(like_the_first(40))
    assert judged.done.reasons == () and len(judged.accepted) == 200
    assert "test rows are like a training row with another key" in judged.done.warnings[0]


def test_training_rows_that_are_like_test_rows_are_taken_out(judge: Judge, tmp_path: Path) -> None:
    settings = ("spec.checks.actions.testDuplicates=Quarantine", "spec.checks.maxQuarantined=1")
    judge(like_the_first(40), *settings)
    training, table = parse_training(DEFINITION), read_table(tmp_path / "accepted")
    sides = take_test(table, training)
    test, train = ({tuple(row.values()) for row in side.drop_columns("id").to_pylist()} for side in sides)
    assert not test & train and len(sides[0]) > 40


def test_as_many_test_rows_as_the_definition_accepts_are_no_warning(judge: Judge) -> None:
    assert judge(like_the_first(40), "spec.checks.maxTestDuplicates=0.5").done.warnings == ()


def test_rows_that_differ_in_a_feature_are_not_alike(judge: Judge) -> None:
    assert judge(rows()).done.warnings == ()


def test_rows_of_a_table_without_any_are_none(judge: Judge) -> None:
    judged = judge(rows(0), rule("end >= start"))
    assert judged.done.quarantined == 0 and "class 'good' has 0 rows, at least 20 are wanted" in judged.done.reasons


def test_a_column_with_the_name_of_the_reasons_is_kept(tmp_path: Path) -> None:
    text = DEFINITION.replace("    end:", "    quarantine_reasons:")
    training = parse_training(text, settings=["spec.checks.actions.limits=Quarantine"])
    spoilt = rows().rename(columns={"end": "quarantine_reasons"})
    spoilt.loc[0, "start"] = -1.0
    names = ("data", "holdout", "privacy", "accepted", "accepted_holdout", "quarantine", "report")
    places = {name: tmp_path / name for name in names}
    table = pa.Table.from_pandas(spoilt, schema=schema_of(training.spec.columns), preserve_index=False)
    write_table(table, places["data"])
    write_table(table.slice(0, 0), places["holdout"])
    write_record(NOTHING_PERSONAL, places["privacy"])
    validate(training, **places)
    taken = read_table(places["quarantine"])
    assert taken["quarantine_reasons_"].to_pylist() == [["start: below 0"]]
    assert taken["quarantine_reasons"].type == pa.float64()


def test_the_report_says_what_was_warned_of_and_taken_out(judge: Judge) -> None:
    spoilt = rows().assign(
        end=lambda f: f["end"].mask(f.index < 2, -1.0), job=lambda f: f["job"].mask(f.index == 5, "cook")
    )
    report = judge(spoilt, rule("end >= start"), "spec.checks.actions.categories=Warn").report
    assert report.startswith("# Data report: passed")
    assert "## What is quarantined: 2 of 200 rows\n\n* rule 'order': 2 of 200 rows do not keep to it" in report
    assert "## What is only warned of\n\n* column 'job' has 1 value other than clerk, nurse" in report


def test_no_value_of_a_cell_is_in_the_report(judge: Judge) -> None:
    spoilt = rows()
    spoilt.loc[0, "job"] = "secret-word"
    assert "secret-word" not in judge(spoilt).report


@pytest.mark.usefixtures("own_rules")
class TestFunctionsOfTheUser:
    """Rules as `module:function`."""

    def test_rows_for_which_it_is_false_are_taken_out(self, judge: Judge) -> None:
        judged = judge(rows().assign(end=lambda f: f["end"].mask(f.index < 2, -1.0)), function("ordered"))
        assert judged.quarantine == {"00000": ["rule 'own'"], "00001": ["rule 'own'"]}

    def test_it_may_answer_in_pandas_own_truth_values(self, judge: Judge) -> None:
        assert judge(rows(), function("nullable")).done.reasons == ()

    def test_what_it_does_to_the_frame_reaches_nobody(self, judge: Judge, tmp_path: Path) -> None:
        assert judge(rows(), function("changes")).done.reasons == ()
        assert read_table(tmp_path / "accepted")["start"].to_pylist() == rows()["start"].to_list()

    @pytest.mark.parametrize(
        ("name", "sentence"),
        [
            ("fails", "users_own_rules:fails failed: ValueError at users_own_rules.py:6"),
            ("short", "gave 5 values for 200 rows, and a pandas Series of true and false is wanted"),
            ("a_list", "gave a list, and a pandas Series of true and false is wanted, one for each row"),
            ("numbers", "gave a Series of float64, and a pandas Series"),
            ("turned", "gave its answers in another order, or with another index"),
            ("open_answer", "missing values, and a pandas Series"),
        ],
    )
    def test_a_function_that_does_not_answer_stops_with_a_sentence(
        self, judge: Judge, name: str, sentence: str
    ) -> None:
        reasons = judge(rows(), function(name, "Warn")).done.reasons
        assert len(reasons) == 1 and reasons[0].startswith("rule 'own': users_own_rules:") and sentence in reasons[0]

    @pytest.mark.parametrize(
        ("name", "sentence"),
        [
            ("nothing", r"spec\.checks\.rules\[0\]\.function users_own_rules:nothing cannot be imported"),
            ("number", r"spec\.checks\.rules\[0\]\.function users_own_rules:number is a int, and no function"),
        ],
    )
    def test_a_function_that_is_not_there_is_told_before_anything_runs(self, name: str, sentence: str) -> None:
        with pytest.raises(StepError, match=sentence):
            check_rules(parse_training(DEFINITION, settings=[function(name)]))


@pytest.mark.parametrize(
    ("setting", "fault"),
    [
        (rule("ende >= start"), "spec.checks.rules[0].expression: the data has no column 'ende'; did you mean 'end'?"),
        (
            "spec.checks.rules=[{name: x}]",
            "spec.checks.rules[0]: exactly one of expression and function is wanted, and",
        ),
        (
            'spec.checks.rules=[{name: x, expression: "start > 0", function: "a:b"}]',
            "spec.checks.rules[0]: exactly one of expression and function is wanted, and there are both",
        ),
        (
            'spec.checks.rules=[{name: x, expression: "start > 0"}, {name: x, expression: "end > 0"}]',
            "spec.checks.rules[1].name: two rules are called 'x': rename one",
        ),
        (
            "spec.checks.rules=[{name: x, function: nothing}]",
            "spec.checks.rules[0].function: it must be module:function",
        ),
        ("spec.checks.rules=[{expression: start > 0}]", "spec.checks.rules[0].name: it is missing"),
        (rule("start > 0", "Delete"), "spec.checks.rules[0].action: it must be 'Warn', 'Quarantine' or 'Stop'"),
        (
            "spec.checks.actions={limit: Warn}",
            "spec.checks.actions.limit: there is no such field; did you mean limits?",
        ),
        ("spec.checks.maxQuarantined=5", "spec.checks.maxQuarantined: it must be at most 1"),
    ],
)
def test_a_fault_of_a_rule_is_told_with_its_field(setting: str, fault: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        parse_training(DEFINITION, settings=[setting])
    assert any(str(problem).startswith(fault) for problem in raised.value.problems), raised.value


def test_a_fault_of_an_expression_is_told_with_its_line() -> None:
    text = DEFINITION.replace(
        "{maxMissing: 0.2}",
        "\n    rules:\n      - name: order\n        expression: ende >= start\n        action: Warn",
    )
    with pytest.raises(DefinitionError) as raised:
        parse_training(text)
    assert [problem.line for problem in raised.value.problems] == [16]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"status": None}, "column 'status' lacks 1 value and may lack none: say nullable if they may be missing"),
        ({"status": "odd"}, "column 'status' has 1 value other than good, bad"),
    ],
)
def test_a_row_without_its_answer_is_never_only_warned_of(judge: Judge, change: dict[str, Any], sentence: str) -> None:
    table = rows()
    table.loc[3, list(change)] = list(change.values())
    found = judge(table, "spec.checks.actions={missing: Warn, categories: Warn}")
    assert sentence in found.done.reasons
