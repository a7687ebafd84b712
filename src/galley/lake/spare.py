"""A database opened ahead of its use, and used ones closed behind it.

Opening one costs 11 ms and closing it 2.5 ms, more than writing a small table: both are done while
nobody waits. Every attempt gets a fresh in-memory database all the same; the spare has never been
used. It belongs to the process that opened it and is not inherited by a fork.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Limits:
    """What a database may use: threads, and bytes of memory."""

    threads: int
    memory: int

    def put_on(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Set them. It takes half a millisecond, so the spare has those of the last one."""
        connection.execute(f"SET threads = {self.threads}")
        connection.execute(f"SET memory_limit = '{max(self.memory // 2**20, 64)}MiB'")


@dataclass(slots=True)
class _Shelf:
    fresh: duckdb.DuckDBPyConnection | None = None
    limits: Limits | None = None
    used: list[duckdb.DuckDBPyConnection] = field(default_factory=list)

    def tidy(self) -> None:
        """Close what was used."""
        while self.used:
            self.used.pop().close()


_shelves: dict[int, _Shelf] = {}
"""By process; only those that rest between tasks have one."""


def keep() -> None:
    """Close used databases, and open one for the next ``take`` unless one is there."""
    shelf = _shelves.setdefault(os.getpid(), _Shelf())
    shelf.tidy()
    if shelf.fresh is None:
        shelf.fresh = _open()
        if shelf.limits is not None:
            shelf.limits.put_on(shelf.fresh)


def take(limits: Limits) -> duckdb.DuckDBPyConnection:
    """A fresh in-memory database: UTC, no extensions by themselves, no Python variables."""
    shelf = _shelves.get(os.getpid(), _Shelf())
    shelf.tidy()
    fresh, shelf.fresh = shelf.fresh, None
    known, shelf.limits = shelf.limits, limits
    if fresh is None or known != limits:
        fresh = fresh or _open()
        limits.put_on(fresh)
    return fresh


def put_away(connection: duckdb.DuckDBPyConnection) -> None:
    """Close a database with the next ``keep`` or ``take``; at once where there is no ``keep``."""
    shelf = _shelves.get(os.getpid())
    if shelf is None:
        connection.close()
    else:
        shelf.used.append(connection)


def _open() -> duckdb.DuckDBPyConnection:
    import duckdb

    con = duckdb.connect(
        ":memory:",
        config={
            "autoload_known_extensions": "false",
            "autoinstall_known_extensions": "false",
            "python_enable_replacements": "false",
            "python_scan_all_frames": "false",
            # Writes beside the query: one that fails while they are under way never returns
            # (DuckDB 2.0: the abort waits for a writer that waits for the abort's lock).
            "async_threads": "0",
        },
    )
    con.execute("SET GLOBAL TimeZone = 'UTC'")
    # It would go to stdout, between the rows that somebody reads.
    con.execute("SET enable_progress_bar = false")
    return con
