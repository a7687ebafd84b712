"""Removing a project from the state database: everything that bears its name or hangs on that."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Table, delete, select

from galley.db.base import metadata
from galley.lake import tables as lake
from galley.lake.rows import NAMES, batches
from galley.runs import tables as runs


def remove_project(connection: Connection, project: str) -> int:
    """Delete every row of a project; returns how many there were. Its files are left alone."""
    commits = list(
        connection.scalars(select(lake.commit.c.id).where(lake.commit.c.project == project))
    )
    its_runs = list(connection.scalars(select(runs.run.c.id).where(runs.run.c.project == project)))
    hanging = {
        "commit_id": commits,
        "run_id": its_runs,
        "table_id": _table_ids(connection, commits),
    }
    removed = 0
    for table in reversed(metadata.sorted_tables):
        if "project" in table.c:
            found = connection.execute(delete(table).where(table.c.project == project))
            removed += found.rowcount
            continue
        column = next((name for name in hanging if name in table.c), None)
        if column is not None:
            removed += _delete(connection, table, column, hanging[column])
    return removed


def _table_ids(connection: Connection, commits: Sequence[str]) -> list[str]:
    found: set[str] = set()
    for some in batches(commits, NAMES):
        found.update(
            connection.scalars(
                select(lake.entry.c.table_id).where(lake.entry.c.commit_id.in_(some)).distinct()
            )
        )
    return sorted(found)


def _delete(connection: Connection, table: Table, column: str, values: Sequence[str]) -> int:
    return sum(
        connection.execute(delete(table).where(table.c[column].in_(some))).rowcount
        for some in batches(values, NAMES)
    )
