"""What git says of a folder, as far as it is there and tells it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

_SECONDS = 10
COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def asked(folder: Path, *arguments: str) -> str | None:
    """What git answers, None if it does not: never an error."""
    # Neither a program that a repository names is run, nor is its index written.
    command = ["git", "-C", str(folder), "--literal-pathspecs", "-c", "core.fsmonitor=false", *arguments]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout if done.returncode == 0 else None


def commit_of_file(file: Path) -> str:
    """The commit that made the file what it is; "" where it is not committed as it is, or its history is not here."""
    if asked(file.parent, "rev-parse", "--is-shallow-repository") != "false\n":
        return ""
    if asked(file.parent, "status", "--porcelain", "--ignored", "--", file.name) != "":
        return ""
    found = (asked(file.parent, "rev-list", "-1", "HEAD", "--", file.name) or "").strip()
    return found if COMMIT.fullmatch(found) else ""
