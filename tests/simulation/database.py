"""The database of a simulation: SQLite in memory, which several use at the same time.

It behaves as PostgreSQL does to engines that share it. A reader has one snapshot. A writer sees
what others commit while it has changed and locked nothing yet; from its first change or lock on it
goes to its end without them, as if it had locked all rows. The lock of collection is one that many
share, and that who excludes them waits for. Any unit of work may be refused, or be carried out and
its reply be lost. Alone on a home it behaves as a SQLite file does.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import StaticPool
from sqlalchemy.util import immutabledict

from galley.db import deferred
from galley.db.base import metadata
from galley.db.engine import Database
from galley.errors import UnavailableError
from tests.simulation import statements, watch
from tests.simulation.statements import DIALECT, Parameters, Prepared, Rows, Statements
from tests.simulation.world import MILLISECOND, World

_STATEMENTS = Statements()


class _Dialect:
    """What a connection says of its database; statements are SQLite's in any case."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.identifier_preparer = DIALECT.identifier_preparer


_POSTGRESQL, _SQLITE = _Dialect("postgresql"), _Dialect("sqlite")


class SimulatedConnection(Connection):
    """A unit of work."""

    def __init__(self, database: SimulatedDatabase, *, alone: bool) -> None:
        self._database = database
        self._raw = database.raw
        self._begun = False
        self._shares = False
        self._alone = alone
        self._execution_options = immutabledict({deferred.OPTION: {}})
        self._nested = False
        self.dialect = _SQLITE if database.is_sqlite else _POSTGRESQL  # type: ignore[assignment]

    def execute(self, statement: Any, parameters: Parameters = None, **_more: Any) -> Any:
        """Carry a statement out."""
        prepared, extracted = _STATEMENTS.prepare(statement, parameters)
        if not self._begun:
            self._approach(prepared)
        return statements.run(self._raw, prepared, parameters, extracted)

    def scalar(self, statement: Any, parameters: Parameters = None, **_more: Any) -> Any:
        """The first value."""
        return self.execute(statement, parameters).scalar()

    def scalars(self, statement: Any, parameters: Parameters = None, **_more: Any) -> Any:
        """The first value of each row."""
        found: Rows = self.execute(statement, parameters)
        return found.scalars()

    @contextmanager
    def begin_nested(self) -> Iterator[None]:  # type: ignore[override]
        """A part that may fail by itself."""
        self._begin()
        self._raw.execute("SAVEPOINT part")
        self._nested = True
        try:
            yield
        except BaseException:
            self._raw.execute("ROLLBACK TO part")
            raise
        finally:
            self._nested = False
            self._raw.execute("RELEASE part")

    def in_nested_transaction(self) -> bool:
        """Whether it is in such a part."""
        return self._nested

    def end(self, *, commit: bool) -> bool:
        """End the unit of work; whether it had changed anything."""
        self._database.sharing -= self._shares
        self._shares = False
        if self._begun:
            self._raw.execute("COMMIT" if commit else "ROLLBACK")
        return self._begun

    def _approach(self, prepared: Prepared) -> None:
        """Before the first change others may come in between."""
        if prepared.shares:
            self.share()
        elif prepared.excludes:
            self._exclude()
        elif prepared.changes:
            self._begin()
        elif not self._alone:
            self._database.world.breathe()

    def share(self) -> None:
        """From here on no collection judges; others may still come in between."""
        if self._alone:
            self._begin()
        elif not self._shares:
            self._shares = True
            self._database.sharing += 1

    def _exclude(self) -> None:
        """Wait until nobody shares; from here on nobody comes in between."""
        while self._database.sharing > self._shares:
            self._database.world.sleep(MILLISECOND)
        self._begin()

    def _begin(self) -> None:
        if not self._begun:
            self._raw.execute("BEGIN")
            self._begun = True


class SimulatedDatabase(Database):
    """``alone``: it is a home's own file, where writers take turns from their beginning on."""

    def __init__(self, world: World, *, alone: bool) -> None:
        super().__init__(_engine())
        self.is_sqlite = alone
        self.world = world
        self.raw = _connection()
        self.raw.deserialize(_image())
        self.transactions = 0
        self.changes = 0
        self.sharing = 0
        self.forgotten: set[str] = set()
        """The attempts that nobody knows of any more, though somebody may have begun them."""

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot."""
        self.world.pause()
        self.transactions += 1
        yield SimulatedConnection(self, alone=True)

    @contextmanager
    def write(self, *, durable: bool = True, share: int | None = None) -> Iterator[Connection]:
        """A unit of work. One that need not be durable may be forgotten; nobody hears of that."""
        world = self.world
        world.pause()
        if world.fails(world.misfortune.refused):
            raise UnavailableError("the database refused")
        self.transactions += 1
        connection = SimulatedConnection(self, alone=self.is_sqlite)
        try:
            if share is not None:
                connection.share()
            yield connection
            deferred.flush(connection)
        except BaseException:
            connection.end(commit=False)
            raise
        forgotten = not durable and world.fails(world.misfortune.forgotten)
        known = self._attempts() if forgotten else set()
        self.changes += connection.end(commit=not forgotten)
        self.forgotten |= known - self._attempts() if known else known
        world.pause()
        if world.fails(world.misfortune.reply_lost):
            raise UnavailableError("the reply was lost; the change was made")

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """What the observer sees and does: no time passes."""
        connection = SimulatedConnection(self, alone=True)
        try:
            yield connection
            deferred.flush(connection)
        except BaseException:
            connection.end(commit=False)
            raise
        connection.end(commit=True)

    def _attempts(self) -> set[str]:
        return {id for (id,) in self.raw.execute("SELECT id FROM run_attempt")}

    def mark(self) -> int | None:
        """Another number after every commit, where the database is alone."""
        return self.changes if self.is_sqlite else None

    def close(self) -> None:
        """Nothing to give back: the connection is used again."""


@cache
def _engine() -> Any:
    return create_engine("sqlite://", poolclass=StaticPool)


@cache
def _connection() -> sqlite3.Connection:
    """One connection for all plays of this process, so that its statements stay prepared."""
    raw = sqlite3.connect(":memory:", isolation_level=None, cached_statements=4096)
    for name in ("pg_advisory_xact_lock", "pg_advisory_xact_lock_shared"):
        raw.create_function(name, 1, _no_lock)
    return raw


def _no_lock(_key: int) -> None:
    """The lock is in the order of things: see ``SimulatedConnection``."""


@cache
def _image() -> bytes:
    """An empty database with the whole schema, and what watches over it."""
    raw = sqlite3.connect(":memory:", isolation_level=None)
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
    with engine.begin() as connection:
        metadata.create_all(connection)
    for statement in watch.TRIGGERS:
        raw.execute(statement)
    return raw.serialize()
