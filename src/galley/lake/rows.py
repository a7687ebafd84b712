"""Bulk inserts that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

Item = TypeVar("Item")

BATCH = 2000
"""Rows of one insert; keeps memory flat for catalogues of any size."""

NAMES = 500
"""Names in one ``IN`` list, far below what either database takes."""


def batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """The items in order, at most ``size`` at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))


def insert_rows(conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert all rows; a key that is there already is an error of the database."""
    for batch in batches(rows, BATCH):
        conn.execute(table.insert(), batch)


def upsert(conn: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An insert statement of this database that can say what to do about a key that exists."""
    if conn.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def insert_missing(conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows whose key is not there yet."""
    statement = upsert(conn, table).on_conflict_do_nothing()
    for batch in batches(rows, BATCH):
        conn.execute(statement, batch)


def insert_first(conn: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert a row unless its key is there already; whether this call did.

    A concurrent insert of the same key is waited for, so exactly one of two callers is told True.
    """
    statement = upsert(conn, table).values(**row).on_conflict_do_nothing()
    return conn.execute(statement.returning(*table.primary_key)).first() is not None
