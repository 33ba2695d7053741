"""Waits: they end with the answer, or with the state."""

import pytest

from timoneiro_operator.api.times import moment
from timoneiro_operator.cli.commands.waiting import Clock, wait_for_answer, wait_for_rollout
from timoneiro_operator.cli.errors import DONE, FAILED, NO_ANSWER, UNFINISHED, CliError

AWAY = CliError("the API server cannot be reached", code=NO_ANSWER, transient=True)


class Hours:
    """A time that passes only when somebody sleeps."""

    def __init__(self, start: float) -> None:
        self.time = start
        self.clock = Clock(now=lambda: moment(self.time), sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def rollout(md, cluster, timeout=600.0):
    told: list[str] = []
    hours = Hours(md.now)
    outcome = wait_for_rollout(cluster=cluster, name="fraud", timeout=timeout, clock=hours.clock, tell=told.append)
    return outcome, told, hours.time - md.now


def test_a_rollout_that_is_over_is_not_waited_for(md, fake_cluster) -> None:
    outcome, told, waited = rollout(md, fake_cluster(md.healthy()))
    assert (outcome.code, told, waited) == (DONE, [], 0)


def test_a_wait_ends_when_the_rollout_does(md, fake_cluster) -> None:
    outcome, _, _ = rollout(md, fake_cluster(md.rolling(), md.rolling(), md.healthy()))
    assert outcome.code == DONE


def test_a_wait_ends_with_the_rollback(md, fake_cluster) -> None:
    outcome, _, _ = rollout(md, fake_cluster(md.rolling(), md.rolled_back(phase="RollingBack"), md.rolled_back()))
    assert outcome.code == FAILED


def test_an_edit_that_the_operator_has_not_seen_is_waited_for(md, fake_cluster) -> None:
    outcome, told, _ = rollout(md, fake_cluster(md.healthy(observedGeneration=2), md.rolling(), md.healthy()))
    assert outcome.code == DONE
    assert "has not seen the latest spec" in told[0]


def test_each_change_is_told_once_with_the_time(md, fake_cluster) -> None:
    later = md.rolling(step=md.step(index=2), traffic={"desired": {"stable": 50, "candidate": 50}})
    _, told, _ = rollout(md, fake_cluster(md.rolling(), md.rolling(), later, md.healthy()))
    assert [line[:40] for line in told] == [
        "10:00:00 fraud: Progressing, step 2/4, 2",
        "10:00:02 fraud: Progressing, step 3/4, 5",
    ]


def test_a_wait_ends_at_its_deadline_with_the_state(md, fake_cluster) -> None:
    outcome, _, waited = rollout(md, fake_cluster(md.rolling()), timeout=10.5)
    assert (outcome.code, waited) == (UNFINISHED, 10.5)
    assert "fraud: Progressing" in outcome.line


def test_an_api_server_that_is_away_for_a_moment_ends_no_wait(md, fake_cluster) -> None:
    outcome, told, _ = rollout(md, fake_cluster(AWAY, md.healthy()))
    assert outcome.code == DONE
    assert "cannot be reached" in told[0]


def test_an_api_server_that_stays_away_is_told_at_the_deadline(md, fake_cluster) -> None:
    with pytest.raises(CliError) as caught:
        rollout(md, fake_cluster(AWAY), timeout=5)
    assert caught.value is AWAY


def test_a_deployment_that_is_not_there_is_not_waited_for(md, fake_cluster) -> None:
    with pytest.raises(CliError):
        rollout(md, fake_cluster(md.rolling(), CliError("there is no such", code=4), md.healthy()))


def answered(md, cluster):
    hours = Hours(md.now)
    outcome = wait_for_answer(cluster=cluster, name="fraud", id="c-1", action="abort", timeout=30.0, clock=hours.clock)
    return outcome, hours.time - md.now


def test_an_answer_ends_the_wait_for_it(md, fake_cluster) -> None:
    outcome, waited = answered(md, fake_cluster(md.rolling(), md.rolling(commands=[md.record("c-1")])))
    assert (outcome.code, outcome.line) == (DONE, "version 2 is rolled back")
    assert waited < 1


def test_the_answer_to_another_command_is_no_answer(md, fake_cluster) -> None:
    outcome, waited = answered(md, fake_cluster(md.rolling(commands=[md.record("other")])))
    assert (outcome.code, round(waited, 3)) == (UNFINISHED, 30)
    assert "has not answered the abort in 30 s" in outcome.line
