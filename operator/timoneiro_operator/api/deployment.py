"""One ModelDeployment, parsed: what the rest of the operator works with instead of raw JSON."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from timoneiro_operator.api import names
from timoneiro_operator.api.checks import REVISION_LENGTH, check, check_selectors
from timoneiro_operator.api.command import Command, parse_command
from timoneiro_operator.api.declared import decides
from timoneiro_operator.api.invalid_spec import InvalidSpec
from timoneiro_operator.api.packing import unpack
from timoneiro_operator.api.runtime import Runtime, runtime_name
from timoneiro_operator.api.scaling import autoscaler_class, of_the_pods
from timoneiro_operator.api.spec import ComponentSpec, Model, Predictor, Spec, Transformer
from timoneiro_operator.api.spec_struct import read
from timoneiro_operator.api.status import Snapshot, Status


class ModelDeployment(msgspec.Struct, frozen=True, kw_only=True):
    """Identity, wish and last known state of one ModelDeployment.

    `command`: what a person asks of its rollout. `own_runtime`: name of Timoneiro's serving runtime, where it is
    installed. `runtimes`: serving runtimes by name, as the cluster has them; those that cannot be read are missing.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    spec: Spec
    status: Status
    command: Command | None = None
    own_runtime: str | None = None
    runtimes: dict[str, Runtime] = {}

    @property
    def key(self) -> tuple[str, str]:
        return self.namespace, self.name

    def runtime_name(self, model: Model, predictor: Predictor) -> str | None:
        """Name of the serving runtime of a model; None where KServe selects one."""
        return runtime_name(model, predictor, self.own_runtime)

    @property
    def model(self) -> Model:
        """The model that is wanted. Raises ValueError while there is none."""
        if self.spec.model is None:
            raise ValueError(f"{self.namespace}/{self.name} names no model yet")
        return self.spec.model

    @property
    def revision(self) -> str | None:
        """Hash of all that changes a serving pod; `version` and numbers of replicas do not. None: no model yet.

        What serves without a runtime of its own is what is wanted: it gets the one that its pods were made of. So is
        what serves with an older one, where a new runtime waits for the next revision.
        """
        if self.spec.model is None:
            return None
        runtime = self.wanted_runtime
        alike = [known for known in self.status.revisions if self._is_alike(known)]
        serving = [part.revision for part in (self.status.candidate, self.status.stable) if part is not None]
        if self.spec.rollout.on_runtime_change == "NextRevision":
            runtime = next((known.runtime for known in alike if known.revision in serving), runtime)
        for known in alike:
            if runtime is not None and known.runtime is not None and known.runtime.digest == runtime.digest:
                return known.revision
        for known in alike:
            if known.revision in serving and (runtime is None or known.runtime is None):
                return known.revision
        before = revision_of(self.spec.model, self.spec.predictor, transformer=self.spec.transformer)
        if runtime is None or any(entry.revision == before for entry in self.status.rejected):
            return before
        return revision_of(self.spec.model, self.spec.predictor, runtime.digest, self.spec.transformer)

    @property
    def wanted_runtime(self) -> Runtime | None:
        """The serving runtime of what the spec wants, as the cluster has it, or as it was known last; None: unknown."""
        name = self.runtime_name(self.model, self.spec.predictor)
        used = [known.runtime for known in reversed(self.status.revisions) if known.runtime is not None]
        if name is None:
            # KServe selects by the format, and what it has selected before is in the status.
            alike = [known for known in self.status.revisions if known.model.format == self.model.format]
            selected = [known.runtime for known in alike if known.runtime and known.predictor.runtime is None]
            name = selected[-1].name if selected else None
        if name is None:
            return None
        known = [runtime for runtime in used if runtime.name == name and runtime.spec is not None]
        return self.runtimes.get(name) or next(iter(known), None)

    def _is_alike(self, known: Snapshot) -> bool:
        """It is the same model, served in the same way, whatever the runtime."""
        wanted = msgspec.structs.replace(self.model, version=known.model.version)
        pairs = ((self.spec.predictor, known.predictor), (self.spec.transformer, known.transformer))
        return known.model == wanted and all(_how(mine) == _how(theirs) for mine, theirs in pairs)

    def adopted(self, revision: str) -> str | None:
        """The InferenceService that serves `revision` and was not made for it; None when there is no such one."""
        return next((known.adopted for known in self.status.revisions if known.revision == revision), None)

    def made_name(self, revision: str) -> str:
        """Name of what is made for `revision`: one for each behind a gateway, and one for all in Knative."""
        return self.name if self.spec.route.driver == "Knative" else f"{self.name}-{revision}"

    def service_name(self, revision: str) -> str:
        """Name of the InferenceService that serves `revision`."""
        return self.adopted(revision) or self.made_name(revision)

    def backend_name(self, revision: str) -> str:
        """Name of the Service, and of the Deployment, that requests to `revision` reach first."""
        return f"{self.service_name(revision)}-{'transformer' if self.status.transforms(revision) else 'predictor'}"

    @property
    def route_name(self) -> str:
        """Name of a new HTTPRoute: KServe names one of its own after an InferenceService that was adopted."""
        return f"{self.name}-rollout" if self.spec.adopt == self.name else self.name


def revision_of(
    model: Model, predictor: Predictor, runtime: str | None = None, transformer: Transformer | None = None
) -> str:
    """Eight hexadecimal digits, the same for the same model served in the same way, with the `runtime` of that digest.

    Without a runtime it is what older versions, which did not know it, have called a revision.
    """
    what = msgspec.to_builtins(model)
    what.pop("version", None)
    parts = {"model": what, "predictor": _how(predictor)} | ({"runtime": runtime} if runtime is not None else {})
    # Without one a revision is called what it was before there could be any.
    parts |= {"transformer": _how(transformer)} if transformer is not None else {}
    text = msgspec.json.encode(parts, order="deterministic")
    return hashlib.sha256(text).hexdigest()[:REVISION_LENGTH]


def _how(component: ComponentSpec | None) -> dict[str, Any] | None:
    """All of a component that changes its pods."""
    if component is None:
        return None
    how: dict[str, Any] = msgspec.to_builtins(of_the_pods(component))
    if (autoscaler := autoscaler_class(component)) != "none":
        # KServe copies the annotation that chooses it to the pods.
        how["autoscalerClass"] = autoscaler
    return how


class UnreadableStatus(Exception):
    """What decisions go by is not in the status any more; the message says what."""


def parse_status(body: Mapping[str, Any]) -> Status:
    """Status of a ModelDeployment body; an empty one when there is none yet.

    Raises UnreadableStatus. What only people read may lack: an older CRD has dropped parts of it. So may the evidence,
    which begins anew then: that it cannot be read keeps no traffic from going back.
    """
    status = unpack(body.get("status") or {})
    try:
        return msgspec.convert(status, Status, strict=False)
    except msgspec.ValidationError:
        return _readable(status)


def _readable(status: Mapping[str, Any]) -> Status:
    """What decides, with as much of the evidence as can be read."""
    deciding = {field: value for field, value in status.items() if decides(field) or field == "phase"}
    evidence = deciding.get("analysis")
    without_pictures = None
    if isinstance(evidence, Mapping):
        without_pictures = {field: evidence[field] for field in evidence if decides(f"analysis.{field}")}
    fault: Exception | None = None
    for readable in (evidence, without_pictures, None):
        try:
            return msgspec.convert({**deciding, "analysis": readable}, Status, strict=False)
        except msgspec.ValidationError as error:
            fault = error
    raise UnreadableStatus(str(fault)) from fault


def parse(body: Mapping[str, Any]) -> ModelDeployment:
    """ModelDeployment of an API object.

    Raises InvalidSpec where the schema of the CRD could not see that the spec makes no sense
    (or an older CRD let it pass).
    """
    deployment = _parsed(body)
    check_selectors(deployment.spec)
    return deployment


def _parsed(body: Mapping[str, Any]) -> ModelDeployment:
    metadata = body["metadata"]
    said = dict(body.get("spec") or {})
    if set(said.get("model") or ()) == {"signature"}:
        # Whose key has to sign is said by people, and before a pipeline publishes the model.
        del said["model"]
    try:
        spec = msgspec.convert(said, Spec, dec_hook=read)
    except msgspec.ValidationError as error:
        raise InvalidSpec(_in_our_words(error)) from error
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


def _in_our_words(error: msgspec.ValidationError) -> str:
    """The field, then what is wrong with it."""
    text = str(error)
    # The last one: what people wrote is quoted before it. Of the spec itself no path is told.
    what, mark, path = text.rpartition(" - at `$")
    return f"spec{path.rstrip('`')}: {what}" if mark else f"spec: {text}"


def parse_acted_on(body: Mapping[str, Any]) -> ModelDeployment | None:
    """ModelDeployment of an API object with the last valid spec in place of its own; None when none is known.

    With selectors that an older operator took: nothing is counted by them, and traffic can go back.
    """
    acted_on = unpack(body.get("status") or {}).get("actedOn")
    if acted_on is None:
        return None
    try:
        return _parsed({**body, "spec": acted_on})
    except InvalidSpec:
        # An operator that is stricter than the one before it.
        return None


def is_asked(body: Mapping[str, Any]) -> bool:
    """Whether a command waits in the API object for being carried out, or for being refused."""
    command, known = _command_of(body["metadata"]), (body.get("status") or {}).get("commands") or ()
    return command is not None and all(record.get("id") != command.id for record in known)


def _command_of(metadata: Mapping[str, Any]) -> Command | None:
    annotations = metadata.get("annotations") or {}
    text = annotations.get(names.ANNOTATION_COMMAND)
    return parse_command(text, annotations.get(names.ANNOTATION_COMMAND_BY)) if text else None
