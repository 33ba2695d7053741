"""Metrics that compare shapes: from what pods show in bins to what the status says of it."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from timoneiro_judge.counts import Counts, Window
from timoneiro_judge.shape import Bins, Shape
from timoneiro_operator.api.analysis_spec import Analysis, Metric
from timoneiro_operator.api.analysis_status import AnalysisStatus, EvidenceStatus, MetricStatus, MostDifferent
from timoneiro_operator.api.checks import check
from timoneiro_operator.api.invalid_spec import InvalidSpec
from timoneiro_operator.api.spec import Spec
from timoneiro_operator.api.spec_struct import read
from timoneiro_operator.api.status import Candidate, Stable, Status, Step
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide.analysis import fold, verdict_of
from timoneiro_operator.decide.comparisons import planned, restored
from timoneiro_operator.decide.observation import Metrics
from timoneiro_operator.decide.steps import Arms
from timoneiro_operator.decide.text import metric_sentence, verdict_sentence
from timoneiro_operator.metrics.deltas import Mark, advance
from timoneiro_operator.metrics.histograms import ArmHistograms, outputs_of, shape_bounds, shapes_of
from timoneiro_operator.metrics.problem import ProblemError
from timoneiro_operator.metrics.profile import BOUND_LABEL, bin_of
from timoneiro_operator.metrics.profiles import PROFILES
from timoneiro_operator.metrics.promql import bins_selectors, counts_between, own_bins
from timoneiro_operator.metrics.reading import Reading, decode, encode
from timoneiro_operator.metrics.samples import ALL, Histogram, Implausible, PodCounts, Sample
from timoneiro_operator.metrics.series import Malformed, RawSeries
from timoneiro_operator.metrics.windows import ArmCounts, metrics_of

NOW = 1_800_000_000.0
ERRORS = {"name": "errors"}
ANSWERS = {"name": "answers", "type": "Outputs"}
REQUIRED = {**ANSWERS, "role": "Required"}
NONSENSE = Bins(candidate={"fine": 15, "fraud": 5}, stable={"fine": 291, "fraud": 9})
WELL = Window(candidate=Counts(requests=100), stable=Counts(requests=900))
STEP = Step(kind="Weight", index=0, count=2, weight=10, seconds=600, started_at=moment(NOW - 60))


def analysis(*metrics: dict[str, Any], **more: Any) -> Analysis:
    return msgspec.convert({"metrics": list(metrics), **more}, Analysis, dec_hook=read)


# What pods show


def arm(*pods: dict[str, Histogram], own: Any = None, **counts: Any) -> ArmHistograms:
    shown = tuple(PodCounts(well=10, outputs=outputs, **counts) for outputs in pods)
    return ArmHistograms(pods=shown, own=own or {})


def bins_of(metric: dict[str, Any], candidate: ArmHistograms, stable: ArmHistograms) -> Any:
    shapes, problems = shapes_of(analysis(ERRORS, metric), candidate, stable)
    return shapes.get(metric["name"]) or problems[metric["name"]]


def test_classes_of_all_pods_of_an_arm_are_added_up() -> None:
    one, two = {"Prediction": {"a": 1, "b": 2}}, {"Prediction": {"a": 3}}
    assert bins_of(ANSWERS, arm(one), arm(one, two)) == Bins(candidate={"a": 1, "b": 2}, stable={"a": 4, "b": 2})


def test_buckets_become_what_lies_between_two_bounds_that_all_pods_have() -> None:
    fine: Histogram = {0.1: 1, 0.5: 5, 0.9: 7, ALL: 10}
    coarse: Histogram = {0.5: 2, 0.9: 3, ALL: 9}
    found = bins_of({**ANSWERS, "output": "Score"}, arm({"Score": fine}), arm({"Score": coarse}))
    assert found.candidate == {"at most 0.5": 5, "0.5 to 0.9": 2, "above 0.9": 3}
    assert found.stable == {"at most 0.5": 2, "0.5 to 0.9": 1, "above 0.9": 6}


def test_the_shape_of_latencies_is_in_seconds() -> None:
    pods = (PodCounts(well=9, latency={0.1: 4, 1.0: 8, ALL: 9}),)
    found = bins_of({"name": "shape", "type": "LatencyShape"}, ArmHistograms(pods=pods), ArmHistograms(pods=pods))
    assert found.candidate == {"at most 0.1 s": 4, "0.1 to 1 s": 4, "above 1 s": 1}


@pytest.mark.parametrize(
    ("metric", "candidate", "sentence"),
    [
        (
            ANSWERS,
            {},
            "no pod of the candidate shows in bins what it answers (output Prediction)",
        ),
        ({"name": "shape", "type": "LatencyShape"}, {}, "no pod of the candidate shows a histogram of latencies"),
        ({**ANSWERS, "bins": "x"}, {}, "the query for bins brings no series of the candidate"),
        (
            ANSWERS,
            {"Prediction": {5.0: 3, ALL: 3}},
            "one of the models answers with classes and the",
        ),
    ],
)
def test_what_cannot_be_compared_is_told(metric: dict[str, Any], candidate: Any, sentence: str) -> None:
    stable = arm({"Prediction": {"a": 1}}, own={"answers": [{"a": 1}]}, latency={0.1: 1, ALL: 1})
    assert bins_of(metric, arm(candidate), stable).startswith(sentence)


def test_buckets_without_a_common_bound_cannot_be_compared() -> None:
    one, other = arm({"Prediction": {1.0: 1, ALL: 2}}), arm({"Prediction": {2.0: 1, ALL: 2}})
    assert bins_of(ANSWERS, one, other) == "the pods of the two models share no bound of a bucket"


def test_more_answers_than_any_model_can_give_are_not_judged() -> None:
    assert "more requests than any model" in bins_of(ANSWERS, arm({"Prediction": {"a": 2**60}}), arm())


def test_a_model_that_was_asked_nothing_yet_has_no_problem() -> None:
    idle = ArmHistograms(pods=(PodCounts(),))
    assert bins_of(ANSWERS, idle, arm({"Prediction": {"a": 1}})) == Bins(candidate={}, stable={"a": 1})


def test_bins_are_a_part_of_the_window_and_its_problems() -> None:
    counts = {"one": PodCounts(requests=10, well=10, outputs={"Prediction": {"a": 10}})}
    arms = {"candidate": ArmCounts(pods=counts), "stable": ArmCounts(pods=counts)}
    metrics = metrics_of(
        analysis(ERRORS, ANSWERS, {"name": "shape", "type": "LatencyShape", "role": "Required"}),
        {},
        **arms,
        end=NOW,
        seconds=30.0,
        problems={},
        aligned=True,
    )
    assert metrics.shapes == {"answers": Bins(candidate={"a": 10}, stable={"a": 10})}
    assert set(metrics.windows) == {"errors"}
    assert metrics.problem == ("MetricMissing", "metric shape: no pod of the candidate shows a histogram of latencies")


def sample(outputs: dict[str, Histogram] | None = None, requests: int = 10, started: float = 1.0) -> Sample:
    return Sample(requests=requests, failed=0, outputs=outputs or {}, started=started)


def test_what_a_pod_has_answered_in_a_window_is_what_its_counters_grew_by() -> None:
    before = {"one": Mark.first(sample({"Prediction": {"a": 5}}), NOW)}
    counts, _ = advance(before, {"one": sample({"Prediction": {"a": 7, "b": 2}})}, NOW + 30)
    assert counts["one"].outputs == {"Prediction": {"a": 2, "b": 2}}


def test_what_a_pod_has_answered_before_it_was_looked_at_belongs_to_no_window() -> None:
    before = {"one": Mark.first(sample(), NOW)}
    counts, _ = advance(before, {"one": sample({"Prediction": {"a": 70}})}, NOW + 30)
    assert counts["one"].outputs == {"Prediction": {"a": 0}}


def test_marks_in_the_status_hold_the_outputs_that_are_compared() -> None:
    shown: dict[str, Histogram] = {"Prediction": {"a": 5, "b": 1}, "Score": {0.5: 3, ALL: 6}}
    reading = Reading(
        arms=Arms("a", "b", 10, mirrored=False, accepted=True),
        looked_at=NOW,
        marked_at=NOW,
        stable={"one": Mark.first(sample(shown), NOW)},
    )
    text = encode(reading, (), outputs_of(analysis(ERRORS, {**ANSWERS, "output": "Score"})))
    assert text is not None
    kept = decode(text)
    assert kept is not None
    assert kept.stable["one"].sample.outputs == {"Score": {0.5: 3, ALL: 6}}


def test_all_bounds_of_latencies_are_marked_only_where_their_shape_is_compared() -> None:
    samples = [Sample(requests=1, failed=0, latency={0.1: 1, ALL: 1})]
    assert shape_bounds(analysis(ERRORS), samples) == frozenset()
    assert shape_bounds(analysis(ERRORS, {"name": "s", "type": "LatencyShape"}), samples) == {0.1, ALL}


def test_outputs_that_are_compared_are_those_of_the_server_alone() -> None:
    assert outputs_of(analysis(ERRORS, ANSWERS, {"name": "own", "type": "Outputs", "bins": "x"})) == {"Prediction"}


EXPOSITION = """\
timoneiro_requests_ended_total{outcome="well"} 9
timoneiro_requests_begun_total 9
timoneiro_predicted_classes_total{class="fine"} 7
timoneiro_predicted_classes_total{class="fraud"} 2
timoneiro_predicted_scores_bucket{le="0.5"} 7
timoneiro_predicted_scores_bucket{le="+Inf"} 9
"""


def test_our_own_server_shows_what_it_answers() -> None:
    assert PROFILES["Timoneiro"].read(EXPOSITION).outputs == {
        "Prediction": {"fine": 7, "fraud": 2},
        "Score": {0.5: 7, ALL: 9},
    }


@pytest.mark.parametrize(
    ("label", "labels", "bin"),
    [("class", {"class": "a"}, "a"), ("class", {}, None), ("le", {"le": "-2.5"}, -2.5), ("le", {"le": "+Inf"}, ALL)],
)
def test_a_bin_is_a_name_or_with_the_label_le_a_bound(label: str, labels: dict[str, str], bin: Any) -> None:
    assert bin_of("x", label, labels) == bin


@pytest.mark.parametrize("text", ["wide", "nan"])
def test_a_bound_that_is_no_number_is_none(text: str) -> None:
    with pytest.raises(Implausible, match="whose bound is no number"):
        bin_of("x", BOUND_LABEL, {"le": text})


# Prometheus


def series(values: list[tuple[float, float]], **labels: str) -> RawSeries:
    return RawSeries(labels={"__name__": "answers_total", **labels}, values=tuple(values))


def test_own_bins_are_what_their_counters_grew_by_of_each_pod() -> None:
    found = own_bins(
        [
            series([(0, 10), (30, 15)], pod="one", label="a"),
            series([(0, 5), (30, 5)], pod="two", label="a"),
            # A class that nobody was given before.
            series([(30, 4)], pod="one", label="b"),
        ],
        "label",
        0,
        30,
    )
    assert found == {"one": {"a": 5, "b": 4}, "two": {"a": 0}}


def test_own_bins_without_their_label_are_refused_with_the_remedy() -> None:
    with pytest.raises(Malformed, match="no label class, which names the bin: set binLabel"):
        own_bins([series([(0, 1)], pod="one")], "class", 0, 30)


def test_own_bins_that_show_no_count_are_refused() -> None:
    with pytest.raises(ProblemError, match="not a count of requests"):
        own_bins([series([(0, 1.5), (30, 2)], pod="one", label="a")], "label", 0, 30)


def test_own_bins_are_asked_with_their_placeholders_and_label() -> None:
    own = {**ANSWERS, "bins": 'answers_total{r="{{revision}}"}'}
    spec = analysis(ERRORS, {**own, "name": "one"}, {**own, "name": "two", "binLabel": "class"}, ANSWERS)
    found = bins_selectors(spec, {"revision": "abc"})
    assert {name: (selector[1].value, label) for name, (selector, label) in found.items()} == {
        "one": ("abc", "le"),
        "two": ("abc", "class"),
    }


def test_answers_of_several_scrapes_are_added_up() -> None:
    history = [(at, sample({"Prediction": {"a": int(at)}}, requests=int(at))) for at in (10.0, 20.0, 30.0)]
    assert counts_between(history, 10.0, 30.0).outputs == {"Prediction": {"a": 20}}


# What makes sense


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ([ANSWERS], "has no metric that counts requests: give one of type Errors, Latency or Ratio"),
        ([ERRORS, {**ANSWERS, "binLabel": "class"}], "metric 'answers': binLabel needs bins"),
        ([ERRORS, {**ANSWERS, "bins": "x", "output": "Score"}], "metric 'answers': give either output"),
        ([ERRORS, {**ANSWERS, "bins": "x"}], "metric 'answers': bins need spec.analysis.source of type Prometheus"),
        ([ERRORS, {"name": "shape", "type": "LatencyShape", "output": "Score"}], "output is not for type LatencyShape"),
        ([ERRORS, ANSWERS, {"name": "g", "type": "Guard", "of": "answers", "max": 0.1}], "one of errors"),
    ],
)
def test_a_shape_that_makes_no_sense_is_refused(metrics: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(InvalidSpec, match=words):
        check("ns", "fraud", spec_of(metrics))


def test_a_shape_may_be_tolerated_to_differ_by_more_than_the_margin_of_other_metrics() -> None:
    check("ns", "fraud", spec_of([ERRORS, {**ANSWERS, "tolerance": 3.0}]))
    with pytest.raises(InvalidSpec, match=r"tolerance 3\.0 must be below margin 1\.0"):
        check("ns", "fraud", spec_of([{**ERRORS, "tolerance": 3.0}]))


def spec_of(metrics: list[dict[str, Any]], **more: Any) -> Spec:
    return msgspec.convert(
        {"route": {"hostnames": ["h"]}, "analysis": {"metrics": metrics, **more}}, Spec, dec_hook=read
    )


def test_a_label_has_to_be_one() -> None:
    source = {"type": "Prometheus", "url": "http://p:9090"}
    own = {**ANSWERS, "bins": 'x{r="{{revision}}"}'}
    check("ns", "fraud", spec_of([ERRORS, {**own, "binLabel": "class"}], source=source))
    with pytest.raises(InvalidSpec, match="binLabel 'a-b' is not the name of a label, such as class or le"):
        check("ns", "fraud", spec_of([ERRORS, {**own, "binLabel": "a-b"}], source=source))


@pytest.mark.parametrize(
    ("metric", "decides"),
    [(ERRORS, True), (ANSWERS, False), (REQUIRED, True), ({"name": "e", "role": "Inform"}, False)],
)
def test_a_shape_decides_only_where_that_is_asked_for(metric: dict[str, Any], decides: bool) -> None:
    assert msgspec.convert(metric, Metric, dec_hook=read).decides == decides


# What the judge makes of it


def folded(spec: Analysis, windows: int, bins: Bins = NONSENSE) -> AnalysisStatus:
    kept: AnalysisStatus | None = None
    stable = Stable(revision="a", inference_service="f-a", uri="s3://1")
    candidate = Candidate(revision="b", inference_service="f-b", uri="s3://2")
    for index in range(windows):
        seen = Metrics(windows={"errors": WELL}, shapes={"answers": bins}, window_end=NOW + 30.0 * index, seconds=30.0)
        status = Status(stable=stable, candidate=candidate, step=STEP, analysis=kept)
        kept = fold(status, "b", "a", spec, seen).analysis
    assert kept is not None
    return kept


def of(kept: AnalysisStatus, name: str) -> MetricStatus:
    return next(metric for metric in kept.metrics if metric.name == name)


def test_golden_trace_of_nonsense_that_is_answered_well() -> None:
    trace = [of(folded(analysis(ERRORS, REQUIRED), windows), "answers") for windows in (1, 2, 3, 4, 6)]
    assert [(metric.verdict, round(math.log(metric.evidence.worse), 1)) for metric in trace] == [
        ("Undecided", 0.0),
        ("Undecided", 3.6),
        ("Differs", 7.7),
        ("Differs", 12.0),
        ("Differs", 20.6),
    ]
    assert metric_sentence(trace[-1]) == (
        "answers: 'fraud' 3 % of the stable model's answers, 25 % of the candidate's after 120 requests: different"
    )


def test_a_shape_that_is_required_rolls_back_and_one_that_informs_only_says_so() -> None:
    for metric, verdict in ((REQUIRED, "Worse"), (ANSWERS, "Undecided")):
        spec = analysis(ERRORS, metric)
        kept = folded(spec, 9)
        assert verdict_of(spec, kept) == verdict
        assert of(kept, "answers").role == ("Required" if metric is REQUIRED else "Inform")


def test_a_required_shape_that_is_alike_keeps_no_promotion_waiting() -> None:
    alike = Bins(candidate={"fine": 97, "fraud": 3}, stable={"fine": 873, "fraud": 27})
    spec = analysis(ERRORS, REQUIRED)
    kept = folded(spec, 50, alike)
    assert (verdict_of(spec, kept), of(kept, "answers").verdict) == ("NotWorse", "Undecided")
    assert verdict_sentence(Status(analysis=kept)).startswith("no errors")


def test_evidence_about_shapes_is_one_part_of_the_weighted_mean() -> None:
    kept = folded(analysis(ERRORS, {**REQUIRED, "weight": 3}), 5)
    shape, errors = of(kept, "answers").evidence.worse, of(kept, "errors").evidence.worse
    assert kept.worse == pytest.approx((3 * shape + errors) / 4, rel=1e-3)


def test_answers_in_clusters_count_less_by_the_factor_and_nothing_is_estimated() -> None:
    def evidence(**dispersion: float) -> float:
        metric = {**REQUIRED, "overDispersion": dispersion}
        return math.log(of(folded(analysis(ERRORS, metric), 5), "answers").evidence.worse)

    assert evidence(factor=5.0) == pytest.approx(evidence(factor=1.0) / 5, rel=1e-3)
    assert evidence(factor=1.0, estimateUpTo=5.0) == evidence(factor=1.0)


def test_another_tolerance_begins_anew_and_so_does_a_state_that_cannot_be_read() -> None:
    spec = analysis(ERRORS, REQUIRED)
    kept = folded(spec, 9)
    assert verdict_of(analysis(ERRORS, {**REQUIRED, "tolerance": 0.5}), kept) == "Undecided"
    broken = msgspec.structs.replace(
        kept, metrics=tuple(msgspec.structs.replace(metric, state="odd") for metric in kept.metrics)
    )
    assert verdict_of(spec, broken) == "Undecided"


def test_a_metric_without_bins_yet_says_so() -> None:
    (_, metric) = folded(analysis(ERRORS, ANSWERS), 1, Bins(candidate={}, stable={})).metrics
    assert metric_sentence(metric) == "answers: nothing in bins yet after 0 requests: undecided"


def test_a_shape_that_cannot_be_read_begins_anew() -> None:
    spec = analysis(ERRORS, ANSWERS)
    kept = folded(spec, 2, Bins(candidate={"a": 9}, stable={"a": 9}))
    broken = msgspec.structs.replace(of(kept, "answers"), state=f"{of(kept, 'answers').state}!")
    again = restored(planned(spec, {}), msgspec.structs.replace(kept, metrics=(broken,)))["answers"]
    assert again == Shape(tolerance=0.25)


def test_the_state_in_the_status_is_small() -> None:
    names = [f"a class with a long name {index}" for index in range(100)]
    many = Bins(candidate=dict.fromkeys(names, 10**9), stable=dict.fromkeys(names, 10**9))
    state = of(folded(analysis(ERRORS, ANSWERS), 2, many), "answers").state
    assert state is not None
    assert len(state) <= 2048


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 99)), min_size=1, max_size=5))
def test_a_window_that_was_counted_changes_nothing(windows: list[dict[str, int]]) -> None:
    spec = analysis(ERRORS, REQUIRED)
    kept: AnalysisStatus | None = None
    stable = Stable(revision="a", inference_service="f-a", uri="s3://1")
    candidate = Candidate(revision="b", inference_service="f-b", uri="s3://2")
    judge = Shape()
    for index, counts in enumerate(windows):
        bins = Bins(candidate=counts, stable={"a": 50, "b": 50})
        judge = judge.observe(bins)
        seen = Metrics(windows={"errors": WELL}, shapes={"answers": bins}, window_end=NOW + index, seconds=1.0)
        for _ in range(2):
            status = Status(stable=stable, candidate=candidate, step=STEP, analysis=kept)
            kept = fold(status, "b", "a", spec, seen).analysis
    assert kept is not None
    assert str(of(kept, "answers").state).endswith(f" {judge.encode()}")


def test_the_status_survives_the_way_to_the_cluster_and_back() -> None:
    metric = MetricStatus(
        name="answers",
        verdict="Differs",
        shape=MostDifferent(bin="fraud", candidate=0.41, stable=0.03),
        evidence=EvidenceStatus(worse=1000.0),
    )
    assert msgspec.json.decode(msgspec.json.encode(metric), type=MetricStatus) == metric
