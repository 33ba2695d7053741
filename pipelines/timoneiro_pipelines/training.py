"""The training pipeline: from data to a model that rolls itself out.

One definition for the cluster and for `kfp.local`. A gate is a step that fails, and with it the group that it is in:
whatever comes after it is not started. No `from __future__ import annotations` here: KFP reads the annotations.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Model

from timoneiro_pipelines.steps import (
    await_rollout,
    evaluate_model,
    find_champion,
    ingest_data,
    package_model,
    publish_model,
    register_model,
    rehearse_model,
    require_good_model,
    require_promotion,
    require_valid_data,
    require_working_model,
    resolve_definition,
    sign_model,
    train_model,
    validate_data,
)


class PreparedData(NamedTuple):
    """What the group prepare-data gives to others."""

    accepted: Dataset
    privacy: Artifact
    dataset: Artifact


class MadeModel(NamedTuple):
    """What the group make-model gives to others."""

    model: Model
    test: Dataset
    evaluation: Artifact


class MadePackage(NamedTuple):
    """What the group make-package gives to others."""

    package: Model


def training_pipeline(configure: Callable[[dsl.PipelineTask], object] = lambda task: None) -> Any:
    """The pipeline, as KFP compiles and runs it. `configure` is called with the task of each step, to say what it gets
    on a cluster; on this machine a step gets what there is."""

    def shown(task: dsl.PipelineTask, title: str, *, cached: bool = True) -> dsl.PipelineTask:
        configure(task)
        if not cached:
            task.set_caching_options(False)
        return task.set_display_name(title)

    @dsl.pipeline(name="prepare-data")  # type: ignore[untyped-decorator]  # KFP carries no types
    def prepare_data(champion_uri: str, definition: Input[Artifact]) -> PreparedData:
        """Ingests the data, and checks that it is what the definition says."""
        # Its source changes without any input changing.
        ingested = shown(ingest_data(definition=definition), "Ingest data", cached=False)
        validating = validate_data(
            champion_uri=champion_uri,
            definition=definition,
            data=ingested.outputs["data"],
            holdout=ingested.outputs["holdout"],
            privacy=ingested.outputs["privacy"],
        )
        validated = shown(validating, "Validate data")
        shown(require_valid_data(outcome=validated.outputs["outcome"]), "Require valid data")
        return PreparedData(
            accepted=validated.outputs["accepted"],
            privacy=ingested.outputs["privacy"],
            dataset=ingested.outputs["dataset"],
        )

    @dsl.pipeline(name="make-model")  # type: ignore[untyped-decorator]
    def make_model(champion_uri: str, definition: Input[Artifact], data: Input[Dataset]) -> MadeModel:
        """Trains a model, and judges whether it is good enough."""
        trained = shown(train_model(definition=definition, data=data), "Train model")
        evaluating = evaluate_model(
            champion_uri=champion_uri,
            definition=definition,
            model=trained.outputs["model"],
            test=trained.outputs["test"],
        )
        evaluated = shown(evaluating, "Evaluate model")
        shown(require_good_model(outcome=evaluated.outputs["outcome"]), "Require a good model")
        return MadeModel(
            model=trained.outputs["model"],
            test=trained.outputs["test"],
            evaluation=evaluated.outputs["evaluation"],
        )

    @dsl.pipeline(name="make-package")  # type: ignore[untyped-decorator]
    def make_package(
        version: str,
        definition: Input[Artifact],
        model: Input[Model],
        test: Input[Dataset],
        evaluation: Input[Artifact],
        data: Input[Dataset],
        privacy: Input[Artifact],
        dataset: Input[Artifact],
    ) -> MadePackage:
        """Packages the model, rehearses how it is served, and signs it."""
        packaging = package_model(
            version=version,
            definition=definition,
            model=model,
            data=data,
            privacy=privacy,
            dataset=dataset,
            evaluation=evaluation,
        )
        packaged = shown(packaging, "Package model")
        rehearsing = rehearse_model(definition=definition, package=packaged.outputs["package"], test=test)
        rehearsed = shown(rehearsing, "Rehearse the model")
        working = shown(require_working_model(outcome=rehearsed.outputs["outcome"]), "Require a working model")
        signing = sign_model(
            digest=packaged.outputs["digest"], definition=definition, package=packaged.outputs["package"]
        ).after(working)
        # The key changes without any input changing.
        signed = shown(signing, "Sign the model", cached=False)
        return MadePackage(package=signed.outputs["signed"])

    @dsl.pipeline(  # type: ignore[untyped-decorator]
        name="timoneiro-training",
        display_name="Timoneiro: train, check and publish a model",
        description="Trains a model, checks the data and the model, packages it and points a ModelDeployment at it. "
        "The operator then rolls it out, and back if it does harm.",
    )
    def training(
        definition: str,
        version: str = "1",
        namespace: str = "default",
        model_store: str = "s3://models",
        publish: bool = False,
        run: str = "",
        commit: str = "",
    ) -> None:
        """Trains, checks, packages and publishes one model.

        Args:
            definition: Text of training.yaml; `timoneiro training check` says what is wrong with it.
            version: Version of the package; never used twice for different packages.
            namespace: Namespace of the ModelDeployment that has the name of the definition.
            model_store: Where packages are kept: `s3://bucket`, `gs://bucket` or `pvc://claim`, or a folder of it.
            publish: Whether to touch store and cluster; if false, the run ends with the package.
            run: What the run is called in the provenance of the model; left out, it is Kubeflow's id of it.
            commit: Of git, that the definition is from; with `-dirty` at its end if something was not committed.
        """
        resolving = shown(resolve_definition(definition=definition), "Resolve the definition")
        resolved = resolving.outputs["resolved"]
        # The cluster changes without any input changing. Training is long, and in vain if there is nowhere to publish
        # to: all that follows needs its output.
        finding = find_champion(
            version=version, namespace=namespace, model_store=model_store, publish=publish, definition=resolved
        )
        champion_uri = shown(finding, "Find the champion", cached=False).outputs["uri"]

        prepared = prepare_data(champion_uri=champion_uri, definition=resolved).set_display_name("Prepare the data")
        data = prepared.outputs["accepted"]
        made = make_model(champion_uri=champion_uri, definition=resolved, data=data).set_display_name("Make the model")
        packaged = make_package(
            version=version,
            definition=resolved,
            model=made.outputs["model"],
            test=made.outputs["test"],
            evaluation=made.outputs["evaluation"],
            data=data,
            privacy=prepared.outputs["privacy"],
            dataset=prepared.outputs["dataset"],
        ).set_display_name("Make the package")

        with dsl.If(publish == True, name="publish"):  # noqa: E712  # an expression of KFP, not of Python
            publishing = publish_model(
                model_store=model_store,
                namespace=namespace,
                run=run,
                kubeflow_run=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
                commit=commit,
                package=packaged.outputs["package"],
            )
            published = shown(publishing, "Publish model", cached=False)  # it is done for its effect
            with dsl.If(resolving.outputs["registries"] != "", name="register"):
                registering = register_model(
                    uri=published.outputs["uri"],
                    run=run,
                    kubeflow_run=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
                    commit=commit,
                    definition=resolved,
                    package=packaged.outputs["package"],
                )
                shown(registering, "Register model", cached=False)
            with dsl.If(resolving.outputs["wait"] != "", name="await"):
                # A version that is published again can end otherwise.
                awaiting = await_rollout(wait=resolving.outputs["wait"], publication=published.outputs["publication"])
                awaited = shown(awaiting, "Await the rollout", cached=False)
                shown(require_promotion(outcome=awaited.outputs["outcome"]), "Require the promotion")

    return training
