"""Which cluster, as which user, in which namespace: found in the same places and order as kubectl looks."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from timoneiro_operator.cli.errors import NO_ANSWER, CliError

if TYPE_CHECKING:
    from lightkube.config.kubeconfig import KubeConfig, SingleConfig

_FILES = {
    "clusters": ("cluster", ("certificate-authority",)),
    "users": ("user", ("client-certificate", "client-key", "tokenFile")),
}
_EXEC_V1 = "client.authentication.k8s.io/v1"
_EXEC_INFO = f'{{"kind": "ExecCredential", "apiVersion": "{_EXEC_V1}", "spec": {{"interactive": false}}}}'


def select(*, path: str | None, context: str | None) -> "SingleConfig":
    """The cluster and user to talk to. Raises CliError with a sentence when there is none, or it makes no sense."""
    from lightkube.config.kubeconfig import SERVICE_ACCOUNT, KubeConfig  # noqa: PLC0415
    from lightkube.core.exceptions import ConfigError  # noqa: PLC0415

    files = _files(path)
    try:
        if files:
            return _complete(KubeConfig.from_dict(_merged(files)), context, files)
        if Path(SERVICE_ACCOUNT, "token").is_file() and "KUBERNETES_SERVICE_HOST" in os.environ:
            return _complete(KubeConfig.from_service_account(), context, files)
    except (KeyError, msgspec.ValidationError) as error:
        raise _unusable(f"{files[0]} is not a kubeconfig ({error}): fix it or name another one") from error
    except ConfigError as error:
        raise _unusable(f"{error}") from error
    raise _unusable("no kubeconfig was found: name one with --kubeconfig or the variable KUBECONFIG")


def _files(path: str | None) -> list[Path]:
    """The files that count: --kubeconfig alone, else those of KUBECONFIG that exist, else ~/.kube/config."""
    if path is not None:
        named = Path(path).expanduser()
        if not named.is_file():
            raise _unusable(f"the kubeconfig {path} does not exist: check --kubeconfig")
        return [named]
    listed = [Path(entry).expanduser() for entry in os.environ.get("KUBECONFIG", "").split(os.pathsep) if entry]
    if listed:
        found = [entry for entry in listed if entry.is_file()]
        if not found:
            raise _unusable(f"the kubeconfig {listed[0]} does not exist: check the variable KUBECONFIG")
        return found
    standard = Path("~/.kube/config").expanduser()
    return [standard] if standard.is_file() else []


def _merged(files: list[Path]) -> dict[str, Any]:
    """One kubeconfig of several: of the same name the first counts, as in kubectl."""
    import yaml  # noqa: PLC0415

    merged: dict[str, Any] = {"clusters": [], "users": [], "contexts": []}
    for file in files:
        try:
            content = yaml.safe_load(file.read_text()) or {}
            for kind in ("clusters", "users", "contexts"):
                known = {entry["name"] for entry in merged[kind]}
                merged[kind] += [
                    _absolute(entry, kind, file.parent)
                    for entry in content.get(kind) or []
                    if entry["name"] not in known
                ]
            merged["current-context"] = merged.get("current-context") or content.get("current-context") or None
        except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError, UnicodeDecodeError) as error:
            raise _unusable(
                f"{file} is not a kubeconfig ({type(error).__name__}): fix it or name another one"
            ) from error
    return merged


def _absolute(entry: dict[str, Any], kind: str, base: Path) -> dict[str, Any]:
    """An entry whose files are named by absolute paths: relative ones are meant from the file that names them."""
    if kind not in _FILES:
        return entry
    part, fields = _FILES[kind]
    content = dict(entry[part] or {})
    for field in fields:
        if content.get(field):
            content[field] = str(base / content[field])
    return {**entry, part: content}


def _complete(config: "KubeConfig", context: str | None, files: list[Path]) -> "SingleConfig":
    """The chosen context, made to be what the client can use."""
    from lightkube.config.models import NameValue, User  # noqa: PLC0415

    wanted = context or config.current_context
    known = ", ".join(config.contexts) or "none"
    if not wanted:
        raise _unusable(f"the kubeconfig has no current context: choose one with --context (known: {known})")
    if wanted not in config.contexts:
        raise _unusable(f"the context '{wanted}' is not in {files[0] if files else 'the cluster'} (known: {known})")
    try:
        single = config.get(wanted)
    except KeyError as error:
        raise _unusable(f"the context '{wanted}' names {error}, which the kubeconfig does not have") from error
    assert single is not None
    user = single.user or User()
    if user.exec is not None and user.exec.apiVersion == _EXEC_V1:
        # The client knows v1beta1 only; what a plugin answers is the same, if it is told which version is meant.
        told = [*(user.exec.env or []), NameValue(name="KUBERNETES_EXEC_INFO", value=_EXEC_INFO)]
        plugin = msgspec.structs.replace(user.exec, apiVersion=f"{_EXEC_V1}beta1", env=told)
        user = msgspec.structs.replace(user, exec=plugin)
    return single._replace(user=user)


def _unusable(sentence: str) -> CliError:
    return CliError(sentence, code=NO_ANSWER)
