"""What Prometheus reads in the cluster, and what it may see there. Pure: addresses and files in, text and objects out.

Guarantees: every sample carries the identity of the pod that it came from (namespace, pod, uid, inferenceservice,
revision), whatever labels the pod's own metrics have; a pod is read once at a time, however many ports it declares.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from ..api.jsontypes import Json
from ..api.manifests import account, namespace

NAMESPACE = "monitoring"
ACCOUNT = "prometheus"
INFERENCE_SERVICE_LABEL = "serving.kserve.io/inferenceservice"
REVISION_LABEL = "timoneiro.dev/revision"
_METRICS_PORT = 8080
# A window of a few seconds must hold samples: tests and demos look that often.
_INTERVAL = "1s"
# Longer than any rollout of a test, and short enough for a cluster that is left up for days.
_RETENTION = "6h"


def configuration(kubeconfig: Path) -> str:
    """Prometheus' configuration file. JSON is YAML too."""
    return json.dumps(
        {
            "global": {"scrape_interval": _INTERVAL, "scrape_timeout": _INTERVAL},
            "storage": {"tsdb": {"retention": {"time": _RETENTION}}},
            "scrape_configs": [
                {
                    "job_name": "inferenceservices",
                    "metrics_path": "/metrics",
                    "kubernetes_sd_configs": [
                        {
                            "role": "pod",
                            "kubeconfig_file": str(kubeconfig),
                            # The API server leaves all other pods out, so that they need not be dropped here.
                            "selectors": [{"role": "pod", "label": INFERENCE_SERVICE_LABEL}],
                        }
                    ],
                    "relabel_configs": _relabelling(),
                }
            ],
        },
        indent=1,
    )


def access() -> list[Json]:
    """The service account and what it may do."""
    return account(ACCOUNT, NAMESPACE, [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}])


def own_namespace() -> Json:
    """The namespace of the service account."""
    return namespace(NAMESPACE)


def _relabelling() -> list[Json]:
    return [
        # A pod that has ended keeps its address in its status, and another pod may have it by now.
        {"source_labels": ["__meta_kubernetes_pod_phase"], "regex": "Succeeded|Failed", "action": "drop"},
        # Discovery finds a pod once for each container and port. All become this one address with the same labels,
        # and Prometheus reads targets that are the same in both only once.
        {
            "source_labels": ["__meta_kubernetes_pod_ip"],
            "regex": "(.+)",
            "target_label": "__address__",
            "replacement": f"$1:{_METRICS_PORT}",
        },
        _copied("__meta_kubernetes_namespace", "namespace"),
        _copied("__meta_kubernetes_pod_name", "pod"),
        # A name may come again, as those of a StatefulSet do; the uid tells whether counters are of the same pod.
        _copied("__meta_kubernetes_pod_uid", "uid"),
        _copied(_meta_label(INFERENCE_SERVICE_LABEL), "inferenceservice"),
        _copied(_meta_label(REVISION_LABEL), "revision"),
    ]


def _copied(source: str, target: str) -> Json:
    return {"source_labels": [source], "target_label": target}


def _meta_label(label: str) -> str:
    """Under which name service discovery hands a label of a pod on."""
    return "__meta_kubernetes_pod_label_" + re.sub(r"[^a-zA-Z0-9_]", "_", label)
