"""One InferenceService for each revision, never changed after creation but for its number of replicas.

KServe copies every label and annotation of an InferenceService to its pods, so that writing one later would restart
the model. All of them are therefore set at creation.
"""

from typing import Any

from timoneiro_operator.api import names
from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.ownership import owned_metadata
from timoneiro_operator.api.status import Snapshot
from timoneiro_operator.serving.runtime import copy_name

API_VERSION = "serving.kserve.io/v1beta1"
KIND = "InferenceService"


def build_inference_service(deployment: ModelDeployment, snapshot: Snapshot) -> dict[str, Any]:
    """The InferenceService that serves `snapshot`, for server-side apply. Replicas are those of the spec of today."""
    wanted, predictor = snapshot.model, snapshot.predictor
    replicas = deployment.spec.predictor.min_replicas
    # All revisions answer to the name of the ModelDeployment: clients do not see which one serves them.
    model: dict[str, Any] = {
        "modelFormat": _without_none({"name": wanted.format.name, "version": wanted.format.version}),
        "storageUri": wanted.uri,
        "args": [f"--model_name={deployment.name}", *predictor.args],
    }
    env = list(predictor.env)
    if wanted.digest is not None:
        env.append({"name": names.ENV_MODEL_DIGEST, "value": wanted.digest})
    if env:
        model["env"] = env
    if predictor.resources is not None:
        model["resources"] = predictor.resources
    if snapshot.runtime is not None and snapshot.runtime.spec is not None:
        model["runtime"] = copy_name(deployment, snapshot.revision)
    elif snapshot.runtime is not None or predictor.runtime is not None:
        model["runtime"] = snapshot.runtime.name if snapshot.runtime else predictor.runtime
    labels = {names.LABEL_REVISION: snapshot.revision}
    if deployment.spec.route.driver == "Knative":
        annotations = {"serving.kserve.io/deploymentMode": "Knative"}
    else:
        # The number of replicas is the ModelDeployment's: an autoscaler would fight it.
        annotations = {"serving.kserve.io/deploymentMode": "Standard", "serving.kserve.io/autoscalerClass": "none"}
        # Our own HTTPRoute carries the traffic; KServe must not make another one.
        labels["networking.kserve.io/visibility"] = "cluster-local"
    if wanted.version is not None:
        annotations[names.ANNOTATION_MODEL_VERSION] = wanted.version
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": owned_metadata(
            deployment,
            name=deployment.service_name(snapshot.revision),
            labels=labels,
            annotations=annotations,
        ),
        "spec": {
            "predictor": _without_none(
                {
                    "minReplicas": replicas,
                    "maxReplicas": replicas,
                    "serviceAccountName": predictor.service_account_name,
                    "model": model,
                }
            )
        },
    }


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
