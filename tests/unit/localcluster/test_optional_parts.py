"""What a cluster has only where it is asked for: it costs nobody else a build."""

from dataclasses import replace

import pytest

from localcluster.tools import PROMETHEUS, TOOLS, _folder_name, wanted_tools


def test_prometheus_is_built_only_where_it_is_asked_for() -> None:
    assert PROMETHEUS not in wanted_tools(prometheus=False)
    assert set(wanted_tools(prometheus=True)) == {PROMETHEUS, *TOOLS}


def test_other_build_tags_are_another_build() -> None:
    assert _folder_name(PROMETHEUS, "go1.26.8") != _folder_name(replace(PROMETHEUS, tags=""), "go1.26.8")


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_tool_without_build_tags_is_not_built_anew_because_others_have_some(tool: object) -> None:
    """What is built is named after a hash of the repr."""
    assert "tags" not in repr(tool)
