"""How a campaign finds the programs of a cluster."""

import pytest

from chaos.processes import program_of


@pytest.mark.parametrize(
    ("argv", "program"),
    [
        (["/tools/etcd", "--data-dir=x"], "etcd"),
        (["/venv/bin/python", "-m", "timoneiro_operator", "--port=8080"], "operator"),
        (["/venv/bin/python", "-m", "timoneiro_serving"], "model server"),
        (["/venv/bin/python", "-m", "localcluster.node", "/x"], "node"),
        (["/usr/bin/python3", "-S", "-m", "localcluster.container.shim", "x", "3"], None),
        (["/bin/sh", "-m"], None),
        ([], None),
    ],
)
def test_a_program_is_told_by_its_command_line(argv: list[str], program: str | None) -> None:
    assert program_of(argv) == program
