"""From a file and options to what is sent to Kubeflow, or one sentence: all that can be told before it is asked."""

# ruff: noqa: PLC0415

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from timoneiro_components.definition.environment import cluster_faults
from timoneiro_components.definition.problems import DefinitionError, DefinitionProblem, field_of
from timoneiro_components.definition.reading import encoded, read_as_written
from timoneiro_components.definition.training import Training
from timoneiro_components.errors import StepError
from timoneiro_components.identity import check_identity

from .errors import WRONG_USE, KubeflowError
from .plan import ClusterPlan, general_plan, plan_of
from .submission import Submission

# Kubeflow puts the time for which a run was planned in its place, so that every run publishes a version of its own.
PLANNED_VERSION = "[[ScheduledTime]]"


def cluster_definition(file: Path, settings: Sequence[str]) -> Training:
    """The definition with its paths as they are written. Raises DefinitionError if something of it is wrong, or right
    on this machine only."""
    training = read_as_written(file, settings)
    if found := [DefinitionProblem(0, field_of(path), sentence) for path, sentence in cluster_faults(training)]:
        raise DefinitionError(file.name, found)
    return training


def announced_plan(training: Training | None, image: str) -> ClusterPlan:
    """The plan of the definition, or of any. Says on stderr if nothing can be taken from the cache.

    Raises KubeflowError if `image` is no name of an image.
    """
    if any(character.isspace() for character in image) or ("@" in image and "@sha256:" not in image):
        raise KubeflowError(
            f"--image {image!r} must be the name of an image, best by digest: name@sha256:...", code=WRONG_USE
        )
    plan = general_plan(image) if training is None else plan_of(training, image)
    if not plan.cached:
        print(
            f"{plan.image} is no image by digest, so that nothing is taken from the cache: write name@sha256:...",
            file=sys.stderr,
        )
    return plan


def prepared(
    training: Training,
    *,
    name: str,
    image: str,
    version: str,
    namespace: str,
    model_store: str,
    publish: bool,
    commit: str,
) -> Submission:
    """The pipeline compiled for the definition, and what it is called with. `name`: of the run or the schedule.
    `commit`: that the definition is from.

    Raises StepError for a version or a model store that the steps would refuse.
    """
    from timoneiro_components.stores.address import package_uri, parse_uri

    if version != PLANNED_VERSION:
        check_identity(training.metadata.name, version)
    address = parse_uri(package_uri(model_store, training.metadata.name, "1"))
    if publish and address.scheme == "pvc" and address.place not in training.kubeflow.claims:
        raise StepError(
            f"the claim {address.place} of {model_store} reaches no step: add it to the definition, as in "
            f"kubeflow.claims: [{address.place}]"
        )
    plan = announced_plan(training, image)
    from .compiling import compiled

    parameters = {
        "definition": encoded(training),
        "version": version,
        "namespace": namespace,
        "model_store": model_store,
        "publish": publish,
        "commit": commit,
    }
    return Submission(name, compiled(plan), parameters, plan.service_account)
