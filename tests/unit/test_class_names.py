"""One name means one thing, over everything that may be read side by side."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("operator", "components", "pipelines", "hack")


def names_in(module: ast.Module) -> Iterator[str]:
    """Public classes, and aliases that are written like one, at the top of a module."""
    for node in module.body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id


def test_each_class_name_is_defined_once() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            for name in names_in(ast.parse(file.read_text())):
                if name[0].isupper() and not name.isupper():
                    places[name].append(str(file.relative_to(ROOT)))
    assert {name: files for name, files in places.items() if len(files) > 1} == {}
    assert "ModelDeployment" in places
