"""Connections to databases that can only read, and what went wrong with one in a sentence.

Neither a password nor a value of a table is in a sentence: a database quotes both in its own words. Nothing of this is
imported by who reads files only.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import make_url

from ..definition.source import SQLITE, FromEnvironment, Sql
from ..errors import StepError

_SECONDS = 10
_READING = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)
_POSTGRESQL = "postgresql+psycopg"
_SIGN_IN = "check the variables of userFrom and passwordFrom"
_DATE = "a date is infinite, or not in the years 1 to 9999"
# Of PostgreSQL, by the code of the fault: the SQL standard has them, in every language.
_STATES: Mapping[str, str] = {
    "22008": _DATE,
    "25006": "the query writes, and a source is only read",
    "28000": f"it does not let this user in: {_SIGN_IN}",
    "28P01": f"the password is wrong: {_SIGN_IN}",
    "3D000": "there is no such database",
    "3F000": "there is no such schema",
    "42501": "this user may not read that",
    "42601": "the query is no SQL that it understands",
    "42703": "the query names a column that is not there",
    "42883": "the query calls a function that is not there",
    "42P01": "there is no such table or view",
    "53300": "it has too many connections already",
    "57014": f"it gave no answer within {_SECONDS} s, or was told to stop",
    "57P03": "it is starting or stopping: try again",
}
# Where there is no code: from libpq, which has nobody to ask when it cannot connect, and from SQLite.
_WORDS: Mapping[str, str] = {
    "password authentication failed": f"the password is wrong: {_SIGN_IN}",
    "no password supplied": "it wants a password: name the variable that holds it in passwordFrom",
    "pg_hba.conf": f"it does not let this user in from here: {_SIGN_IN}, and spec.source.sql.url",
    "timeout": f"it gave no answer within {_SECONDS} s",
    "failed to resolve host": "there is no host of that name",
    "does not exist": "there is no such database or user",
    "refused": "nothing listens there, or it is refused: check host and port",
    "no such file or directory": "nothing listens there: check host and port",
    "certificate": "its certificate is not trusted: check sslmode and sslrootcert",
    "ssl": "it does not agree on encryption: check sslmode",
    "no such table": "there is no such table or view",
    "no such column": "the query names a column that is not there",
    "no such function": "the query calls a function that is not there",
    "syntax error": "the query is no SQL that it understands",
    "incomplete input": "the query is no SQL that it understands",
    "you can only execute one statement": "the query is no SQL that it understands: one SELECT is wanted",
    "not a database": "the file is no SQLite database",
    "readonly database": "the query writes, and a source is only read",
    "not authorized": "the query does more than read, and a source is only read",
    "locked": "somebody else has locked it",
    "malformed": "the file is damaged",
    "unable to open": "the file cannot be opened",
    "could not decode": "a text in it is no UTF-8",
    "too large (after year 10k)": _DATE,
    "too small (before year 1)": _DATE,
}


def address_of(said: Sql) -> str:
    """What the database is called in sentences: never with user or password, which the definition refuses."""
    return said.url.removeprefix(SQLITE)


def public_address(said: Sql) -> str:
    """The same for others, who have other paths: of a file on this machine the name."""
    return Path(address_of(said)).name if said.url.startswith(SQLITE) else said.url


@contextmanager
def reading(said: Sql, *, bounded: bool) -> Iterator[sa.Connection]:
    """A connection that cannot write. `bounded`: a server may not take longer than ten seconds for an answer.

    Raises StepError for whatever goes wrong with it, within the block too.
    """
    with _sentences(said):
        engine = _engine(said)
        try:
            with engine.connect() as connection:
                if engine.dialect.name == "sqlite":
                    _only_read(connection)
                elif bounded:
                    connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{_SECONDS}s'")
                # The query as it stands: a percent sign or a colon begins no parameter.
                yield connection.execution_options(no_parameters=True)
        finally:
            engine.dispose()


def _engine(said: Sql) -> sa.Engine:
    if said.url.startswith(SQLITE):
        file = Path(said.url.removeprefix(SQLITE))
        if not file.is_file():
            raise StepError(f"{file} is not there: a path in training.yaml is relative to its folder")
        uri = f"file:{quote(str(file))}?mode=ro"
        return sa.create_engine(
            "sqlite://", creator=lambda: sqlite3.connect(uri, uri=True, timeout=_SECONDS), poolclass=sa.NullPool
        )
    url = make_url(said.url).set(
        drivername=_POSTGRESQL,
        username=_variable("userFrom", said.user_from),
        password=_variable("passwordFrom", said.password_from),
    )
    engine = sa.create_engine(
        url, poolclass=sa.NullPool, hide_parameters=True, connect_args={"connect_timeout": _SECONDS}
    )
    # Every transaction is READ ONLY, which nothing can take back once it has begun to read.
    return engine.execution_options(postgresql_readonly=True)


def _only_read(connection: sa.Connection) -> None:
    """Refuses whatever is no reading. SQLite's read-only mode is not that of other files, which ATTACH would open."""
    driver: Any = connection.connection.driver_connection
    driver.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY)


def _variable(field: str, said: FromEnvironment | None) -> str | None:
    if said is None:
        return None
    value = os.environ.get(said.env)
    if not value:
        raise StepError(f"the environment has no {said.env}, which spec.source.sql.{field} names: set it")
    return value


@contextmanager
def _sentences(said: Sql) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise StepError(
            f"{address_of(said)}: the driver of the database is not installed ({error.name or 'psycopg'}): "
            "pip install 'timoneiro[components]'"
        ) from None
    except exc.ArgumentError:
        raise StepError("spec.source.sql.url is no address of a database: write postgresql://host:5432/name") from None
    except (exc.SQLAlchemyError, sqlite3.Error, UnicodeError) as error:
        # Without the cause: its words hold values.
        raise StepError(f"{address_of(said)}: {_sentence(error)}") from None


def _sentence(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    state, words = getattr(cause, "sqlstate", None), str(cause).lower()
    if state is not None:
        by_class = "the query cannot be computed for a value" if state.startswith("22") else None
        known = _STATES.get(state, by_class)
    else:
        known = next((sentence for word, sentence in _WORDS.items() if word in words), None)
    return known or f"the database cannot do it ({type(cause).__name__}{f' {state}' if state else ''})"
