"""What a platform team sets up once: Timoneiro by its chart, a bucket, access to it, and the ModelDeployment.

Used by the demo and by the end-to-end tests, so that what the tests prove is what the demo shows.
"""

import json
import os
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from localcluster.cluster import Cluster

# Where Contour has its Envoys, of which the local cluster has one beside its pods.
_GATEWAYS = [{"gateway": "kserve/kserve-ingress-gateway", "namespace": "projectcontour", "selector": "app=envoy"}]
ROOT = Path(__file__).resolve().parents[2]
SYSTEM_NAMESPACE = "timoneiro-system"
BUCKET = "models"


def install(cluster: Cluster, *arguments: str) -> None:
    """Installs or upgrades the chart and waits for the operator; makes the bucket and the access to it.

    `arguments`: further ones of helm, such as `--set`.
    """
    prometheus = cluster.description.cluster_prometheus
    cluster.helm(
        "upgrade",
        "--install",
        "timoneiro",
        str(ROOT / "charts/timoneiro"),
        "--namespace",
        SYSTEM_NAMESPACE,
        "--create-namespace",
        "--wait",
        "--timeout",
        "120s",
        "--set-json",
        f"analysis.gateways={json.dumps(_GATEWAYS)}",
        *(["--set", f"analysis.prometheusUrls={{{prometheus}}}"] if prometheus else []),
        *arguments,
    )
    buckets = s3(cluster)
    if BUCKET not in {bucket["Name"] for bucket in buckets.list_buckets().get("Buckets", [])}:
        buckets.create_bucket(Bucket=BUCKET)
    cluster.create_s3_credentials("default")


def s3(cluster: Cluster) -> Any:
    """A client of the cluster's object store, from outside."""
    return boto3.client(
        "s3",
        endpoint_url=cluster.s3.endpoint,
        aws_access_key_id=cluster.s3.access_key,
        aws_secret_access_key=cluster.s3.secret_key,
        region_name="us-east-1",
        config=Config(request_checksum_calculation="when_required", response_checksum_validation="when_required"),
    )


def environment(cluster: Cluster) -> dict[str, str]:
    """Environment of a data scientist who works with this cluster: its API and its object store."""
    return {
        **os.environ,
        "KUBECONFIG": str(cluster.kubeconfig),
        "AWS_ENDPOINT_URL": cluster.s3.endpoint,
        "AWS_ACCESS_KEY_ID": cluster.s3.access_key,
        "AWS_SECRET_ACCESS_KEY": cluster.s3.secret_key,
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def apply(cluster: Cluster, body: dict[str, Any], *, manager: str = "people") -> None:
    """Server-side apply, as `kubectl apply --server-side` does it."""
    cluster.kubectl("apply", "--server-side", f"--field-manager={manager}", "-f", "-", stdin=json.dumps(body))


def model_deployment(name: str, *, host: str, **spec: Any) -> dict[str, Any]:
    """A ModelDeployment with a schedule that is short enough to be watched; no model yet."""
    return {
        "apiVersion": "timoneiro.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "predictor": {"serviceAccountName": "models"},
            "route": {"hostnames": [host]},
            "rollout": {
                "canary": {"steps": [{"weight": 20, "for": "8s"}, {"weight": 50, "for": "12s"}]},
                "progressDeadline": "90s",
                "deadline": "10m",
                "keepStable": "15s",
                "scaleDownDelay": "5s",
            },
            "analysis": {
                "interval": "2s",
                "warmUp": "0s",
                "minRequests": 40,
                "metrics": [{"name": "errors", "negligible": 0.01}],
            },
            **spec,
        },
    }
