"""Every command, to a terminal or file that has few characters, about models and people whose names have others."""

import html
import io
import json
import os
import subprocess
import sys
import threading

import pytest
import yaml

from support.waiting import wait
from timoneiro_operator.api.times import moment
from timoneiro_operator.cli.commands import shell
from timoneiro_operator.cli.commands.waiting import Clock
from timoneiro_operator.cli.errors import DONE, FAILED, UNFINISHED, CliError
from timoneiro_operator.cli.main import main

# Of one, two and four bytes in UTF-8, what rich could take for a picture, and half a character.
WORDS = "Größe 模型 🚢 :ship: \udcff"
SHOWN = "Gr\\xf6\\xdfe \\u6a21\\u578b \\U0001f6a2 :ship: \\udcff"


@pytest.fixture
def run(md, monkeypatch):
    """Runs the program with stdout and stderr in an encoding; gives exit code and what was written to each."""
    time = [md.now]

    def sleep(seconds: float) -> None:
        time[0] += seconds

    monkeypatch.setattr(shell, "clock", lambda: Clock(now=lambda: moment(time[0]), sleep=sleep))
    monkeypatch.setattr(sys, "argv", ["timoneiro"])

    def run(cluster, encoding, *arguments):
        streams = [io.BytesIO(), io.BytesIO()]
        monkeypatch.setattr(shell, "cluster_of", lambda target: cluster)
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(streams[0], encoding=encoding))
        monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(streams[1], encoding=encoding))
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        sys.stdout.flush()
        sys.stderr.flush()
        out, err = (stream.getvalue().decode(encoding) for stream in streams)
        return caught.value.code, out, err

    return run


def told(md, words: str) -> dict[str, object]:
    """What all people who can name something have named like that."""
    entry = {"revision": md.first, "outcome": "Promoted", "reason": words, "startedAt": None, "version": words}
    return {
        "message": words,
        "verdict": words,
        "history": [{**entry, "endedAt": md.at(-60)}],
        "commands": [md.record("a", by=words, message=words)],
        "stable": md.part("2", ready=True) | {"version": words},
    }


@pytest.fixture
def cluster(md, fake_cluster):
    """The model is healthy, and a candidate on its way in the state that is read before."""
    made = fake_cluster(md.healthy(**told(md, WORDS)))
    pod = {"name": WORDS, "labels": {"timoneiro.dev/revision": md.second}}
    made.parts["Pod"] = [{"metadata": pod, "status": {}}]
    return made


@pytest.fixture
def rolling(md, fake_cluster):
    made = fake_cluster(md.rolling(**(told(md, WORDS) | {"stable": md.part("1") | {"version": WORDS}})))
    made.answer = lambda id: md.record(id, message=WORDS)
    return made


LOOKING = [
    (["get"], DONE),
    (["get", "fraud"], DONE),
    (["status", "fraud"], DONE),
    (["status", "fraud", "--wait"], DONE),
    (["explain", "fraud"], DONE),
    (["history", "fraud"], DONE),
    (["report", "fraud"], DONE),
    (["check-metrics", "fraud"], FAILED),
    (["rollback", "fraud", "--no-wait"], DONE),
    (["version"], DONE),
    (["--help"], DONE),
    (["get", "--help"], DONE),
]
STEERING = [
    (["get", "fraud"], DONE),
    (["status", "fraud"], UNFINISHED),
    (["status", "fraud", "--wait", "--timeout", "3s"], UNFINISHED),
    (["explain", "fraud"], DONE),
    (["report", "fraud"], DONE),
    (["promote", "fraud"], DONE),
    (["abort", "fraud"], DONE),
    (["pause", "fraud"], DONE),
    (["resume", "fraud"], FAILED),
    (["retry", "fraud"], FAILED),
    (["rollback", "fraud"], FAILED),
]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize(("arguments", "code"), LOOKING, ids=str)
def test_a_command_about_what_serves_ends_the_same_way_on_every_terminal(
    cluster, run, encoding, arguments, code
) -> None:
    found, out, err = run(cluster, encoding, *arguments)
    assert (found, bool(out or err)) == (code, True), err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize(("arguments", "code"), STEERING, ids=str)
def test_a_command_about_a_rollout_ends_the_same_way_on_every_terminal(rolling, run, encoding, arguments, code) -> None:
    found, out, err = run(rolling, encoding, *arguments)
    assert (found, bool(out or err)) == (code, True), err


def test_a_watch_tells_lines_on_every_terminal(md, fake_cluster, run, monkeypatch) -> None:
    class FakeClusterThatEnds(fake_cluster):
        def changes(self, kind, name, version):
            wait("the line is told", sys.stdout.buffer.getvalue)
            raise CliError(f"{WORDS} is gone")
            yield

    monkeypatch.setattr(
        shell, "clock", lambda: Clock(now=lambda: moment(md.now), sleep=lambda _: threading.Event().wait())
    )
    ending = FakeClusterThatEnds(md.healthy(**told(md, WORDS)))
    code, out, err = run(ending, "ascii", "watch", "fraud")
    assert (code, SHOWN in out, SHOWN in err) == (FAILED, True, True)


def test_a_character_that_the_terminal_lacks_is_its_escape_and_the_others_stay(cluster, run) -> None:
    assert SHOWN in run(cluster, "ascii", "status", "fraud")[1]
    assert SHOWN.replace("\\xf6\\xdf", "öß") in run(cluster, "latin-1", "status", "fraud")[1]


def test_bars_are_drawn_with_what_there_is(rolling, run) -> None:
    assert "#####..............." in run(rolling, "ascii", "get", "fraud")[1]
    assert "█████░░░░░░░░░░░░░░░" in run(rolling, "utf-8", "get", "fraud")[1]


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
@pytest.mark.parametrize(("output", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_data_is_the_same_data_in_every_encoding(md, fake_cluster, run, encoding, output, read) -> None:
    words = WORDS[:-1]
    made = fake_cluster(md.healthy(**told(md, words)))
    assert read(run(made, encoding, "get", "fraud", "-o", output)[1])["status"]["message"] == words
    assert read(run(made, encoding, "history", "fraud", "-o", output)[1])["commands"][0]["by"] == words


def test_a_page_holds_every_character_in_every_encoding(rolling, run) -> None:
    page = run(rolling, "latin-1", "report", "fraud")[1]
    assert page.isascii()
    assert WORDS[:-2] in html.unescape(page)


def test_the_program_itself_survives_an_ascii_terminal(tmp_path) -> None:
    kubeconfig = tmp_path / "größe"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}
    ended = subprocess.run(
        [sys.executable, "-m", "timoneiro_operator.cli.main", "get", "--kubeconfig", str(kubeconfig)],
        capture_output=True,
        env=environment,
        check=False,
    )
    assert (ended.returncode, b"Traceback" in ended.stderr) == (5, False)
