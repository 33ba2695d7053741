"""Who may write a ModelDeployment makes the operator reach a Prometheus, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timoneiro_operator.metrics.problem import ProblemError
from timoneiro_operator.sources.allowed_urls import AllowedUrls

NAMED = AllowedUrls(
    ["http://prometheus.monitoring:9090", "https://metrics.example.com/team-a/", "http://10.0.0.1:9090"]
)


def refused(text: str, allowed: AllowedUrls = NAMED) -> str:
    with pytest.raises(ProblemError) as caught:
        allowed.address(text, "ns")
    assert caught.value.problem.reason == "UrlNotAllowed"
    return caught.value.problem.message


@pytest.mark.parametrize(
    "text",
    [
        "http://prometheus.ns.svc",
        "https://Prometheus.ns.svc:9090/prometheus/",
        "http://prometheus.ns.svc.cluster.local:9090",
        "http://prometheus.monitoring:9090",
        "http://PROMETHEUS.monitoring:9090/below",
        "https://metrics.example.com:443/team-a",
        "https://metrics.example.com/team-a/prometheus",
        "http://10.0.0.1:9090",
    ],
)
def test_services_of_the_own_namespace_and_what_is_named_may_be_asked(text: str) -> None:
    assert str(NAMED.address(text, "ns")).lower().startswith(text.partition(":")[0])


@pytest.mark.parametrize(
    "text",
    [
        "http://prometheus.other.svc",
        "http://prometheus",
        "http://prometheus.ns",
        "http://prometheus.ns.svc.evil.com",
        "http://evil.com#.ns.svc",
        "http://evil.com/.ns.svc",
        "http://a.b.ns.svc",
        "http://prometheus.ns.svc%2eevil.com",
        "http://127.0.0.1:9090",
        "http://localhost:9090",
        "http://[::1]:9090",
        "http://[::ffff:169.254.169.254]",
        "http://169.254.169.254/latest",
        "http://2852039166",
        "http://0xa9fea9fe",
        "http://0251.0376.0251.0376",
        "http://127.1",
        "http://10.0.0.1:9091",
        "https://10.0.0.1:9090",
        "http://0x0a000001:9090",
        "http://prometheus.monitoring",
        "https://metrics.example.com",
        "https://metrics.example.com/team-b",
        "https://metrics.example.com/team-abc",
        "https://metrics.example.com/team-a/../team-b",
        "https://metrics.example.com/team-a/%2e%2e/team-b",
        "https://metrics.example.com/team-a/..%2fteam-b",
        "https://metrics.example.com/team-a/\\..\\team-b",
        "https://metrics.example.com/team-a/.%00./team-b",
        "http://prometheus.ns.svc?query=up",
        "http://prometheus.ns.svc/#x",
        "ftp://prometheus.ns.svc",
        "file:///etc/passwd",
        "http://",
        "http:///api",
        "http://prometheus.ns.svc:99999",
        "prometheus.ns.svc",
        "",
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    refused(text)


def test_the_sentence_names_the_address_and_the_remedy() -> None:
    assert refused("http://prometheus.other.svc:9090") == (
        "spec.analysis.source.url http://prometheus.other.svc:9090 is not allowed: from namespace ns the operator asks "
        "http://SERVICE.ns.svc, and the addresses that its administrator names in the chart (helm upgrade "
        "--reuse-values --set 'analysis.prometheusUrls={URL}')"
    )


def test_a_login_in_an_address_is_refused_and_not_repeated() -> None:
    sentence = refused("http://ana:secret@prometheus.ns.svc")
    assert sentence == "spec.analysis.source.url http://prometheus.ns.svc has a login in it: use secretRef"


@pytest.mark.parametrize("text", ["prometheus.monitoring:9090", "http://u@x", "http://x/?y", "http://x/a/%2f"])
def test_an_administrator_names_plain_addresses(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an address|has a login|more than a plain path"):
        AllowedUrls([text])


HOSTS = st.one_of(
    st.sampled_from(["prometheus.ns.svc", "evil.com", "127.0.0.1", "prometheus.ns.svc.cluster.local"]),
    st.text(max_size=12),
)


@given(
    st.tuples(st.sampled_from(["http://", "https://", "//", ""]), st.text("@:/\\#?%.", max_size=2), HOSTS)
    .map("".join)
    .flatmap(lambda head: st.tuples(st.just(head), st.text("@:/\\#?%.e2", max_size=4), HOSTS).map("".join))
)
def test_whatever_is_written_the_request_goes_to_a_service_of_the_namespace_or_nowhere(text: str) -> None:
    try:
        url = AllowedUrls().address(text, "ns") / "api/v1/query"
    except ProblemError:
        return
    assert url.raw_host is not None
    assert url.raw_host.removesuffix(".cluster.local").endswith(".ns.svc")
    assert url.raw_path.endswith("/api/v1/query")
    assert url.raw_user is None
