"""Names and addresses of Services: what pods are told of them, and what they cost a cluster that goes without."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from localcluster.build.tools import SERVICES, TOOLS, folder_name, wanted_tools
from localcluster.control_plane import components
from localcluster.host import prerequisites
from localcluster.layout import Layout
from localcluster.network import services
from localcluster.pod.dns import resolv_conf

NAMESERVER = "10.244.0.1"


def pod(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a", "namespace": "models"}, "spec": spec}


def test_a_pod_finds_services_of_its_own_namespace_first() -> None:
    assert resolv_conf(pod(), NAMESERVER) == (
        "nameserver 10.244.0.1\nsearch models.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"
    )


@pytest.mark.parametrize(
    ("spec", "nameserver"), [({}, None), ({"dnsPolicy": "Default"}, NAMESERVER), ({"dnsPolicy": "None"}, NAMESERVER)]
)
def test_where_there_is_nobody_to_ask_look_ups_fail_at_once(spec: dict[str, Any], nameserver: str | None) -> None:
    assert resolv_conf(pod(**spec), nameserver) == "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"


def test_what_a_pod_says_itself_comes_after_the_clusters_own() -> None:
    config = {"nameservers": ["10.244.0.9"], "searches": ["example.com"], "options": [{"name": "debug"}]}
    lines = resolv_conf(pod(dnsConfig=config), NAMESERVER).splitlines()
    assert lines[:2] == ["nameserver 10.244.0.1", "nameserver 10.244.0.9"]
    assert lines[2].endswith("cluster.local example.com")
    assert lines[3] == "options ndots:5 debug"


def test_a_pod_may_say_all_of_it_itself() -> None:
    config = {"nameservers": ["10.244.0.9"], "options": [{"name": "ndots", "value": "2"}]}
    text = resolv_conf(pod(dnsPolicy="None", dnsConfig=config), NAMESERVER)
    assert text == "nameserver 10.244.0.9\noptions ndots:2\n"


def test_they_are_built_only_where_they_are_asked_for() -> None:
    assert not set(SERVICES) & set(wanted_tools())
    assert set(wanted_tools(services=True)) == {*SERVICES, *TOOLS}


def test_another_main_package_of_ours_is_another_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tool = next(tool for tool in SERVICES if tool.name == "coredns")
    names = set()
    for content in ("package a", "package b"):
        folder = tmp_path / tool.name
        folder.mkdir(exist_ok=True)
        for file in ("go.mod", "go.sum"):
            (folder / file).touch()
        (folder / "main.go").write_text(content)
        monkeypatch.setattr("localcluster.build.tools.TOOL_SOURCES", tmp_path)
        names.add(folder_name(replace(tool), "go1.26.8"))
    assert len(names) == 2


@pytest.mark.parametrize(("tools", "named"), [(TOOLS, False), (SERVICES, True)])
def test_only_who_asks_for_them_needs_nftables(
    monkeypatch: pytest.MonkeyPatch, tools: tuple[Any, ...], named: bool
) -> None:
    monkeypatch.setattr(prerequisites.shutil, "which", lambda _: None)
    found = prerequisites.missing_programs(tools)
    assert ("The program `nft` is missing; install the package nftables." in found) is named


def test_kube_proxy_leaves_the_settings_of_the_whole_machine_alone() -> None:
    argv = services.kube_proxy(Layout(Path("/cluster")), {"kube-proxy": Path("/bin/kube-proxy")}).argv
    limits = [argument for argument in argv if argument.startswith("--conntrack")]
    assert len(limits) == 4
    assert all(argument.split("=")[1] in ("0", "0s") for argument in limits)


def test_coredns_may_look_at_services_and_their_endpoints_and_at_nothing_else() -> None:
    rules = [rule for item in services.access() for rule in item.get("rules", [])]
    assert {resource for rule in rules for resource in rule["resources"]} == {
        "services",
        "namespaces",
        "endpointslices",
    }
    assert {verb for rule in rules for verb in rule["verbs"]} == {"list", "watch"}


def test_coredns_answers_for_the_cluster_alone() -> None:
    text = services.corefile(Path("/keys/coredns"), 8181)
    assert "kubernetes cluster.local in-addr.arpa {" in text
    assert "kubeconfig /keys/coredns" in text
    assert "forward" not in text


def test_the_node_is_told_of_them() -> None:
    layout = Layout(Path("/cluster"))
    assert components.node(layout, services=True).argv[-1] == "--services"
    assert components.node(layout, services=False).argv[-1] == "/cluster"
