"""Which pods Prometheus reads in the local cluster, by which labels their samples are known, and what it may see."""

import json
import re
from pathlib import Path
from typing import Any

from localcluster.control_plane import components, prometheus
from localcluster.layout import Layout
from timoneiro_operator.api import names

POD = {
    "__address__": "10.244.1.7:9081",
    "__meta_kubernetes_namespace": "models",
    "__meta_kubernetes_pod_name": "fraud-1",
    "__meta_kubernetes_pod_uid": "0d5c",
    "__meta_kubernetes_pod_ip": "10.244.1.7",
    "__meta_kubernetes_pod_phase": "Running",
    "__meta_kubernetes_pod_label_serving_kserve_io_inferenceservice": "fraud-abc",
    "__meta_kubernetes_pod_label_timoneiro_dev_revision": "abc",
}


def scrape() -> dict[str, Any]:
    [job] = json.loads(prometheus.configuration(Path("/keys/kubeconfig")))["scrape_configs"]
    found: dict[str, Any] = job
    return found


def target(**discovered: str) -> dict[str, str] | None:
    """What Prometheus makes of a pod that it has discovered: its address and labels; None where it is left out."""
    labels = POD | discovered
    for rule in scrape()["relabel_configs"]:
        value = ";".join(labels.get(name, "") for name in rule["source_labels"])
        match = re.fullmatch(rule.get("regex", "(.*)"), value)
        if match and rule.get("action") == "drop":
            return None
        if match and "target_label" in rule:
            labels[rule["target_label"]] = match.expand(rule.get("replacement", "$1").replace("$1", r"\g<1>"))
    return {name: value for name, value in labels.items() if not name.startswith("__meta_")}


def test_a_sample_is_known_by_its_pod_and_revision() -> None:
    assert target() == {
        "__address__": "10.244.1.7:8080",
        "namespace": "models",
        "pod": "fraud-1",
        "uid": "0d5c",
        "inferenceservice": "fraud-abc",
        "revision": "abc",
    }


def test_a_pod_is_one_target_however_many_ports_it_declares() -> None:
    assert target(__address__="10.244.1.7:9081") == target(__address__="10.244.1.7")


def test_a_pod_that_has_ended_is_not_read() -> None:
    assert [target(__meta_kubernetes_pod_phase=phase) for phase in ("Succeeded", "Failed")] == [None, None]


def test_pods_of_model_servers_are_read_every_second() -> None:
    content = json.loads(prometheus.configuration(Path("/keys/kubeconfig")))
    [discovery] = scrape()["kubernetes_sd_configs"]
    assert content["global"]["scrape_interval"] == "1s"
    assert discovery["selectors"] == [{"role": "pod", "label": "serving.kserve.io/inferenceservice"}]


def test_labels_of_a_pod_win_over_those_of_its_metrics() -> None:
    """A server that says `uid` or `namespace` of itself must not pass for another pod."""
    assert "honor_labels" not in scrape()


def test_the_revision_is_read_from_the_label_that_the_operator_writes() -> None:
    assert prometheus.REVISION_LABEL == names.LABEL_REVISION


def test_it_may_list_and_watch_pods_and_nothing_else() -> None:
    rules = [rule for item in prometheus.access() for rule in item.get("rules", [])]
    assert rules == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}]


def test_it_is_known_to_the_api_server_by_its_own_account() -> None:
    assert scrape()["kubernetes_sd_configs"][0]["kubeconfig_file"] == "/keys/kubeconfig"


def test_it_listens_where_pods_reach_it_and_keeps_its_data_in_the_folder_of_the_cluster() -> None:
    argv = components.prometheus(Layout(Path("/cluster")), {"prometheus": Path("/bin/prometheus")}).argv
    assert "--web.listen-address=10.244.0.1:9090" in argv
    assert "--storage.tsdb.path=/cluster/prometheus" in argv
