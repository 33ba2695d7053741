"""The requests on the wire, and the sentence for each way in which they fail."""

import json

import httpx2
import pytest
from lightkube import Client, KubeConfig
from lightkube.config.models import Cluster, User

from timoneiro_operator.api import names
from timoneiro_operator.cli.commands.cluster import KubeCluster
from timoneiro_operator.cli.errors import FAILED, NO_ANSWER, NOT_FOUND, CliError

SERVER = "https://cluster.example.com:6443"
PATH = "/apis/timoneiro.dev/v1alpha1/namespaces/models/modeldeployments"


class Wire:
    """An API server that gives one answer, and remembers what it was asked."""

    def __init__(self, code=200, content=None, text=None, error=None) -> None:
        self.requests: list[httpx2.Request] = []
        self._answer = (code, content, text, error)
        config = KubeConfig.from_one(cluster=Cluster(server=SERVER), user=User(token="t"))
        client = Client(config, transport=httpx2.MockTransport(self._handle))
        self.cluster = KubeCluster(client, namespace="models", server=SERVER, login="kube-ada")
        self.cluster._raw = httpx2.Client(base_url=SERVER, transport=httpx2.MockTransport(self._handle))

    def _handle(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        code, content, text, error = self._answer
        if error is not None:
            raise error
        if text is not None:
            return httpx2.Response(code, text=text)
        headers = {"Content-Type": "application/json"}
        return httpx2.Response(code, content=json.dumps(content), headers=headers)


def status(code, message="", **details):
    return {"kind": "Status", "code": code, "message": message, "reason": "x", "details": details}


def failure(wire, ask=lambda cluster: cluster.get("fraud")) -> CliError:
    with pytest.raises(CliError) as caught:
        ask(wire.cluster)
    return caught.value


def test_a_deployment_is_read_from_its_namespace(md) -> None:
    wire = Wire(content=md.healthy())
    assert wire.cluster.get("fraud") == md.healthy()
    assert wire.requests[0].url.path == f"{PATH}/fraud"


def test_a_command_is_a_merge_patch_of_two_annotations_and_of_nothing_else(md) -> None:
    wire = Wire(content=md.healthy())
    wire.cluster.command("fraud", '{"id":"c-1"}', by="ada")
    request = wire.requests[0]
    assert (request.method, request.url.path) == ("PATCH", f"{PATH}/fraud")
    assert request.headers["Content-Type"] == "application/merge-patch+json"
    assert dict(request.url.params) == {"fieldManager": "kubectl-timoneiro"}
    annotations = {names.ANNOTATION_COMMAND: '{"id":"c-1"}', names.ANNOTATION_COMMAND_BY: "ada"}
    assert json.loads(request.content) == {"metadata": {"annotations": annotations}}


def test_all_namespaces_are_asked_in_one_request(md) -> None:
    wire = Wire(content={"items": [md.healthy()], "metadata": {}})
    assert wire.cluster.list(everywhere=True) == [md.healthy()]
    assert wire.requests[0].url.path == "/apis/timoneiro.dev/v1alpha1/modeldeployments"


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Pod", "/api/v1/namespaces/models/pods"),
        ("InferenceService", "/apis/serving.kserve.io/v1beta1/namespaces/models/inferenceservices"),
    ],
)
def test_what_belongs_to_a_deployment_is_found_by_its_label(kind, path) -> None:
    wire = Wire(content={"items": [], "metadata": {"resourceVersion": "5"}})
    assert wire.cluster.part(kind, "fraud").version == "5"
    assert wire.requests[0].url.path == path
    assert wire.requests[0].url.params["labelSelector"] == f"{names.LABEL_DEPLOYMENT}=fraud"


def test_the_deployment_itself_is_watched_by_its_name() -> None:
    wire = Wire(content={"items": [], "metadata": {"resourceVersion": "5"}})
    wire.cluster.part("ModelDeployment", "fraud")
    assert wire.requests[0].url.params["fieldSelector"] == "metadata.name=fraud"


def test_a_watch_goes_on_after_the_list(md) -> None:
    wire = Wire(text=json.dumps({"type": "MODIFIED", "object": md.healthy()}) + "\n")
    assert next(iter(wire.cluster.changes("ModelDeployment", "fraud", "5"))) == ("MODIFIED", md.healthy())
    assert wire.requests[0].url.params["resourceVersion"] == "5"
    assert wire.requests[0].url.params["watch"] == "true"


def test_a_watch_that_is_too_old_is_an_error_to_begin_again_after() -> None:
    wire = Wire(text=json.dumps({"type": "ERROR", "object": status(410, "too old")}) + "\n")
    error = failure(wire, lambda cluster: list(cluster.changes("Pod", "fraud", "5")))
    assert "too old" in error.message


def test_who_asks_is_what_the_api_server_says() -> None:
    wire = Wire(content={"status": {"userInfo": {"username": "ada@example.com"}}})
    assert wire.cluster.user() == "ada@example.com"
    assert wire.requests[0].url.path == "/apis/authentication.k8s.io/v1/selfsubjectreviews"


@pytest.mark.parametrize("wire", [Wire(403, status(403)), Wire(404, text="404 page not found"), Wire(content={})])
def test_who_asks_is_the_user_of_the_kubeconfig_when_the_api_server_does_not_tell(wire) -> None:
    assert wire.cluster.user() == "kube-ada"


def test_a_deployment_that_is_not_there_is_told_with_its_namespace() -> None:
    error = failure(Wire(404, status(404, name="fraud", kind="modeldeployments")))
    assert error.code == NOT_FOUND
    assert error.message.startswith("there is no modeldeployments.timoneiro.dev 'fraud' in namespace 'models'")


@pytest.mark.parametrize(
    "wire", [Wire(404, text="404 page not found"), Wire(404, status(404, "could not find the requested resource"))]
)
def test_a_cluster_without_the_crd_is_told_how_to_get_it(wire) -> None:
    error = failure(wire)
    assert error.code == NO_ANSWER
    assert "does not know modeldeployments.timoneiro.dev: install Timoneiro" in error.message


def test_a_missing_permission_is_named_as_rbac_names_it() -> None:
    error = failure(Wire(403, status(403, "forbidden")), lambda cluster: cluster.command("fraud", "{}", by="ada"))
    assert error.message == (
        "you may not patch modeldeployments.timoneiro.dev in namespace 'models': ask for a Role with the verb "
        "'patch' on it"
    )


def test_a_permission_for_all_namespaces_is_one_of_a_cluster_role() -> None:
    error = failure(Wire(403, status(403, "forbidden")), lambda cluster: cluster.list(everywhere=True))
    assert "you may not list modeldeployments.timoneiro.dev in any namespace: ask for a ClusterRole" in error.message


def test_expired_credentials_are_told() -> None:
    assert "does not know you" in failure(Wire(401, status(401, "Unauthorized"))).message


@pytest.mark.parametrize("error", [httpx2.ConnectError("refused"), httpx2.ReadTimeout("")])
def test_an_api_server_that_is_away_is_told_and_may_be_asked_again(error) -> None:
    told = failure(Wire(error=error))
    assert told.message.startswith(f"the API server {SERVER} cannot be reached")
    assert told.transient


@pytest.mark.parametrize(("code", "transient"), [(500, True), (429, True), (503, True), (405, False)])
def test_an_api_server_in_trouble_may_be_asked_again(code, transient) -> None:
    assert failure(Wire(code, status(code, "trouble"))).transient is transient


def test_an_annotation_that_is_refused_is_told_with_the_reason() -> None:
    error = failure(
        Wire(422, status(422, "not with my webhook")), lambda cluster: cluster.command("fraud", "{}", by="ada")
    )
    assert (error.code, "not with my webhook" in error.message) == (FAILED, True)


def test_an_answer_that_is_none_of_kubernetes_is_told() -> None:
    assert "is not an API server" in failure(Wire(text="<html>log in</html>")).message


def test_a_credential_plugin_that_gives_no_token_is_told() -> None:
    assert "the credential plugin of the kubeconfig gave no 'token'" in failure(Wire(error=KeyError("token"))).message


def test_a_credential_plugin_that_is_not_there_is_told() -> None:
    assert "your credentials could not be loaded" in failure(Wire(error=FileNotFoundError("aws"))).message


def test_what_belongs_to_nobody_is_read_by_its_name() -> None:
    wire = Wire(content={"metadata": {"name": "r"}})
    assert wire.cluster.named("ServingRuntime", "r") == {"metadata": {"name": "r"}}
    assert wire.requests[0].url.path == "/apis/serving.kserve.io/v1alpha1/namespaces/models/servingruntimes/r"


def test_pods_of_an_inference_service_are_found_by_the_label_of_kserve() -> None:
    wire = Wire(content={"items": [{"metadata": {"name": "p"}}], "metadata": {"resourceVersion": "5"}})
    assert [pod["metadata"]["name"] for pod in wire.cluster.pods_of("theirs")] == ["p"]
    assert wire.requests[0].url.params["labelSelector"] == "serving.kserve.io/inferenceservice=theirs"


def test_fields_are_applied_for_a_manager_and_never_by_force(md) -> None:
    wire = Wire(content=md.healthy())
    wire.cluster.apply({"metadata": {"name": "fraud"}}, manager="somebody")
    request = wire.requests[0]
    assert request.headers["Content-Type"] == "application/apply-patch+yaml"
    assert request.url.params["fieldManager"] == "somebody"
    assert request.url.params.get("force") in (None, "false")


@pytest.mark.parametrize(("code", "released"), [(200, True), (202, True), (409, False)])
def test_a_release_deletes_just_what_was_looked_at_and_nothing_below_it(md, code, released) -> None:
    wire = Wire(code, status(code))
    assert wire.cluster.release(md.healthy()) is released
    request = wire.requests[0]
    assert (request.method, request.url.path) == ("DELETE", f"{PATH}/fraud")
    assert json.loads(request.content) == {
        "propagationPolicy": "Orphan",
        "preconditions": {"uid": "u-1", "resourceVersion": "7"},
    }


def test_a_release_that_is_not_allowed_names_the_verb(md) -> None:
    error = failure(Wire(403, status(403, "forbidden")), lambda cluster: cluster.release(md.healthy()))
    assert "you may not delete modeldeployments.timoneiro.dev" in error.message
    error = failure(Wire(500, text="broken"), lambda cluster: cluster.release(md.healthy()))
    assert "broken" in error.message
