"""`check-metrics`: what the operator would measure, and what is missing for it, before anything is rolled out."""

import json
from typing import Any

import pytest
from rich.console import Console

from support.pods import pod_of
from timoneiro_operator.api.names import LABEL_REVISION
from timoneiro_operator.api.times import moment
from timoneiro_operator.cli.commands.check_metrics import check_metrics
from timoneiro_operator.cli.commands.waiting import Clock
from timoneiro_operator.cli.errors import DONE, FAILED, CliError

NOW = 1_800_000_000.0
EXPOSITION = """\
# TYPE process_start_time_seconds gauge
process_start_time_seconds 17.5
# TYPE request_preprocess_seconds histogram
request_preprocess_seconds_count {predict}
# TYPE request_predict_seconds histogram
request_predict_seconds_bucket{{le="0.1"}} {fast}
request_predict_seconds_bucket{{le="1.0"}} {predict}
request_predict_seconds_bucket{{le="+Inf"}} {predict}
request_predict_seconds_count {predict}
# TYPE request_postprocess_seconds histogram
request_postprocess_seconds_count {well}
"""
PROMETHEUS = "/api/v1/namespaces/monitoring/services/http:prometheus:9090/proxy/api/v1/query"


def pod(name: str, revision: str) -> dict[str, Any]:
    return pod_of(
        f"fraud-{revision}-predictor",
        name=name,
        labels={LABEL_REVISION: revision},
        podIP="10.0.0.1",
        conditions=[{"type": "Ready", "status": "True"}],
    )


class Check:
    """The command against a cluster in which version 2 is on its way, with one pod for each version."""

    def __init__(self, md, fake_cluster) -> None:
        self.md, self.kind = md, fake_cluster
        self.spec = md.spec()
        self.cluster = fake_cluster(md.rolling(spec=self.spec))
        self.cluster.parts["Pod"] = [pod("one", md.first), pod("two", md.second)]
        self.shows("one", predict=900, well=891, fast=880)
        self.shows("two", predict=100, well=95, fast=70)

    def shows(self, name: str, **counts: int) -> None:
        path = f"/api/v1/namespaces/models/pods/{name}:8080/proxy/metrics"
        self.cluster.texts[path] = [EXPOSITION.format(**counts)]

    def analysis(self, **analysis: Any) -> None:
        body = self.md.rolling(spec={**self.spec, "analysis": analysis})
        self.cluster.reads = [body]

    def run(self, *, url: str | None = None, gateway_pods: str | None = None) -> tuple[int, list[dict[str, Any]]]:
        console = Console(width=10_000)
        with console.capture() as captured:
            code = check_metrics(
                cluster=self.cluster,
                name="fraud",
                url=url,
                gateway_pods=gateway_pods,
                output="json",
                console=console,
                clock=clock(),
            )
        return code, json.loads(captured.get())["findings"]


def foreseen(checked: Check) -> Any:
    """What a rollout needs, as data."""
    console = Console(width=10_000)
    with console.capture() as captured:
        check_metrics(cluster=checked.cluster, name="fraud", url=None, output="json", console=console, clock=clock())
    return json.loads(captured.get())["preflight"]


def clock() -> Clock:
    return Clock(now=lambda: moment(NOW), sleep=lambda seconds: None)


@pytest.fixture
def checked(md, fake_cluster) -> Check:
    return Check(md, fake_cluster)


def test_counts_of_both_arms_are_shown_with_how_they_were_read(checked) -> None:
    code, (stable, candidate) = checked.run()
    assert code == DONE
    assert (stable["metric"], stable["arm"], stable["counts"]) == ("errors", "stable", {"requests": 900, "events": 9})
    assert (candidate["arm"], candidate["counts"]) == ("candidate", {"requests": 100, "events": 5})
    assert candidate["query"] == "GET :8080/metrics (KServe Python) of 1 pod"


def test_a_latency_shows_the_bucket_that_it_will_use(checked) -> None:
    checked.analysis(metrics=[{"name": "slow", "type": "Latency", "threshold": "80ms"}])
    code, (stable, candidate) = checked.run()
    assert code == DONE
    assert (stable["counts"], candidate["counts"]) == (
        {"requests": 900, "events": 20},
        {"requests": 100, "events": 30},
    )
    assert stable["over"] == "since its start, slower than 0.1 s: 2.22 %"


def test_a_latency_without_a_bucket_is_missing_and_the_exit_code_says_so(checked) -> None:
    checked.analysis(metrics=[{"name": "slow", "type": "Latency", "threshold": "1m"}])
    code, findings = checked.run()
    assert code == FAILED
    assert {finding["missing"] for finding in findings} == {"no bucket is at or above 1m; the last one is 1 s"}


def test_the_shape_of_latencies_is_shown_with_the_bins_that_hold_any(checked) -> None:
    checked.analysis(metrics=[{"name": "errors"}, {"name": "shape", "type": "LatencyShape"}])
    code, findings = checked.run()
    assert code == DONE
    assert [(found["counts"]["requests"], found["over"]) for found in findings if found["metric"] == "shape"] == [
        (900, "since its start, in 2 bins"),
        (100, "since its start, in 2 bins"),
    ]


def test_answers_that_a_server_does_not_show_are_missing_with_the_remedy(checked) -> None:
    checked.analysis(metrics=[{"name": "errors"}, {"name": "answers", "type": "Outputs"}])
    _, findings = checked.run()
    words = "no pod of the candidate shows in bins what it answers (output Prediction): our own model server does; for"
    assert findings[-1]["missing"].startswith(words)


def test_a_guard_is_shown_with_its_limit(checked) -> None:
    checked.analysis(metrics=[{"name": "errors"}, {"name": "slo", "type": "Guard", "of": "errors", "max": 0.02}])
    code, findings = checked.run()
    assert (code, findings[-1]["metric"], findings[-1]["query"]) == (DONE, "slo", "at most 0.02 of errors")


def test_a_pod_that_shows_something_else_is_named(checked) -> None:
    checked.cluster.texts["/api/v1/namespaces/models/pods/two:8080/proxy/metrics"] = ["# TYPE x gauge\nx 1\n"]
    code, (stable, candidate) = checked.run()
    assert (code, stable["missing"]) == (FAILED, None)
    assert candidate["missing"].startswith("pod two: there is no series request_preprocess_seconds_count")


def test_workers_that_answer_in_turn_are_recognised(checked) -> None:
    path = "/api/v1/namespaces/models/pods/two:8080/proxy/metrics"
    (text,) = checked.cluster.texts[path]
    checked.cluster.texts[path] = [text, text.replace("17.5", "18.5"), text]
    _, (_, candidate) = checked.run()
    assert candidate["missing"].startswith("pod two answers from several processes in turn")


def test_an_arm_without_a_ready_pod_says_so(checked) -> None:
    checked.cluster.parts["Pod"] = [pod("one", checked.md.first)]
    code, (_, candidate) = checked.run()
    assert (code, candidate["missing"]) == (FAILED, "it has no ready pod")


def test_an_arm_that_nobody_has_asked_says_so(checked) -> None:
    checked.shows("two", predict=0, well=0, fast=0)
    code, (_, candidate) = checked.run()
    assert (code, candidate["missing"]) == (FAILED, "it has had no requests yet")


def test_the_gateway_is_asked_for_the_cluster_of_each_arm(checked) -> None:
    checked.analysis(source={"type": "Gateway"})
    pods = {"items": [pod("envoy-1", "x"), {**pod("envoy-2", "x"), "status": {}}]}
    checked.cluster.texts["/api/v1/namespaces/projectcontour/pods"] = [json.dumps(pods)]
    shown = "".join(
        f'envoy_cluster_upstream_rq_xx{{envoy_response_code_class="{code}",'
        f'envoy_cluster_name="models_fraud-{revision}-predictor_80"}} {count}\n'
        for revision, counts in ((checked.md.first, (891, 9)), (checked.md.second, (95, 5)))
        for code, count in zip("25", counts, strict=True)
    )
    checked.cluster.texts["/api/v1/namespaces/projectcontour/pods/envoy-1:8002/proxy/stats/prometheus"] = [shown]
    code, (stable, candidate) = checked.run(gateway_pods="projectcontour/app=envoy")
    assert (code, stable["counts"]) == (DONE, {"requests": 900, "events": 9})
    assert candidate["counts"] == {"requests": 100, "events": 5}
    assert f"cluster models_fraud-{checked.md.second}-predictor_80" in candidate["query"]
    assert checked.cluster.asked[0][1] == {"labelSelector": "app=envoy"}


def test_a_gateway_whose_pods_were_not_told_is_asked_for(checked) -> None:
    checked.analysis(source={"type": "Gateway"})
    with pytest.raises(CliError, match="--gateway-pods NAMESPACE/LABEL=VALUE"):
        checked.run()


def test_a_gateway_without_a_ready_pod_says_so(checked) -> None:
    checked.analysis(source={"type": "Gateway"})
    checked.cluster.texts["/api/v1/namespaces/projectcontour/pods"] = ['{"items": []}']
    code, (stable, _) = checked.run(gateway_pods="projectcontour/app=envoy")
    assert (code, stable["missing"]) == (FAILED, "the gateway has no ready pod")


def test_a_deployment_that_serves_nothing_has_nothing_to_check(md, fake_cluster) -> None:
    with pytest.raises(CliError, match="'fraud' serves nothing yet"):
        check_metrics(
            cluster=fake_cluster(md.body(phase="Pending")),
            name="fraud",
            url=None,
            output=None,
            console=Console(),
            clock=clock(),
        )


def series(name: str, pod_name: str, *values: tuple[float, float], **labels: str) -> dict[str, Any]:
    return {
        "metric": {"__name__": name, "pod": pod_name, **labels},
        "values": [[NOW + at, str(value)] for at, value in values],
    }


def answer(*found: dict[str, Any]) -> str:
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": list(found)}})


def with_prometheus(checked: Check, *, url: str = "http://prometheus.monitoring:9090", **more: Any) -> None:
    checked.analysis(source={"type": "Prometheus", "url": url, "selector": 'r="{{revision}}"', **more})


def test_prometheus_is_asked_through_the_api_server_where_it_is_a_service(checked) -> None:
    with_prometheus(checked, profile="Timoneiro")
    counters = [
        series("timoneiro_requests_ended_total", pod_name, (-250, 0), (-10, value), outcome=outcome)
        for pod_name in ("one", "two")
        for outcome, value in (("well", 48), ("overdue", 2))
    ]
    ups = [series("up", pod_name, (-10, 1)) for pod_name in ("one", "two")]
    checked.cluster.texts[PROMETHEUS] = [answer(*counters, *ups)]
    code, findings = checked.run()
    assert code == DONE
    # Both arms get the same answer here, which holds both pods.
    assert findings[0]["counts"] == {"requests": 100, "events": 4}
    assert findings[0]["over"] == "in the last 300 s"
    assert f'r="{checked.md.first}"' in findings[0]["query"]


def test_a_pod_that_prometheus_does_not_scrape_is_named_with_the_selector(checked) -> None:
    with_prometheus(checked)
    checked.cluster.texts[PROMETHEUS] = [answer()]
    code, (stable, _) = checked.run()
    assert code == FAILED
    assert stable["missing"].startswith("Prometheus has no `up` of pod one: it does not scrape it")
    assert stable["query"].startswith("{__name__=~")


def test_a_query_that_prometheus_refuses_is_said_in_its_words(checked) -> None:
    with_prometheus(checked)
    checked.cluster.texts[PROMETHEUS] = [json.dumps({"status": "error", "error": "parse error at char 3"})]
    _, (stable, _) = checked.run()
    assert stable["missing"] == "Prometheus refuses the query: parse error at char 3"


def test_a_prometheus_elsewhere_needs_an_address_of_its_own(checked) -> None:
    with_prometheus(checked, url="https://prometheus.example.com")
    _, (stable, _) = checked.run()
    assert "name the address with --url" in stable["missing"]


def test_an_address_of_its_own_is_asked_instead(checked) -> None:
    with_prometheus(checked, url="https://prometheus.example.com")
    checked.run(url="http://127.0.0.1:9090/")
    assert {path for path, _ in checked.cluster.asked} == {"http://127.0.0.1:9090/api/v1/query"}


@pytest.mark.parametrize(
    ("url", "said"),
    [("http://prometheus.models.svc:9090", False), ("http://prometheus.monitoring:9090", True)],
)
def test_an_address_that_the_operator_has_to_be_allowed_is_said(checked, url: str, said: bool) -> None:
    with_prometheus(checked, url=url)
    path = PROMETHEUS.replace("monitoring", "models" if not said else "monitoring")
    checked.cluster.texts[path] = [answer()]
    console = Console(width=200)
    with console.capture() as captured:
        check_metrics(cluster=checked.cluster, name="fraud", url=None, output=None, console=console, clock=clock())
    assert ("only if analysis.prometheusUrls of its chart names it" in captured.get()) is said


def test_what_is_no_selector_is_said_before_anything_is_asked(checked) -> None:
    with_prometheus(checked)
    metric = {"name": "own", "type": "Ratio", "events": "e[1m:1s] #", "total": "t"}
    checked.analysis(source={"type": "Prometheus", "url": "http://p.models.svc"}, metrics=[metric])
    with pytest.raises(CliError, match=r"metric 'own': events: 'e\[1m:1s\] #' cannot be read"):
        checked.run()
    assert checked.cluster.asked == []


def test_it_is_said_what_a_rollout_needs_at_todays_traffic_and_that_the_deadline_is_too_short(checked) -> None:
    # A thousand requests since 1970 are not many a second.
    needs = foreseen(checked)
    (errors,) = needs["metrics"]
    assert errors["rate"] == 0.01
    assert errors["notWorse"]["requests"] > 3_000
    assert needs["late"]
    assert needs["message"].startswith("errors: 1 % of the stable model's requests fail")
    assert "The deadline comes before that (rollout.deadline: 6h)" in needs["message"]


def test_without_a_start_time_only_requests_are_said(checked) -> None:
    path = "/api/v1/namespaces/models/pods/{}:8080/proxy/metrics"
    for name in ("one", "two"):
        (text,) = checked.cluster.texts[path.format(name)]
        checked.cluster.texts[path.format(name)] = [text.replace("process_start_time_seconds 17.5\n", "")]
    needs = foreseen(checked)
    assert (needs["late"], needs["metrics"][0]["notWorse"]["seconds"]) == (False, None)
    assert "needs about 3,600 requests until it is known" in needs["message"]


def test_of_a_model_that_nobody_asks_nothing_is_foreseen(checked) -> None:
    checked.shows("one", predict=99, well=99, fast=99)
    assert foreseen(checked) is None


def test_a_bucket_that_is_far_from_the_threshold_is_said_with_what_helps(checked) -> None:
    checked.analysis(metrics=[{"name": "slow", "type": "Latency", "threshold": "20ms"}])
    message = foreseen(checked)["message"]
    assert "slow: the threshold is 0.02 s, and the next bucket 0.1 s: give the server's histogram a bucket" in message


def test_people_see_a_table_and_what_the_metrics_miss(checked) -> None:
    console = Console(width=200)
    with console.capture() as captured:
        check_metrics(cluster=checked.cluster, name="fraud", url=None, output=None, console=console, clock=clock())
    text = captured.get()
    assert "errors   candidate   100" in text
    assert "These metrics: counts what preprocess has seen" in text


@pytest.mark.parametrize(("warm_up", "said"), [("90s", True), ("0s", False)])
def test_people_are_told_from_when_on_a_pod_is_compared(checked, warm_up: str, said: bool) -> None:
    checked.analysis(warmUp=warm_up)
    console = Console(width=200)
    with console.capture() as captured:
        check_metrics(cluster=checked.cluster, name="fraud", url=None, output=None, console=console, clock=clock())
    assert ("of a pod they are compared from 1 min 30 s after it is ready" in captured.get()) is said
