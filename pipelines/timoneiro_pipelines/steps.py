"""KFP components: each body hands its arguments to one function of `timoneiro_components`.

KFP copies the source of a body into the compiled pipeline and runs it alone, so bodies import what
they need and use nothing else of this module. No `from __future__ import annotations` here: KFP
reads the annotations. The image is the project's own and nothing is installed at run time.
"""

# ruff: noqa: PLC0415

import os
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from kfp import dsl
from kfp.dsl import ClassificationMetrics, Dataset, Input, Markdown, Metrics, Model, Output

# KFP's local runner warns about images without "python" in the name.
COMPONENTS_IMAGE = os.environ.get("TIMONEIRO_COMPONENTS_IMAGE", "ghcr.io/timoneiro/components-python:0.1.0")


def step(body: Callable[..., Any]) -> Callable[..., dsl.PipelineTask]:
    """Makes a thin component of `body`."""
    component = dsl.component(body, base_image=COMPONENTS_IMAGE, install_kfp_package=False)
    return cast("Callable[..., dsl.PipelineTask]", component)


@step
def find_champion(
    name: str,
    version: str,
    namespace: str,
    publish: bool,
) -> NamedTuple("Outputs", [("uri", str)]):  # type: ignore[valid-type]  # KFP wants a call
    """Address of the package that serves now; "" if there is none, or if nothing is to be published."""
    if not publish:
        return ("",)
    from timoneiro_components.champion import champion_uri

    return (champion_uri(name, version, namespace=namespace),)


@step
def ingest_data(
    dataset: str, holdout_rows: int, data: Output[Dataset], holdout: Output[Dataset], metrics: Output[Metrics]
) -> None:
    """Writes the data and the holdout."""
    from pathlib import Path

    from timoneiro_components.ingest import ingest

    done = ingest(dataset, data=Path(data.path), holdout=Path(holdout.path), holdout_rows=holdout_rows)
    metrics.metadata.update(rows=done.rows, holdout_rows=done.holdout_rows)
    data.metadata["digest"] = done.digest


@step
def validate_data(
    dataset: str, max_missing: float, data: Input[Dataset], report: Output[Markdown], metrics: Output[Metrics]
) -> None:
    """Gate: stops the pipeline if the data is not what its definition says."""
    from pathlib import Path

    from timoneiro_components.validate import validate

    done = validate(dataset, data=Path(data.path), report=Path(report.path), max_missing=max_missing)
    metrics.metadata.update(done.metrics)
    done.require()


@step
def train_model(
    dataset: str,
    algorithm: str,
    impute: bool,
    test_fraction: float,
    folds: int,
    seed: int,
    data: Input[Dataset],
    model: Output[Model],
    test: Output[Dataset],
    metrics: Output[Metrics],
) -> None:
    """Cross-validates and fits; `test` holds the rows that the model has not seen."""
    from pathlib import Path

    from timoneiro_components.train import train

    done = train(
        dataset,
        data=Path(data.path),
        model=Path(model.path),
        test=Path(test.path),
        algorithm=algorithm,
        impute=impute,
        test_fraction=test_fraction,
        folds=folds,
        seed=seed,
    )
    metrics.metadata.update(done.metrics)


@step
def evaluate_model(
    dataset: str,
    champion_uri: str,
    min_roc_auc: float,
    max_regression: float,
    model: Input[Model],
    test: Input[Dataset],
    metrics: Output[Metrics],
    curves: Output[ClassificationMetrics],
) -> None:
    """Gate: stops the pipeline if the candidate is not good enough or worse than the champion."""
    from pathlib import Path

    from timoneiro_components.evaluate import evaluate

    done = evaluate(
        dataset,
        model=Path(model.path),
        test=Path(test.path),
        champion_uri=champion_uri,
        min_roc_auc=min_roc_auc,
        max_regression=max_regression,
    )
    metrics.metadata.update(done.metrics)
    curve = done.candidate.curve
    curves.log_roc_curve(curve.false_positive_rate, curve.true_positive_rate, curve.thresholds)
    curves.log_confusion_matrix(done.candidate.labels, done.candidate.confusion)
    done.require()


@step
def package_model(
    dataset: str,
    name: str,
    version: str,
    format_name: str,
    model: Input[Model],
    data: Input[Dataset],
    metrics: Input[Metrics],
    package: Output[Model],
    card: Output[Markdown],
) -> NamedTuple("Outputs", [("digest", str)]):  # type: ignore[valid-type]  # KFP wants a call
    """Makes the package that is served; gives its digest."""
    from pathlib import Path

    from timoneiro_components.package import package as make_package

    done = make_package(
        dataset,
        model=Path(model.path),
        data=Path(data.path),
        destination=Path(package.path),
        name=name,
        version=version,
        format_name=format_name,
        metrics=metrics.metadata,
    )
    Path(card.path).write_text(done.card, encoding="utf-8")
    package.metadata.update(digest=done.digest, format=format_name, version=version)
    return (done.digest,)


@step
def publish_model(
    model_store: str,
    namespace: str,
    package: Input[Model],
) -> NamedTuple("Outputs", [("uri", str), ("digest", str)]):  # type: ignore[valid-type]  # KFP wants a call
    """Uploads the package and sets spec.model of the ModelDeployment of its name."""
    from pathlib import Path

    from timoneiro_components.publish import publish

    done = publish(Path(package.path), model_store=model_store, namespace=namespace)
    return (done.uri, done.digest)
