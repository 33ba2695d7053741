"""One ModelDeployment, parsed: what the rest of the operator works with instead of raw JSON."""

import hashlib
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import msgspec

from timoneiro_operator.api.duration import parse_duration
from timoneiro_operator.api.spec import Model, Predictor, Spec
from timoneiro_operator.api.status import Status

REVISION_LENGTH = 8
_LONGEST_SECONDS = 3650 * 86400.0
# `<name>-<revision>-predictor` has to be a Service name of at most 63 characters.
MAX_NAME_LENGTH = 63 - len("-predictor") - REVISION_LENGTH - 1


class InvalidSpec(ValueError):
    """The spec makes no sense; the message is a sentence for people. Nothing that serves is touched."""


class ModelDeployment(msgspec.Struct, frozen=True, kw_only=True):
    """Identity, wish and last known state of one ModelDeployment."""

    namespace: str
    name: str
    uid: str
    generation: int
    spec: Spec
    status: Status

    @property
    def key(self) -> tuple[str, str]:
        return self.namespace, self.name

    @property
    def model(self) -> Model:
        """The model that is wanted. Raises ValueError while there is none."""
        if self.spec.model is None:
            raise ValueError(f"{self.namespace}/{self.name} names no model yet")
        return self.spec.model

    @property
    def revision(self) -> str | None:
        """Hash of all that changes a serving pod; `version` and `minReplicas` do not. None: no model is wanted yet."""
        return None if self.spec.model is None else revision_of(self.spec.model, self.spec.predictor)

    def service_name(self, revision: str) -> str:
        """Name of the InferenceService of `revision`."""
        return f"{self.name}-{revision}"


def revision_of(model: Model, predictor: Predictor) -> str:
    """Eight hexadecimal digits, the same for the same model served in the same way."""
    what = msgspec.to_builtins(model)
    what.pop("version", None)
    how = msgspec.to_builtins(predictor)
    how.pop("minReplicas", None)
    text = msgspec.json.encode({"model": what, "predictor": how}, order="deterministic")
    return hashlib.sha256(text).hexdigest()[:REVISION_LENGTH]


def parse_status(body: Mapping[str, Any]) -> Status:
    """Status of a ModelDeployment body; an empty one when there is none yet."""
    return msgspec.convert(body.get("status") or {}, Status, strict=False)


def parse(body: Mapping[str, Any]) -> ModelDeployment:
    """ModelDeployment of an API object.

    Raises InvalidSpec where the schema of the CRD could not see that the spec makes no sense
    (or an older CRD let it pass).
    """
    metadata = body["metadata"]
    try:
        spec = msgspec.convert(body.get("spec") or {}, Spec)
    except msgspec.ValidationError as error:
        raise InvalidSpec(f"spec does not fit the API: {error}") from error
    _check(metadata["name"], spec)
    return ModelDeployment(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        spec=spec,
        status=parse_status(body),
    )


def _check(name: str, spec: Spec) -> None:
    """The rules of the CRD once more, for the cluster whose CRD is older than this operator."""
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidSpec(f"metadata.name '{name}' is longer than {MAX_NAME_LENGTH} characters")
    weights = [step.weight for step in spec.rollout.canary.steps]
    if not weights:
        raise InvalidSpec("spec.rollout.canary.steps is empty; give at least one step")
    if any(later <= earlier for earlier, later in pairwise(weights)):
        raise InvalidSpec(f"spec.rollout.canary.steps must have rising weights, not {weights}")
    if not all(0 < weight <= 100 for weight in weights):
        raise InvalidSpec(f"spec.rollout.canary.steps must have weights from 1 to 100, not {weights}")
    if not spec.analysis.metrics:
        raise InvalidSpec("spec.analysis.metrics is empty; give at least one metric")
    durations = {
        "spec.rollout.progressDeadline": spec.rollout.progress_deadline,
        "spec.rollout.deadline": spec.rollout.deadline,
        "spec.rollout.keepStable": spec.rollout.keep_stable,
        "spec.rollout.scaleDownDelay": spec.rollout.scale_down_delay,
        "spec.analysis.interval": spec.analysis.interval,
        **{
            f"spec.rollout.canary.steps[{index}].for": step.for_ for index, step in enumerate(spec.rollout.canary.steps)
        },
    }
    for field, text in durations.items():
        try:
            seconds = parse_duration(text)
        except ValueError as error:
            raise InvalidSpec(f"{field}: {error}") from error
        if seconds > _LONGEST_SECONDS:
            raise InvalidSpec(f"{field}: {text} is longer than ten years")
    if not 1 <= parse_duration(spec.analysis.interval) <= 86400:
        raise InvalidSpec(f"spec.analysis.interval: {spec.analysis.interval} is not between 1s and 1d")
    for metric in spec.analysis.metrics:
        if not 0 <= metric.tolerance < metric.margin or not 0 < metric.negligible < 1:
            raise InvalidSpec(
                f"metric '{metric.name}': tolerance {metric.tolerance} must be below margin {metric.margin}, "
                f"and negligible {metric.negligible} between 0 and 1"
            )
