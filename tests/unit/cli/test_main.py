"""The program from its arguments to its exit code, stdout and stderr."""

import json
import subprocess
import sys
import threading

import pytest
import yaml

from timoneiro_operator.api.command import parse_command
from timoneiro_operator.cli.errors import DONE, FAILED, NO_ANSWER, NOT_FOUND, UNFINISHED, USAGE, CliError


def done(md):
    return md.record


def test_without_arguments_it_says_what_it_can_do(run) -> None:
    code, out, err = run(None)
    assert code == USAGE
    assert "promote" in out + err


@pytest.mark.parametrize(
    "command",
    [
        *("get", "watch", "status", "explain", "history", "report", "version"),
        *("promote", "abort", "pause", "resume", "retry", "rollback", "adopt", "release"),
    ],
)
def test_every_command_teaches_its_use(run, command) -> None:
    code, out, _ = run(None, command, "--help")
    assert code == DONE
    assert "Usage: timoneiro" in out


def test_it_calls_itself_what_it_was_called(run, monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/kubectl-timoneiro"])
    assert "Usage: kubectl timoneiro get" in run(None, "get", "--help")[1]


def test_the_version_is_printed(run) -> None:
    code, out, _ = run(None, "version")
    assert (code, out.startswith("timoneiro ")) == (DONE, True)


def test_a_failure_is_one_sentence_on_stderr_with_its_exit_code(run) -> None:
    code, out, err = run(CliError("no kubeconfig was found", code=NO_ANSWER), "get")
    assert (code, out, err) == (NO_ANSWER, "", "timoneiro: no kubeconfig was found\n")


@pytest.mark.parametrize("name", ["Fraud", "a/b", "-a", "..", "a b"])
def test_what_cannot_be_a_name_is_wrong_use(md, fake_cluster, run, name) -> None:
    code, _, err = run(fake_cluster(md.rolling()), "explain", "--", name)
    assert (code, "cannot be the name of a ModelDeployment" in err) == (USAGE, True)


@pytest.mark.parametrize(
    ("text", "words"), [("soon", "'soon' is not a duration"), ("3000000d", "3000000d is longer than ten years")]
)
def test_what_is_no_duration_to_wait_for_is_wrong_use_and_nothing_is_asked(md, fake_cluster, run, text, words) -> None:
    cluster = fake_cluster(md.rolling())
    code, _, err = run(cluster, "abort", "fraud", "--timeout", text)
    assert (code, words in err) == (USAGE, True)


def test_the_table_has_one_row_for_each_deployment(md, fake_cluster, run) -> None:
    code, out, _ = run(fake_cluster(md.rolling(verdict="errors 1.2x: undecided"), md.healthy()), "get")
    rows = [" ".join(line.split()) for line in out.splitlines()]
    assert code == DONE
    assert rows == [
        "NAME PHASE STEP WEIGHT STABLE CANDIDATE VERDICT AGE",
        f"fraud Progressing 2/4 25 {md.first} {md.second} errors 1.2x: undecided 12d",
        f"fraud Healthy - - {md.second} - 12d",
    ]


def test_all_namespaces_have_a_column_for_them(md, fake_cluster, run) -> None:
    cluster = fake_cluster(md.rolling())
    assert run(cluster, "get", "-A")[1].startswith("NAMESPACE")
    assert cluster.everywhere


def test_a_deployment_that_cannot_be_understood_hides_no_other(md, fake_cluster, run) -> None:
    code, out, _ = run(fake_cluster(md.body(phase="Dancing"), md.healthy()), "get")
    assert code == DONE
    assert "use the version of the operator" in out
    assert "Healthy" in out


def test_an_empty_namespace_is_told(fake_cluster, run) -> None:
    assert run(fake_cluster(), "get")[1] == "There is no ModelDeployment in namespace 'models'.\n"


def test_one_deployment_is_drawn(md, fake_cluster, run) -> None:
    code, out, _ = run(fake_cluster(md.rolling()), "get", "fraud")
    assert code == DONE
    assert f"candidate version 2 ({md.second})  25 %" in out


def test_a_picture_into_a_pipe_has_no_colour_and_no_cut_lines(md, fake_cluster, run) -> None:
    body = md.rolling(message="long " * 30 + "end")
    out = run(fake_cluster(body), "get", "fraud")[1]
    assert "\x1b" not in out
    assert "long " * 30 + "end" in out


def test_a_picture_without_the_right_to_see_pods_says_so_and_draws_the_rest(md, fake_cluster, run) -> None:
    cluster = fake_cluster(md.rolling())
    cluster.parts["Pod"] = CliError("you may not list pods")
    code, out, _ = run(cluster, "get", "fraud")
    assert (code, "you may not list pods" in out, "stable version 1" in out) == (DONE, True, True)


@pytest.mark.parametrize(("output", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_data_is_the_object_of_the_api_server(md, fake_cluster, run, output, read) -> None:
    expected = md.rolling()
    del expected["metadata"]["managedFields"]
    assert read(run(fake_cluster(md.rolling()), "get", "fraud", "-o", output)[1]) == expected


def test_data_of_all_is_a_list(md, fake_cluster, run) -> None:
    assert json.loads(run(fake_cluster(md.rolling()), "get", "-o", "json")[1])["kind"] == "List"


def test_a_deployment_that_is_not_there_has_its_own_exit_code(md, fake_cluster, run) -> None:
    assert run(fake_cluster(md.rolling()), "status", "other")[0] == NOT_FOUND


@pytest.mark.parametrize(("state", "code"), [("healthy", DONE), ("rolled_back", FAILED), ("rolling", UNFINISHED)])
def test_the_status_is_one_line_and_the_exit_code(md, fake_cluster, run, state, code) -> None:
    found, out, err = run(fake_cluster(getattr(md, state)()), "status", "fraud")
    assert (found, out.count("\n"), err) == (code, 1, "")


def test_a_status_can_be_waited_for(md, fake_cluster, run) -> None:
    code, out, _ = run(fake_cluster(md.rolling(), md.healthy()), "status", "fraud", "--wait")
    assert code == DONE
    assert out.splitlines()[-1].startswith("fraud: Healthy")


def test_a_wait_in_vain_ends_with_its_own_exit_code(md, fake_cluster, run) -> None:
    code, out, _ = run(fake_cluster(md.rolling()), "status", "fraud", "--wait", "--timeout", "5s")
    assert (code, "not over after 5 s" in out) == (UNFINISHED, True)


def test_a_command_is_written_with_who_and_when_and_its_answer_printed(md, fake_cluster, run) -> None:
    cluster = fake_cluster(md.rolling())
    cluster.answer = done(md)
    code, out, _ = run(cluster, "abort", "fraud")
    written = parse_command(*cluster.written[0])
    assert (code, out) == (DONE, "version 2 is rolled back\n")
    assert (written.action, written.revision, written.by, written.at) == ("abort", md.second, "ada", md.at(0))


def test_two_commands_have_two_ids(md, fake_cluster, run) -> None:
    cluster = fake_cluster(md.rolling())
    cluster.answer = done(md)
    run(cluster, "abort", "fraud")
    run(cluster, "abort", "fraud")
    assert len({parse_command(*both).id for both in cluster.written}) == 2


def test_a_refused_command_is_a_failure_on_stderr(md, fake_cluster, run) -> None:
    cluster = fake_cluster(md.rolling())
    cluster.answer = lambda id: md.record(id, outcome="Refused", message="the candidate is another one")
    code, out, err = run(cluster, "promote", "fraud", "--full")
    assert (code, out) == (FAILED, "")
    assert err.endswith("was refused: the candidate is another one\n")
    assert parse_command(*cluster.written[0]).full


def test_an_abort_without_a_candidate_is_refused_before_anything_is_written(md, fake_cluster, run) -> None:
    cluster = fake_cluster(md.healthy())
    code, _, err = run(cluster, "abort", "fraud")
    assert (code, cluster.written) == (FAILED, [])
    assert "no rollout of 'fraud' is running" in err


def test_a_command_that_nobody_answers_ends_with_the_state_and_its_own_exit_code(md, fake_cluster, run) -> None:
    code, _, err = run(fake_cluster(md.rolling()), "pause", "fraud", "--timeout", "3s")
    assert code == UNFINISHED
    assert "has not answered the pause in 3 s: is the operator running?" in err


def test_a_command_need_not_be_waited_for(md, fake_cluster, run) -> None:
    cluster = fake_cluster(md.rolling())
    code, out, _ = run(cluster, "abort", "fraud", "--no-wait")
    assert (code, len(cluster.written)) == (DONE, 1)
    assert "is written" in out


def test_a_rollback_names_where_to(md, fake_cluster, run) -> None:
    cluster = fake_cluster(md.healthy())
    run(cluster, "rollback", "fraud", "--to", "1", "--no-wait")
    assert parse_command(*cluster.written[0]).to == md.first


def test_explain_prints_a_sentence_a_line(md, fake_cluster, run) -> None:
    out = run(fake_cluster(md.rolling()), "explain", "fraud")[1]
    assert out.splitlines()[0] == "Step 2/4 (25 % of the traffic) takes another 8 min 20 s."


def test_the_history_has_rollouts_and_commands(md, fake_cluster, run) -> None:
    entry = {"revision": md.first, "outcome": "Promoted", "reason": "first revision", "startedAt": None}
    body = md.rolling(history=[{**entry, "endedAt": md.at(-60), "version": "1"}], commands=[md.record("a")])
    rows = [" ".join(line.split()) for line in run(fake_cluster(body), "history", "fraud")[1].splitlines()]
    assert f"2026-11-24 09:59:00 UTC {md.first} 1 Promoted first revision" in rows
    assert f"2026-11-24 09:59:55 UTC ada (claimed) abort {md.second} Done version 2 is rolled back" in rows


def test_a_history_without_entries_says_so(md, fake_cluster, run) -> None:
    out = run(fake_cluster(md.rolling()), "history", "fraud")[1]
    assert "none has ended yet" in out
    assert "none was given yet" in out


def test_the_history_as_data_has_both_lists(md, fake_cluster, run) -> None:
    body = md.rolling(commands=[md.record("a")])
    data = json.loads(run(fake_cluster(body), "history", "fraud", "-o", "json")[1])
    assert data == {"history": [], "commands": [md.record("a")]}


def test_what_looks_like_an_emoji_is_printed_as_it_was_written(md, fake_cluster, run) -> None:
    body = md.rolling(message="see :warning: in the log")
    assert "see :warning: in the log" in run(fake_cluster(body), "status", "fraud")[1]


def test_the_report_is_one_page_on_stdout(md, fake_cluster, run) -> None:
    code, out, err = run(fake_cluster(md.rolling(message="a :warning: and\ta tab")), "report", "fraud")
    assert (code, err) == (DONE, "")
    assert out.startswith("<!DOCTYPE html>")
    assert out.rstrip().endswith("</html>")
    assert "a :warning: and\ta tab" in out


@pytest.mark.parametrize(("output", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_the_report_as_data_has_the_same_content(md, fake_cluster, run, output, read) -> None:
    data = read(run(fake_cluster(md.rolling()), "report", "fraud", "-o", output)[1])
    assert (data["schema"], data["rollout"]["candidate"]["revision"]) == (1, md.second)


def test_a_card_is_for_a_version_of_the_report(md, fake_cluster, run, tmp_path) -> None:
    card = tmp_path / "README.md"
    card.write_text("# fraud 2\n\nfor adults only\n")
    cluster = fake_cluster(md.rolling())
    assert "for adults only" in run(cluster, "report", "fraud", "--card", f"2={card}")[1]
    code, out, err = run(cluster, "report", "fraud", "--card", f"7={card}")
    assert (code, out) == (USAGE, "")
    assert "no such version; it has 2" in err


def test_a_rollout_that_failed_is_no_failure_of_its_report(md, fake_cluster, run) -> None:
    assert run(fake_cluster(md.rolled_back()), "report", "fraud")[0] == DONE


def test_ctrl_c_ends_a_watch_without_complaint(md, fake_cluster, run, monkeypatch) -> None:
    class FakeQuietCluster(fake_cluster):
        def changes(self, kind, name, version):
            threading.Event().wait()
            yield from ()

    monkeypatch.setattr("timoneiro_operator.cli.commands.live.take_all", interrupt)
    assert run(FakeQuietCluster(md.rolling()), "watch", "fraud") == (DONE, "", "")


def interrupt(*arguments) -> None:
    raise KeyboardInterrupt


def test_help_needs_neither_the_cluster_client_nor_the_operator() -> None:
    program = (
        "import sys, timoneiro_operator.cli.main;"
        "print([name for name in ('kopf', 'lightkube', 'httpx2', 'aiohttp') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
