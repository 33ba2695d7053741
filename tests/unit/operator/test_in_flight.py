"""What is in flight is not failed, and what hangs is: servers that count only what ended well, on a virtual clock."""

import numpy as np
import pytest

from timoneiro_judge.comparison import Comparison
from timoneiro_judge.counts import Counts, Limits, Window
from timoneiro_judge.verdict import Part, Verdict, judge
from timoneiro_operator.metrics.deltas import Mark, advance
from timoneiro_operator.metrics.samples import PodCounts, Sample

INTERVAL = 30.0
SCHEDULE = (0.05, 0.25, 0.5)
LOOKS = 20


def sample(requests: int, missing: int, busy: float = 0.0) -> Sample:
    return Sample(requests=requests, failed=missing, missing=True, busy_seconds=busy)


def counted(*samples: Sample) -> list[tuple[int, int]]:
    """Requests and failures of one pod between these looks, 10 s apart."""
    marks: dict[str, Mark] = {}
    found = []
    for number, shown in enumerate(samples):
        counts, marks = advance(marks, {"p": shown}, 10.0 * number)
        pod = counts.get("p", PodCounts())
        found.append((pod.requests, pod.failed))
    return found


def test_a_request_in_flight_at_one_look_and_answered_at_the_next_is_no_failure() -> None:
    looks = [sample(100, 0), sample(200, 0), sample(300, 1), sample(400, 0), sample(500, 1), sample(600, 0)]
    assert sum(failed for _, failed in counted(*looks)) == 0


def test_what_is_still_missing_at_the_next_look_is_a_failure_of_the_requests_of_its_own_look() -> None:
    looks = [sample(100, 0), sample(200, 0), sample(300, 7), sample(400, 7), sample(500, 7)]
    assert counted(*looks) == [(0, 0), (0, 0), (0, 0), (100, 7), (100, 0)]


def test_as_many_as_are_always_in_flight_are_no_failures() -> None:
    # 5 requests a second, 2 s each: 10 of them are in flight at each look.
    looks = [sample(50 * number + 10, 10, 100.0 * number) for number in range(8)]
    assert sum(failed for _, failed in counted(*looks)) == 0


def test_more_in_flight_since_there_is_more_traffic_are_no_failures() -> None:
    rates = [5, 5, 5, 20, 20, 20, 20]
    requests = busy = 0.0
    looks = []
    for rate in rates:
        requests, busy = requests + 10 * rate, busy + 20.0 * rate
        looks.append(sample(int(requests), 2 * rate, busy))
    assert sum(failed for _, failed in counted(*looks)) == 0


def test_requests_that_never_end_are_failures() -> None:
    looks = [sample(100 * number, 10 * number) for number in range(7)]
    assert counted(*looks)[3:] == [(100, 10)] * 4


def test_a_model_that_answers_nothing_fails_all_of_its_requests() -> None:
    looks = [sample(100 * number, 100 * number) for number in range(7)]
    assert counted(*looks)[3:] == [(100, 100)] * 4


def test_failures_that_turn_out_later_than_their_requests_are_not_lost() -> None:
    looks = [sample(100, 0), sample(101, 0), sample(102, 6), sample(103, 6), sample(113, 6), sample(123, 6)]
    # One request came with the first two looks of the six failures, and the others with the looks after them.
    assert [failed for _, failed in counted(*looks)] == [0, 0, 0, 1, 1, 4]


def test_after_a_restart_everything_is_new() -> None:
    marks = {"p": Mark.zero(Sample(requests=0, failed=0, started=1.0), 0.0)}
    found = []
    for number in (1, 2, 3):
        counts, marks = advance(marks, {"p": sample(10 * number, 2)}, 10.0 * number)
        found.append((counts["p"].requests, counts["p"].failed))
    assert found == [(0, 0), (10, 2), (10, 0)]


class Arm:
    """Pods with as many requests in flight as their traffic and their time make; a share of all fails."""

    def __init__(self, dice: np.random.Generator, pods: int, *, rate: float, seconds: float, fails: float) -> None:
        self.dice, self.pods, self.each, self.seconds, self.fails = dice, pods, rate / pods, seconds, fails
        self.in_flight = dice.poisson(self.each * seconds, pods)
        self.begun = self.in_flight.copy()
        self.failed = np.zeros(pods, int)
        self.busy = np.zeros(pods)
        self.marks: dict[str, Mark] = {}

    def look(self, now: float) -> Counts:
        counts, self.marks = advance(
            self.marks,
            {
                str(pod): sample(int(self.begun[pod]), int(self.failed[pod] + self.in_flight[pod]), self.busy[pod])
                for pod in range(self.pods)
            },
            now,
        )
        pods = counts.values()
        return Counts(requests=sum(pod.requests for pod in pods), events=sum(pod.failed for pod in pods))

    def goes_on(self) -> None:
        came = self.dice.poisson(self.each * INTERVAL, self.pods)
        left = np.minimum(self.dice.poisson(self.each * self.seconds, self.pods), came)
        self.busy += (came + self.in_flight - left) * self.seconds
        self.failed += self.dice.binomial(came, self.fails)
        self.begun += came
        self.in_flight = left


def verdict(seed: int, *, rate: float, seconds: float, worse: float = 1.0) -> Verdict:
    """Of a whole schedule with ten pods in each arm, of which 0.5 % of the requests fail."""
    dice = np.random.default_rng(seed)
    evidence = Comparison.begun(Limits(tolerance=0.25, margin=1.0, negligible=0.001))
    found: Verdict = "Undecided"
    for weight in SCHEDULE:
        candidate = Arm(dice, 10, rate=rate * weight, seconds=seconds, fails=0.005 * worse)
        stable = Arm(dice, 10, rate=rate * (1 - weight), seconds=seconds, fails=0.005)
        for number in range(LOOKS + 1):
            window = Window(candidate=candidate.look(INTERVAL * number), stable=stable.look(INTERVAL * number))
            evidence = evidence.observe(window)
            found = judge(
                {"errors": Part(evidence=evidence, min_events=3)}, false_rollback=0.01, false_promotion=0.05
            ).verdict
            if found == "Worse":
                return found
            candidate.goes_on()
            stable.goes_on()
    return found


@pytest.mark.parametrize(("rate", "seconds"), [(100.0, 0.1), (100.0, 0.5), (20.0, 2.0)])
def test_a_harmless_candidate_whose_answers_take_long_is_not_rolled_back(rate: float, seconds: float) -> None:
    """Of the last one 61 % were, when everything in flight was a failure."""
    verdicts = [verdict(seed, rate=rate, seconds=seconds) for seed in range(25)]
    assert "Worse" not in verdicts


@pytest.mark.parametrize(("rate", "seconds"), [(100.0, 0.1), (100.0, 0.5)])
def test_a_harmful_candidate_whose_answers_take_long_is_rolled_back(rate: float, seconds: float) -> None:
    assert {verdict(seed, rate=rate, seconds=seconds, worse=3.0) for seed in range(5)} == {"Worse"}
