"""The kinds of objects that operator and command line know: each once, with where the API has it and how it is read."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from timoneiro_operator.api import names

# An object as the API gives it.
Body = Mapping[str, Any]
# Namespace and name.
Key = tuple[str, str]

Kind = Literal[
    "InferenceService",
    "ServingRuntime",
    "ClusterServingRuntime",
    "HTTPRoute",
    "KnativeService",
    "Pod",
    "ModelDeployment",
    "Deployment",
    "Secret",
    "Event",
    "Lease",
    "SelfSubjectAccessReview",
    "CustomResourceDefinition",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
]


class Resource(NamedTuple):
    """Where the API has a kind. `name`: its own, where other groups have one of that name, too.

    `watched`: the operator lists all objects, and watches them. `label`: only of those that carry it; without one
    every ModelDeployment may concern them. `optional`: a cluster may go without it, and only the ModelDeployments that
    need it stand still, and say so.
    """

    group: str
    version: str
    name: str
    plural: str
    namespaced: bool = True
    watched: bool = False
    optional: bool = False
    label: str | None = None

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}".removeprefix("/")


_OURS = names.LABEL_DEPLOYMENT
_KSERVE, _ADMISSION = "serving.kserve.io", "admissionregistration.k8s.io"
# What is watched is listed in this order.
RESOURCES: Mapping[Kind, Resource] = MappingProxyType(
    {
        "InferenceService": Resource(
            _KSERVE, "v1beta1", "InferenceService", "inferenceservices", watched=True, optional=True, label=_OURS
        ),
        "ServingRuntime": Resource(
            _KSERVE, "v1alpha1", "ServingRuntime", "servingruntimes", watched=True, optional=True
        ),
        "ClusterServingRuntime": Resource(
            _KSERVE,
            "v1alpha1",
            "ClusterServingRuntime",
            "clusterservingruntimes",
            namespaced=False,
            watched=True,
            optional=True,
        ),
        "HTTPRoute": Resource(
            "gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes", watched=True, optional=True, label=_OURS
        ),
        "KnativeService": Resource(
            "serving.knative.dev", "v1", "Service", "services", watched=True, optional=True, label=_OURS
        ),
        "Pod": Resource("", "v1", "Pod", "pods", watched=True, label=_OURS),
        "ModelDeployment": Resource(names.GROUP, names.VERSION, names.KIND, names.PLURAL, watched=True),
        "Deployment": Resource("apps", "v1", "Deployment", "deployments"),
        "Secret": Resource("", "v1", "Secret", "secrets"),
        "Event": Resource("", "v1", "Event", "events"),
        "Lease": Resource("coordination.k8s.io", "v1", "Lease", "leases"),
        "SelfSubjectAccessReview": Resource(
            "authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", namespaced=False
        ),
        "CustomResourceDefinition": Resource(
            "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
        ),
        "ValidatingAdmissionPolicy": Resource(
            _ADMISSION, "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", namespaced=False
        ),
        "ValidatingAdmissionPolicyBinding": Resource(
            _ADMISSION, "v1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", namespaced=False
        ),
    }
)
WATCHED: tuple[Kind, ...] = tuple(kind for kind, resource in RESOURCES.items() if resource.watched)
# Of those that do not carry the label any ModelDeployment may be served by.
SHARED: frozenset[Kind] = frozenset({"ServingRuntime", "ClusterServingRuntime"})
