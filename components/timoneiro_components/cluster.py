"""ModelDeployments, as far as the pipeline has to do with them.

Which cluster comes from KUBECONFIG, the usual file, or the pod that this runs in. Guarantees: only
`spec.model` and annotations that say where it comes from are ever written, by one server-side apply and
without force, and only to an object that is already there: the rest belongs to people and the operator.
"""

from __future__ import annotations

import json
import re
from typing import Any

from kubernetes import client, config

from .errors import ClusterError, StepError

FIELD_MANAGER = "timoneiro-pipeline"
GROUP, VERSION, PLURAL = "timoneiro.dev", "v1alpha1", "modeldeployments"
_TIMEOUT_SECONDS = 30
_OWNER = re.compile(r'conflicts? with "([^"]+)"')


class ModelDeployments:
    """The ModelDeployments of one namespace."""

    def __init__(self, api: Any, namespace: str) -> None:
        self._api = api
        self._namespace = namespace

    @classmethod
    def connect(cls, namespace: str) -> ModelDeployments:
        """Those of `namespace`; raises StepError if no cluster is configured."""
        try:
            config.load_config()
        except config.ConfigException as error:
            raise StepError(
                f"no Kubernetes cluster is configured ({error}): set KUBECONFIG, or use publish: false"
            ) from error
        return cls(client.ApiClient(), namespace)

    def get(self, name: str) -> dict[str, Any]:
        """The object. Raises ClusterError if it is not there or cannot be read."""
        return self._call("GET", name, header_params={"Accept": "application/json"})

    def apply_model(self, name: str, model: dict[str, Any], annotations: dict[str, str]) -> dict[str, Any]:
        """Makes `model` the `spec.model` of the object `name`, and gives it these annotations; those of an earlier call
        that are not among them are taken away. Returns the object as it is then.

        Raises ClusterError if the object is not there, or if someone else owns a field of `spec.model` or one of them.
        """
        body = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "ModelDeployment",
            # With the uid the object is changed or the request fails; without it, apply would create
            # one that holds nothing but a model.
            "metadata": {"name": name, "uid": self.get(name)["metadata"]["uid"], "annotations": annotations},
            "spec": {"model": model},
        }
        return self._call(
            "PATCH",
            name,
            query_params=[("fieldManager", FIELD_MANAGER), ("force", "false")],
            header_params={"Accept": "application/json", "Content-Type": "application/apply-patch+yaml"},
            body=body,  # the client writes JSON, which is YAML
        )

    def _call(self, method: str, name: str, **arguments: Any) -> dict[str, Any]:
        path = f"/apis/{GROUP}/{VERSION}/namespaces/{self._namespace}/{PLURAL}/{name}"
        what = f"ModelDeployment {self._namespace}/{name}"
        try:
            answer = self._api.call_api(
                path,
                method,
                auth_settings=["BearerToken"],
                response_type="object",
                _return_http_data_only=True,
                _request_timeout=_TIMEOUT_SECONDS,
                **arguments,
            )
        except client.ApiException as error:
            raise ClusterError(_sentence(error, what), error.status or 0) from error
        except Exception as error:  # urllib3 raises half a dozen unrelated types
            raise ClusterError(f"{what}: the cluster does not answer ({type(error).__name__}: {error})", 0) from error
        if not isinstance(answer, dict):
            raise ClusterError(f"{what}: the cluster answered with something that is not an object", 0)
        return answer


def _sentence(error: client.ApiException, what: str) -> str:
    message = _status_message(error)
    if error.status == 404:
        return f"{what} is not there: apply one first; the pipeline only sets its spec.model"
    if error.status == 403:
        return f"{what}: access is refused ({message}); give the pipeline's service account get and patch on it"
    if error.status == 409 and (owners := sorted(set(_OWNER.findall(message)))):
        # Only where nothing of the model is disputed.
        field = "spec.model" if ".spec" in message or ".metadata" not in message else "an annotation of the model"
        return (
            f"{what}: {field} belongs to {', '.join(owners)}: take it out of what they apply, "
            f"so that the pipeline can own it"
        )
    return f"{what}: the cluster answered {error.status} ({message})"


def _status_message(error: client.ApiException) -> str:
    try:
        status = json.loads(error.body or "")
    except ValueError:
        return str(error.reason)
    return " ".join(str(status.get("message", error.reason)).split())
