"""Where the cluster is looked for, and the sentences when it is not found."""

import json

import pytest

from timoneiro_operator.cli.commands.kubeconfig import select
from timoneiro_operator.cli.errors import NO_ANSWER, CliError


def config(*contexts, current=None, user=None, cluster=None):
    return {
        "current-context": current,
        "clusters": [
            {"name": name, "cluster": {"server": f"https://{name}.example.com", **(cluster or {})}} for name in contexts
        ],
        "users": [{"name": name, "user": user or {"token": name}} for name in contexts],
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": name, "namespace": f"ns-{name}"}} for name in contexts
        ],
    }


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a kubeconfig; nothing else on this machine counts."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    return write


def refusal(**options) -> str:
    with pytest.raises(CliError) as caught:
        select(**{"path": None, "context": None, **options})
    assert caught.value.code == NO_ANSWER
    return caught.value.message


def test_the_namespace_is_that_of_the_current_context(write) -> None:
    path = write("kc", config("a", "b", current="b"))
    assert select(path=path, context=None).namespace == "ns-b"


def test_another_context_can_be_chosen(write) -> None:
    path = write("kc", config("a", "b", current="b"))
    assert select(path=path, context="a").cluster.server == "https://a.example.com"


def test_the_variable_names_the_file(write, monkeypatch) -> None:
    monkeypatch.setenv("KUBECONFIG", write("kc", config("a", current="a")))
    assert select(path=None, context=None).context_name == "a"


def test_the_option_counts_more_than_the_variable(write, monkeypatch) -> None:
    monkeypatch.setenv("KUBECONFIG", write("one", config("a", current="a")))
    assert select(path=write("two", config("b", current="b")), context=None).context_name == "b"


def test_of_several_files_the_first_counts_and_the_others_add(write, monkeypatch) -> None:
    one, two = write("one", config("a")), write("two", config("a", "b", current="b", user={"token": "other"}))
    monkeypatch.setenv("KUBECONFIG", f"{one}:/does/not/exist:{two}")
    assert select(path=None, context=None).context_name == "b"
    assert select(path=None, context="a").user.token == "a"


def test_without_option_and_variable_it_is_the_file_in_the_home_directory(write) -> None:
    write(".kube/config", config("a", current="a"))
    assert select(path=None, context=None).context_name == "a"


def test_files_that_it_names_are_meant_from_where_it_is(write, tmp_path) -> None:
    path = write("deep/kc", config("a", current="a", cluster={"certificate-authority": "ca.crt"}))
    assert select(path=path, context=None).cluster.certificate_auth == str(tmp_path / "deep/ca.crt")


def test_a_user_without_credentials_is_let_through_to_the_api_server(write) -> None:
    content = config("a", current="a")
    del content["contexts"][0]["context"]["user"]
    assert select(path=write("kc", content), context=None).user is not None


def test_a_plugin_of_today_is_told_which_version_is_meant(write) -> None:
    plugin = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "login"}}
    user = select(path=write("kc", config("a", current="a", user=plugin)), context=None).user
    assert user.exec.apiVersion == "client.authentication.k8s.io/v1beta1"
    assert json.loads(user.exec.env[0].value)["apiVersion"] == "client.authentication.k8s.io/v1"


def test_without_any_kubeconfig_both_ways_to_name_one_are_told(write) -> None:
    assert "name one with --kubeconfig or the variable KUBECONFIG" in refusal()


def test_a_file_that_does_not_exist_is_named(write) -> None:
    assert "the kubeconfig /does/not/exist does not exist" in refusal(path="/does/not/exist")


def test_a_variable_that_names_no_file_is_named(write, monkeypatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/does/not/exist")
    assert "check the variable KUBECONFIG" in refusal()


def test_a_context_that_is_not_there_is_told_with_those_that_are(write) -> None:
    path = write("kc", config("a", "b", current="a"))
    assert refusal(path=path, context="c").endswith("(known: a, b)")


def test_without_a_current_context_one_has_to_be_chosen(write) -> None:
    assert "choose one with --context (known: a)" in refusal(path=write("kc", config("a")))


def test_a_context_that_names_a_cluster_that_is_not_there_is_told(write) -> None:
    content = {**config("a", current="a"), "clusters": []}
    assert "names 'a', which the kubeconfig does not have" in refusal(path=write("kc", content))


@pytest.mark.parametrize("content", ["{", "just text", "[1, 2]", '{"clusters": [{"nom": "a"}]}', "\t: :"])
def test_what_is_no_kubeconfig_is_told(write, content) -> None:
    message = refusal(path=write("kc", content))
    assert "is not a kubeconfig" in message or "has no current context" in message


def test_a_kubeconfig_with_a_field_of_another_kind_is_told(write) -> None:
    content = {**config("a", current="a"), "contexts": [{"name": "a", "context": {"cluster": 7}}]}
    assert "is not a kubeconfig" in refusal(path=write("kc", content))
