"""One InferenceService for each revision, never changed after creation but for how often it serves.

KServe copies every label and annotation of an InferenceService to its pods, so that writing one later would restart
the model. All of them are therefore set at creation.
"""

from typing import Any

import msgspec

from timoneiro_operator.api import names
from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.kinds import RESOURCES
from timoneiro_operator.api.ownership import owned_metadata
from timoneiro_operator.api.scaling import SCALING_FIELDS, C, Replicas, autoscaler_class, replicas_of, scaling_of
from timoneiro_operator.api.spec import Spec, Transformer
from timoneiro_operator.api.status import Snapshot
from timoneiro_operator.serving.runtime import copy_name

KIND = "InferenceService"
# Whatever people call the container of a transformer: KServe gives it this name.
TRANSFORMER_CONTAINER = "kserve-container"
AUTOSCALER = "serving.kserve.io/autoscalerClass"
# What of our predictor is about the model server's container; the rest is about its pods.
OF_THE_MODEL = (
    "runtime",
    "args",
    "env",
    "envFrom",
    "resources",
    "volumeMounts",
    "storage",
    "protocolVersion",
    "runtimeVersion",
    "readinessProbe",
    "livenessProbe",
    "startupProbe",
)


def build_inference_service(
    deployment: ModelDeployment, snapshot: Snapshot, replicas: Replicas | None = None
) -> dict[str, Any]:
    """The InferenceService that serves `snapshot`, for server-side apply. `replicas`: those of the spec when absent."""
    wanted, predictor = snapshot.model, snapshot.predictor
    # All revisions answer to the name of the ModelDeployment: clients do not see which one serves them.
    handed_on = _as_json(predictor)
    model: dict[str, Any] = {
        "modelFormat": _as_json(wanted.format),
        "storageUri": wanted.uri,
        **{key: handed_on[key] for key in OF_THE_MODEL if key in handed_on},
        "args": [f"--model_name={deployment.name}", *predictor.args],
    }
    if wanted.signature is not None:
        # Behind those of the spec, which KServe's refusals tell by their position.
        model["args"] += [f"{names.ARG_PUBLIC_KEY}{key}" for key in wanted.signature.public_keys]
    if wanted.digest is not None:
        digest = {"name": names.ENV_MODEL_DIGEST, "value": wanted.digest}
        model["env"] = [*predictor.env, digest]
    if snapshot.runtime is not None:
        pinned = snapshot.runtime.spec is not None
        model["runtime"] = copy_name(deployment, snapshot.revision) if pinned else snapshot.runtime.name
    labels = {names.LABEL_REVISION: snapshot.revision}
    if deployment.spec.route.driver == "Knative":
        annotations = {"serving.kserve.io/deploymentMode": "Knative"}
    else:
        # Unless it may choose, the number of replicas is the ModelDeployment's, and an autoscaler would fight it.
        annotations = {
            "serving.kserve.io/deploymentMode": "Standard",
            AUTOSCALER: autoscaler_class(predictor),
        }
        # Our own HTTPRoute carries the traffic; KServe must not make another one.
        labels["networking.kserve.io/visibility"] = "cluster-local"
    if wanted.version is not None:
        annotations[names.ANNOTATION_MODEL_VERSION] = wanted.version
    numbers = scaling(deployment.spec, snapshot, replicas)
    spec = {
        "predictor": {
            **{key: value for key, value in handed_on.items() if key not in (*OF_THE_MODEL, *SCALING_FIELDS)},
            **numbers["predictor"],
            "model": model,
        }
    }
    if snapshot.transformer is not None:
        spec["transformer"] = {**_transformer(deployment, snapshot.transformer), **numbers["transformer"]}
    return {
        "apiVersion": RESOURCES["InferenceService"].api_version,
        "kind": KIND,
        "metadata": owned_metadata(
            deployment,
            name=deployment.made_name(snapshot.revision),
            labels=labels,
            annotations=annotations,
        ),
        "spec": spec,
    }


def _transformer(deployment: ModelDeployment, transformer: Transformer) -> dict[str, Any]:
    """What stands before the predictor, without how often. KServe tells it where the predictor is."""
    handed_on = _as_json(transformer)
    first, *others = handed_on["containers"]
    args = [f"--model_name={deployment.name}", *first.get("args", [])]
    return {
        **{key: value for key, value in handed_on.items() if key not in SCALING_FIELDS},
        "containers": [{**first, "name": TRANSFORMER_CONTAINER, "args": args}, *others],
        # It autoscales or not whether the predictor does or not, whose annotation is that of the whole.
        "annotations": {**transformer.annotations, AUTOSCALER: autoscaler_class(transformer)},
    }


def scaling(spec: Spec, snapshot: Snapshot, replicas: Replicas | None = None) -> dict[str, dict[str, Any]]:
    """How often `snapshot` serves while `spec` is wanted: fields of each of its components, which restart no pod."""
    numbers = {"predictor": _scaling(spec.predictor, snapshot.predictor, replicas)}
    if snapshot.transformer is not None:
        wanted = spec.transformer or snapshot.transformer
        numbers["transformer"] = _scaling(wanted, snapshot.transformer, replicas.transformer if replicas else None)
    return numbers


def _scaling(wanted: C, served: C, replicas: Replicas | None) -> dict[str, Any]:
    least, most, _ = replicas or replicas_of(wanted, served)
    metrics: dict[str, Any] = {}
    if autoscaler_class(served) != "none":
        handed_on = _as_json(scaling_of(wanted, served))
        metrics = {key: handed_on[key] for key in SCALING_FIELDS if key in handed_on}
    return {**metrics, "minReplicas": least, "maxReplicas": most}


def _as_json(part: msgspec.Struct) -> dict[str, Any]:
    """As it is on the wire, with lists in the place of tuples."""
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(part))
    return found
