"""Questions to a registry: JSON over HTTP, and every fault one sentence.

Five requests in all: a client library would bring dozens of packages into the image for them, MLflow's its own server.
Guarantees: no token is in a message, none goes in plain text beyond this machine and the cluster, and none to where an
answer redirects.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import requests
from requests.auth import HTTPBasicAuth

from ..addresses import host_of, is_near
from ..errors import StepError

_SECONDS = 30
_LONGEST_MESSAGE = 300


@dataclass(frozen=True)
class RegistryUser:
    """Who asks: a token, or a user with a password; nobody where all are empty. Nothing of it is in its text."""

    token: str = field(default="", repr=False)
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def given(self) -> bool:
        return bool(self.token or self.user or self.password)

    def sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """The request with who asks; nobody else, whatever a file in the home of who runs this says."""
        if self.token:
            request.headers["authorization"] = f"Bearer {self.token}"
        elif self.user:
            HTTPBasicAuth(self.user.encode(), self.password.encode())(request)
        return request


class RegistryApi:
    """A registry: `kind` is what it is called, `field` where the definition says its address, `variables` those that
    say who asks."""

    def __init__(self, kind: str, url: str, credentials: RegistryUser, *, field: str, variables: str) -> None:
        """Asks nothing yet. Raises StepError for an address or credentials that cannot be used."""
        found, self._field, self._variables = host_of(url), field, variables
        if found is None:
            raise StepError(f"{kind}: {field} must be an address without user and password, as https://example.com")
        self.who = f"{kind} at {url}"
        scheme, host = found
        if credentials.given() and scheme == "http" and not is_near(host):
            raise StepError(
                f"{self.who}: a token or password is not sent in plain text: write https://, or the name of a Service "
                "with its namespace, such as http://registry.kubeflow.svc:8080"
            )
        token = credentials.token
        if token and not (token.isascii() and token.isprintable() and " " not in token):
            raise StepError(f"{self.who}: there is no token in {variables}: it must be one word")
        self._url = url.rstrip("/")
        self._credentials = credentials

    def find(self, path: str, **query: str) -> dict[str, Any] | None:
        """What is there; None if the registry says that nothing is. Raises StepError."""
        answer = self._ask("GET", path, query=query)
        return None if answer.status_code == 404 else self._document(answer)

    def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """What was made of `body`. Raises StepError."""
        return self._document(self._ask("POST", path, body=body))

    def require_permission(self, path: str, incomplete: dict[str, Any]) -> None:
        """Raises StepError if who asks may not write there.

        No registry can be asked that. Whoever may not write is refused before the body is looked at, and whoever may
        is told what a body lacks that lacks something: nothing is written.
        """
        answer = self._ask("POST", path, body=incomplete)
        if answer.status_code not in (400, 422):
            self._refused(answer)

    def _ask(
        self, method: str, path: str, *, query: dict[str, str] | None = None, body: dict[str, Any] | None = None
    ) -> requests.Response:
        """An answer that a registry gives: what was found or made, or a refusal of what was asked."""
        try:
            answer = requests.request(
                method,
                f"{self._url}{path}",
                params=query,
                json=body,
                auth=self._credentials.sign,
                timeout=_SECONDS,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            # Without its words, which are long and name objects of the library.
            raise StepError(f"{self.who} does not answer ({type(error).__name__}): check {self._field}") from None
        if answer.status_code == 401:
            raise StepError(f"{self.who} does not know who asks: set {self._variables}, on a cluster from a Secret")
        if answer.status_code == 403:
            raise StepError(
                f"{self.who} refuses access{_said(answer)}: allow whom {self._variables} names to register versions"
            )
        if 300 <= answer.status_code < 400 or (answer.status_code < 500 and _json(answer) is None):
            raise StepError(f"{self.who} answers as no registry does ({answer.status_code}): check {self._field}")
        return answer

    def _document(self, answer: requests.Response) -> dict[str, Any]:
        document = _json(answer)
        if not answer.ok or document is None:
            self._refused(answer)
        assert document is not None
        return document

    def _refused(self, answer: requests.Response) -> None:
        raise StepError(f"{self.who} answered {answer.status_code}{_said(answer)}")


def _json(answer: requests.Response) -> dict[str, Any] | None:
    """The object that it is; None for anything else."""
    try:
        document = answer.json()
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _said(answer: requests.Response) -> str:
    """The registry's own words."""
    text = " ".join(str((_json(answer) or {}).get("message") or answer.reason).split())
    cut = text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}..."
    return f" ({cut})" if cut else ""
