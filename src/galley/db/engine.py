"""Opening the database and its units of work.

Reading takes a short deferred snapshot; writing takes the write lock at once on SQLite
(``BEGIN IMMEDIATE``), so that a unit of work never fails half way for want of a lock.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, PoolProxiedConnection, QueuePool

from galley.db import deferred
from galley.db.failures import BUSY_SECONDS, place_of, translated
from galley.errors import MissingExtraError, UsageError

_POSTGRESQL = {
    # Prepared statements are session state, which a pooler in transaction mode breaks.
    "prepare_threshold": None,
    # The driver begins nothing by itself: ``_begin_postgresql`` does, in one round trip.
    "autocommit": True,
    "connect_timeout": 10,
    # A server that is gone without a word must not hold a command for hours.
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 40_000,
    "application_name": "galley",
}
"""How to connect; what the address itself says goes before."""

_RESTED = 0.2
_BEGIN = {
    # One snapshot for all that a reader looks at, as on SQLite.
    "DEFERRED": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "IMMEDIATE": "BEGIN ISOLATION LEVEL READ COMMITTED",
    # What a crash of the server loses is then always the newest commits and never an earlier one
    # than it keeps: whatever is committed durably carries all notes before it along.
    "NOTED": "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit TO off",
}
"""How units of work begin on PostgreSQL: told with each BEGIN, never as a setting of a session."""


class Database:
    """One state database: the only giver of connections. ``place`` is its address for messages.

    ``write(durable=True)`` returns only when the change would survive a power cut. Without it the
    last moments before one may be lost, all that came after them included: enough for what is
    found out or done again, and whose loss nobody else has acted upon.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        self.place = place_of(engine.url)
        self._watching: PoolProxiedConnection | None = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only snapshot.

        Raises:
            CorruptHomeError: the database file cannot be read.
            UnavailableError: the database does not answer.
        """
        with self._translated(), self.engine.connect() as connection:
            connection.execution_options(galley_begin="DEFERRED")
            with connection.begin():
                yield connection

    @contextmanager
    def write(self, *, durable: bool = True, share: int | None = None) -> Iterator[Connection]:
        """A unit of work that commits at the end or leaves nothing behind.

        ``share`` is the number of an advisory lock to have with others until then; on SQLite, where
        every writer is alone, there is none.

        Raises:
            CorruptHomeError: the database file cannot be read.
            StorageError: the disk is full or read-only; nothing was changed.
            UnavailableError: the database does not answer.
        """
        with self._translated(), self.engine.connect() as connection:
            begin = "IMMEDIATE" if durable else "NOTED"
            if self.is_sqlite:
                begin = "IMMEDIATE"
                _set_durable(connection, durable)
            connection.execution_options(
                galley_begin=begin, galley_share=share, **{deferred.OPTION: {}}
            )
            with connection.begin():
                yield connection
                deferred.flush(connection)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            told = translated(error, self.engine.url)
            if told is error:
                raise
            raise told from error

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
            connect_args={k: v for k, v in _POSTGRESQL.items() if k not in parsed.query},
        )
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "PostgreSQL needs the driver psycopg, which is not installed",
            hint="pip install 'galley-dataops[postgres]'",
        ) from error
    _ask_after_rest(engine)
    event.listen(engine, "begin", _begin_postgresql)
    return Database(engine)


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
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


def _ask_after_rest(engine: Engine) -> None:
    """Ask a connection that nobody used for a while whether it is there still.

    One that is new or busy is not asked before each unit of work, which would cost a round trip:
    should it be gone, that is told, and whoever goes on for long begins anew.
    """
    refusals = engine.dialect.loaded_dbapi.Error

    def note(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info["used"] = time.monotonic()

    def ask(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        used = record.info.get("used")
        if used is None or time.monotonic() - used < _RESTED:
            return
        try:
            engine.dialect.do_ping(connection)
        except refusals as error:
            # The pool opens another one in its place.
            raise DisconnectionError from error

    event.listen(engine, "checkin", note)
    event.listen(engine, "checkout", ask)


def _open_sqlite(url: str) -> Engine:
    engine = create_engine(
        url,
        poolclass=NullPool if ":memory:" in url else QueuePool,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    _write_ahead(connection)
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.execute("PRAGMA cache_size=-16000")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Use the write-ahead log; who asks while another turns it on is refused, not kept waiting."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    mode = connection.get_execution_options().get("galley_begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")


def _begin_postgresql(connection: Connection) -> None:
    options = connection.get_execution_options()
    begin = _BEGIN[options.get("galley_begin", "IMMEDIATE")]
    if (lock := options.get("galley_share")) is not None:
        begin += f"; SELECT pg_advisory_xact_lock_shared({lock:d})"
    connection.exec_driver_sql(begin)


def _set_durable(connection: Connection, durable: bool) -> None:
    raw = connection.connection.dbapi_connection
    if raw is None:  # pragma: no cover - a checked-out connection always has one
        return
    record: dict[str, Any] = connection.info
    if record.get("durable", True) is not durable:
        raw.cursor().execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        record["durable"] = durable
