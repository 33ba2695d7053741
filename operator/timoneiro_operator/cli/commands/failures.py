"""What went wrong on the way to the API server, in one sentence with the remedy."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from timoneiro_operator.api import names
from timoneiro_operator.cli.errors import FAILED, NO_ANSWER, NOT_FOUND, CliError

_INSTALL = {
    names.PLURAL: "install Timoneiro, as its README says under Install",
    "inferenceservices": "install KServe",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked for: verb, resource and group as RBAC names them. `namespace` None: all of them."""

    server: str
    verb: str
    resource: str
    group: str
    namespace: str | None
    name: str | None = None


@contextmanager
def in_one_sentence(asked: Asked) -> Iterator[None]:
    """Every failure of a request in the block becomes a CliError."""
    import httpx2  # noqa: PLC0415
    from lightkube.core.exceptions import ApiError, ConfigError  # noqa: PLC0415

    try:
        yield
    except ApiError as error:
        status = error.status
        raise refusal(
            asked,
            code=status.code or 0,
            message=status.message or "",
            known=bool(status.details and status.details.name),
        ) from error
    except httpx2.HTTPStatusError as error:
        # Not an ApiError: for a group that it does not know, the API server answers in plain text.
        raise refusal(asked, code=error.response.status_code, message=str(error).splitlines()[0]) from error
    except httpx2.HTTPError as error:
        raise unreachable(asked, error) from error
    except ConfigError as error:
        raise CliError(f"your credentials could not be loaded: {error}", code=NO_ANSWER) from error
    except KeyError as error:
        raise CliError(
            f"the credential plugin of the kubeconfig gave no {error}; log in with it once, and try again",
            code=NO_ANSWER,
        ) from error
    except (ValueError, httpx2.InvalidURL) as error:
        raise CliError(
            f"{asked.server} is not an API server, or your credentials are not valid ({error}): check the kubeconfig",
            code=NO_ANSWER,
        ) from error
    except OSError as error:
        raise CliError(
            f"your credentials could not be loaded: {error}; check the kubeconfig", code=NO_ANSWER
        ) from error


def unreachable(asked: Asked, error: Exception) -> CliError:
    reason = str(error) or type(error).__name__
    return CliError(
        f"the API server {asked.server} cannot be reached ({reason}): is the cluster up, and is it the right context?",
        code=NO_ANSWER,
        transient=True,
    )


def refusal(asked: Asked, *, code: int, message: str, known: bool = False) -> CliError:
    """The sentence for an answer with HTTP status `code`. `known`: the server named the object that it has not."""
    full = f"{asked.resource}.{asked.group}" if asked.group else asked.resource
    where = "in any namespace" if asked.namespace is None else f"in namespace '{asked.namespace}'"
    if code == 404 and asked.name is not None and known:
        lists = "timoneiro get -A" if asked.resource == names.PLURAL else f"kubectl get {asked.resource} -A"
        return CliError(f"there is no {full} '{asked.name}' {where}; `{lists}` lists all", code=NOT_FOUND)
    if code == 404:
        how = _INSTALL.get(asked.resource, "use another version of Kubernetes")
        return CliError(f"the cluster {asked.server} does not know {full}: {how}", code=NO_ANSWER)
    if code == 403:
        scope = "ClusterRole" if asked.namespace is None else "Role"
        return CliError(
            f"you may not {asked.verb} {full} {where}: ask for a {scope} with the verb '{asked.verb}' on it",
            code=NO_ANSWER,
        )
    if code == 401:
        return CliError(
            f"the API server {asked.server} does not know you: your credentials are missing or have expired",
            code=NO_ANSWER,
        )
    if code in (400, 409, 422):
        return CliError(f"the API server refused to {asked.verb} {full}: {message}", code=FAILED)
    return CliError(
        f"the API server {asked.server} could not {asked.verb} {full} (HTTP {code}): {message or 'no reason given'}",
        code=NO_ANSWER,
        transient=code == 429 or code >= 500,
    )
