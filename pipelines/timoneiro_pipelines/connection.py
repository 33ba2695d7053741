"""Where the API of Kubeflow Pipelines is, and who asks: checked before anything is sent.

The token is that of a service account. It is read anew for every request, because the kubelet renews it, and is in no
message. Guarantee: it is never sent in plain text to a host that is neither this machine nor a Service of a cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from timoneiro_components.addresses import host_of, is_near

from .errors import NO_ANSWER, WRONG_USE, KubeflowError

# Where a cluster puts the token for Kubeflow Pipelines into a pod that asks for it.
PROJECTED_TOKEN = Path("/var/run/secrets/kubeflow/pipelines/token")


@dataclass(frozen=True)
class Connection:
    """An API: `host` without /apis, `ui` where people see runs, `token` and `authority` (of certificates) as files, and
    the profile, which is a namespace ("" in an installation for one user)."""

    host: str
    ui: str
    token: Path | None
    authority: Path | None
    profile: str

    def read_token(self) -> str:
        """The token as it is now. Raises KubeflowError if there is none, or it is no token."""
        assert self.token is not None
        try:
            found = self.token.read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise KubeflowError(f"the token in {self.token} cannot be read: {reason}", code=NO_ANSWER) from None
        if not found or any(character.isspace() or not character.isprintable() for character in found):
            raise KubeflowError(f"{self.token} holds no token: it must be one word", code=NO_ANSWER)
        return found

    def run_address(self, run: str) -> str:
        """Where people see the run."""
        return f"{self.ui}/#/runs/details/{run}"


def connection(
    host: str, *, ui: str = "", token: Path | None = None, authority: Path | None = None, profile: str = ""
) -> Connection:
    """The connection. Without `token` the one that a cluster has put into this pod, if there is one.

    Raises KubeflowError for what is no address, and for files that cannot be read.
    """
    parts = _parts(host)
    if token is None and PROJECTED_TOKEN.exists():
        token = PROJECTED_TOKEN
    if authority is not None and not authority.is_file():
        raise KubeflowError(f"{authority} is no file: --ca-file is a file of certificates in PEM", code=WRONG_USE)
    made = Connection(host.rstrip("/"), (ui or host).rstrip("/"), token, authority, profile)
    if token is not None:
        if parts[0] == "http" and not is_near(parts[1]):
            raise KubeflowError(
                f"{host}: a token is not sent in plain text: write https://, or the name of a Service with its "
                "namespace, such as http://ml-pipeline.kubeflow.svc:8888",
                code=WRONG_USE,
            )
        made.read_token()
    return made


def _parts(host: str) -> tuple[str, str]:
    """Protocol and name of the host."""
    if not host:
        raise KubeflowError(
            "where is Kubeflow Pipelines? Say it with --host or KF_PIPELINES_ENDPOINT, such as "
            "http://ml-pipeline.kubeflow.svc:8888",
            code=WRONG_USE,
        )
    found = host_of(host)
    if found is None:
        raise KubeflowError(
            "--host must be an address without user and password, such as https://kubeflow.example.com/pipeline",
            code=WRONG_USE,
        )
    return found
