"""What is in a compiled pipeline."""

from __future__ import annotations

from typing import Any


def tasks_of(pipeline: dict[str, Any]) -> dict[str, Any]:
    """Tasks that are steps, of all groups of a PipelineSpec, by their names."""
    dags = [pipeline["root"], *(each for each in pipeline["components"].values() if "dag" in each)]
    tasks = {name: task for dag in dags for name, task in dag["dag"]["tasks"].items()}
    return {
        name: task for name, task in tasks.items() if "dag" not in pipeline["components"][task["componentRef"]["name"]]
    }
