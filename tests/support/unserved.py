"""A ModelDeployment whose format nothing can ever serve, so that a test of the control plane starts nothing."""

from typing import Any


def unserved(namespace: str, name: str = "fraud", **route: Any) -> dict[str, Any]:
    """With a host name of its own in every namespace: those of earlier tests may still be on their way out."""
    return {
        "apiVersion": "timoneiro.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name},
        "spec": {
            "model": {"format": {"name": "nobody-serves-this"}, "uri": "s3://models/fraud/1"},
            "route": {"hostnames": [f"{name}.{namespace}.example.com"], **route},
        },
    }
