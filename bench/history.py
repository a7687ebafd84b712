"""What a home's database says about its runs, read as plain SQL: instants in microseconds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from bench.timing import BenchError


@contextmanager
def database(project: Path) -> Iterator[sqlite3.Connection]:
    """The home's database, for reading."""
    path = project / ".galley" / "galley.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as found:
        yield found


def rows(project: Path, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """The answer to one query."""
    with database(project) as found:
        return found.execute(sql, values).fetchall()


def pace(project: Path) -> float:
    """Seconds from one finished step to the next, from the first to the last of the last run.

    The engine's start and the publish are outside.
    """
    ((count, first, last),) = rows(
        project,
        "SELECT count(*), min(finished), max(finished) FROM run_step "
        "WHERE state = 'succeeded' AND run_id = (SELECT id FROM run ORDER BY created DESC LIMIT 1)",
    )
    if not count:
        raise BenchError("no step of the last run has succeeded")
    return float((last - first) / 1e6 / (count - 1))
