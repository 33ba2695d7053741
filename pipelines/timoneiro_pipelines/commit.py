"""The git commit that a definition is from, as far as git is there and tells it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

_SECONDS = 10
_HASH = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def commit_of(definition: Path, *, altered: bool = False) -> str:
    """The commit of the folder that the file is in, "" without git or a commit: never an error.

    It ends with `-dirty` where a file that git knows, or the definition itself, is not as it was committed, or where
    `altered` says that something else than the file was used.
    """
    folder = definition.resolve().parent
    commit = _asked(folder, "rev-parse", "HEAD")
    if commit is None or not _HASH.fullmatch(commit.strip()):
        return ""
    changed = _asked(folder, "status", "--porcelain", "--untracked-files=no")
    own = _asked(folder, "status", "--porcelain", "--ignored", "--", definition.name)
    # What git does not tell is not known to be clean.
    clean = not altered and changed == "" and own == ""
    return commit.strip() if clean else f"{commit.strip()}-dirty"


def _asked(folder: Path, *arguments: str) -> str | None:
    """What git answers, None if it does not."""
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
