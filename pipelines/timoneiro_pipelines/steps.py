"""KFP components: each body hands its arguments to one function of `timoneiro_components`.

KFP copies the source of a body into the compiled pipeline and runs it alone, so bodies import what
they need and use nothing else of this module. No `from __future__ import annotations` here: KFP
reads the annotations. The image is the project's own and nothing is installed at run time.
"""

# ruff: noqa: PLC0415

from collections.abc import Callable
from typing import Any, NamedTuple, cast

from kfp import dsl
from kfp.dsl import HTML, Artifact, ClassificationMetrics, Dataset, Input, Markdown, Metrics, Model, Output

from timoneiro_pipelines.plan import IMAGE


def step(body: Callable[..., Any]) -> Callable[..., dsl.PipelineTask]:
    """Makes a thin component of `body`."""
    component = dsl.component(body, base_image=IMAGE, install_kfp_package=False)
    return cast("Callable[..., dsl.PipelineTask]", component)


@step
def resolve_definition(
    definition: str,
    resolved: Output[Artifact],
) -> NamedTuple("Outputs", [("wait", str), ("registries", str)]):  # type: ignore[valid-type]  # KFP wants a call
    """Checks the definition and writes it with every default in it, for the steps that follow; gives how long to wait
    for the rollout, "" for not at all, and which registries are to be told, "" for none."""
    from pathlib import Path

    from timoneiro_components.definition.reading import parse_training
    from timoneiro_components.definition.reading import resolved as text_of

    training = parse_training(definition, "definition")
    Path(resolved.path).write_text(text_of(training), encoding="utf-8")
    resolved.metadata.update(name=training.metadata.name, task=training.spec.task)
    return (training.publish.wait or "", str(training.publish.registries or ""))


@step
def find_champion(
    version: str,
    namespace: str,
    model_store: str,
    publish: bool,
    definition: Input[Artifact],
) -> NamedTuple("Outputs", [("uri", str)]):  # type: ignore[valid-type]  # KFP wants a call
    """Address of the package that serves now; "" if there is none, or if nothing is to be published.

    Stops the pipeline before training if cluster, store or registry would refuse what is published in the end.
    """
    if not publish:
        return ("",)
    from pathlib import Path

    from timoneiro_components.champion import champion_uri
    from timoneiro_components.definition.reading import read_training
    from timoneiro_components.register import check_registries

    training = read_training(Path(definition.path))
    uri = champion_uri(training.metadata.name, version, namespace=namespace, model_store=model_store)
    check_registries(training, version)
    return (uri,)


@step
def ingest_data(
    definition: Input[Artifact],
    data: Output[Dataset],
    holdout: Output[Dataset],
    privacy: Output[Artifact],
    dataset: Output[Artifact],
    metrics: Output[Metrics],
) -> None:
    """Writes the data and the holdout, without what is dropped or erased, what was found of personal data, and the
    manifest that says where they came from."""
    from pathlib import Path

    from timoneiro_components.definition.reading import read_training
    from timoneiro_components.ingest import ingest

    training = read_training(Path(definition.path))
    places = {"data": data, "holdout": holdout, "privacy": privacy, "dataset": dataset}
    done = ingest(training, **{name: Path(place.path) for name, place in places.items()})
    metrics.metadata.update(rows=done.rows, holdout_rows=done.holdout_rows, erased_rows=done.privacy.rows_erased)
    data.metadata["digest"] = done.digest
    dataset.metadata["digest"] = done.dataset_digest


@step
def validate_data(
    champion_uri: str,
    definition: Input[Artifact],
    data: Input[Dataset],
    holdout: Input[Dataset],
    privacy: Input[Artifact],
    accepted: Output[Dataset],
    accepted_holdout: Output[Dataset],
    quarantine: Output[Dataset],
    report: Output[Markdown],
    metrics: Output[Metrics],
    outcome: Output[Artifact],
) -> None:
    """Checks whether the data is what its definition says, reports it, and takes out the rows that are to be."""
    from pathlib import Path

    from timoneiro_components.definition.reading import read_training
    from timoneiro_components.gates import write_outcome
    from timoneiro_components.validate import GATE, validate

    training = read_training(Path(definition.path))
    done = validate(
        training,
        data=Path(data.path),
        holdout=Path(holdout.path),
        privacy=Path(privacy.path),
        accepted=Path(accepted.path),
        accepted_holdout=Path(accepted_holdout.path),
        quarantine=Path(quarantine.path),
        report=Path(report.path),
        champion_uri=champion_uri,
    )
    metrics.metadata.update(done.metrics)
    write_outcome(Path(outcome.path), GATE, done.reasons)


@step
def require_valid_data(outcome: Input[Artifact]) -> None:
    """Gate: stops the pipeline if the data is not what its definition says."""
    from pathlib import Path

    from timoneiro_components.gates import require

    require(Path(outcome.path))


@step
def train_model(
    definition: Input[Artifact],
    data: Input[Dataset],
    model: Output[Model],
    test: Output[Dataset],
    metrics: Output[Metrics],
) -> None:
    """Cross-validates and fits; `test` holds the rows that the model has not seen."""
    from pathlib import Path

    from timoneiro_components.definition.reading import read_training
    from timoneiro_components.train import train

    training = read_training(Path(definition.path))
    done = train(training, data=Path(data.path), model=Path(model.path), test=Path(test.path))
    metrics.metadata.update(done.metrics)


@step
def evaluate_model(
    champion_uri: str,
    definition: Input[Artifact],
    model: Input[Model],
    test: Input[Dataset],
    metrics: Output[Metrics],
    curves: Output[ClassificationMetrics],
    evaluation: Output[Artifact],
    report: Output[HTML],
    outcome: Output[Artifact],
) -> None:
    """Judges the candidate, and the champion on the same rows, and reports it."""
    from pathlib import Path

    from timoneiro_components.definition.reading import read_training
    from timoneiro_components.evaluate import GATE, evaluate
    from timoneiro_components.evaluation.report import write_report
    from timoneiro_components.gates import write_outcome

    training = read_training(Path(definition.path))
    done = evaluate(
        training,
        model=Path(model.path),
        test=Path(test.path),
        champion_uri=champion_uri,
        evaluation=Path(evaluation.path),
    )
    metrics.metadata.update(done.metrics)
    if done.curve is not None:
        curve = done.curve
        curves.log_roc_curve(curve.false_positive_rate, curve.true_positive_rate, curve.thresholds)
    if done.confusion:
        curves.log_confusion_matrix(list(training.classes), done.confusion)
    write_report(done.document, Path(report.path))
    write_outcome(Path(outcome.path), GATE, done.reasons)


@step
def require_good_model(outcome: Input[Artifact]) -> None:
    """Gate: stops the pipeline if the candidate is not good enough, or worse than the champion."""
    from pathlib import Path

    from timoneiro_components.gates import require

    require(Path(outcome.path))


@step
def package_model(
    version: str,
    definition: Input[Artifact],
    model: Input[Model],
    data: Input[Dataset],
    privacy: Input[Artifact],
    dataset: Input[Artifact],
    evaluation: Input[Artifact],
    package: Output[Model],
    card: Output[Markdown],
) -> NamedTuple("Outputs", [("digest", str)]):  # type: ignore[valid-type]  # KFP wants a call
    """Makes the package that is served; gives its digest."""
    from pathlib import Path

    from timoneiro_components.definition.reading import read_training
    from timoneiro_components.package import package as make_package

    training = read_training(Path(definition.path))
    done = make_package(
        training,
        model=Path(model.path),
        data=Path(data.path),
        privacy=Path(privacy.path),
        dataset=Path(dataset.path),
        destination=Path(package.path),
        version=version,
        evaluation=Path(evaluation.path),
    )
    Path(card.path).write_text(done.card, encoding="utf-8")
    package.metadata.update(digest=done.digest, format=training.spec.package.format, version=version)
    return (done.digest,)


@step
def rehearse_model(
    definition: Input[Artifact],
    package: Input[Model],
    test: Input[Dataset],
    metrics: Output[Metrics],
    report: Output[Markdown],
    outcome: Output[Artifact],
) -> None:
    """Asks the package in the real model server: rows, rows with gaps, and bodies that are wrong."""
    from pathlib import Path

    from timoneiro_components.definition.reading import read_training
    from timoneiro_components.gates import write_outcome
    from timoneiro_components.rehearse import GATE, rehearse, report_of

    training = read_training(Path(definition.path))
    done = rehearse(training, package=Path(package.path), test=Path(test.path))
    metrics.metadata.update(done.metrics)
    Path(report.path).write_text(report_of(done), encoding="utf-8")
    write_outcome(Path(outcome.path), GATE, done.reasons)


@step
def require_working_model(outcome: Input[Artifact]) -> None:
    """Gate: stops the pipeline if the model server does not answer as it has to with the package."""
    from pathlib import Path

    from timoneiro_components.gates import require

    require(Path(outcome.path))


@step
def sign_model(
    digest: str,
    definition: Input[Artifact],
    package: Input[Model],
    signed: Output[Model],
) -> NamedTuple("Outputs", [("key", str)]):  # type: ignore[valid-type]  # KFP wants a call
    """The package as it is published, signed if the definition wants that; gives the key by its SHA-256."""
    from pathlib import Path

    from timoneiro_components.definition.reading import read_training
    from timoneiro_components.sign import sign

    training = read_training(Path(definition.path))
    done = sign(training, package=Path(package.path), digest=digest, destination=Path(signed.path))
    signed.metadata.update(digest=digest, key=done.key)
    return (done.key,)


@step
def publish_model(
    model_store: str,
    namespace: str,
    run: str,
    kubeflow_run: str,
    commit: str,
    package: Input[Model],
    publication: Output[Artifact],
) -> NamedTuple("Outputs", [("uri", str), ("digest", str)]):  # type: ignore[valid-type]  # KFP wants a call
    """Uploads the package, and sets spec.model of the ModelDeployment of its name and where it comes from."""
    from pathlib import Path

    from timoneiro_components.publish import publish

    known_as = run or kubeflow_run
    done = publish(Path(package.path), model_store=model_store, namespace=namespace, run=known_as, commit=commit)
    done.publication.write(Path(publication.path))
    return (done.uri, done.digest)


@step
def register_model(
    uri: str,
    run: str,
    kubeflow_run: str,
    commit: str,
    definition: Input[Artifact],
    package: Input[Model],
    registration: Output[Artifact],
) -> NamedTuple("Outputs", [("registered", str)]):  # type: ignore[valid-type]  # KFP wants a call
    """Tells the registries that the definition names of the published package; gives what they call it."""
    from pathlib import Path

    from timoneiro_components.definition.reading import read_training
    from timoneiro_components.register import register, summary, write_records

    training = read_training(Path(definition.path))
    done = register(training, Path(package.path), uri=uri, run=run or kubeflow_run, commit=commit)
    write_records(done, Path(registration.path))
    return (summary(done),)


@step
def await_rollout(
    wait: str,
    publication: Input[Artifact],
    rollout: Output[Artifact],
    report: Output[Markdown],
    outcome: Output[Artifact],
) -> NamedTuple("Outputs", [("ended", str)]):  # type: ignore[valid-type]  # KFP wants a call
    """Waits until the rollout of what was published is over, or for as long as it is told to; says how it ended."""
    from functools import partial
    from pathlib import Path

    from timoneiro_components.await_rollout import GATE, await_rollout, reasons_of
    from timoneiro_components.gates import write_outcome

    published = Path(publication.path)
    end = await_rollout(
        published,
        wait=wait,
        rollout=Path(rollout.path),
        report=Path(report.path),
        on_change=partial(print, flush=True),
    )
    rollout.metadata.update(outcome=end.outcome, reason=end.reason)
    write_outcome(Path(outcome.path), GATE, reasons_of(end, published))
    return (end.outcome,)


@step
def require_promotion(outcome: Input[Artifact]) -> None:
    """Gate: fails the run if the version that it published does not serve all traffic."""
    from pathlib import Path

    from timoneiro_components.gates import require

    require(Path(outcome.path))
