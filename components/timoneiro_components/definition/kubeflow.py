"""`kubeflow`: where the steps run on a cluster, and with what. Nothing of it changes the model, nor its package."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, FiniteFloat

from .base import DefinitionObject, LengthOfTime, ResourceName, VariableName

StepName = Literal[
    "resolve-definition",
    "find-champion",
    "ingest-data",
    "validate-data",
    "require-valid-data",
    "train-model",
    "evaluate-model",
    "require-good-model",
    "package-model",
    "rehearse-model",
    "require-working-model",
    "sign-model",
    "publish-model",
    "register-model",
    "await-rollout",
    "require-promotion",
]
# In the order in which they run.
STEPS: tuple[StepName, ...] = get_args(StepName)
DATA_KEY = r"^[-._a-zA-Z0-9]{1,253}$"
_Key = Annotated[str, Field(pattern=DATA_KEY)]


class Secret(DefinitionObject):
    """A Secret of the cluster, in the namespace of the run."""

    name: ResourceName
    env: dict[VariableName, _Key] = Field(
        default_factory=dict, description="Variables, and the key of the Secret that each gets its value from."
    )
    files: dict[VariableName, _Key] = Field(
        default_factory=dict,
        description="Variables, such as GOOGLE_APPLICATION_CREDENTIALS, and the key whose file each names.",
    )
    steps: tuple[StepName, ...] | None = Field(
        default=None, description="Which steps get it. Left out: those that read these variables."
    )

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of all variables, each as often as it is there."""
        return (*self.env, *self.files)


class StepChoice(DefinitionObject):
    """What one step may use. Left out: what this step usually needs."""

    cpu: Annotated[FiniteFloat, Field(ge=0.1, le=1000)] | None = Field(
        default=None, description="Cores that the step gets, and no more: 0.5 is half of one."
    )
    memory: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,6}(Mi|Gi)$")] | None = Field(
        default=None, description="Memory that the step gets, and no more, such as 8Gi."
    )
    retries: Annotated[int, Field(ge=0, le=10)] | None = Field(
        default=None, description="How often it is tried again, whatever it failed for."
    )
    timeout: LengthOfTime | None = Field(default=None, description="How long one try may take, such as 2h.")


class Kubeflow(DefinitionObject):
    """How the pipeline runs on Kubeflow Pipelines."""

    image: Annotated[str, Field(pattern=r"^[^\s@]{1,400}(@sha256:[0-9a-f]{64})?$")] | None = Field(
        default=None,
        description="Of all steps. Only an image by digest (name@sha256:...) is the same tomorrow: with a tag nothing "
        "is taken from the cache.",
    )
    service_account: ResourceName | None = Field(
        default=None, description="Of the pods of a run. Left out: the one that the cluster gives to runs."
    )
    env: dict[VariableName, Annotated[str, Field(max_length=4000)]] = Field(
        default_factory=dict, description="Variables of all steps that are no secret, such as AWS_ENDPOINT_URL."
    )
    secrets: tuple[Secret, ...] = ()
    claims: tuple[ResourceName, ...] = Field(
        default=(),
        description="PersistentVolumeClaims of the namespace of the run, for model stores such as pvc://models/loans: "
        "the steps that ask the model store get them.",
    )
    steps: dict[StepName, StepChoice] = Field(default_factory=dict)
