"""One ModelDeployment, parsed: what the rest of the operator works with instead of raw JSON."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from timoneiro_operator.api import names
from timoneiro_operator.api.checks import REVISION_LENGTH, InvalidSpec, check
from timoneiro_operator.api.command import Command, parse_command
from timoneiro_operator.api.spec import Model, Predictor, Spec
from timoneiro_operator.api.status import Status


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
    check(metadata["namespace"], metadata["name"], spec)
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
