"""An operator that is killed again and again goes on counting where the one before it was."""

import copy
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.fake_control_plane import FakeControlPlane
from support.fake_pods import FakePods
from support.fake_world import EPOCH, SPEC
from timoneiro_operator.api.analysis_spec import Analysis
from timoneiro_operator.api.duration import Duration
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide.observation import Metrics
from timoneiro_operator.decide.steps import Arms
from timoneiro_operator.metrics.deltas import Mark
from timoneiro_operator.metrics.look import ArmTargets, Look, Target
from timoneiro_operator.metrics.reading import LONGEST_TEXT, Reading, decode, encode
from timoneiro_operator.metrics.samples import ALL, Sample
from timoneiro_operator.sources.scrape import ScrapeSource

ARMS = Arms("a", "b", 10, False, True)


@dataclass
class FakeServers:
    """Counters of pods by their uid, which outlive every operator. All of them are of one process each."""

    shown: dict[str, tuple[int, int]] = field(default_factory=dict)
    started: float = 1.0


class FakeScrapes(ScrapeSource):
    """The source as it is, but for the way to the pods."""

    def __init__(self, servers: FakeServers) -> None:
        super().__init__(FakePods())
        self._servers = servers

    async def _read_one(self, look: Look, arm: ArmTargets, pod: Target) -> Sample:
        requests, failed = self._servers.shown.get(pod.uid, (0, 0))
        return Sample(requests=requests, failed=failed, started=self._servers.started)


class Looks:
    """Looks of operators of which each is killed after its only one, and what the status has on record."""

    def __init__(self, servers: FakeServers) -> None:
        self.servers = servers
        self.recorded: str | None = None
        self.marks: str | None = None

    async def look(self, now: float, *, arms: Arms = ARMS, record: bool = True) -> Metrics:
        def arm(revision: str) -> ArmTargets:
            pods = (Target(f"uid-{revision}", f"pod-{revision}", "127.0.0.1"),)
            return ArmTargets(revision=revision, inference_service=revision, workload=revision, pods=pods)

        metrics = await FakeScrapes(self.servers).read(
            Look(
                key=("ns", "fraud"),
                arms=arms,
                analysis=Analysis(interval=Duration("10s"), warm_up=Duration("0s")),
                stable=arm("a"),
                candidate=arm("b"),
                now=now,
                recorded=self.recorded,
                marks=self.marks,
            )
        )
        if record and metrics.marks is not None:
            self.marks = metrics.marks
            self.recorded = moment(metrics.window_end) if metrics.window_end is not None else self.recorded
        return metrics


@pytest.fixture
def looks() -> Looks:
    return Looks(FakeServers({"uid-a": (1000, 10), "uid-b": (0, 0)}))


async def test_what_happened_while_no_operator_ran_is_counted_once(looks: Looks) -> None:
    await looks.look(0)
    counted = 0
    for number in range(1, 6):
        looks.servers.shown = {"uid-a": (1000 + 90 * number, 10), "uid-b": (10 * number, 0)}
        counted += (await looks.look(10.0 * number)).windows["errors"].candidate.requests
    assert counted == 50


async def test_a_window_that_no_status_has_on_record_comes_again(looks: Looks) -> None:
    await looks.look(0)
    looks.servers.shown["uid-b"] = (10, 0)
    await looks.look(10, record=False)
    looks.servers.shown["uid-b"] = (30, 0)
    assert (await looks.look(20)).windows["errors"].candidate.requests == 30


async def test_marks_of_another_weight_are_no_beginning(looks: Looks) -> None:
    await looks.look(0)
    looks.servers.shown["uid-b"] = (10, 0)
    assert (await looks.look(10, arms=ARMS._replace(weight=50))).windows == {}


async def test_a_process_that_was_restarted_meanwhile_is_counted_from_its_beginning(looks: Looks) -> None:
    looks.servers.shown["uid-b"] = (500, 0)
    await looks.look(0)
    looks.servers.started, looks.servers.shown["uid-b"] = 2.0, (20, 0)
    await looks.look(10)
    looks.servers.shown["uid-b"] = (25, 0)
    assert (await looks.look(20)).windows["errors"].candidate.requests == 5


@pytest.mark.parametrize("text", ["", "{}", "[1]", "no JSON", '[["a"],1,[],[]]'])
async def test_a_text_that_is_none_of_ours_is_as_good_as_none(looks: Looks, text: str) -> None:
    looks.marks = text
    assert (await looks.look(0)).windows == {}


COUNT = st.integers(0, 2**53)
SECONDS = st.floats(0, 2e9)
SAMPLES = st.builds(
    Sample,
    requests=COUNT,
    failed=COUNT,
    latency=st.dictionaries(st.sampled_from([0.1, 0.5, ALL]), COUNT),
    started=st.none() | SECONDS,
    missing=st.booleans(),
    busy_seconds=SECONDS,
    begun=st.none() | COUNT,
)
MARKS = st.builds(
    Mark, sample=SAMPLES, at=SECONDS, requests=COUNT, failures=COUNT, excess=st.none() | st.integers(-(2**53), 2**53)
)


@given(
    stable=st.dictionaries(st.text(max_size=40), MARKS, max_size=4),
    candidate=st.dictionaries(st.text(max_size=40), MARKS, max_size=4),
    at=SECONDS,
    restarts=st.integers(0, 99),
)
def test_marks_are_the_same_after_they_were_text(
    stable: dict[str, Mark], candidate: dict[str, Mark], at: float, restarts: int
) -> None:
    counted = dict.fromkeys({**stable, **candidate}, restarts)
    reading = Reading(arms=ARMS, looked_at=at, marked_at=at, stable=stable, candidate=candidate, restarts=counted)
    text = encode(reading, {0.1, 0.5})
    assert text is not None
    assert decode(text) == reading


def test_marks_of_more_pods_than_a_status_should_carry_are_not_kept() -> None:
    mark = Mark.first(Sample(requests=1, failed=0), 0.0)
    pods = {f"{number:036}": mark for number in range(LONGEST_TEXT // 36)}
    assert encode(Reading(arms=ARMS, looked_at=0.0, marked_at=0.0, stable=pods), ()) is None


async def test_a_rollout_gets_on_although_the_operator_is_killed_after_every_pass() -> None:
    rollout = {"canary": {"steps": [{"weight": 10, "for": "1h"}]}, "deadline": "2h"}
    spec = {**copy.deepcopy(SPEC), "rollout": rollout, "analysis": {"interval": "30s", "warmUp": "0s"}}
    plane, servers = FakeControlPlane(spec=spec, now=EPOCH), FakeServers()

    async def killed_soon(seconds: float) -> None:
        plane.now += seconds
        await plane.operator({"Scrape": FakeScrapes(servers)})()

    for _ in range(4):
        await killed_soon(2)
    plane.publish(2)
    for _ in range(4):
        await killed_soon(2)
    candidate = plane.status["candidate"]["revision"]
    for number in range(1, 61):
        servers.shown[f"uid-pod-{candidate}"] = (10 * number, 0)
        await killed_soon(7)
    (errors,) = plane.status["analysis"]["metrics"]
    assert errors["candidate"]["requests"] > 0.9 * 10 * 60
