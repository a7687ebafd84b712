"""Many rows at once, in statements that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    String,
    Table,
    any_,
    insert,
    literal,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert

Item = TypeVar("Item")

BATCH = 2000
"""Rows of one insert; keeps memory flat for catalogues of any size."""

MANY = 20
"""From so many rows on it pays to insert them another way."""

NAMES = 500
"""Names in one ``IN`` list, far below what either database takes."""


ARRAY = 20_000
"""Names in one array."""


def batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """The items in order, at most ``size`` at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))


def among(
    conn: Connection, column: ColumnElement[str], values: Iterable[str]
) -> Iterator[ColumnElement[bool]]:
    """That a column is one of some values, each once; as many conditions as that takes.

    PostgreSQL takes them as one parameter, so that thousands of values are one statement.
    """
    distinct = sorted(set(values))
    if conn.dialect.name != "postgresql":
        yield from (column.in_(some) for some in batches(distinct, NAMES))
        return
    for some in batches(distinct, ARRAY):
        yield column == any_(literal(list(some), postgresql.ARRAY(String)))


def insert_rows(conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert all rows; a key that is there already is an error of the database."""
    for batch in batches(rows, BATCH):
        conn.execute(_insert(table), batch)


@cache
def _insert(table: Table) -> Insert:
    return insert(table)


def insert_many(conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert thousands of rows that name the same columns, which get no default from here.

    PostgreSQL takes them as one document: a statement for each row, or one with a parameter for
    each value, costs it several times as much.
    """
    if conn.dialect.name != "postgresql" or len(rows) < MANY:
        insert_rows(conn, table, rows)
        return
    quote = conn.dialect.identifier_preparer.quote
    names = ", ".join(quote(name) for name in rows[0])
    into = f"INSERT INTO {quote(table.name)} ({names})"
    there = f"json_populate_recordset(CAST(NULL AS {quote(table.name)}), CAST(:rows AS json))"
    encoders = {
        name: table.c[name].type.dialect_impl(conn.dialect).bind_processor(conn.dialect)
        for name in rows[0]
    }
    for batch in batches(rows, BATCH):
        plain = [
            {n: encode(row[n]) if encode else row[n] for n, encode in encoders.items()}
            for row in batch
        ]
        conn.execute(text(f"{into} SELECT {names} FROM {there}"), {"rows": json.dumps(plain)})


def upsert(conn: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An insert statement of this database that can say what to do about a key that exists."""
    if conn.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def insert_missing(conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows whose key is not there yet."""
    for batch in batches(rows, BATCH):
        conn.execute(_missing(conn.dialect.name, table), batch)


@cache
def _missing(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    wanted = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    return wanted.on_conflict_do_nothing()


def insert_first(conn: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert a row unless its key is there already; whether this call did.

    A concurrent insert of the same key is waited for, so exactly one of two callers is told True.
    """
    return conn.execute(_first(conn.dialect.name, table), row).first() is not None


@cache
def _first(dialect: str, table: Table) -> ReturningInsert[Any]:
    return _missing(dialect, table).returning(*table.primary_key)
