"""A serving runtime of its own for each revision: a copy of the one in the cluster, as it was when the revision began.

KServe replaces the pods of an InferenceService the moment somebody edits the runtime that it names. What is judged must
not change unjudged, and what is not ours is not ours to hold still: so that each revision names its own copy.
"""

import hashlib
from typing import Any

import msgspec

from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.kinds import RESOURCES, Body
from timoneiro_operator.api.names import ANNOTATION_RUNTIME, LABEL_REVISION
from timoneiro_operator.api.ownership import owned_metadata
from timoneiro_operator.api.runtime import Runtime
from timoneiro_operator.api.status import Snapshot

KIND = "ServingRuntime"
_SERVER_TYPE = "serving.kserve.io/server-type"
_KSERVES = "kserve-"
# Whom it is selected for is nothing that its pods know.
_SELECTION = ("autoSelect", "priority")


def read_runtime(body: Body) -> Runtime:
    """A ServingRuntime or ClusterServingRuntime as the cluster has it."""
    metadata = body["metadata"]
    formats = [
        {key: value for key, value in entry.items() if key not in _SELECTION}
        for entry in body["spec"].get("supportedModelFormats") or []
    ]
    spec = {**body["spec"], "supportedModelFormats": formats}
    server = (metadata.get("annotations") or {}).get(_SERVER_TYPE)
    if server is None and metadata["name"].startswith(_KSERVES):
        # KServe has settings of its own for some of its servers and knows them by name; by the annotation since 0.17.
        server = metadata["name"].removeprefix(_KSERVES)
    text = msgspec.json.encode([spec, server], order="deterministic")
    digest = hashlib.sha256(text).hexdigest()[:8]
    return Runtime(name=metadata["name"], digest=digest, server=server, spec=spec)


def copy_name(deployment: ModelDeployment, revision: str) -> str:
    """Name of the copy for a revision, with every driver."""
    return f"{deployment.name}-{revision}"


def build_runtime(deployment: ModelDeployment, snapshot: Snapshot) -> dict[str, Any] | None:
    """The copy that `snapshot` is served with, for server-side apply; None when it names a runtime of others."""
    runtime = snapshot.runtime
    if runtime is None or runtime.spec is None:
        return None
    # Nobody else is to be served by it.
    formats = [{**entry, "autoSelect": False} for entry in runtime.spec["supportedModelFormats"]]
    return {
        "apiVersion": RESOURCES["ServingRuntime"].api_version,
        "kind": KIND,
        "metadata": owned_metadata(
            deployment,
            name=copy_name(deployment, snapshot.revision),
            labels={LABEL_REVISION: snapshot.revision},
            annotations={
                ANNOTATION_RUNTIME: runtime.name,
                **({} if runtime.server is None else {_SERVER_TYPE: runtime.server}),
            },
        ),
        "spec": {**runtime.spec, "supportedModelFormats": formats},
    }


def named_runtime(inference_service: Body) -> str | None:
    """The runtime that an InferenceService names, or that KServe has selected for it."""
    model = ((inference_service.get("spec") or {}).get("predictor") or {}).get("model") or {}
    status = inference_service.get("status") or {}
    return model.get("runtime") or status.get("servingRuntimeName") or status.get("clusterServingRuntimeName")
