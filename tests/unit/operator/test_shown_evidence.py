"""What the status shows of the evidence while a rollout runs."""

from support.fake_world import FakeWorld
from support.rolling import metric_of, rolled_back, rolling
from timoneiro_judge import Counts


def test_the_status_shows_the_ratio_within_its_interval() -> None:
    world = rolling(rate={"s3://models/fraud/1": 0.02, "s3://models/fraud/2": 0.02})
    world.trace(10, 5)
    ratio = metric_of(world).ratio
    assert ratio.lower < ratio.estimate < ratio.upper


def test_the_status_shows_the_events_of_both_models() -> None:
    world = rolling(rate={"s3://models/fraud/1": 1.0, "s3://models/fraud/2": 1.0})
    world.tick(10)
    metric = metric_of(world)
    assert (metric.candidate, metric.stable) == (Counts(requests=100, events=100), Counts(requests=900, events=900))


def test_the_evidence_that_took_a_candidate_back_is_shown_and_beyond_the_bound() -> None:
    evidence = metric_of(rolled_back()).evidence
    assert evidence.worse > 100
    assert evidence.not_worse < 20


def test_the_evidence_that_promoted_a_candidate_is_shown_and_beyond_the_bound() -> None:
    world = FakeWorld().healthy()
    world.model(2)
    world.until("Healthy - 2", seconds=10)
    evidence = metric_of(world).evidence
    assert evidence.not_worse > 20
    assert evidence.worse < 100


def test_a_metric_without_a_window_in_a_pass_keeps_what_it_has() -> None:
    world = FakeWorld().healthy()
    world.spec["analysis"]["metrics"].append({"name": "other"})
    world.model(2)
    world.until("Progressing 1/2")
    world.tick(10)
    assert {metric.name: metric.candidate.requests for metric in world.status.analysis.metrics} == {
        "errors": 100,
        "other": 0,
    }


def test_evidence_without_end_is_shown_as_a_number() -> None:
    world = rolling(rate={"s3://models/fraud/1": 0.01, "s3://models/fraud/2": 1.0}, requests_per_second=10_000.0)
    world.tick(10)
    assert metric_of(world).evidence.worse == 1e12
