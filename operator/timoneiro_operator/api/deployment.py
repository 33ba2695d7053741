"""One ModelDeployment, parsed: what the rest of the operator works with instead of raw JSON."""

import hashlib
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import msgspec

from timoneiro_operator.api import names
from timoneiro_operator.api.command import Command, parse_command
from timoneiro_operator.api.duration import parse_duration
from timoneiro_operator.api.spec import CanaryStep, Model, Predictor, Spec
from timoneiro_operator.api.status import Status

REVISION_LENGTH = 8
_LONGEST_SECONDS = 3650 * 86400.0
# KServe labels pods with `isvc.<name>-<revision>-predictor`, and a label has at most 63 characters.
MAX_NAME_LENGTH = 63 - len("isvc.") - len("-predictor") - REVISION_LENGTH - 1
# And it makes a host name of `<name>-<revision>-predictor-<namespace>`, even where nobody uses it.
MAX_NAMES_LENGTH = 63 - len("-predictor-") - REVISION_LENGTH - 1


class InvalidSpec(ValueError):
    """The spec makes no sense; the message is a sentence for people. The last valid one counts on."""


class ModelDeployment(msgspec.Struct, frozen=True, kw_only=True):
    """Identity, wish and last known state of one ModelDeployment. `command`: what a person asks of its rollout."""

    namespace: str
    name: str
    uid: str
    generation: int
    spec: Spec
    status: Status
    command: Command | None = None

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
        """Name of the InferenceService of `revision`: one for each behind a gateway, one for all in Knative."""
        return self.name if self.spec.route.driver == "Knative" else f"{self.name}-{revision}"


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
    _check(metadata["namespace"], metadata["name"], spec)
    return ModelDeployment(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        spec=spec,
        status=parse_status(body),
        command=_command_of(metadata),
    )


def parse_acted_on(body: Mapping[str, Any]) -> ModelDeployment | None:
    """ModelDeployment of an API object with the last valid spec in place of its own; None when none is known."""
    acted_on = (body.get("status") or {}).get("actedOn")
    if acted_on is None:
        return None
    try:
        return parse({**body, "spec": acted_on})
    except InvalidSpec:
        # An operator that is stricter than the one before it.
        return None


def _command_of(metadata: Mapping[str, Any]) -> Command | None:
    text = (metadata.get("annotations") or {}).get(names.ANNOTATION_COMMAND)
    return parse_command(text) if text else None


def _check(namespace: str, name: str, spec: Spec) -> None:
    """The rules of the CRD once more, for the cluster whose CRD is older than this operator."""
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidSpec(f"metadata.name '{name}' is longer than {MAX_NAME_LENGTH} characters")
    if len(name) + len(namespace) > MAX_NAMES_LENGTH:
        raise InvalidSpec(
            f"metadata.name '{name}' and the namespace '{namespace}' have {len(name) + len(namespace)} characters "
            f"together, and KServe can make a host name of {MAX_NAMES_LENGTH} at most: choose a shorter name"
        )
    _check_steps(spec.rollout.canary.steps)
    _check_comparison(spec)
    _check_route(spec)
    if not spec.analysis.metrics:
        raise InvalidSpec("spec.analysis.metrics is empty; give at least one metric")
    durations = {
        "spec.rollout.progressDeadline": spec.rollout.progress_deadline,
        "spec.rollout.deadline": spec.rollout.deadline,
        "spec.rollout.keepStable": spec.rollout.keep_stable,
        "spec.rollout.scaleDownDelay": spec.rollout.scale_down_delay,
        "spec.analysis.interval": spec.analysis.interval,
        "spec.rollout.blueGreen.mirror": spec.rollout.blue_green.mirror,
        "spec.rollout.blueGreen.bake": spec.rollout.blue_green.bake,
        **{
            f"spec.rollout.canary.steps[{index}].for": text
            for index, step in enumerate(spec.rollout.canary.steps)
            if (text := step.pause.for_ if step.pause else step.for_) is not None
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


def _check_steps(steps: tuple[CanaryStep, ...]) -> None:
    if not steps:
        raise InvalidSpec("spec.rollout.canary.steps is empty; give at least one step")
    for index, step in enumerate(steps):
        given = [step.weight is not None, step.for_ is not None]
        if any(given) if step.pause is not None else not all(given):
            raise InvalidSpec(f"spec.rollout.canary.steps[{index}] must have either weight and for, or pause")
    weights = [step.weight for step in steps if step.weight is not None]
    if any(later <= earlier for earlier, later in pairwise(weights)):
        raise InvalidSpec(f"spec.rollout.canary.steps must have rising weights, not {weights}")
    if not all(0 < weight <= 100 for weight in weights):
        raise InvalidSpec(f"spec.rollout.canary.steps must have weights from 1 to 100, not {weights}")


def _check_comparison(spec: Spec) -> None:
    compared = any(step.weight is not None and step.weight < 100 for step in spec.rollout.canary.steps)
    if spec.rollout.strategy == "Canary" and spec.analysis.promotion == "Evidence" and not compared:
        raise InvalidSpec("spec.rollout.canary.steps needs a weight below 100: without one nothing is compared")


def _check_route(spec: Spec) -> None:
    if spec.route.driver == "Gateway" and not spec.route.hostnames:
        raise InvalidSpec("spec.route.hostnames is empty; driver Gateway needs at least one host name")
    if spec.route.driver == "Knative" and spec.rollout.strategy == "BlueGreen":
        raise InvalidSpec("spec.rollout.strategy BlueGreen needs mirrored traffic, which route.driver Knative has not")
    if spec.route.driver == "Knative" and spec.route.preview is not None:
        raise InvalidSpec("spec.route.preview needs route.driver Gateway")
