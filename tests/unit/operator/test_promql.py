"""From raw samples to counts: what is not known is not counted, and nothing is counted twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timoneiro_judge.counts import Counts
from timoneiro_operator.api.analysis_spec import Analysis, Metric
from timoneiro_operator.metrics.look import Target
from timoneiro_operator.metrics.problem import ProblemError
from timoneiro_operator.metrics.profile import Profile, Series
from timoneiro_operator.metrics.profiles import KSERVE
from timoneiro_operator.metrics.promql import (
    counts_between,
    histories,
    increase,
    own_counts,
    own_selectors,
    profile_selector,
    range_query,
    several_processes,
)
from timoneiro_operator.metrics.samples import Implausible
from timoneiro_operator.metrics.series import (
    Malformed,
    RawSeries,
    of_pod,
    one_target,
    scrapes,
    series_of,
    target_labels,
)

PREDICT, WELL, FAILED = "request_preprocess_seconds_count", "request_postprocess_seconds_count", "failed_count"
PLAIN = Profile(name="plain", requests=(Series(PREDICT),), failed=(Series(FAILED),))


def raw(name: str, *values: tuple[float, float], **labels: str) -> RawSeries:
    return RawSeries({"__name__": name, "pod": "p", **labels}, values)


PLACEHOLDERS = {"namespace": "ns", "revision": "1a", "inferenceService": "f-1a", "workload": "f-1a-predictor"}


def test_one_query_asks_for_all_series_of_a_profile_and_for_what_was_scraped() -> None:
    selector = profile_selector(KSERVE, 'pod=~"{{workload}}-.+"', PLACEHOLDERS)
    query = range_query(selector, "ns", 360.0001)
    assert query.startswith('{__name__=~"request_preprocess_seconds_count|request_postprocess_seconds_count|')
    assert query.endswith('|process_start_time_seconds|up",pod=~"f-1a-predictor-.+",namespace="ns"}[360001ms]')


def test_a_metric_of_ones_own_asks_for_its_two_counters() -> None:
    metric = Metric(name="declines", type="Ratio", events='e{r="{{revision}}"}', total="t")
    events, total = own_selectors(Analysis(metrics=(Metric(), metric)), PLACEHOLDERS)["declines"]
    assert range_query(events, "ns", 1) == '{__name__="e",r="1a",namespace="ns"}[1000ms]'
    assert range_query(total, "ns", 1) == '{__name__="t",namespace="ns"}[1000ms]'


def test_an_answer_that_is_no_range_of_samples_is_refused() -> None:
    with pytest.raises(Malformed, match="not a range of raw samples"):
        series_of({"resultType": "vector", "result": []})


def test_samples_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(Malformed, match="cannot be read"):
        series_of({"resultType": "matrix", "result": [{"metric": {}, "values": [[1, "many"]]}]})


@pytest.mark.parametrize(
    ("values", "grown"),
    [
        (((0, 5), (10, 9)), 4),
        (((0, 5), (4, 9), (8, 2), (10, 6)), 10),
        (((2, 5), (10, 9)), 4),
        (((10, 9),), 0),
        (((0, 5), (4, 9), (11, 90)), 4),
        ((), 0),
    ],
)
def test_a_counter_grows_from_its_last_sample_before_the_window_and_from_zero_after_a_restart(
    values: tuple[tuple[float, float], ...], grown: int
) -> None:
    assert increase(raw("x", *values), 1, 10) == grown


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_no_number_is_no_count(value: float) -> None:
    with pytest.raises(Implausible, match=r"series x shows .*, which is not a count of requests"):
        increase(raw("x", (0, 1), (5, value)), 1, 10)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=20), st.data())
def test_windows_side_by_side_add_up_to_the_whole(steps: list[int], data: st.DataObject) -> None:
    values, total = [], 0
    for at, step in enumerate(steps):
        total = step if data.draw(st.booleans()) else total + step
        values.append((float(at), float(total)))
    series, middle = raw("x", *values), data.draw(st.integers(0, len(steps) - 1))
    whole = increase(series, 0, len(steps))
    assert increase(series, 0, middle) + increase(series, middle, len(steps)) == whole


def test_a_pod_counts_what_came_after_the_window_began() -> None:
    shown = histories([raw(PREDICT, (0, 10), (10, 30)), raw(FAILED, (0, 1), (10, 5))], PLAIN).shown
    counts = counts_between(shown["p"], 1, 10)
    assert (counts.requests, counts.failed) == (20, 4)


def test_a_pod_that_is_late_counts_from_its_second_sample_on() -> None:
    shown = histories([raw(PREDICT, (5, 10), (10, 30))], PLAIN).shown
    assert counts_between(shown["p"], 1, 10).requests == 20


def test_what_a_server_counts_after_it_went_well_is_told_from_what_is_in_flight() -> None:
    predict = raw(PREDICT, (0, 10), (10, 20), (20, 31), (30, 40), (40, 50))
    well = raw(WELL, (0, 10), (10, 20), (20, 30), (30, 40), (40, 45))
    history = histories([predict, well], KSERVE).shown["p"]
    assert counts_between(history, 0, 40).failed == 0


def test_moments_that_are_nearer_than_requests_take_are_looked_at_once() -> None:
    predict = raw(PREDICT, *((float(at), 10.0 * at) for at in range(61)))
    well = raw(WELL, *((float(at), 10.0 * at - 5 * (at % 10 > 0)) for at in range(61)))
    history = histories([predict, well], KSERVE).shown["p"]
    whole = counts_between(history, 0, 60)
    assert (whole.requests, whole.failed) == (400, 0)
    assert sum(counts_between(history, start, start + 15).requests for start in (0, 15, 30, 45)) == 400


def test_of_two_targets_of_a_pod_the_last_scrape_counts() -> None:
    before, now = raw("up", (0, 0.0), instance="?"), raw("up", (5, 1.0), instance="10.0.0.1:8080")
    assert scrapes([now, before]) == {"p": [(0, 0.0), (5, 1.0)]}


def test_a_restart_is_known_by_the_start_time() -> None:
    series = [
        raw(PREDICT, (0, 10), (10, 30)),
        raw("process_start_time_seconds", (0, 1.0), (10, 2.0)),
    ]
    assert counts_between(histories(series, PLAIN).shown["p"], 1, 10).requests == 30


def test_workers_that_are_scraped_in_turn_are_known_by_start_times_that_go_back() -> None:
    def history(*starts: float) -> bool:
        values = [(float(at), start) for at, start in enumerate(starts)]
        counters = [(float(at), 1.0) for at in range(len(starts))]
        series = [raw(PREDICT, *counters), raw(WELL, *counters), raw("process_start_time_seconds", *values)]
        return several_processes(histories(series, KSERVE).shown["p"])

    assert [history(1.0, 1.0, 2.0), history(1.0, 2.0, 1.0)] == [False, True]


def test_several_series_of_an_own_metric_are_added_up_by_pod() -> None:
    total = [raw("t", (0, 0), (9, 50), path="/a"), raw("t", (0, 0), (9, 30), path="/b")]
    events = [raw("e", (0, 0), (9, 3), path="/a")]
    assert own_counts(events, total, 1, 10) == {"p": Counts(requests=80, events=3)}


def test_events_that_were_never_counted_are_none() -> None:
    assert own_counts([], [raw("t", (0, 0), (9, 50))], 1, 10) == {"p": Counts(requests=50, events=0)}


def test_events_of_a_pod_without_a_total_are_refused() -> None:
    events = [RawSeries({"__name__": "e", "pod": "gateway"}, ((0, 0), (9, 75)))]
    with pytest.raises(Malformed, match="there are events of gateway, and no total"):
        own_counts(events, [raw("t", (0, 0), (9, 50))], 1, 10)


def test_a_series_that_comes_later_than_its_pod_began_at_zero() -> None:
    total, events = [raw("t", (0, 0), (9, 50))], [raw("e", (5, 3), (9, 4), reason="x")]
    assert own_counts(events, total, 1, 10) == {"p": Counts(requests=50, events=4)}


def test_a_series_that_is_as_old_as_its_pod_counts_from_its_first_sample_on() -> None:
    total, events = [raw("t", (5, 10), (9, 50))], [raw("e", (5, 3), (9, 4))]
    assert own_counts(events, total, 1, 10) == {"p": Counts(requests=40, events=1)}


def test_a_restarted_process_that_shows_fewer_series_is_believed_after_a_few_moments() -> None:
    predict = [(float(at), 10.0 * at) for at in range(8)]
    well = [(at, value) for at, value in predict if at < 3]
    shown = histories([raw(PREDICT, *predict), raw(WELL, *well)], KSERVE).shown["p"]
    assert [at for at, _ in shown] == [0, 1, 2, 3, 4, 5, 6, 7]
    late = histories([raw(PREDICT, *predict[:5]), raw(WELL, *well)], KSERVE).shown["p"]
    assert [at for at, _ in late] == [0, 1, 2, 3, 4]
    later = histories([raw(PREDICT, *predict[:4]), raw(WELL, *well)], KSERVE).shown["p"]
    assert [at for at, _ in later] == [0, 1, 2]


TARGETS = frozenset({"job", "instance", "replica"})


def scraped(job: str, *moments: float, name: str = "x", up: float = 1.0, **labels: str) -> list[RawSeries]:
    """A target of pod p that was scraped at these moments, with one counter."""
    moments = moments or (0, 10, 20)
    return [
        raw(name, *((at, at) for at in moments), job=job, **labels),
        raw("up", *((at, up) for at in moments), job=job, **labels),
    ]


def kept(*series: RawSeries) -> set[tuple[str, str]]:
    return {(one.name, one.labels.get("job", "")) for one in one_target(series, TARGETS, ("x",))}


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ({"job": "a"}, {"job": "b"}, ("job 'a' and 'b'", "job 'b' and 'a'")),
        ({"job": "a", "replica": "0"}, {"job": "a", "replica": "1"}, ("replica '0' and '1'", "replica '1' and '0'")),
        ({"job": "a", "instance": "p:1"}, {"job": "a", "instance": "p:2"}, ("instance 'p:1'", "instance 'p:2'")),
    ],
    ids=["two jobs", "two servers", "a second port"],
)
def test_counters_that_two_targets_show_are_a_problem_that_names_what_tells_them_apart(
    one: dict[str, str], other: dict[str, str], words: tuple[str, str]
) -> None:
    with pytest.raises(ProblemError) as caught:
        one_target([*scraped(**one), *scraped(**other)], TARGETS, ("x",))
    assert caught.value.problem.reason == "DuplicateSeries"
    assert caught.value.problem.message.startswith("Prometheus has the counters of p twice")
    assert any(text in caught.value.problem.message for text in words)


def test_a_target_that_shows_other_things_is_left_out_with_its_up() -> None:
    sidecar = scraped("sidecar", 0, 10, 20, name="y", up=0.0)
    assert kept(*scraped("model", 0, 10, 20), *sidecar) == {("x", "model"), ("up", "model")}


def test_while_nothing_is_shown_the_target_that_answers_is_the_one() -> None:
    model, sidecar = raw("up", (0, 1.0), job="model"), raw("up", (0, 0.0), job="sidecar")
    assert kept(model, sidecar) == {("up", "model")}
    assert kept(sidecar) == {("up", "sidecar")}


def test_a_target_whose_labels_have_changed_goes_on() -> None:
    series = (*scraped("old", 0, 10), *scraped("new", 20, 30))
    assert kept(*series) == {("x", "old"), ("x", "new"), ("up", "old"), ("up", "new")}


def test_a_second_target_that_is_over_is_left_out() -> None:
    series = (*scraped("a", 0, 10, 20, 30, 40), *scraped("b", 5, 15, 25))
    assert kept(*series) == {("x", "a"), ("up", "a")}


def test_series_that_have_lost_labels_of_their_target_keep_its_up() -> None:
    up = raw("up", (0, 1.0), job="model", instance="10.0.0.1:8080")
    assert kept(raw("x", (0, 1), job="model"), up) == {("x", "model"), ("up", "model")}


def test_the_labels_of_a_target_are_those_of_up() -> None:
    assert target_labels(scraped("a", 0, model="m")) == {"pod", "job", "model"}


@pytest.mark.parametrize(
    ("instance", "address"),
    [
        ("10.0.0.1:8080", "10.0.0.1"),
        ("[::1]:8080", "::1"),
        ("[fd00:0:0::1]:8080", "fd00::1"),
        ("fd00::1", "fd00:0::1"),
        ("model.default:8080", "model.default"),
    ],
)
def test_a_pod_is_found_by_its_address_whatever_its_form(instance: str, address: str) -> None:
    one = RawSeries({"__name__": "x", "instance": instance}, ())
    assert of_pod({one.pod: "found"}, Target("uid", "name", address)) == "found"


def test_an_address_that_begins_like_another_one_is_not_it() -> None:
    one = RawSeries({"__name__": "x", "instance": "[fd00::1:2]:8080"}, ())
    assert of_pod({one.pod: "found"}, Target("uid", "name", "fd00::1")) is None
