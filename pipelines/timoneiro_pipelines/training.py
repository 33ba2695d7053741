"""The training pipeline: from data to a model that rolls itself out.

One definition for the cluster and for `kfp.local`. A gate is a step that fails: whatever comes after
it is not started. No `from __future__ import annotations` here: KFP reads the annotations.
"""

from kfp import dsl

from timoneiro_pipelines.steps import (
    evaluate_model,
    find_champion,
    ingest_data,
    package_model,
    publish_model,
    train_model,
    validate_data,
)


@dsl.pipeline(  # type: ignore[untyped-decorator]  # KFP carries no types
    name="timoneiro-training",
    display_name="Timoneiro: train, check and publish a model",
    description="Trains a model, checks the data and the model, packages it and points a ModelDeployment at it. "
    "The operator then rolls it out, and back if it does harm.",
)
def training_pipeline(
    name: str = "diagnosis",
    version: str = "1",
    namespace: str = "default",
    model_store: str = "s3://models",
    dataset: str = "diagnosis",
    holdout_rows: int = 60,
    max_missing: float = 0.05,
    algorithm: str = "logistic_regression",
    impute: bool = True,
    test_fraction: float = 0.25,
    folds: int = 5,
    seed: int = 17,
    min_roc_auc: float = 0.95,
    max_regression: float = 0.01,
    format: str = "sklearn",  # the name that users know from the ModelDeployment
    publish: bool = True,
) -> None:
    """Trains, checks, packages and publishes one model.

    Args:
        name: Name of the ModelDeployment, and of the folder in the model store.
        version: Version of the package; never used twice for different packages.
        namespace: Namespace of the ModelDeployment.
        model_store: Where packages are kept, as `s3://bucket` or `s3://bucket/folder`.
        dataset: Data set to learn from.
        holdout_rows: Rows that no model is trained or judged on, for load replay.
        max_missing: Largest accepted share of missing values in a column, 0 to 1.
        algorithm: `logistic_regression`, `random_forest` or `hist_gradient_boosting`.
        impute: Whether missing values are replaced by the median of the training rows.
        test_fraction: Share of rows that the model is judged on, 0 to 1.
        folds: Folds of the cross-validation.
        seed: Seed of everything random.
        min_roc_auc: Smallest accepted area under the ROC curve on the test rows.
        max_regression: Largest accepted loss of that area compared with the model that serves now.
        format: `sklearn` (skops file) or `onnx`.
        publish: Whether to touch store and cluster; if false, the run ends with the package.
    """
    champion = find_champion(name=name, version=version, namespace=namespace, publish=publish)
    champion.set_display_name("Find the champion")
    champion.set_caching_options(False)  # the cluster changes without any input changing

    ingested = ingest_data(dataset=dataset, holdout_rows=holdout_rows)
    ingested.set_display_name("Ingest data")
    ingested.set_caching_options(False)  # so does the source of the data
    data = ingested.outputs["data"]

    validated = validate_data(dataset=dataset, max_missing=max_missing, data=data)
    validated.set_display_name("Validate data")

    trained = train_model(
        dataset=dataset,
        algorithm=algorithm,
        impute=impute,
        test_fraction=test_fraction,
        folds=folds,
        seed=seed,
        data=data,
    ).after(validated, champion)  # training is long, and in vain if there is nowhere to publish to
    trained.set_display_name("Train model")

    evaluated = evaluate_model(
        dataset=dataset,
        champion_uri=champion.outputs["uri"],
        min_roc_auc=min_roc_auc,
        max_regression=max_regression,
        model=trained.outputs["model"],
        test=trained.outputs["test"],
    )
    evaluated.set_display_name("Evaluate model")

    packaged = package_model(
        dataset=dataset,
        name=name,
        version=version,
        format_name=format,
        model=trained.outputs["model"],
        data=data,
        metrics=evaluated.outputs["metrics"],
    )
    packaged.set_display_name("Package model")

    with dsl.If(publish == True, name="publish"):  # noqa: E712  # an expression of KFP, not of Python
        published = publish_model(model_store=model_store, namespace=namespace, package=packaged.outputs["package"])
        published.set_display_name("Publish model")
        published.set_caching_options(False)  # it is done for its effect
