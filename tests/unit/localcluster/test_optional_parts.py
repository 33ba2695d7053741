"""What a cluster has only where it is asked for: it costs nobody else a build, and is never silently left out."""

from dataclasses import replace
from pathlib import Path

import pytest

from localcluster import cluster as module
from localcluster.build.tools import PROMETHEUS, TOOLS, folder_name, wanted_tools
from localcluster.cluster import Cluster
from localcluster.control_plane.description import ClusterDescription, S3Access
from localcluster.errors import LocalClusterError
from localcluster.layout import Layout
from localcluster.machine.process_identity import ProcessIdentity
from localcluster.paths import cluster_folder

WITHOUT = ClusterDescription(
    name="dev",
    process=ProcessIdentity(1, "2"),
    kubeconfig=Path("/cluster/kubeconfig"),
    api_server="https://127.0.0.1:1",
    gateway="http://127.0.0.1:2",
    gateway_stats="http://127.0.0.1:3",
    s3=S3Access("http://127.0.0.1:4", "http://10.244.0.1:9000", "key", "secret"),
    programs={"kubectl": Path("/bin/kubectl")},
)
WITH = replace(WITHOUT, prometheus="http://127.0.0.1:5", cluster_prometheus="http://10.244.0.1:9090", services=True)


def test_prometheus_is_built_only_where_it_is_asked_for() -> None:
    assert PROMETHEUS not in wanted_tools(prometheus=False)
    assert set(wanted_tools(prometheus=True)) == {PROMETHEUS, *TOOLS}


def test_other_build_tags_are_another_build() -> None:
    assert folder_name(PROMETHEUS, "go1.26.8") != folder_name(replace(PROMETHEUS, tags=""), "go1.26.8")


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_tool_without_build_tags_is_not_built_anew_because_others_have_some(tool: object) -> None:
    """What is built is named after a hash of the repr."""
    assert "tags" not in repr(tool)


@pytest.mark.parametrize("description", [WITH, WITHOUT], ids=["with", "without"])
def test_a_description_that_was_written_is_read_back(description: ClusterDescription) -> None:
    assert ClusterDescription.of_json(description.to_json()) == description


def test_a_running_cluster_without_an_optional_part_is_not_handed_out_as_one_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TIMONEIRO_STATE", str(tmp_path))
    monkeypatch.setattr(module, "findings", lambda _tools: [])
    monkeypatch.setattr(module, "build_tools", lambda *_: pytest.fail("minutes of building came first"))
    layout = Layout(cluster_folder("dev"))
    layout.folder.mkdir(parents=True)
    layout.description.write_text(replace(WITHOUT, process=ProcessIdentity.of_self()).to_json())
    with pytest.raises(LocalClusterError, match="The cluster dev runs without Prometheus; end it first"):
        Cluster.up("dev", prometheus=True)
    with pytest.raises(LocalClusterError, match="The cluster dev runs without Prometheus and Services; end it first"):
        Cluster.up("dev", prometheus=True, services=True)
