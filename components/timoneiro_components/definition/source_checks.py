"""What several fields of a source tell together, and what is not in a field that looks right: secrets, odd URLs.

Nothing of a URL is in a sentence: it may hold a password.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from pydantic.alias_generators import to_camel

from .problems import Contradiction, Path
from .source import POINTER, SQLITE, Csv, SourceFile, Sql, TableSource, split_address, split_lakefs

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}")
_REPOSITORY = re.compile(r"[a-z0-9][a-z0-9-]{2,62}")
# Of a branch, a tag or a commit, and what may follow it, as in main~1; but not main$, what is not committed there. It
# becomes a part of a URL.
_REFERENCE = re.compile(r"\w[^/$]*")
_KINDS = "csv, parquet, jsonLines, sql and python"
_POSTGRESQL = ("postgresql", "postgresql+psycopg")
# What neither holds a secret nor changes what may be done.
_OPTIONS = frozenset({"host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey", "application_name"})


def source_faults(source: TableSource, where: Path) -> Iterator[Contradiction]:
    """Every contradiction of the source at `where`: its place, and a sentence."""
    given = {to_camel(name): said for name, said in source.given.items()}
    if len(given) != 1:
        found = f"there are {' and '.join(given)}" if given else "there is none"
        yield where, f"exactly one of {_KINDS} is wanted, and {found}"
    for name, said in given.items():
        path = (*where, name)
        if isinstance(said, Csv) and said.separator == said.decimal:
            yield (*path, "decimal"), "it is the separator too, so that no number could be read"
        if isinstance(said, SourceFile) and (sentence := _address_fault(said.path)):
            yield (*path, "path"), sentence
        if isinstance(said, Sql):
            yield from _sql(path, said)


def _address_fault(path: str) -> str:
    """What is wrong with where a file is said to be; "" if nothing is."""
    scheme, place, rest = split_address(path)
    if scheme == "dvc" or (scheme not in ("", "file") and path.endswith(POINTER)):
        return "of DVC write the path of the .dvc file on this machine, such as data/loans.csv.dvc"
    if scheme == "file" and (place not in ("", "localhost") or not rest):
        return "write file:///folder/loans.csv, or the path alone"
    if scheme in ("s3", "gs") and (not _BUCKET.fullmatch(place) or not rest or rest.endswith("/")):
        return f"write {scheme}://bucket/key, the address of one object, without credentials"
    if scheme == "lakefs":
        repository, reference, key = split_lakefs(path)
        if not (_REPOSITORY.fullmatch(repository) and _REFERENCE.fullmatch(reference) and key) or key.endswith("/"):
            return "write lakefs://repository/branch/path, the address of one object, without credentials"
    elif scheme not in ("", "file", "s3", "gs"):
        return (
            "a file is on this machine, at s3://bucket/key, at gs://bucket/key or at lakefs://repository/branch/path: "
            "other protocols are not supported"
        )
    return ""


def _sql(path: Path, said: Sql) -> Iterator[Contradiction]:
    if (said.query is None) == (said.table is None):
        found = "there is none" if said.query is None else "there are both"
        yield path, f"exactly one of query and table is wanted, and {found}"
    if said.url.startswith("sqlite:"):
        yield from _sqlite(path, said)
    else:
        yield from _server(path, said)


def _sqlite(path: Path, said: Sql) -> Iterator[Contradiction]:
    name = said.url.removeprefix(SQLITE)
    if not said.url.startswith(SQLITE) or not name or name == ":memory:":
        yield (*path, "url"), "write sqlite:///loans.db, or sqlite:////data/loans.db for a file elsewhere"
    for field, value in (("userFrom", said.user_from), ("passwordFrom", said.password_from)):
        if value is not None:
            yield (*path, field), "SQLite knows no users: leave it out"


def _server(path: Path, said: Sql) -> Iterator[Contradiction]:
    where = (*path, "url")
    try:
        parts = urlsplit(said.url)
        port, options = parts.port, parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        yield where, "it is no URL: write postgresql://host:5432/database"
        return
    if parts.scheme not in _POSTGRESQL:
        yield where, "it must begin with sqlite:/// or postgresql://, the databases that are known here"
        return
    # The last @, as SQLAlchemy has it: one may be within a password.
    if "@" in said.url:
        yield where, "user and password do not belong in a file: name variables in userFrom and passwordFrom"
    if not parts.path.strip("/") or "/" in parts.path.strip("/") or parts.fragment or port == 0:
        yield where, "write postgresql://host:5432/database"
    if not _OPTIONS.issuperset(name for name, _ in options):
        yield (
            where,
            f"its options can be {', '.join(sorted(_OPTIONS))}; user and password go into userFrom and passwordFrom",
        )
