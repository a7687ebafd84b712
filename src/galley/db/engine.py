"""Opening the database and its units of work.

Reading takes a short deferred snapshot; writing takes the write lock at once on SQLite
(``BEGIN IMMEDIATE``), so that a unit of work never fails half way for want of a lock.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlalchemy.pool import NullPool, PoolProxiedConnection, QueuePool

from galley.errors import (
    CorruptHomeError,
    MissingExtraError,
    StorageError,
    UnavailableError,
    UsageError,
)

_BUSY_SECONDS = 30.0


class Database:
    """One state database: the only giver of connections.

    ``write(durable=True)`` returns only when the change would survive a power cut.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._watching: PoolProxiedConnection | None = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only snapshot.

        Raises:
            CorruptHomeError: the database file cannot be read.
            UnavailableError: the database does not answer.
        """
        with _translated(), self.engine.connect() as connection:
            connection.execution_options(galley_begin="DEFERRED")
            with connection.begin():
                yield connection

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """A unit of work that commits at the end or leaves nothing behind.

        Raises:
            CorruptHomeError: the database file cannot be read.
            StorageError: the disk is full or read-only; nothing was changed.
            UnavailableError: the database does not answer.
        """
        with _translated(), self.engine.connect() as connection:
            if self.is_sqlite:
                _set_durable(connection, durable)
            connection.execution_options(galley_begin="IMMEDIATE")
            with connection.begin():
                yield connection

    def mark(self) -> int | None:
        """A number that is another one after every commit, this process's own included.

        It costs microseconds, where looking for news costs milliseconds. ``None`` where the
        database has no such number: then only looking tells. SQLite's ``data_version`` counts the
        commits of other connections, so a connection that never writes is kept for it.
        """
        if not self.is_sqlite or not isinstance(self.engine.pool, QueuePool):
            return None
        try:
            if self._watching is None:
                self._watching = self.engine.raw_connection()
            cursor = self._watching.cursor()
            cursor.execute("PRAGMA data_version")
            (found,) = cursor.fetchall()
        except (sqlite3.Error, DatabaseError):  # whoever looks next tells what is wrong
            return None
        return int(found[0])

    def close(self) -> None:
        """Give all connections back."""
        if self._watching is not None:
            self._watching.close()
            self._watching = None
        self.engine.dispose()


def open_database(url: str) -> Database:
    """Open a database by its SQLAlchemy URL (``sqlite:///…`` or ``postgresql+psycopg://…``).

    Raises:
        MissingExtraError: the driver for PostgreSQL is not installed.
        UsageError: it is the address of no such database.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        return Database(_open_sqlite(url))
    try:
        engine = create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            poolclass=QueuePool,
            pool_pre_ping=True,
            # Prepared statements are session state, which a pooler in transaction mode breaks.
            connect_args={"prepare_threshold": None, "connect_timeout": 10},
        )
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "PostgreSQL needs the driver psycopg, which is not installed",
            hint="pip install 'galley-dataops[postgres]'",
        ) from error
    return Database(engine)


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise UsageError(
            "the address of the state database names no SQLite or PostgreSQL database",
            hint="postgresql://USER@HOST/DATABASE, or leave GALLEY_DATABASE out for SQLite",
        )
    return parsed


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite database file."""
    return f"sqlite:///{path}"


def _open_sqlite(url: str) -> Engine:
    engine = create_engine(
        url,
        poolclass=NullPool if ":memory:" in url else QueuePool,
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.execute("PRAGMA cache_size=-16000")


def _begin_sqlite(connection: Connection) -> None:
    mode = connection.get_execution_options().get("galley_begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")


def _set_durable(connection: Connection, durable: bool) -> None:
    raw = connection.connection.dbapi_connection
    if raw is None:  # pragma: no cover - a checked-out connection always has one
        return
    record: dict[str, Any] = connection.info
    if record.get("durable", True) is not durable:
        raw.cursor().execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        record["durable"] = durable


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise _operational(error) from error
    except DatabaseError as error:
        if isinstance(error.orig, sqlite3.DatabaseError) and _is_corrupt(str(error.orig)):
            raise _corrupt(error) from error
        raise


def _is_corrupt(text: str) -> bool:
    return "malformed" in text or "not a database" in text


def _corrupt(error: DatabaseError) -> CorruptHomeError:
    return CorruptHomeError(
        f"the state database cannot be read: {error.orig}",
        hint="restore galley.db from a backup; the warehouse's files were not touched",
    )


def _operational(error: OperationalError) -> Exception:
    text = str(error.orig)
    if _is_corrupt(text):
        return _corrupt(error)
    if any(part in text for part in ("disk is full", "disk I/O", "readonly", "unable to open")):
        return StorageError(
            f"the state database cannot be written: {text}; the change was not made",
            hint="free some space or mend the permissions, then run the same command again",
        )
    if "locked" in text:
        return UnavailableError(
            f"another command kept the state database locked for {_BUSY_SECONDS:.0f} s",
            hint="run the same command again",
        )
    if "no such table" in text or "no such column" in text:
        return error
    return UnavailableError(f"the state database does not answer: {text.strip()}")
