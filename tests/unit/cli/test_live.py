"""What `watch` makes of the changes."""

import io
import queue
import threading

import pytest
from rich.console import Console

from timoneiro_operator.api.times import moment
from timoneiro_operator.cli.commands.live import Scene, Update, follow, take_all, watch
from timoneiro_operator.cli.commands.waiting import Clock
from timoneiro_operator.cli.errors import NOT_FOUND, CliError


class Enough(Exception):
    """Ends what has no end."""


def scene(md) -> Scene:
    drawn = Scene(name="fraud")
    drawn.take(Update(kind="ModelDeployment", replace=[md.rolling()]))
    return drawn


def thing(uid):
    return {"metadata": {"name": uid, "uid": uid}}


def test_before_the_first_news_there_is_no_picture() -> None:
    assert Scene(name="fraud").picture() is None


def test_a_change_replaces_the_object(md) -> None:
    drawn = scene(md)
    drawn.take(Update(kind="ModelDeployment", uid="u-1", body=md.healthy()))
    assert drawn.picture().view.status.phase == "Healthy"


def test_what_was_deleted_is_not_drawn(md) -> None:
    drawn = scene(md)
    drawn.take(Update(kind="Pod", replace=[thing("a"), thing("b")]))
    drawn.take(Update(kind="Pod", uid="a"))
    assert drawn.picture().pods == [thing("b")]


def test_a_new_list_forgets_what_it_lacks(md) -> None:
    drawn = scene(md)
    drawn.take(Update(kind="Pod", replace=[thing("a")]))
    drawn.take(Update(kind="Pod", replace=[thing("b")]))
    assert drawn.picture().pods == [thing("b")]


def test_a_deployment_that_is_gone_ends_the_watch(md) -> None:
    with pytest.raises(CliError) as caught:
        scene(md).take(Update(kind="ModelDeployment", uid="u-1"))
    assert caught.value.code == NOT_FOUND


def test_pods_that_may_not_be_seen_are_a_note_until_they_may(md) -> None:
    drawn = scene(md)
    drawn.take(Update(kind="Pod", problem=CliError("you may not list pods")))
    assert drawn.picture().notes == ["you may not list pods"]
    drawn.take(Update(kind="Pod", replace=[]))
    assert drawn.picture().notes == []


def test_an_api_server_that_is_away_is_a_note_and_ends_nothing(md) -> None:
    drawn = scene(md)
    drawn.take(Update(kind="ModelDeployment", problem=CliError("cannot be reached", transient=True)))
    assert drawn.picture().notes == ["cannot be reached"]


def test_a_deployment_that_may_not_be_seen_ends_the_watch(md) -> None:
    with pytest.raises(CliError):
        scene(md).take(Update(kind="ModelDeployment", problem=CliError("you may not list")))


def test_all_that_has_come_is_taken_before_the_next_drawing(md) -> None:
    updates: queue.Queue[Update] = queue.Queue()
    for body in (md.rolling(), md.healthy()):
        updates.put(Update(kind="ModelDeployment", replace=[body]))
    drawn = Scene(name="fraud")
    take_all(drawn, updates, 1.0)
    assert drawn.picture().view.status.phase == "Healthy"


def test_a_watch_that_is_lost_begins_again_with_a_list(md, fake_cluster) -> None:
    told: list[Update] = []
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            raise Enough

    cluster = fake_cluster(md.rolling(), CliError("cannot be reached", transient=True))
    with pytest.raises(Enough):
        follow(cluster=cluster, name="fraud", kind="ModelDeployment", put=told.append, wait=wait)
    assert (told[0].replace, told[1].problem.message) == ([md.rolling()], "cannot be reached")


class Paper(io.StringIO):
    """Tells when something is written on it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def write(self, text: str) -> int:
        self.written.set()
        return super().write(text)


def for_ever(seconds: float) -> None:
    """A thread that has nothing to do any more; it ends with the process."""
    threading.Event().wait()


def test_into_a_pipe_each_change_is_one_line_and_the_end_is_an_error(md, fake_cluster) -> None:
    out = Console(file=Paper(), width=20)

    class FakeWatchedCluster(fake_cluster):
        def changes(self, kind, name, version):
            assert out.file.written.wait(10)
            yield "MODIFIED", md.rolling()
            yield "DELETED", md.rolling()

    clock = Clock(now=lambda: moment(md.now), sleep=for_ever)
    with pytest.raises(CliError) as caught:
        watch(cluster=FakeWatchedCluster(md.rolling()), name="fraud", console=out, clock=clock)
    assert caught.value.code == NOT_FOUND
    lines = out.file.getvalue().splitlines()
    assert [line[:30] for line in lines] == ["10:00:00 fraud: Progressing, s"]
