"""From a plan to what Kubeflow Pipelines takes: PipelineSpec and PlatformSpec, as one file or as objects of Kubernetes.

Only here and where a pipeline is run on this machine is KFP's compiler imported: it takes seconds.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import yaml
from kfp import dsl, kubernetes
from kfp.compiler import Compiler
from kfp.compiler.compiler_utils import KubernetesManifestOptions

from timoneiro_components.definition.environment import CLAIMS

from .plan import ClusterPlan, StepPlan
from .training import training_pipeline

# Where files of Secrets are in a step.
_SECRETS = "/var/run/secrets/timoneiro"
# Where claims are, each in a folder of its name.
_CLAIMS = "/mnt/timoneiro/claims"
# Of the waits before a try again; each is twice the one before.
_FIRST_WAIT, _LONGEST_WAIT = "30s", "600s"


def compiled(plan: ClusterPlan, definition: str = "") -> list[dict[str, Any]]:
    """The documents of the compiled pipeline: PipelineSpec and PlatformSpec. `definition` becomes the default of the
    parameter of that name."""
    return _compiled(plan, definition)


def manifests(
    plan: ClusterPlan, *, name: str, title: str, namespace: str, definition: str = ""
) -> list[dict[str, Any]]:
    """Pipeline and PipelineVersion of Kubeflow's Kubernetes-native mode.

    A PipelineVersion never changes: its name has the digest of what is in it, so that the same pipeline gives the same
    object, and another one an object beside it.
    """
    specs = json.dumps(_compiled(plan, definition, name), sort_keys=True)
    version = f"{name}-{hashlib.sha256(specs.encode()).hexdigest()[:12]}"
    options = KubernetesManifestOptions(
        pipeline_name=name,
        pipeline_display_name=title,
        pipeline_version_name=version,
        pipeline_version_display_name=version,
        namespace=namespace,
        include_pipeline_manifest=True,
    )
    return _compiled(plan, definition, name, kubernetes_manifest_options=options, kubernetes_manifest_format=True)


def _compiled(plan: ClusterPlan, definition: str, name: str | None = None, **options: Any) -> list[dict[str, Any]]:
    pipeline = training_pipeline(lambda task: _configure(task, plan.steps[task.name], plan))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pipeline.yaml"
        parameters = {"definition": definition} if definition else None
        Compiler().compile(pipeline, str(file), pipeline_name=name, pipeline_parameters=parameters, **options)
        return list(yaml.safe_load_all(file.read_text(encoding="utf-8")))


def _configure(task: dsl.PipelineTask, step: StepPlan, plan: ClusterPlan) -> None:
    task.set_container_image(plan.image)
    task.set_cpu_request(step.cpu).set_cpu_limit(step.cpu)
    task.set_memory_request(step.memory).set_memory_limit(step.memory)
    if not plan.cached:
        task.set_caching_options(False)
    if step.retries:
        task.set_retry(step.retries, _FIRST_WAIT, 2.0, _LONGEST_WAIT)
    kubernetes.set_timeout(task, step.seconds)
    for variable, value in step.env.items():
        task.set_env_variable(variable, value)
    for secret in step.secrets:
        for variable, key in secret.env.items():
            # One at a time: KFP has the variables by their keys, and two may have the same.
            kubernetes.use_secret_as_env(task, secret.name, {key: variable}, optional=secret.optional)
        if secret.files:
            folder = f"{_SECRETS}/{secret.name}"
            kubernetes.use_secret_as_volume(task, secret.name, folder)
            for variable, key in secret.files.items():
                task.set_env_variable(variable, f"{folder}/{key}")
    if step.claims:
        task.set_env_variable(CLAIMS, _CLAIMS)
    for claim in step.claims:
        kubernetes.mount_pvc(task, claim, f"{_CLAIMS}/{claim}")
