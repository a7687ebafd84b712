"""What an error of the database means to whoever asked for something.

A message says which database, what it answered and whether anything was changed; a password is
never part of it. What no user can help stays the error that it is.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from galley.errors import (
    ContendedError,
    CorruptHomeError,
    GalleyError,
    StorageError,
    UnavailableError,
    UsageError,
)

BUSY_SECONDS = 30.0
"""How long a command waits for another one's lock on a SQLite database."""

UNCERTAIN = (
    "what was being written then is there whole or not at all; look with `galley runs`, "
    "then run the same command again"
)
AGAIN = "run the same command again"
_RIGHTS = "GRANT USAGE, CREATE ON SCHEMA public TO the user in GALLEY_DATABASE, which makes tables"


@dataclass(frozen=True, slots=True)
class _Answer:
    """What to say to an answer of PostgreSQL whose SQLSTATE begins with ``state``."""

    state: str
    kind: type[GalleyError]
    said: str
    hint: str


_ANSWERS = (
    _Answer(
        "25006",
        StorageError,
        "is read-only; nothing was changed",
        "use the primary server rather than a standby, and a user and database for which "
        "default_transaction_read_only is off",
    ),
    _Answer("42501", StorageError, "refused this user; nothing was changed", _RIGHTS),
    _Answer("3F", StorageError, "has no schema to make tables in", _RIGHTS),
    _Answer("53100", StorageError, "has no disk space left; nothing was changed", AGAIN),
    _Answer("53", UnavailableError, "has run short of something; nothing was changed", AGAIN),
    _Answer("40001", ContendedError, "ended a transaction for another one's sake", AGAIN),
    _Answer("40P01", ContendedError, "ended a transaction for another one's sake", AGAIN),
    _Answer("40", UnavailableError, "ended a transaction for another one's sake", AGAIN),
    _Answer("55P03", UnavailableError, "kept a row locked for too long", AGAIN),
    _Answer("57014", UnavailableError, "ended a statement that took too long", AGAIN),
    _Answer("57P", UnavailableError, "is going down or coming up", UNCERTAIN),
    _Answer("25P", UnavailableError, "ended a transaction that took too long", UNCERTAIN),
    _Answer("08", UnavailableError, "does not answer any more", UNCERTAIN),
    _Answer("XX001", CorruptHomeError, "is damaged", "restore it from a backup"),
    _Answer("XX002", CorruptHomeError, "is damaged", "restore it from a backup"),
)

_REFUSALS = (
    ("password authentication failed", "correct the user or the password in GALLEY_DATABASE"),
    ("no password supplied", "put the password into GALLEY_DATABASE, PGPASSWORD or ~/.pgpass"),
    ("no pg_hba.conf entry", "let this host and user in with the server's pg_hba.conf"),
    ("does not exist", "correct GALLEY_DATABASE, or make it with `createdb` or `createuser`"),
    ("is not permitted to log in", "let the role log in, or name another in GALLEY_DATABASE"),
    ("resolve", "correct the host in GALLEY_DATABASE"),
    ("name or service not known", "correct the host in GALLEY_DATABASE"),
    ("too many clients", "let the server take more connections, or set a pooler before it"),
    ("connection slots", "let the server take more connections, or set a pooler before it"),
)
"""What a server says that lets nobody in, and what to do about it."""

_SECRETS = re.compile(r"(?i)(password|passfile|sslpassword|sslkey)=[^&\s]*")


def place_of(url: URL) -> str:
    """A database's address as it may be shown: without password and options."""
    if url.get_backend_name() == "sqlite":
        return url.database or ":memory:"
    socket = url.query.get("host")
    host = url.host or (socket if isinstance(socket, str) else ",".join(socket or ())) or ""
    user = f"{url.username}@" if url.username else ""
    port = f":{url.port}" if url.port else ""
    return f"postgresql://{user}{host}{port}/{url.database or ''}"


def translated(error: DBAPIError, url: URL) -> Exception:
    """The error to raise instead, or the same one if it is a defect."""
    if isinstance(error.orig, sqlite3.Error):
        return _of_sqlite(error, place_of(url))
    return _of_postgresql(error, url)


def _of_postgresql(error: DBAPIError, url: URL) -> Exception:
    said = _first_lines(str(error.orig), url)
    state: str = getattr(error.orig, "sqlstate", None) or ""
    answer = next((one for one in _ANSWERS if state.startswith(one.state)), None)
    if answer is not None:
        text = f"the state database {place_of(url)} {answer.said}: {said}"
        return answer.kind(text, hint=answer.hint)
    name = type(error.orig).__name__
    if name == "ProgrammingError" and not state and "connection option" in said:
        return UsageError(
            f"the address of the state database {place_of(url)} has an option that PostgreSQL "
            f"does not know: {said}",
            hint="correct what stands behind the ? in GALLEY_DATABASE",
        )
    lost = error.connection_invalidated or name == "InterfaceError"
    if not lost and (state or name != "OperationalError"):
        return error
    hint = next((hint for part, hint in _REFUSALS if part in said.lower()), None)
    if hint is None:
        unborn = error.statement is None and not error.connection_invalidated
        hint = "start it, or correct GALLEY_DATABASE" if unborn else UNCERTAIN
    return UnavailableError(
        f"the state database {place_of(url)} does not answer: {said}", hint=hint
    )


def _first_lines(text: str, url: URL) -> str:
    """What the server said, in one line, without the password."""
    said = _SECRETS.sub(r"\1=***", " ".join(text.split()))
    if url.password:
        said = said.replace(str(url.password), "***")
    return said if len(said) <= 400 else f"{said[:400]} …"


def _of_sqlite(error: DBAPIError, place: str) -> Exception:
    text = str(error.orig)
    if "malformed" in text or "not a database" in text:
        return CorruptHomeError(
            f"the state database cannot be read: {text} ({place})",
            hint="restore galley.db from a backup; the warehouse's files were not touched",
        )
    if not isinstance(error.orig, sqlite3.OperationalError):
        return error
    if any(part in text for part in ("disk is full", "disk I/O", "readonly", "unable to open")):
        return StorageError(
            f"the state database {place} cannot be written: {text}; the change was not made",
            hint="free some space or mend the permissions, then run the same command again",
        )
    if "locked" in text:
        return UnavailableError(
            f"another command kept the state database {place} locked for {BUSY_SECONDS:.0f} s",
            hint=AGAIN,
        )
    if "no such table" in text or "no such column" in text:
        return error
    return UnavailableError(f"the state database {place} does not answer: {text.strip()}")
