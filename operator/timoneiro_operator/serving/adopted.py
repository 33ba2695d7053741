"""An InferenceService that somebody else has made: what it serves in the words of a ModelDeployment, and whether it
can be the stable model of one. Pure.

KServe copies its labels and annotations to its pods, so that not even a mark can be put on it without a restart of
the model. It is read, and never written.
"""

import dataclasses
import re
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from timoneiro_operator.api import names
from timoneiro_operator.api.deployment import ModelDeployment, revision_of
from timoneiro_operator.api.kinds import Body
from timoneiro_operator.api.scaling import SCALING_FIELDS, C, of_the_pods
from timoneiro_operator.api.spec import ComponentSpec, Model, ModelFormat, Predictor, Signature, Transformer
from timoneiro_operator.api.status import Snapshot
from timoneiro_operator.decide.observation import Failure, Workload
from timoneiro_operator.serving.inference_service import AUTOSCALER, OF_THE_MODEL
from timoneiro_operator.serving.runtime import named_runtime, read_runtime
from timoneiro_operator.serving.workload import PREDICTOR, components_of, is_leaving, made_by, read_workload, ready_pods

_MODE = "serving.kserve.io/deploymentMode"
_STOP = "serving.kserve.io/stop"
_STANDARD = ("Standard", "RawDeployment")
_FLAG = "--model_name"
_MODEL_NAME = re.compile(rf"{_FLAG}=(.*)", re.DOTALL)
_NAME_VARIABLE = "MLSERVER_MODEL_NAME"
# What is said in other words.
_OTHERWISE = {"model", "minReplicas"}
_OF_MODEL_OTHERWISE = {"name", "modelFormat", "storageUri"}


class Adopted(NamedTuple):
    """An InferenceService that serves `snapshot` and was not made for it; without a `body` it is gone.

    `pods`: those that carry its label. `runtime`: the ServingRuntime that it names, if the cluster has one.
    """

    snapshot: Snapshot
    body: Body | None
    pods: Sequence[Body] = ()
    runtime: Body | None = None


class Served(NamedTuple):
    """`left_out`: fields of its components that a ModelDeployment has no words for; the next model goes without."""

    model: Model
    predictor: Predictor
    transformer: Transformer | None
    left_out: tuple[str, ...]


def served_by(body: Body, runtime: Body | None) -> Served:
    """What an adoptable InferenceService serves. `runtime`: the ServingRuntime that it names, if there is one."""
    predictor = body["spec"]["predictor"]
    model = predictor["model"]
    env = model.get("env") or []
    args = _without_name(model.get("args") or [])
    keys = tuple(arg.removeprefix(names.ARG_PUBLIC_KEY) for arg in args if arg.startswith(names.ARG_PUBLIC_KEY))
    digest = next((item.get("value") for item in env if item.get("name") == names.ENV_MODEL_DIGEST), None)
    said = {
        **{key: value for key, value in predictor.items() if key not in (*_OTHERWISE, *OF_THE_MODEL)},
        **{key: value for key, value in model.items() if key in OF_THE_MODEL},
        "args": [arg for arg in args if not arg.startswith(names.ARG_PUBLIC_KEY)],
        "env": [item for item in env if item.get("name") != names.ENV_MODEL_DIGEST],
        "runtime": _original(runtime) or named_runtime(body),
    }
    unknown = [key for key in predictor if key not in _known(Predictor) | _OTHERWISE]
    unknown += [f"model.{key}" for key in model if key not in {*OF_THE_MODEL, *_OF_MODEL_OTHERWISE}]
    transformer = _transformer(body["spec"].get("transformer"))
    more = body["spec"].get("transformer") or {}
    unknown += [f"transformer.{key}" for key in more if key not in _known(Transformer)]
    annotations = body["metadata"].get("annotations") or {}
    return Served(
        model=Model(
            format=msgspec.convert(model["modelFormat"], ModelFormat),
            uri=model["storageUri"],
            digest=digest,
            version=annotations.get(names.ANNOTATION_MODEL_VERSION),
            signature=Signature(public_keys=keys) if keys else None,
        ),
        predictor=_component(Predictor, predictor, said),
        transformer=transformer,
        left_out=tuple(sorted(unknown)),
    )


def _known(kind: type[ComponentSpec]) -> set[str]:
    """Names of the fields that a ModelDeployment has for a component."""
    return {field.encode_name for field in msgspec.structs.fields(kind)}


def _component(kind: type[C], part: Body, said: Mapping[str, Any]) -> C:
    """A component of an InferenceService as it is `said` in a ModelDeployment."""
    replicas = max(1, part.get("minReplicas") or 1)
    # How an autoscaler chooses says nothing where it has no choice.
    mute = set(SCALING_FIELDS) if (part.get("maxReplicas") or 0) <= replicas else set()
    known = _known(kind) - mute
    fields = {key: value for key, value in said.items() if key in known and value not in (None, "", [], {})}
    return msgspec.convert({**fields, "minReplicas": replicas}, kind)


def _transformer(part: Body | None) -> Transformer | None:
    if not part:
        return None
    first, *others = part.get("containers") or [{}]
    args = _without_name(first.get("args") or [])
    first = {**{key: value for key, value in first.items() if key != "args"}, **({"args": args} if args else {})}
    annotations = {key: value for key, value in (part.get("annotations") or {}).items() if key != AUTOSCALER}
    return _component(Transformer, part, {**part, "containers": [first, *others], "annotations": annotations})


def model_name(body: Body) -> str:
    """The name that its model answers to, as KServe finds it: that of the transformer, where there is one."""
    containers = (body["spec"].get("transformer") or {}).get("containers") or [None]
    model = containers[0] or (body["spec"].get("predictor") or {}).get("model") or {}
    args = model.get("args") or []
    found = [match[1] for arg in args if (match := _MODEL_NAME.fullmatch(arg))]
    found += [after for arg, after in pairwise(args) if arg == _FLAG]
    found += [item.get("value") for item in model.get("env") or [] if item.get("name") == _NAME_VARIABLE]
    return str(found[0] if found else body["metadata"]["name"])


def why_not(body: Body, *, name: str, hostnames: Collection[str] = ()) -> str | None:
    """Why it can never be the stable model of the ModelDeployment `name`, and what would help; None when it can."""
    metadata, spec = body["metadata"], body["spec"]
    predictor, annotations = spec.get("predictor") or {}, metadata.get("annotations") or {}
    model = predictor.get("model") or {}
    owner = next((ref for ref in metadata.get("ownerReferences") or [] if ref.get("controller")), None)
    mode = (body.get("status") or {}).get("deploymentMode") or annotations.get(_MODE) or _STANDARD[0]
    more = [part for part in ("explainer", "canary") if spec.get(part)]
    taken = sorted(set(hostnames) & _hosts(body))
    if owner is not None:
        return f"it belongs to {owner.get('kind')} {owner.get('name')}"
    if metadata.get("deletionTimestamp"):
        return "it is being deleted"
    if mode not in _STANDARD:
        return f"its deployment mode is {mode}: only Standard (RawDeployment) has pods that can stay as they are"
    if str(annotations.get(_STOP)).lower() == "true":
        return f"it is stopped: remove the annotation {_STOP}"
    if more:
        return (
            f"it has spec.{more[0]}, which a ModelDeployment would not serve: remove it if the model does not need it"
        )
    if not model.get("storageUri") or not model.get("modelFormat"):
        return "it has no spec.predictor.model with modelFormat and storageUri: other predictors cannot be rolled out"
    if predictor.get("workerSpec") or predictor.get("name"):
        return "its predictor has workerSpec or a name, and with it pods that a ModelDeployment would not find"
    if model_name(body) != name:
        return (
            f"its model answers to '{model_name(body)}', and clients of ModelDeployment '{name}' ask for '{name}': "
            f"call the ModelDeployment '{model_name(body)}'"
        )
    if taken:
        return f"KServe routes the host name {taken[0]} to it: choose another one for spec.route.hostnames"
    return None


def why_not_yet(body: Body, pods: Sequence[Body]) -> str | None:
    """Why it cannot be adopted at this moment; None when all of its pods serve the same thing."""
    for kind in components_of(body):
        workload = f"{body['metadata']['name']}-{kind}"
        words = "pods" if kind == PREDICTOR else f"{kind}'s pods"
        mine = [pod for pod in pods if made_by(pod, workload) and not is_leaving(pod)]
        if not ready_pods(mine, workload):
            return f"none of its {words} is ready: fix it first"
        if len({(pod["metadata"].get("labels") or {}).get("pod-template-hash") for pod in mine}) > 1:
            return f"its {words} are being replaced: it can be adopted when that is over"
    return None


def adoption_of(
    deployment: ModelDeployment, body: Body | None, pods: Sequence[Body], runtime: Body | None
) -> Adopted | str:
    """The InferenceService that `deployment` wants to adopt, as its first revision; or a sentence why it cannot be."""
    name = deployment.spec.adopt
    if body is None:
        return (
            f"InferenceService {name} cannot be adopted: it does not exist; create it, or create the "
            "ModelDeployment again without spec.adopt"
        )
    reason = why_not(body, name=deployment.name, hostnames=deployment.spec.route.hostnames) or why_not_yet(body, pods)
    if reason is not None:
        return f"InferenceService {name} cannot be adopted: {reason}"
    model, predictor, transformer, _ = served_by(body, runtime)
    made_with = None
    if runtime is not None:
        made_with = msgspec.structs.replace(read_runtime(runtime), name=predictor.runtime)
    digest = made_with.digest if made_with is not None else None
    snapshot = Snapshot(
        revision=revision_of(model, predictor, digest, transformer),
        model=model,
        predictor=predictor,
        transformer=transformer,
        runtime=made_with,
        adopted=name,
    )
    return Adopted(snapshot, body, pods, runtime)


def adopted_workload(adopted: Adopted) -> Workload:
    """State of an adopted InferenceService. How many replicas it has is not ours to say."""
    snapshot, body, pods, runtime = adopted
    if body is None:
        words = f"InferenceService {snapshot.adopted} was adopted, and no longer exists"
        return Workload(failure=Failure(reason="InferenceServiceGone", message=words, final=True))
    strayed = None
    if _changed(body, snapshot, runtime):
        strayed = (
            f"InferenceService {snapshot.adopted} was edited, and is no longer what was adopted: undo the edit, or "
            "release it and adopt it again"
        )
    workload = read_workload(body, pods)
    edited = Failure(reason="AdoptedEdited", message=strayed, final=True) if strayed is not None else None
    return dataclasses.replace(
        workload,
        runtime=named_runtime(body),
        failure=edited or workload.failure,
        strayed=strayed,
    )


def _changed(body: Body, snapshot: Snapshot, runtime: Body | None) -> bool:
    """Whether its spec says something else than what was adopted, replicas aside."""
    try:
        now = served_by(body, runtime)
    except (KeyError, msgspec.ValidationError):
        return True
    return _serves(now) != _serves(snapshot)


def _serves(what: Served | Snapshot) -> str:
    """A name of what is served, however often."""
    transformer = of_the_pods(what.transformer) if what.transformer is not None else None
    return revision_of(what.model, of_the_pods(what.predictor), transformer=transformer)


def _hosts(body: Body) -> set[str]:
    """Host names under which KServe makes it known outside of the cluster."""
    status = body.get("status") or {}
    parts = [status, *(status.get("components") or {}).values()]
    return {host for part in parts if (host := urlsplit(part.get("url") or "").hostname) is not None}


def _original(runtime: Body | None) -> str | None:
    """The runtime that `runtime` is a revision's copy of."""
    return (((runtime or {}).get("metadata") or {}).get("annotations") or {}).get(names.ANNOTATION_RUNTIME)


def _without_name(args: Sequence[str]) -> list[str]:
    """Arguments of the model server but those that name the model."""
    kept: list[str] = []
    skip = False
    for arg in args:
        if not skip and arg != _FLAG and not _MODEL_NAME.fullmatch(arg):
            kept.append(arg)
        skip = not skip and arg == _FLAG
    return kept
