"""The model card: what the model is for, how good it is and what it must not be used for."""

from __future__ import annotations

from typing import Any

from .definition.columns import Column
from .definition.training import Training
from .markdown import table


def model_card(document: dict[str, Any], training: Training) -> str:
    """Markdown text of the card of the model that the manifest `document` describes."""
    made, columns = document["training"], training.features
    nullable = sum(column.nullable for column in columns.values())
    figures = [(key.replace("_", " "), f"{value:g}") for key, value in document["metrics"].items()]
    features = [
        (name, column.type, _range(column), "yes" if column.nullable else "no") for name, column in columns.items()
    ]
    lines = [
        f"# {document['name']} {document['version']}",
        "",
        f"{training.title}. Made {document['createdAt']}, format {document['format']['name']}.",
        "",
        "## What it does",
        "",
        f"Predicts `{training.spec.target.column}` ({', '.join(document['target']['classes'])}) from "
        f"{len(columns)} columns. Probabilities are in the order of these classes; the gates "
        f"are about the probability of `{training.spec.target.positive}`.",
        "",
        f"Made by {made['algorithm']} from {made['rows']:,} rows; missing values are "
        f"{'replaced' if made['impute'] else 'passed on as they are'}.",
        "",
        "## How good it is",
        "",
        "On rows that it was not trained on:",
        "",
        *table(("figure", "value"), figures),
        "",
        "## Data",
        "",
        f"{document['data']['name']}{f', {licence}' if (licence := training.spec.source.licence) else ''}. "
        f"{document['data']['rows']:,} rows, `{document['data']['digest']}`.",
        "",
        "## Limits",
        "",
        "* Judged on rows of the same source only; another population, device or laboratory may differ.",
        f"* Callers may leave out {nullable} of {len(columns)} features. The data that it was "
        "judged on says nothing about rows with missing values unless it has some.",
        "* An aid for a person who decides. Not a decision by itself.",
        "",
        "## Inputs",
        "",
        *table(("feature", "type", "possible values", "may be null"), features),
    ]
    return "\n".join(lines) + "\n"


def _range(column: Column) -> str:
    if column.values is not None:
        return ", ".join(column.values)
    if column.type == "Boolean":
        return "true, false"
    low = "" if column.minimum is None else f"{column.minimum:g}"
    high = "" if column.maximum is None else f"{column.maximum:g}"
    return f"{low} .. {high} {column.unit or ''}".strip() if low or high else column.unit or "any"
