"""Each model server by an exposition of its own: what was asked, what failed, what was slow."""

import re
from pathlib import Path

import pytest

from timoneiro_operator.api.names import PROFILES as NAMES
from timoneiro_operator.metrics import profile as profile_module
from timoneiro_operator.metrics.profile import Profile, Series
from timoneiro_operator.metrics.profiles import KSERVE, PROFILES, profile_of
from timoneiro_operator.metrics.samples import ALL, Implausible, NoSeries

EXPOSITIONS = Path(__file__).parent / "expositions"


@pytest.mark.parametrize(
    ("name", "requests", "failed", "bound", "within", "latencies"),
    [
        ("Timoneiro", 150, 10, 0.01, 137, 150),
        ("KServe", 157, 17, 0.01, 137, 150),
        ("MLServer", 162, 12, 0.01, 141, 166),
        ("Triton", 1100, 14, 0.5, 1087, 1100),
        ("vLLM", 132, 7, 2.0, 83, 122),
        ("TensorFlowServing", 201, 14, 0.020823, 182, 187),
        ("Knative", 175, 11, 0.05, 164, 175),
        ("KnativeQueueProxy", 175, 11, 0.06, 158, 175),
        ("Istio", 177, 9, 0.05, 167, 177),
        ("Envoy", 531, 19, 0.1, 517, 525),
    ],
)
def test_an_exposition_is_read_as_what_it_says(
    name: str, requests: int, failed: int, bound: float, within: int, latencies: int
) -> None:
    sample = PROFILES[name].read((EXPOSITIONS / f"{name}.txt").read_text())
    assert (sample.requests, sample.failed) == (requests, failed)
    assert (sample.latency[bound], sample.latency[ALL]) == (within, latencies)


def test_torchserve_has_counts_and_no_histogram() -> None:
    sample = PROFILES["TorchServe"].read((EXPOSITIONS / "TorchServe.txt").read_text())
    assert (sample.requests, sample.failed, sample.latency) == (203, 7, {})


@pytest.mark.parametrize(
    "path",
    [
        "/v1/completions",
        "/v1/chat/completions",
        "/v1/chat/completions/batch",
        "/openai/v1/chat/completions",
        "/v1/responses",
        "/v1/messages",
        "/v1/embeddings",
        "/v2/embed",
        "/v1/audio/transcriptions",
        "/v1/audio/translations",
        "/score",
        "/v1/score",
        "/generative_scoring",
        "/rerank",
        "/v1/rerank",
        "/v2/rerank",
        "/pooling",
        "/classify",
        "/v1/decisions",
        "/inference/v1/generate",
        "/invocations",
    ],
)
def test_everything_that_vllm_answers_with_its_model_is_counted(path: str) -> None:
    sample = PROFILES["vLLM"].sample([("http_requests_total", {"handler": path, "status": "5xx"}, 3.0)])
    assert (sample.requests, sample.failed) == (3, 3)


@pytest.mark.parametrize(
    "path",
    [
        "/tokenize",
        "/detokenize",
        "/v1/models",
        "/v1/messages/count_tokens",
        "/v1/responses/{response_id}",
        "/v1/responses/{response_id}/cancel",
        "/health",
        "/metrics",
        "none",
    ],
)
def test_what_vllm_answers_without_its_model_is_not_counted(path: str) -> None:
    sample = PROFILES["vLLM"].sample([("http_requests_total", {"handler": path, "status": "5xx"}, 3.0)])
    assert (sample.requests, sample.failed) == (0, 0)


def test_every_profile_that_the_api_names_is_in_the_table() -> None:
    assert tuple(PROFILES) == NAMES


@pytest.mark.parametrize(
    ("runtime", "name"),
    [
        ("timoneiro-serving", "Timoneiro"),
        ("timoneiro-serving-1.2", "Timoneiro"),
        ("timoneiro-servings", "KServe"),
        ("kserve-mlserver", "MLServer"),
        ("kserve-tritonserver", "Triton"),
        ("kserve-vllmserver", "vLLM"),
        ("kserve-torchserve", "TorchServe"),
        ("kserve-tensorflow-serving", "TensorFlowServing"),
        ("kserve-sklearnserver", "KServe"),
        ("my-own-runtime", "KServe"),
        (None, "KServe"),
    ],
)
def test_a_runtime_of_kserve_names_the_profile(runtime: str | None, name: str) -> None:
    assert profile_of("Auto", runtime) is PROFILES[name]


def test_a_profile_that_was_set_by_hand_counts_whatever_the_runtime() -> None:
    assert profile_of("Istio", "kserve-mlserver") is PROFILES["Istio"]


def test_metrics_that_are_switched_off_are_named_so() -> None:
    with pytest.raises(NoSeries, match="no metrics at all: are they switched on in the TorchServe server"):
        PROFILES["TorchServe"].read("")


def test_a_server_that_shows_its_series_late_counts_zero_before() -> None:
    sample = PROFILES["Istio"].read("# TYPE envoy_server_uptime gauge\nenvoy_server_uptime{} 5821\n")
    assert (sample.requests, sample.failed, sample.latency) == (0, 0, {})


def test_a_series_that_is_shown_twice_counts_once() -> None:
    profile = Profile(name="x", requests=(Series("http_requests_total"),))
    text = '# TYPE http_requests_total counter\nhttp_requests_total{a="1"} 9\nhttp_requests_total{a="1"} 4\n'
    assert profile.read(text).requests == 9


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-1", "1e308", "0.5", str(2**53 + 2)])
def test_a_counter_that_is_no_count_is_refused_by_the_name_of_its_series(value: str) -> None:
    text = f"# TYPE request_predict_seconds_count counter\nrequest_predict_seconds_count {value}\n"
    with pytest.raises(Implausible, match=r"series request_predict_seconds_count shows .*, which is not a count"):
        Profile(name="x", requests=(Series("request_predict_seconds_count"),)).read(text)


def test_more_answers_than_requests_are_refused_by_the_names_of_both_series() -> None:
    text = "".join(
        f"# TYPE {name} counter\n{name} {value}\n"
        for name, value in (("request_preprocess_seconds_count", 7), ("request_postprocess_seconds_count", 9))
    )
    with pytest.raises(Implausible, match="request_postprocess_seconds_count shows 2 more than request_preprocess_sec"):
        KSERVE.read(text)


@pytest.mark.parametrize("bound", ["NaN", "-1", "fast"])
def test_a_bucket_without_a_bound_is_refused(bound: str) -> None:
    profile = Profile(name="x", requests=(Series("x_count"),), latency=Series("x"), lazy=True)
    with pytest.raises(Implausible, match="series x_bucket has a bucket whose bound is not a number"):
        profile.sample([("x_bucket", {"le": bound}, 1.0)])


def test_a_start_time_that_is_none_is_refused() -> None:
    with pytest.raises(Implausible, match="process_start_time_seconds does not show a time"):
        PROFILES["Istio"].sample([("process_start_time_seconds", {}, float("nan"))])


def test_kserve_is_known_by_its_series() -> None:
    with pytest.raises(NoSeries, match="no series request_preprocess_seconds_count"):
        KSERVE.read("# TYPE x gauge\nx 1\n")


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_series_that_are_not_read_never_come_to_the_parser(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    parse = profile_module.text_string_to_metric_families
    monkeypatch.setattr(
        profile_module, "text_string_to_metric_families", lambda text: parsed.append(text) or parse(text)
    )
    text = f'{(EXPOSITIONS / f"{name}.txt").read_text()}python_info{{version="3.11"}} 1.0\nup 1\n'
    PROFILES[name].read(text)
    shown = {re.split(r"[{ ]", line)[0] for line in parsed[0].splitlines() if not line.startswith("#")}
    read = {*PROFILES[name].series(), profile_module.START_TIME}
    assert {series.removesuffix("_total") for series in shown} <= {series.removesuffix("_total") for series in read}


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_leaving_out_other_series_changes_no_sample(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (EXPOSITIONS / f"{name}.txt").read_text()
    sample = PROFILES[name].read(text)
    monkeypatch.setattr(profile_module, "other_series", lambda _: re.compile("(?!)"))
    assert PROFILES[name].read(text) == sample


@pytest.mark.parametrize(
    "line", ["<html>", "other 1.2.3", "other", 'other{a="b" 1', 'other{a="b"} 1 now', "other{1} 1"]
)
def test_a_line_that_is_none_is_refused_also_among_series_that_are_not_read(line: str) -> None:
    text = (EXPOSITIONS / "KServe.txt").read_text()
    with pytest.raises(ValueError):
        KSERVE.read(f"{text}{line}\n")


def test_a_server_that_shows_other_series_only_has_metrics() -> None:
    with pytest.raises(NoSeries, match="there is no series request_preprocess_seconds_count"):
        KSERVE.read("up 1\n")
