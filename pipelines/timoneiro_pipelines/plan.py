"""What each step gets on a cluster: image, resources, retries, variables and Secrets. Pure, and knows nothing of KFP.

One table of defaults for all definitions; `kubeflow` of a definition changes single entries. Guarantee: a Secret
reaches the steps that read its variables and no other, and a claim those that ask the model store.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from timoneiro_components.definition.base import seconds_of
from timoneiro_components.definition.environment import STORE_STEPS, readers_of
from timoneiro_components.definition.kubeflow import STEPS, Kubeflow, Secret, StepName
from timoneiro_components.definition.training import Training

# KFP's local runner warns about images without "python" in the name.
IMAGE = "ghcr.io/timoneiro/components-python:0.1.0"
_DIGEST = re.compile(r".@sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class SecretUse:
    """A Secret of the cluster as one step gets it: variables, and the key whose value (`env`) or file each is."""

    name: str
    env: Mapping[str, str]
    files: Mapping[str, str]
    optional: bool = False


@dataclass(frozen=True)
class StepPlan:
    """What one step gets. `cpu` and `memory`: as Kubernetes writes them, request and limit alike. `seconds`: of one
    try. `retries`: after the first try. `claims`: PersistentVolumeClaims that it can read and write."""

    cpu: str
    memory: str
    retries: int
    seconds: int
    env: Mapping[str, str]
    secrets: tuple[SecretUse, ...] = ()
    claims: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClusterPlan:
    """What all steps get. `service_account`: "" for that of the cluster; it belongs to a run, not to the pipeline."""

    image: str
    service_account: str
    steps: Mapping[StepName, StepPlan]

    @property
    def cached(self) -> bool:
        """Whether a result of an earlier run may stand for a step's. Kubeflow compares the name of the image, and a tag
        can mean another image tomorrow."""
        return bool(_DIGEST.search(self.image))


# Optional: most packages are not signed.
_SIGNING = SecretUse("timoneiro-signing", {"TIMONEIRO_SIGNING_KEY": "key.pem"}, {}, optional=True)
_GENERAL: Mapping[StepName, tuple[SecretUse, ...]] = {"sign-model": (_SIGNING,)}

# Cores, memory, retries and time limit. Who asks others than Kubeflow is tried again; who decides is not. Request and
# limit are alike: a step that got more than it asked for on one day would be killed on another.
_DEFAULTS: Mapping[StepName, tuple[float, str, int, str]] = {
    "resolve-definition": (0.5, "512Mi", 0, "15m"),
    "find-champion": (0.5, "1Gi", 2, "15m"),
    "ingest-data": (1, "4Gi", 2, "4h"),
    "validate-data": (1, "4Gi", 2, "2h"),
    "require-valid-data": (0.5, "512Mi", 0, "15m"),
    "train-model": (2, "8Gi", 0, "1d"),
    "evaluate-model": (2, "8Gi", 2, "4h"),
    "require-good-model": (0.5, "512Mi", 0, "15m"),
    "package-model": (1, "4Gi", 0, "1h"),
    "rehearse-model": (1, "4Gi", 0, "1h"),
    "require-working-model": (0.5, "512Mi", 0, "15m"),
    "sign-model": (0.5, "1Gi", 0, "15m"),
    "publish-model": (0.5, "2Gi", 2, "1h"),
    "register-model": (0.5, "512Mi", 2, "15m"),
    # Longer than the longest wait.
    "await-rollout": (0.5, "512Mi", 2, "8d"),
    "require-promotion": (0.5, "512Mi", 0, "15m"),
}


def general_plan(image: str = "") -> ClusterPlan:
    """The plan that holds for every definition: with the defaults, and without variables and Secrets but for the key
    of signatures."""
    return ClusterPlan(image or IMAGE, "", {step: _step(step, Kubeflow(), _GENERAL.get(step, ())) for step in STEPS})


def plan_of(training: Training, image: str = "") -> ClusterPlan:
    """What `training.kubeflow` says, with the defaults where it says nothing. `image` goes over the one it says."""
    said = training.kubeflow
    uses = [(secret, _readers(secret, training)) for secret in said.secrets]
    steps = {
        step: _step(
            step,
            said,
            tuple(use for secret, readers in uses if (use := _use(secret, readers, step))),
            said.claims if step in STORE_STEPS else (),
        )
        for step in STEPS
    }
    return ClusterPlan(image or said.image or IMAGE, said.service_account or "", steps)


def _step(step: StepName, said: Kubeflow, secrets: tuple[SecretUse, ...], claims: tuple[str, ...] = ()) -> StepPlan:
    cores, memory, retries, timeout = _DEFAULTS[step]
    choice = said.steps.get(step)
    if choice is not None:
        cores = cores if choice.cpu is None else choice.cpu
        memory, timeout = choice.memory or memory, choice.timeout or timeout
        retries = retries if choice.retries is None else choice.retries
    return StepPlan(
        cpu=f"{round(cores * 1000)}m",
        memory=memory,
        retries=retries,
        seconds=seconds_of(timeout),
        env=dict(said.env),
        secrets=secrets,
        claims=claims,
    )


def _readers(secret: Secret, training: Training) -> Mapping[str, frozenset[StepName]]:
    """The steps that get each variable of the Secret."""
    said = None if secret.steps is None else frozenset(secret.steps)
    return {variable: readers_of(variable, training) if said is None else said for variable in secret.variables}


def _use(secret: Secret, readers: Mapping[str, frozenset[StepName]], step: StepName) -> SecretUse | None:
    env = {variable: key for variable, key in secret.env.items() if step in readers[variable]}
    files = {variable: key for variable, key in secret.files.items() if step in readers[variable]}
    return SecretUse(secret.name, env, files) if env or files else None
