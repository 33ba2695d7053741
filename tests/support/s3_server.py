"""The S3 server of the local cluster, alone and on loopback, with an owner and a user who may read nothing."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from localcluster.build.tools import TOOLS, build_tools, go_version, is_recent, missing_tools
from support.waiting import wait

_TOOLS = tuple(tool for tool in TOOLS if tool.name == "versitygw")
OWNER, STRANGER, SECRET, REGION = "owner", "stranger", "a secret of the store", "us-east-1"


@dataclass(frozen=True)
class S3Server:
    """Where it is."""

    endpoint: str

    def environment(self, *, user: str = OWNER, secret: str = SECRET) -> dict[str, str]:
        """What a program needs to find it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": user,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_DEFAULT_REGION": REGION,
        }


def is_possible() -> bool:
    """Whether it is built, or can be."""
    version = go_version()
    return not missing_tools(_TOOLS) or (version is not None and is_recent(version))


@contextmanager
def running(folder: Path) -> Iterator[S3Server]:
    """A server with an empty bucket `data`, below `folder`."""
    program = str(build_tools(print, _TOOLS).programs["versitygw"])
    for name in ("buckets/data", "metadata", "users"):
        (folder / name).mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [program, f"--port={address}", f"--region={REGION}", f"--iam-dir={folder / 'users'}", "--quiet", "posix"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, f"--sidecar={folder / 'metadata'}", str(folder / "buckets")],
            env={**os.environ, "ROOT_ACCESS_KEY": OWNER, "ROOT_SECRET_KEY": SECRET},
            stdout=log,
            stderr=log,
        )
    try:
        wait("the S3 server answers", lambda: _listens(address))
        sign_in = ["--access", OWNER, "--secret", SECRET, "--endpoint-url", f"http://{address}", "--region", REGION]
        user = ["create-user", "--access", STRANGER, "--secret", SECRET, "--role", "user"]
        subprocess.run([program, "admin", *sign_in, *user], check=True, capture_output=True)
        yield S3Server(f"http://{address}")
    finally:
        server.terminate()
        server.wait()


def _listens(address: str) -> bool:
    host, _, port = address.partition(":")
    with socket.socket() as tried:
        return tried.connect_ex((host, int(port))) == 0
