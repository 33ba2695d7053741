"""Step: is the candidate good enough, and not worse than the model that serves now?

Both models see the same rows, none of which either was trained on. Guarantees: a figure that is no number passes no
gate; without a champion the gates about it pass; what was seen is left as `evaluation.json` whether or not they pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from timoneiro_serving.errors import ModelLoadError
from timoneiro_serving.loading import load_model
from timoneiro_serving.manifest import MANIFEST_FILE, read_manifest

from .definition.gates import Disturbance
from .definition.metrics import PRIMARY, is_function
from .definition.training import Training
from .errors import StepError
from .evaluation.document import document_of, write_document
from .evaluation.explanation import dependences, importances
from .evaluation.intervals import Resampling
from .evaluation.robustness import disturbed
from .evaluation.scoring import JudgedModel, RocCurve, confusion, roc
from .evaluation.slices import slices_of
from .evaluation.verdicts import GateEvidence, GateVerdict, verdicts
from .evaluation.worst import SliceExamples, worst_by_slice, worst_rows
from .features.rows import features_of, target_of
from .stores.store import ModelStore
from .tables import frame_of, groups_of, read_table
from .tasks.answers import Array, ModelAnswers
from .tasks.registry import figure_of
from .training.label_noise import NOISE_FOLDER
from .training.record import baseline_answers, read_record

GATE = "evaluation"


@dataclass(frozen=True)
class ModelJudgement:
    """Answers of the candidate and, if there is one, the champion; the gates; and all of it as a document."""

    candidate: ModelAnswers
    champion: ModelAnswers | None
    verdicts: tuple[GateVerdict, ...]
    metrics: Mapping[str, float]
    document: Mapping[str, Any]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the gate fails, in one sentence for each cause."""
        return tuple(verdict.reason for verdict in self.verdicts if not verdict.passed)

    @property
    def curve(self) -> RocCurve | None:
        return roc(self.candidate)

    @property
    def confusion(self) -> list[list[int]]:
        return confusion(self.candidate)


def evaluate(training: Training, *, model: Path, test: Path, champion_uri: str, evaluation: Path) -> ModelJudgement:
    """Judges the model folder `model` on the table `test`, and the package at `champion_uri` ("" for none); writes
    what was seen to the file `evaluation`.

    Raises StepError if either model cannot be loaded or asked; a gate that does not pass raises nothing.
    """
    table = read_table(test)
    frame = frame_of(table)
    features, truth, record = features_of(frame, training), target_of(frame, training), read_record(model)
    judged = JudgedModel(_loaded(model, "the candidate"), training, "the candidate")
    candidate = judged.answers(features, truth)
    evidence = GateEvidence(
        candidate=candidate,
        champion=_champion(champion_uri, features, truth, training),
        baseline=baseline_answers(record.baseline, truth, training.classes),
        parts=list(slices_of(features, candidate, training)),
        disturbed={
            **_under_disturbance(judged, features, truth),
            **_with_label_noise(model, training, features, truth),
        },
        resampling=Resampling(groups_of(table, training), training.spec.model.seed),
    )
    found = tuple(verdicts(training, evidence))
    order = importances(judged, features, truth)
    document = document_of(
        training,
        record,
        evidence,
        found,
        importances=order,
        dependences=dependences(judged, features, truth, order),
        worst=_named_rows(frame, training, worst_rows(candidate)),
        worst_by_slice=[
            SliceExamples(part, _named_rows(frame, training, rows))
            for part, rows in worst_by_slice(training, candidate, evidence.parts)
        ],
        champion_uri=champion_uri,
    )
    write_document(document, evaluation)
    return ModelJudgement(candidate, evidence.champion, found, _few_figures(training, evidence), document)


def _loaded(folder: Path, who: str) -> Any:
    try:
        return load_model(folder)
    except ModelLoadError as error:
        raise StepError(f"{who} cannot be loaded: {error}") from error


def _champion(uri: str, features: pd.DataFrame, truth: Array, training: Training) -> ModelAnswers | None:
    """What the model says that serves now; None where there is none, or where no gate asks for it and it cannot be
    compared: columns and classes may change."""
    if not uri:
        return None
    who = f"the champion {uri}"
    with ModelStore.connect().downloaded(uri) as folder:
        try:
            _require_same_kind(folder, features, who)
            return JudgedModel(_loaded(folder, who), training, who).answers(features, truth)
        except StepError as error:
            if all(gate.champion is None for gate in training.spec.gates):
                return None
            raise StepError(
                f"{str(error).replace(str(folder), 'the package')}; to publish a model that cannot be compared, leave "
                "out the gates with `champion`"
            ) from error


def _require_same_kind(folder: Path, features: pd.DataFrame, who: str) -> None:
    """Raises StepError for a package without a manifest, and for one that was made for columns of another type."""
    try:
        manifest = read_manifest(folder)
    except ModelLoadError as error:
        raise StepError(f"{who} cannot be loaded: {error}") from error
    if manifest is None:
        raise StepError(f"{who} has no {MANIFEST_FILE}: was its upload finished?")
    other = [
        feature.name
        for feature in manifest.features
        if feature.name in features and feature.is_text != (features[feature.name].dtype == object)
    ]
    if other:
        raise StepError(f"{who} was made for columns of another type: {', '.join(other)}")


def _under_disturbance(
    judged: JudgedModel, features: pd.DataFrame, truth: Array
) -> dict[Disturbance, ModelAnswers | None]:
    """Answers for rows as they might come too; None where the model does not answer them."""
    found: dict[Disturbance, ModelAnswers | None] = {}
    for kind, rows in disturbed(features, judged.training).items():
        try:
            found[kind] = judged.answers(rows, truth)
        except StepError:
            found[kind] = None
    return found


def _with_label_noise(
    model: Path, training: Training, features: pd.DataFrame, truth: Array
) -> dict[Disturbance, ModelAnswers | None]:
    """Answers of the model that was fitted on changed labels for the rows as they are, where it is asked for."""
    if training.label_noise is None:
        return {}
    who = "the model with changed labels"
    return {"LabelNoise": JudgedModel(_loaded(model / NOISE_FOLDER, who), training, who).answers(features, truth)}


def _named_rows(frame: pd.DataFrame, training: Training, positions: list[int]) -> list[dict[str, Any]]:
    """Rows by their keys, or by their number where they have none; nothing else of them is told."""
    keys = training.keys
    return [
        {"position": position, "row": {name: str(frame[name].iloc[position]) for name in keys} or {"row": position + 1}}
        for position in positions
    ]


def _few_figures(training: Training, evidence: GateEvidence) -> dict[str, float]:
    """Those of the gates, and of the task, for the page of a run: few, and rounded."""
    names = dict.fromkeys([PRIMARY[training.spec.task], *(gate.metric for gate in training.spec.gates)])
    found: dict[str, float] = {"test_rows": len(evidence.candidate)}
    for name in names:
        figure = figure_of(training.spec.task, name)
        called = name.rpartition(":")[2] if is_function(name) else name
        found[called] = round(figure(evidence.candidate), 4)
        if evidence.champion is not None:
            found[f"champion_{called}"] = round(figure(evidence.champion), 4)
    return found
