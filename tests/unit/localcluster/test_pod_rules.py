"""The process node's pure rules: what a kubelet does with a specification."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from localcluster.api.quantity import divide
from localcluster.build.image_reference import parse_image
from localcluster.container.backoff import Backoff
from localcluster.container.environment import (
    EnvSources,
    ImageProcess,
    MissingReferenceError,
    expand,
    resolve_argv,
    resolve_environment,
)
from localcluster.container.probe import ProbeSettings, ProbeState
from localcluster.container.rules import ContainerRole, restarts_after, termination_message, volume_mounts
from localcluster.pod.status import ContainerFacts, PodFacts, Running, Terminated, Waiting, build_status

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
POD: dict[str, Any] = {
    "metadata": {"name": "p", "namespace": "ns", "uid": "u", "labels": {"a": "b"}, "generation": 1},
    "spec": {"containers": [{"name": "c", "image": "i:1"}], "serviceAccountName": "sa", "nodeName": "n"},
}


def sources(**values: Any) -> EnvSources:
    return EnvSources(
        pod=POD, pod_ip="10.0.0.2", host_ip="10.0.0.1", allocatable={"cpu": "2", "memory": "8Gi"}, **values
    )


@pytest.mark.parametrize(
    ("text", "result"),
    [("$(A)", "1"), ("x$(A)y$(B)", "1".join("xy") + "2"), ("$$(A)", "$(A)"), ("$(NOBODY)", "$(NOBODY)"), ("$5", "$5")],
)
def test_references_are_replaced_where_the_name_is_known(text: str, result: str) -> None:
    assert expand(text, {"A": "1", "B": "2"}) == result


@pytest.mark.parametrize(
    ("container", "argv"),
    [
        ({}, ["python", "-m", "x", "--default"]),
        ({"args": ["--a"]}, ["python", "-m", "x", "--a"]),
        ({"command": ["sh"]}, ["sh"]),
        ({"command": ["sh"], "args": ["-c", "$(V)"]}, ["sh", "-c", "true"]),
    ],
)
def test_command_and_args_replace_what_the_image_brings(container: dict[str, Any], argv: list[str]) -> None:
    image = ImageProcess(("python", "-m", "x"), ("--default",))
    assert resolve_argv(container, image, {"V": "true"}) == argv


def test_variables_come_from_fields_resources_config_maps_and_secrets() -> None:
    container = {
        "resources": {"limits": {"cpu": "500m"}},
        "env": [
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "LABEL", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a']"}}},
            {"name": "MILLI", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
            {"name": "MEMORY", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Gi"}}},
            {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            {"name": "URL", "value": "http://$(IP)/$(KEY)"},
        ],
        "envFrom": [{"prefix": "P_", "configMapRef": {"name": "m"}}],
    }
    known = sources(config_maps={"m": {"X": "1"}}, secrets={"s": {"k": "v"}})
    assert resolve_environment(container, {"HOME": "/"}, known) == {
        "HOME": "/",
        "P_X": "1",
        "IP": "10.0.0.2",
        "LABEL": "b",
        "MILLI": "500",
        "MEMORY": "8",
        "KEY": "v",
        "URL": "http://10.0.0.2/v",
    }


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ({"secretKeyRef": {"name": "s", "key": "k"}}, 'secret "s" not found'),
        ({"configMapKeyRef": {"name": "m", "key": "other"}}, "couldn't find key other in configmap m"),
    ],
)
def test_a_reference_that_leads_nowhere_is_named(reference: dict[str, Any], sentence: str) -> None:
    container = {"env": [{"name": "V", "valueFrom": reference}]}
    with pytest.raises(MissingReferenceError, match=sentence):
        resolve_environment(container, {}, sources(config_maps={"m": {}}))


def test_an_optional_reference_that_leads_nowhere_is_left_out() -> None:
    reference = {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}
    assert resolve_environment({"env": [{"name": "V", "valueFrom": reference}]}, {}, sources()) == {}


def test_the_first_restart_is_at_once_and_later_ones_wait_twice_as_long_each_time() -> None:
    backoff, waits = Backoff(base=1.0), []
    for _ in range(12):
        wait, backoff = backoff.after_exit(ran_for=0.1)
        waits.append(wait)
    assert waits[:5] == [0.0, 1.0, 2.0, 4.0, 8.0]
    assert waits[-1] == 300.0


def test_a_container_that_ran_for_long_starts_again_without_a_wait() -> None:
    _, backoff = Backoff(base=1.0, owed=64.0).after_exit(ran_for=601)
    assert backoff.after_exit(ran_for=1)[0] == 1.0


@pytest.mark.parametrize(
    ("results", "passing"),
    [
        ([True], True),
        ([False, False], None),
        ([False, False, False], False),
        ([True, False, False], True),
        ([True, False, True, False, False], True),
        ([True, False, False, False], False),
    ],
)
def test_a_probe_changes_its_verdict_after_as_many_equal_results_as_it_says(
    results: list[bool], passing: bool | None
) -> None:
    state = ProbeState(ProbeSettings.of({"failureThreshold": 3, "successThreshold": 1}))
    for result in results:
        state = state.after(result)
    assert state.passing is passing


@pytest.mark.parametrize(
    ("exit_code", "role", "policy", "again"),
    [
        (0, ContainerRole.MAIN, "Always", True),
        (0, ContainerRole.MAIN, "OnFailure", False),
        (1, ContainerRole.MAIN, "OnFailure", True),
        (1, ContainerRole.MAIN, "Never", False),
        (0, ContainerRole.INIT, "Always", False),
        (1, ContainerRole.INIT, "Always", True),
        (1, ContainerRole.INIT, "Never", False),
        (0, ContainerRole.SIDECAR, "Never", True),
    ],
)
def test_who_is_started_again(exit_code: int, role: ContainerRole, policy: str, again: bool) -> None:
    assert restarts_after(exit_code, role, policy) is again


@pytest.mark.parametrize(
    ("written", "policy", "exit_code", "message"),
    [
        (b"word", "File", 1, "word"),
        (b"", "File", 1, ""),
        (b"", "FallbackToLogsOnError", 1, "last line\n"),
        (b"", "FallbackToLogsOnError", 0, ""),
        (b"word", "FallbackToLogsOnError", 1, "word"),
    ],
)
def test_the_last_words_of_a_container(written: bytes, policy: str, exit_code: int, message: str) -> None:
    assert termination_message(written, b"last line\n", policy, exit_code) == message


def test_no_more_than_the_end_of_a_long_log_becomes_the_last_words() -> None:
    log = b"".join(b"line %d\n" % number for number in range(1000))
    words = termination_message(b"", log, "FallbackToLogsOnError", 1)
    assert words.endswith("line 999\n")
    assert len(words.splitlines()) == 80


@pytest.mark.parametrize("path", ["../x", "/etc", "a/../../b"])
def test_a_sub_path_cannot_lead_out_of_its_volume(path: str, tmp_path: Any) -> None:
    container = {"volumeMounts": [{"name": "v", "mountPath": "/data", "subPath": path}]}
    with pytest.raises(ValueError, match="leads out of the volume v"):
        volume_mounts(container, {"v": tmp_path}, frozenset(), {})


@pytest.mark.parametrize(
    ("text", "repository"),
    [
        ("kserve/storage-initializer:v0.20.0", "kserve/storage-initializer"),
        ("docker.io/kserve/agent:latest", "kserve/agent"),
        ("registry.example.com:5000/a/b:1", "registry.example.com:5000/a/b"),
        ("a/b@sha256:" + "0" * 64, "a/b"),
        ("a/b", None),
        ("Not An Image", None),
    ],
)
def test_images_are_known_by_their_repository_and_need_a_version(text: str, repository: str | None) -> None:
    reference = parse_image(text)
    assert (reference.repository if reference else None) == repository


def test_resources_are_shown_in_units_of_the_divisor_rounded_up() -> None:
    assert (divide("1100m", "1"), divide("1Gi", "1Mi"), divide("2", "1m")) == ("2", "1024", "2000")


def facts(state: Any, **values: Any) -> ContainerFacts:
    return ContainerFacts(name="c", image="i:1", state=state, **values)


def status_of(*main: ContainerFacts, init: tuple[ContainerFacts, ...] = (), pod: dict[str, Any] = POD) -> Any:
    seen = PodFacts(init=init, main=main, pod_ip="10.0.0.2", host_ip="10.0.0.1", started_at=NOW)
    return build_status(pod, seen, NOW)


def truth(status: dict[str, Any], kind: str) -> str:
    return next(c["status"] for c in status["conditions"] if c["type"] == kind)


ENDED = Terminated(3, "Error", "words", NOW, NOW, "process://1")


def test_a_pod_is_ready_when_all_its_containers_are() -> None:
    running = Running(NOW, "process://1")
    assert truth(status_of(facts(running, ready=True)), "Ready") == "True"
    assert truth(status_of(facts(running, ready=True), facts(running)), "Ready") == "False"


def test_a_pod_whose_container_waits_for_its_restart_is_running_and_not_ready() -> None:
    status = status_of(facts(Waiting("CrashLoopBackOff"), last=ENDED, restarts=4))
    assert (status["phase"], truth(status, "Ready")) == ("Running", "False")
    container = status["containerStatuses"][0]
    assert container["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert (container["restartCount"], container["lastState"]["terminated"]["message"]) == (4, "words")


def test_a_pod_whose_image_is_unknown_is_pending() -> None:
    assert status_of(facts(Waiting("ErrImagePull")))["phase"] == "Pending"


def test_main_containers_wait_for_init_containers() -> None:
    status = status_of(facts(Waiting("PodInitializing")), init=(facts(ENDED),))
    assert (status["phase"], truth(status, "Initialized")) == ("Pending", "False")


def test_a_pod_that_never_restarts_succeeds_or_fails_with_its_containers() -> None:
    once = {**POD, "spec": {**POD["spec"], "restartPolicy": "Never"}}
    done = Terminated(0, "Completed", "", NOW, NOW, "process://1")
    assert status_of(facts(done), pod=once)["phase"] == "Succeeded"
    assert status_of(facts(ENDED), pod=once)["phase"] == "Failed"


def test_a_condition_keeps_its_time_while_it_does_not_change() -> None:
    before = status_of(facts(Running(NOW, "process://1"), ready=True))
    later = PodFacts(
        init=(),
        main=(facts(Running(NOW, "process://1"), ready=True),),
        pod_ip="10.0.0.2",
        host_ip="10.0.0.1",
        started_at=NOW,
    )
    assert build_status({**POD, "status": before}, later, NOW + timedelta(hours=1)) == before
