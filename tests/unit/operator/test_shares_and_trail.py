"""How the gateway has split the requests, and how the evidence went: what is kept of it, and for how long."""

import msgspec
import pytest

from support.analyses import STEP, analysis, folded, in_a_step, looks, looks_at, window
from support.fake_world import EPOCH
from support.rolling import rolling
from timoneiro_judge.routing import ALPHA
from timoneiro_operator.api.analysis_status import AnalysisStatus, Share
from timoneiro_operator.api.status import Step
from timoneiro_operator.decide.analysis import fold
from timoneiro_operator.decide.observation import Metrics
from timoneiro_operator.decide.reasons import routing_mismatch
from timoneiro_operator.decide.trail import MOST_POINTS

WRONG, RIGHT = window(100, 0, 100, 0), window(5, 0, 45, 0)


def test_few_requests_after_a_mismatch_do_not_say_that_it_is_over() -> None:
    kept = folded(analysis(), *looks_at(WRONG, RIGHT, RIGHT))
    assert kept.share is not None
    assert (kept.share.candidate + kept.share.stable, kept.share.mismatch) == (100, 1 / ALPHA)
    assert routing_mismatch(in_a_step(kept)) is not None


def test_just_enough_requests_after_a_mismatch_say_that_it_is_over() -> None:
    assert routing_mismatch(in_a_step(folded(analysis(), *looks_at(WRONG, *[RIGHT] * 4)))) is None


def test_a_rollout_that_is_begun_again_counts_shares_and_traffic_anew() -> None:
    world = rolling()
    world.tick(10)
    assert world.status.analysis is not None
    assert world.status.analysis.share is not None
    world.model(1)
    world.settle()
    world.model(2)
    world.tick()
    again = world.status.analysis
    assert again is not None
    assert (again.share, again.last_window, again.metrics[0].candidate.requests > 0) == (None, None, True)


def test_a_full_trail_keeps_every_second_point() -> None:
    kept = folded(analysis(), *looks_at(*[window(1, 0, 9, 0)] * (MOST_POINTS + 1)))
    requests = [point.values[0][5] for point in kept.trail]
    assert requests == [*range(1, MOST_POINTS + 1, 2), MOST_POINTS + 1]


def test_a_trail_that_is_just_full_is_whole() -> None:
    assert len(folded(analysis(), *looks_at(*[window(1, 0, 9, 0)] * MOST_POINTS)).trail) == MOST_POINTS


def test_requests_are_counted_since_the_gateway_accepted_the_weight() -> None:
    kept = folded(analysis(), *looks({"errors": window(100, 0, 900, 0)}, {"errors": window(120, 0, 880, 0)}))
    assert kept.share is not None
    assert (kept.share.weight, kept.share.candidate, kept.share.stable) == (10, 220, 1780)
    assert routing_mismatch(in_a_step(kept)) is None


def test_another_weight_counts_its_requests_anew() -> None:
    first = folded(analysis(), *looks({"errors": window(100, 0, 900, 0)}))
    step = msgspec.structs.replace(STEP, weight=50)
    seen = Metrics(windows={"errors": window(500, 0, 500, 0)}, window_end=EPOCH + 60, seconds=30)
    kept = fold(in_a_step(first, step), "b", "a", analysis(), seen).analysis
    assert kept.share is not None
    assert (kept.share.weight, kept.share.candidate) == (50, 500)


@pytest.mark.parametrize(
    "step",
    [
        msgspec.structs.replace(STEP, started_at=None),
        msgspec.structs.replace(STEP, weight=100),
    ],
)
def test_where_no_split_was_accepted_there_is_none_to_check(step: Step) -> None:
    assert folded(analysis(), *looks({"errors": window(100, 0, 100, 0)}), step=step).share is None


def test_what_is_copied_is_counted_and_is_no_split() -> None:
    step = msgspec.structs.replace(STEP, kind="Mirror", weight=0)
    share = folded(analysis(), *looks({"errors": window(9000, 0, 100, 0)}), step=step).share
    assert (share.candidate, share.stable, share.mismatch) == (9000, 100, 1.0)


def test_a_split_that_is_another_one_with_certainty_is_said_with_numbers() -> None:
    kept = folded(analysis(), *looks({"errors": window(500, 0, 500, 0)}))
    sentence = "the candidate got 50.0 % of 1,000 requests, although the gateway has accepted 10 %"
    assert routing_mismatch(in_a_step(kept)) == sentence


def test_a_split_of_a_former_step_says_nothing_of_this_one() -> None:
    kept = AnalysisStatus(share=Share(weight=50, candidate=0, stable=500, mismatch=1e9))
    assert routing_mismatch(in_a_step(kept)) is None


def test_a_gateway_that_was_fixed_is_believed_after_some_requests() -> None:
    wrong, right = {"errors": window(300, 0, 700, 0)}, {"errors": window(10, 0, 90, 0)}
    held = folded(analysis(), *looks(wrong, right))
    assert routing_mismatch(in_a_step(held)) is not None
    assert routing_mismatch(in_a_step(folded(analysis(), *looks(wrong, right, right)))) is None


def test_a_gateway_that_goes_on_splitting_otherwise_stays_known_for_it() -> None:
    wrong = {"errors": window(300, 0, 700, 0)}
    assert routing_mismatch(in_a_step(folded(analysis(), *looks(*[wrong] * 7)))) is not None


def test_traffic_is_what_the_model_server_has_counted_and_no_counter_of_people() -> None:
    spec = analysis({"name": "declines", "type": "Ratio", "events": "e{}", "total": "t{}"}, {"name": "errors"})
    kept = folded(spec, *looks({"declines": window(6000, 0, 200, 0), "errors": window(10, 0, 90, 0)}))
    assert kept.last_window is not None
    assert (kept.last_window.candidate, kept.last_window.stable) == (10, 90)


def test_a_window_without_any_metric_has_no_traffic() -> None:
    kept = folded(analysis(), *looks({}))
    assert kept.last_window is not None
    assert (kept.last_window.candidate, kept.last_window.stable) == (0, 0)


# The trail


def test_every_window_is_a_point_of_the_trail() -> None:
    kept = folded(analysis(), *looks({"errors": window(100, 8, 900, 2)}, {"errors": window(100, 0, 900, 0)}))
    assert [(point.weight, point.values[0][5:]) for point in kept.trail] == [
        (10, (100, 8, 900, 2)),
        (10, (200, 8, 1800, 2)),
    ]


def test_a_trail_that_is_full_gives_up_every_second_point_and_keeps_its_beginning() -> None:
    kept = folded(analysis(), *looks(*[{"errors": window(1, 0, 9, 0)}] * (2 * MOST_POINTS)))
    assert len(kept.trail) <= MOST_POINTS
    assert kept.trail[0].values[0][5] == 1
    assert kept.trail[-1].values[0][5] == 2 * MOST_POINTS


def test_a_pass_without_a_window_adds_no_point() -> None:
    assert folded(analysis(), Metrics()).trail == ()
