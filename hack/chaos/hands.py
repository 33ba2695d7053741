"""What people do to a rollout by hand: edits, deletions, several things at once. Each is a fault of a campaign."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from chaos.schedule import Round
from chaos.stage import ChaosStage

Happen = Callable[[ChaosStage, Round], AbstractContextManager[None]]


@contextmanager
def deleted_route(stage: ChaosStage, _round: Round) -> Iterator[None]:
    stage.insist("deletion", lambda: stage.cluster.kubectl("delete", "httproute", stage.bench.name))
    yield


@contextmanager
def edited_route(stage: ChaosStage, _round: Round) -> Iterator[None]:
    """Somebody gives half of the traffic to each backend, or another weight to the only one."""
    route = stage.insist("the route", lambda: stage.cluster.get("httproute", stage.bench.name))
    last = len(route["spec"]["rules"]) - 1
    backends = route["spec"]["rules"][last]["backendRefs"]
    if len(backends) > 1:
        # Weight for a model that is not there yet would be this person's own outage.
        stage.servers("candidate")
    patch = [
        {"op": "replace", "path": f"/spec/rules/{last}/backendRefs/{index}/weight", "value": 50}
        for index in range(len(backends))
    ]
    stage.insist(
        "the edit",
        lambda: stage.cluster.kubectl("patch", "httproute", stage.bench.name, "--type=json", "-p", json.dumps(patch)),
    )
    yield


def deleted_service(part: str) -> Happen:
    @contextmanager
    def happen(stage: ChaosStage, _round: Round) -> Iterator[None]:
        revision = stage.revision(part)
        pods, name = stage.pods_of(revision), f"{stage.bench.name}-{revision}"
        stage.insist("deletion", lambda: stage.cluster.kubectl("delete", "isvc", name, "--wait=false"))
        yield
        _until_gone(stage, revision, pods)

    return happen


def deleted_pods(part: str) -> Happen:
    @contextmanager
    def happen(stage: ChaosStage, _round: Round) -> Iterator[None]:
        revision, pods = stage.revision(part), stage.pods(part)
        stage.insist("deletion", lambda: stage.cluster.kubectl("delete", "pod", *pods, "--wait=false"))
        yield
        _until_gone(stage, revision, pods)

    return happen


def _until_gone(stage: ChaosStage, revision: str, pods: list[str]) -> None:
    """The fault is over when what was deleted is gone: it answers for some seconds more, and loses requests then."""
    stage.wait("the end of the pods", lambda: not set(pods) & set(stage.pods_of(revision)), seconds=60)


def edited_service(part: str) -> Happen:
    @contextmanager
    def happen(stage: ChaosStage, _round: Round) -> Iterator[None]:
        name = f"{stage.bench.name}-{stage.revision(part)}"
        patch = {"spec": {"predictor": {"model": {"args": ["--model_name=edited-by-hand"]}}}}
        stage.insist(
            "the edit",
            lambda: stage.cluster.kubectl("patch", "isvc", name, "--type=merge", "-p", json.dumps(patch)),
        )
        yield

    return happen


@contextmanager
def burst(stage: ChaosStage, _round: Round) -> Iterator[None]:
    """Three more revisions at once, and then the one that was wanted before."""
    wanted = stage.insist("the spec", lambda: stage.cluster.get("modeldeployment", stage.bench.name))["spec"]["model"]
    for kind in ("bad", "good", "bad"):
        stage.release(kind)
    stage.insist("the spec again", lambda: stage.bench.publish(wanted))
    yield


@contextmanager
def made_again(stage: ChaosStage, _round: Round) -> Iterator[None]:
    """The ModelDeployment is deleted and made again with another model; then the one that was wanted comes back."""
    spec = stage.insist("the spec", lambda: stage.cluster.get("modeldeployment", stage.bench.name))["spec"]
    stage.insist("deletion", lambda: stage.cluster.kubectl("delete", "modeldeployment", stage.bench.name))
    stage.configure(spec["rollout"])
    stage.release("good")
    stage.wait("its first model", lambda: stage.bench.status().get("phase") == "Healthy", seconds=90)
    stage.insist("the spec again", lambda: stage.bench.publish(spec["model"]))
    yield


@contextmanager
def two_people(stage: ChaosStage, _round: Round) -> Iterator[None]:
    """One pauses and one aborts at the same time; what is paused afterwards is resumed."""
    commands = [["pause"], ["abort"]]
    threads = [
        threading.Thread(target=stage.bench.timoneiro, args=(c[0], stage.bench.name, "--timeout", "30s"))
        for c in commands
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    yield
    if stage.insist("status", stage.bench.status).get("paused"):
        stage.bench.timoneiro("resume", stage.bench.name, "--timeout", "30s")


@contextmanager
def deleted_namespace(stage: ChaosStage, round_: Round) -> Iterator[None]:
    """Another deployment, in mid-rollout, with its whole namespace."""
    namespace = f"doomed-{round_.number}"
    body = stage.insist("the deployment", lambda: stage.cluster.get("modeldeployment", stage.bench.name))
    spec = {**body["spec"], "route": {"hostnames": [f"{namespace}.example.com"]}}
    doomed = {
        "apiVersion": body["apiVersion"],
        "kind": body["kind"],
        "metadata": {"name": "doomed", "namespace": namespace},
        "spec": spec,
    }
    stage.cluster.kubectl("create", "namespace", namespace)
    stage.cluster.create_s3_credentials(namespace)
    stage.cluster.kubectl("apply", "-f", "-", stdin=json.dumps(doomed))
    stage.wait("its model", lambda: stage.cluster.get("-n", namespace, "isvc")["items"], seconds=30)
    stage.cluster.kubectl("delete", "namespace", namespace, "--wait=false")
    yield
    stage.wait(
        "the end of the namespace",
        lambda: not stage.cluster.kubectl("get", "namespace", namespace, "--ignore-not-found"),
        seconds=90,
    )
