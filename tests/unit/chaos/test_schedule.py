"""The plan of a campaign."""

from itertools import islice

from chaos.faults import FAULTS
from chaos.releases import RELEASES
from chaos.schedule import rounds


def plan(seed: int, count: int) -> list[object]:
    return list(islice(rounds(seed, releases=list(RELEASES), faults=list(FAULTS)), count))


def test_the_same_seed_gives_the_same_plan() -> None:
    assert plan(7, 100) == plan(7, 100)
    assert plan(7, 100) != plan(8, 100)


def test_every_fault_comes_once_before_any_comes_twice() -> None:
    faults = [round_.fault for round_ in islice(rounds(1, releases=["a"], faults=list(FAULTS)), len(FAULTS))]
    assert sorted(faults) == sorted(FAULTS)


def test_every_release_comes_once_before_any_comes_twice() -> None:
    releases = [round_.release for round_ in islice(rounds(1, releases=list(RELEASES), faults=["a"]), len(RELEASES))]
    assert sorted(releases) == sorted(RELEASES)
