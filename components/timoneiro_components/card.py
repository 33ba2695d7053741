"""The model card: what the model is for, how good it is and what it must not be used for."""

from __future__ import annotations

from typing import Any

from .datasets import DatasetDefinition


def model_card(document: dict[str, Any], definition: DatasetDefinition) -> str:
    """Markdown text of the card of the model that the manifest `document` describes."""
    training = document["training"]
    nullable = sum(column.nullable for column in definition.columns)
    figures = [f"| {key.replace('_', ' ')} | {value:g} |" for key, value in document["metrics"].items()]
    features = [
        f"| {column.name} | {column.minimum:g} .. {column.maximum:g} | {'yes' if column.nullable else 'no'} |"
        for column in definition.columns
    ]
    lines = [
        f"# {document['name']} {document['version']}",
        "",
        f"{definition.title}. Made {document['createdAt']}, format {document['format']['name']}.",
        "",
        "## What it does",
        "",
        f"Predicts `{definition.target}` ({', '.join(document['target']['classes'])}) from "
        f"{len(definition.columns)} numbers. Probabilities are in the order of these classes; the gates "
        f"are about the probability of `{definition.positive}`.",
        "",
        f"Made by {training['algorithm'].replace('_', ' ')} from {training['rows']:,} rows; missing values are "
        f"{'replaced by the median' if training['impute'] else 'passed on as they are'}.",
        "",
        "## How good it is",
        "",
        "On rows that it was not trained on:",
        "",
        "| figure | value |",
        "|---|---|",
        *figures,
        "",
        "## Data",
        "",
        f"{definition.source}. {document['data']['rows']:,} rows, `{document['data']['digest']}`.",
        "",
        "## Limits",
        "",
        "* Judged on rows of the same source only; another population, device or laboratory may differ.",
        f"* Callers may leave out {nullable} of {len(definition.columns)} features. The data that it was "
        "judged on says nothing about rows with missing values unless it has some.",
        "* An aid for a person who decides. Not a decision by itself.",
        "",
        "## Inputs",
        "",
        "| feature | plausible range | may be null |",
        "|---|---|---|",
        *features,
    ]
    return "\n".join(lines) + "\n"
