"""The model servers and proxies whose metrics are known: one table, with where each series name comes from.

A server that is not here is read with Prometheus and metrics of type Ratio. What a profile misses is in its note, and
`kubectl timoneiro check-metrics` shows it.
"""

from collections.abc import Mapping

from timoneiro_operator.metrics.profile import BOUND_LABEL, Output, Profile, Series

_5XX = "5.."
# What vLLM answers with a model (its page "Online Serving"), and not the lists, probes and tokens beside it.
_GENERATING = (
    ".*/(completions|chat/completions/batch|responses|messages|embeddings|embed|audio/(transcriptions|translations)|"
    "score|generative_scoring|rerank|pooling|classify|decisions|generate|invocations)"
)

# What people have to know of a server that counts a request when it has ended.
BLIND = "a request that hangs, and one whose connection is closed without an answer, is not seen"

# kserve 0.21, kserve/metrics.py and model.py; run and measured: preprocess and predict are observed when they are
# over, also when they raise, postprocess only when predict succeeded; there is no error counter.
KSERVE = Profile(
    name="KServe Python",
    requests=(Series("request_preprocess_seconds_count"),),
    ended_well=(Series("request_postprocess_seconds_count"),),
    busy=tuple(Series(f"request_{part}_seconds_sum") for part in ("predict", "explain", "postprocess")),
    begun=(Series("request_preprocess_seconds_count"),),
    latency=Series("request_predict_seconds"),
    note=(
        "counts what preprocess has seen: not unknown models, bad JSON, or what hangs before or in it; an input that "
        "the model refuses is a failure; what is in flight is one when it is still missing at the next look; run one "
        "worker in each pod"
    ),
)

_ENDED = "timoneiro_requests_ended_total"

PROFILES: Mapping[str, Profile] = {
    # timoneiro_serving/accounting.py: every request once, by how it ended.
    "Timoneiro": Profile(
        name="Timoneiro model",
        requests=(Series(_ENDED, {"outcome": "well|failed|abandoned|overdue"}),),
        failed=(Series(_ENDED, {"outcome": "failed|abandoned|overdue"}),),
        begun=(Series("timoneiro_requests_begun_total"),),
        latency=Series("request_predict_seconds"),
        # timoneiro_serving/predictions.py: a model shows either classes or numbers.
        outputs=(
            Output(name="Prediction", series=Series("timoneiro_predicted_classes_total"), label="class"),
            Output(name="Prediction", series=Series("timoneiro_predicted_numbers_bucket"), label=BOUND_LABEL),
            Output(name="Score", series=Series("timoneiro_predicted_scores_bucket"), label=BOUND_LABEL),
        ),
        runtimes=("timoneiro-serving",),
        note=(
            "a request that was not answered within TIMONEIRO_OVERDUE_SECONDS (10), or whose client did not wait for "
            "the answer, is a failure; one that was refused with a 4xx is not counted; latencies are the model's"
        ),
    ),
    "KServe": KSERVE,
    # SeldonIO/MLServer 1.7.1, mlserver/handlers/dataplane.py and rest/; run and measured. The histogram is the one of
    # the REST middleware, so that gRPC has none; KServe's annotation says port 8080, which answers 404.
    "MLServer": Profile(
        name="MLServer",
        port=8082,
        requests=(Series("model_infer_request_success_total"), Series("model_infer_request_failure_total")),
        failed=(Series("model_infer_request_failure_total"),),
        latency=Series("rest_server_request_duration_seconds", {"path": ".*/infer"}),
        lazy=True,
        runtimes=("kserve-mlserver",),
        note=f"failures include inputs that the model refuses and unknown models; latencies are those of REST; {BLIND}",
    ),
    # triton-inference-server/core, src/metrics.cc and metric_model_reporter.cc; the histogram exists since 24.11 and
    # only with --metrics-config histogram_latencies=true. Its bounds are 100, 500, 2000 and 5000 ms.
    "Triton": Profile(
        name="Triton",
        port=8002,
        requests=(Series("nv_inference_request_success"), Series("nv_inference_request_failure")),
        failed=(Series("nv_inference_request_failure"),),
        latency=Series("nv_inference_first_response_histogram_ms"),
        unit=0.001,
        runtimes=("kserve-tritonserver",),
        note=(
            "misses what is refused before it is queued; an ensemble counts its failures twice; latencies need Triton "
            f"24.11 and --metrics-config histogram_latencies=true; {BLIND}"
        ),
    ),
    # vllm-project/vllm, vllm/v1/metrics/loggers.py and prometheus_fastapi_instrumentator: the engine has no counter of
    # failed requests that holds all of them, the HTTP layer has.
    "vLLM": Profile(
        name="vLLM",
        requests=(Series("http_requests_total", {"handler": _GENERATING}),),
        failed=(
            Series(
                "http_requests_total",
                {"handler": _GENERATING, "status": "5(xx|..)"},
            ),
        ),
        latency=Series("vllm:e2e_request_latency_seconds"),
        lazy=True,
        runtimes=("kserve-vllmserver",),
        note=(
            "a failure within an answer that is being streamed is not counted; latencies are those of the engine; "
            f"{BLIND}"
        ),
    ),
    # pytorch/serve 0.9 to 0.12, frontend metrics and NettyUtils: failures are of the whole host.
    "TorchServe": Profile(
        name="TorchServe",
        port=8082,
        requests=(Series("ts_inference_requests_total"),),
        failed=(Series("Requests5XX"),),
        lazy=True,
        runtimes=("kserve-torchserve",),
        note=(
            f"metrics need metrics_mode=prometheus; failures are those of all models in the pod; no histogram; {BLIND}"
        ),
    ),
    # tensorflow/serving, servables/tensorflow/util.cc: latencies are of successful requests only.
    "TensorFlowServing": Profile(
        name="TensorFlow Serving",
        path="/monitoring/prometheus/metrics",
        requests=(Series(":tensorflow:serving:request_count"),),
        failed=(Series(":tensorflow:serving:request_count", {"status": "(?!OK$).*"}),),
        latency=Series(":tensorflow:serving:request_latency"),
        unit=0.000001,
        lazy=True,
        runtimes=("kserve-tensorflow-serving",),
        note=f"metrics need --monitoring_config_file; latencies are those of successful requests; {BLIND}",
    ),
    # knative/serving 1.21, pkg/queue/request_metric.go, and otelhttp around it: outermost, so that it has the answers
    # 503 and 504 of the queue-proxy too. Off unless config-observability sets request-metrics-protocol: prometheus.
    "Knative": Profile(
        name="Knative queue-proxy",
        port=9091,
        requests=(Series("http_server_request_duration_seconds_count"),),
        failed=(Series("http_server_request_duration_seconds_count", {"http_response_status_code": _5XX}),),
        latency=Series("http_server_request_duration_seconds"),
        lazy=True,
        note=(
            "Knative 1.19 and later, with request-metrics-protocol: prometheus; failures of gRPC are not seen; a "
            "request that hangs is seen when its time is out"
        ),
    ),
    # knative/serving 1.18, pkg/queue/request_metric.go (OpenCensus). revision_app_* would miss 503 and 504.
    "KnativeQueueProxy": Profile(
        name="Knative queue-proxy up to 1.18",
        port=9091,
        requests=(Series("revision_request_count"),),
        failed=(Series("revision_request_count", {"response_code_class": "5xx"}),),
        latency=Series("revision_request_latencies"),
        unit=0.001,
        lazy=True,
        note="Knative up to 1.18; failures of gRPC are not seen; a request that hangs is seen when its time is out",
    ),
    # istio/proxy, extensions/stats; the sidecar of the model's pod, incoming requests.
    "Istio": Profile(
        name="Istio sidecar",
        port=15020,
        path="/stats/prometheus",
        requests=(Series("istio_requests_total", {"reporter": "destination"}),),
        failed=(
            Series("istio_requests_total", {"reporter": "destination", "response_code": _5XX}),
            Series("istio_requests_total", {"reporter": "destination", "grpc_response_status": "[1-9][0-9]*"}),
        ),
        latency=Series("istio_request_duration_milliseconds", {"reporter": "destination"}),
        unit=0.001,
        lazy=True,
        note=(
            "what never reached the sidecar, such as a refused connection, is not seen; a request that hangs is seen "
            "when its client or its time gives up"
        ),
    ),
    # envoyproxy/envoy, source/common/config/well_known_names.cc and router: an Envoy inside of the model's pod.
    "Envoy": Profile(
        name="Envoy",
        port=15090,
        path="/stats/prometheus",
        requests=(Series("envoy_cluster_upstream_rq_xx"),),
        failed=(Series("envoy_cluster_upstream_rq_xx", {"envoy_response_code_class": "5"}),),
        latency=Series("envoy_cluster_upstream_rq_time"),
        unit=0.001,
        lazy=True,
        note=(
            "all clusters of that Envoy together; latencies leave out timeouts and resets; set source.port; a request "
            "that hangs is seen when its time is out, and one without an answer as 503"
        ),
    ),
}


def profile_of(chosen: str, runtime: str | None) -> Profile:
    """The profile that was set by hand, or the one of the KServe runtime; KServe's own servers where nothing fits."""
    if chosen != "Auto":
        return PROFILES[chosen]
    fitting = (profile for profile in PROFILES.values() if _is_one_of(runtime or "", profile.runtimes))
    return next(fitting, KSERVE)


def _is_one_of(runtime: str, names: tuple[str, ...]) -> bool:
    """A runtime of that name, or a version of it: `kserve-mlserver-1.7`."""
    return any(runtime == name or runtime.startswith(f"{name}-") for name in names)
