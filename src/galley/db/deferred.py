"""What a unit of work writes at its end: rows that nothing in the same unit of work reads.

Alike ones then go together, which spares a round trip for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.sql.base import Executable

OPTION = "galley_deferred"
"""The execution option of a connection that holds what is to be written: rows by statement."""

Deferred = dict[int, tuple[Executable, list[Mapping[str, Any]]]]


def execute_later(connection: Connection, statement: Executable, row: Mapping[str, Any]) -> None:
    """Carry out a statement that is built once, at the end of the unit of work.

    At once where there is no such end: on a connection of somebody else's, and in a part of a unit
    of work that may be rolled back by itself.
    """
    waiting: Deferred | None = connection.get_execution_options().get(OPTION)
    if waiting is None or connection.in_nested_transaction():
        connection.execute(statement, row)
        return
    waiting.setdefault(id(statement), (statement, []))[1].append(row)


def flush(connection: Connection) -> None:
    """Carry out what waits."""
    waiting: Deferred = connection.get_execution_options()[OPTION]
    for statement, rows in waiting.values():
        connection.execute(statement, rows)
    waiting.clear()
