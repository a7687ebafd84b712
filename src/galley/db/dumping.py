"""The rows of a database as plain lines, and lines as rows: the same for SQLite and PostgreSQL.

A table is one gzip file: a line with the columns' names, then a JSON array for each row. Values
are as the database holds them; bytes are ``{"base64": ...}``.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import IO, Any

from sqlalchemy import Column, Connection, MetaData, Table, func, insert, select
from sqlalchemy.types import TypeDecorator

from galley.db.base import metadata

ROWS = 1000
"""Rows that are read or written at once."""


def names() -> list[str]:
    """All tables of this version, sorted."""
    return sorted(metadata.tables)


def dump(connection: Connection, name: str, into: IO[bytes]) -> int:
    """Write a table's rows; says how many there were."""
    table = _plain(metadata.tables[name])
    count = 0
    with gzip.GzipFile(fileobj=into, mode="wb", compresslevel=3, mtime=0) as squeezed:
        squeezed.write(_line([column.name for column in table.columns]))
        streamed = connection.execution_options(stream_results=True, yield_per=ROWS)
        for some in streamed.execute(select(table)).partitions():
            squeezed.write(b"".join(_line([_told(value) for value in row]) for row in some))
            count += len(some)
    return count


def load(connection: Connection, name: str, source: IO[bytes]) -> int:
    """Insert the rows of a dump into the table, which is empty; says how many there were.

    Raises:
        ValueError: these are no such lines.
        SQLAlchemyError: the table is not as it was when they were written.
    """
    table = Table(name, MetaData(), autoload_with=connection)
    count = 0
    with gzip.GzipFile(fileobj=source, mode="rb") as lines:
        columns = json.loads(lines.readline())
        rows = (dict(zip(columns, map(_meant, json.loads(line)), strict=True)) for line in lines)
        while some := list(islice(rows, ROWS)):
            connection.execute(insert(table), some)
            count += len(some)
    return count


def go_on_counting(connection: Connection, wanted: Sequence[str]) -> None:
    """Let PostgreSQL number the next row of each table after the last; SQLite looks by itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in _numbered(wanted):
        column = table.autoincrement_column
        if column is not None:
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            connection.execute(select(func.setval(sequence, func.max(column))))


def _numbered(wanted: Sequence[str]) -> Iterator[Table]:
    for table in metadata.sorted_tables:
        if table.name in wanted and table.autoincrement_column is not None:
            yield table


def _plain(table: Table) -> Table:
    """The table with columns that give what is stored."""
    columns = (
        Column(one.name, one.type.impl if isinstance(one.type, TypeDecorator) else one.type)
        for one in table.columns
    )
    return Table(table.name, MetaData(), *columns)


def _line(values: list[Any]) -> bytes:
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _told(value: Any) -> Any:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _meant(value: Any) -> Any:
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value
