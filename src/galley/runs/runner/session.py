"""The DuckDB connection of one attempt: its inputs, its folders, nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from galley.lake import reading, spare
from galley.lake.model import Format
from galley.lake.types import Field, from_duckdb
from galley.runs import processes
from galley.runs.protocol import StepTask

if TYPE_CHECKING:
    import duckdb

_LARGE = 512 << 20
"""Bytes of a process whose databases are not left open."""


@contextmanager
def session(
    task: StepTask, *, read: Iterable[str] = (), inputs: bool = True
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection on which the task's inputs are views, closed at the end.

    ``read`` are further files it may read. Without ``inputs`` no table is mounted.
    """
    connection = open_session(task, read=read, inputs=inputs)
    try:
        yield connection
    finally:
        _put_away(connection)


def _put_away(connection: duckdb.DuckDBPyConnection) -> None:
    """Close it when nobody waits, unless it may hold memory that the metrics need."""
    if processes.resident(os.getpid()) > _LARGE:
        connection.close()
    else:
        spare.put_away(connection)


def open_session(
    task: StepTask, *, read: Iterable[str] = (), inputs: bool = True
) -> duckdb.DuckDBPyConnection:
    """The same, to be closed by the caller."""
    connection = reading.connect(
        threads=task.threads, memory=task.memory, scratch=task.scratch, warehouse=task.store
    )
    try:
        if inputs:
            _mount(connection, task)
        folders = (task.warehouse, task.scratch)
        reading.lock(connection, read=read, write=folders)
    except BaseException:
        connection.close()
        raise
    return connection


def columns_of_query(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object]
) -> tuple[Field, ...]:
    """The columns of a query as table columns, numbered from one, without running it."""
    described = connection.execute(f"SELECT * FROM ({sql}\n) LIMIT 0", dict(parameters)).description
    return tuple(
        Field(number, name, from_duckdb(type_, name))
        for number, (name, type_, *_) in enumerate(described or (), start=1)
    )


def _mount(connection: duckdb.DuckDBPyConnection, task: StepTask) -> None:
    tables = {
        name: version for name, version in task.inputs.items() if version.format is not Format.FILE
    }
    reading.mount(connection, task.store, tables, project=task.project)
