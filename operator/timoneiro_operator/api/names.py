"""Names that the operator, its manifests and its users have to agree on.

The chart and the CRD are tested against these constants, so that a rename is one change.
"""

import re

GROUP = "timoneiro.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "ModelDeployment"
PLURAL = "modeldeployments"

FIELD_MANAGER = "timoneiro-operator"
# Of a training pipeline, which owns spec.model.
PIPELINE_MANAGER = "timoneiro-pipeline"

LABEL_DEPLOYMENT = f"{GROUP}/model-deployment"
LABEL_REVISION = f"{GROUP}/revision"
LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGED_BY = "timoneiro"

ANNOTATION_MODEL_VERSION = f"{GROUP}/model-version"
ANNOTATION_COMMAND = f"{GROUP}/command"
# Who asks for the command: apart from it, so that an admission policy can compare it with who that is.
ANNOTATION_COMMAND_BY = f"{GROUP}/command-by"
COMMAND_POLICY = "timoneiro-command-by"
# Of a training pipeline, beside spec.model: what it was made by, and from which commit of git.
ANNOTATION_RUN = f"{GROUP}/run"
ANNOTATION_COMMIT = f"{GROUP}/commit"
# Of a revision's copy of a serving runtime: the name of the one that it is a copy of.
ANNOTATION_RUNTIME = f"{GROUP}/runtime"
# Fields of the route's rules that are the operator's: of all others it takes over what somebody has written.
ANNOTATION_ROUTE_FIELDS = f"{GROUP}/route-fields"

# The model server compares the bytes that it has loaded with this digest, and refuses others.
ENV_MODEL_DIGEST = "TIMONEIRO_MODEL_DIGEST"
# And it refuses what none of these keys has signed. An argument: a server that does not know it ends.
ARG_PUBLIC_KEY = "--model_public_key="

# A name of an object: what else a path of the API would take for one is none.
OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")

# Model servers and proxies whose metrics are known: timoneiro_operator/metrics/profiles.py.
PROFILES = (
    "Timoneiro",
    "KServe",
    "MLServer",
    "Triton",
    "vLLM",
    "TorchServe",
    "TensorFlowServing",
    "Knative",
    "KnativeQueueProxy",
    "Istio",
    "Envoy",
)


def is_service_of(namespace: str, host: str) -> bool:
    """Whether `host` is the full name of a service of `namespace`.

    In a shorter one the operator's own namespace, or a domain of the Internet, might be meant.
    """
    name = rf"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?\.{re.escape(namespace)}\.svc(?:\.cluster\.local)?"
    return re.fullmatch(name, host) is not None
