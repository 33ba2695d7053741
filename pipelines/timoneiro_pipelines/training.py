"""The training pipeline: from data to a model that rolls itself out.

One definition for the cluster and for `kfp.local`. A gate is a step that fails: whatever comes after
it is not started. No `from __future__ import annotations` here: KFP reads the annotations.
"""

from kfp import dsl
from kfp.kubernetes import use_secret_as_env

from timoneiro_pipelines.steps import (
    evaluate_model,
    find_champion,
    ingest_data,
    package_model,
    publish_model,
    rehearse_model,
    require_good_model,
    require_valid_data,
    require_working_model,
    resolve_definition,
    sign_model,
    train_model,
    validate_data,
)

# Where the key is that packages are signed with; `keyFrom` of a definition names the variable.
SIGNING_SECRET, SIGNING_SECRET_KEY, SIGNING_VARIABLE = "timoneiro-signing", "key.pem", "TIMONEIRO_SIGNING_KEY"


@dsl.pipeline(  # type: ignore[untyped-decorator]  # KFP carries no types
    name="timoneiro-training",
    display_name="Timoneiro: train, check and publish a model",
    description="Trains a model, checks the data and the model, packages it and points a ModelDeployment at it. "
    "The operator then rolls it out, and back if it does harm.",
)
def training_pipeline(
    definition: str,
    version: str = "1",
    namespace: str = "default",
    model_store: str = "s3://models",
    publish: bool = False,
) -> None:
    """Trains, checks, packages and publishes one model.

    Args:
        definition: Text of training.yaml; `timoneiro training check` says what is wrong with it.
        version: Version of the package; never used twice for different packages.
        namespace: Namespace of the ModelDeployment that has the name of the definition.
        model_store: Where packages are kept, as `s3://bucket` or `s3://bucket/folder`.
        publish: Whether to touch store and cluster; if false, the run ends with the package.
    """
    resolving = resolve_definition(definition=definition)
    resolving.set_display_name("Resolve the definition")
    resolved = resolving.outputs["resolved"]

    champion = find_champion(
        version=version, namespace=namespace, model_store=model_store, publish=publish, definition=resolved
    )
    champion.set_display_name("Find the champion")
    champion.set_caching_options(False)  # the cluster changes without any input changing

    ingested = ingest_data(definition=resolved)
    ingested.set_display_name("Ingest data")
    ingested.set_caching_options(False)  # so does the source of the data

    validated = validate_data(
        champion_uri=champion.outputs["uri"],
        definition=resolved,
        data=ingested.outputs["data"],
        holdout=ingested.outputs["holdout"],
        privacy=ingested.outputs["privacy"],
    )
    validated.set_display_name("Validate data")
    valid = require_valid_data(outcome=validated.outputs["outcome"])
    valid.set_display_name("Require valid data")
    data = validated.outputs["accepted"]

    # Training is long, and in vain if there is nowhere to publish to.
    trained = train_model(definition=resolved, data=data).after(valid, champion)
    trained.set_display_name("Train model")

    evaluated = evaluate_model(
        champion_uri=champion.outputs["uri"],
        definition=resolved,
        model=trained.outputs["model"],
        test=trained.outputs["test"],
    )
    evaluated.set_display_name("Evaluate model")
    good = require_good_model(outcome=evaluated.outputs["outcome"])
    good.set_display_name("Require a good model")

    packaged = package_model(
        version=version,
        definition=resolved,
        model=trained.outputs["model"],
        data=data,
        privacy=ingested.outputs["privacy"],
        dataset=ingested.outputs["dataset"],
        evaluation=evaluated.outputs["evaluation"],
    ).after(good)
    packaged.set_display_name("Package model")
    package = packaged.outputs["package"]

    rehearsed = rehearse_model(definition=resolved, package=package, test=trained.outputs["test"])
    rehearsed.set_display_name("Rehearse the model")
    working = require_working_model(outcome=rehearsed.outputs["outcome"])
    working.set_display_name("Require a working model")

    signed = sign_model(digest=packaged.outputs["digest"], definition=resolved, package=package).after(working)
    signed.set_display_name("Sign the model")
    signed.set_caching_options(False)  # the key changes without any input changing
    # Of this step alone. Optional: most packages are not signed.
    use_secret_as_env(signed, SIGNING_SECRET, {SIGNING_SECRET_KEY: SIGNING_VARIABLE}, optional=True)

    with dsl.If(publish == True, name="publish"):  # noqa: E712  # an expression of KFP, not of Python
        published = publish_model(model_store=model_store, namespace=namespace, package=signed.outputs["signed"])
        published.set_display_name("Publish model")
        published.set_caching_options(False)  # it is done for its effect
