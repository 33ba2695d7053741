"""The git commit that a definition is from, as far as git is there and tells it."""

from __future__ import annotations

from pathlib import Path

from timoneiro_components.git import COMMIT, asked


def commit_of(definition: Path, *, altered: bool = False) -> str:
    """The commit of the folder that the file is in, "" without git or a commit: never an error.

    It ends with `-dirty` where a file that git knows, or the definition itself, is not as it was committed, or where
    `altered` says that something else than the file was used.
    """
    folder = definition.resolve().parent
    commit = asked(folder, "rev-parse", "HEAD")
    if commit is None or not COMMIT.fullmatch(commit.strip()):
        return ""
    changed = asked(folder, "status", "--porcelain", "--untracked-files=no")
    own = asked(folder, "status", "--porcelain", "--ignored", "--", definition.name)
    # What git does not tell is not known to be clean.
    clean = not altered and changed == "" and own == ""
    return commit.strip() if clean else f"{commit.strip()}-dirty"
