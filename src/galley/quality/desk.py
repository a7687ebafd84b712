"""The one place where tests meet DuckDB: a locked connection on the versions under test."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galley.clock import to_datetime
from galley.errors import GalleyError
from galley.lake import reading
from galley.lake.model import Format, Version
from galley.lake.reading import FileInfo
from galley.lake.types import quote
from galley.lake.warehouse import Warehouse, store_answer
from galley.quality.literals import CheckError, parameters
from galley.quality.verdicts import plain
from galley.runs import scratch
from galley.runs.protocol import TestTask

if TYPE_CHECKING:
    import duckdb

_KIND = re.compile(r"^[A-Z][\w ]+ Error: ")
_UNKNOWN = re.compile(r'[Cc]olumn (?:named )?"([^"]+)"')
_LONGEST_MESSAGE = 400
Rows = tuple[list[str], list[tuple[Any, ...]]]


@dataclass(slots=True)
class Desk:
    """Runs queries for tests. ``broken`` says of a table why it cannot be read."""

    con: duckdb.DuckDBPyConnection
    warehouse: Warehouse
    versions: Mapping[str, Version]
    known: dict[str, Any]
    broken: dict[str, str] = field(default_factory=dict)
    _files: dict[str, tuple[FileInfo, ...] | None] = field(default_factory=dict)

    def row(self, sql: str) -> tuple[Any, ...]:
        """The one row of a query. Raises ``CheckError`` with DuckDB's words, trimmed."""
        _, rows = self._rows(sql)
        return rows[0] if rows else ()

    def named_row(self, sql: str) -> dict[str, Any]:
        """The one row of a query by its column names."""
        names, rows = self._rows(sql)
        return dict(zip(names, rows[0], strict=True)) if rows else {}

    def sample(self, sql: str, limit: int) -> tuple[dict[str, Any], ...]:
        """At most ``limit`` rows as plain values."""
        names, rows = self._rows(f"SELECT * FROM (\n{sql}\n) LIMIT {limit}")
        return tuple(plain(dict(zip(names, row, strict=True))) for row in rows)

    def _rows(self, sql: str) -> Rows:
        import duckdb

        bound = parameters(sql, self.known)
        try:
            self._only_select(sql)
            return _fetched(self.con.sql(sql, params=bound or None))
        except duckdb.Error as error:
            raise CheckError(*trimmed(str(error))) from error
        except (OverflowError, ValueError) as error:  # a date that Python has no word for
            raise CheckError(f"a value cannot be shown: {error}") from error

    def _only_select(self, sql: str) -> None:
        import duckdb

        found = self.con.extract_statements(sql)
        if len(found) != 1 or found[0].type != duckdb.StatementType.SELECT:
            raise CheckError("a test only reads: it is one SELECT")

    def files(self, table: str) -> tuple[FileInfo, ...] | None:
        """The table's files with their statistics; ``None`` where there are none to look at."""
        if table not in self._files:
            version = self.versions[table]
            iceberg = version.format is Format.ICEBERG and table not in self.broken
            self._files[table] = reading.data_files(self.warehouse, version) if iceberg else None
        return self._files[table]


@contextmanager
def desk(task: TestTask) -> Iterator[Desk]:
    """A desk on the task's versions, closed at the end."""
    with _connection(task) as con:
        warehouse = task.store
        broken = _mount(con, warehouse, task)
        yield Desk(con, warehouse, task.versions, known_values(task), broken)


@contextmanager
def _connection(task: TestTask) -> Iterator[duckdb.DuckDBPyConnection]:
    """A locked database, kept by the process and emptied between tasks.

    It outlives the task, so where it spills to is the process's folder beside the task's own.
    Tests in Python, whose code gets hold of the connection, have one of their own.
    """
    fresh = any(test.type == "python" for test in task.tests)
    key = (os.getpid(), task.store, task.threads, task.memory)
    con = None if fresh else _kept.pop(key, None)
    if con is None:
        folder = scratch.own(Path(task.scratch).parent)
        Path(folder).parent.mkdir(parents=True, exist_ok=True)
        con = reading.connect(
            threads=task.threads, memory=task.memory, scratch=folder, warehouse=task.store
        )
        reading.lock(con, read=(task.warehouse,), write=(folder,))
    try:
        yield con
    except BaseException:
        con.close()
        raise
    if fresh:
        con.close()
    else:
        _empty(con)
        _kept[key] = con


_kept: dict[tuple[int, Warehouse, int, int], duckdb.DuckDBPyConnection] = {}


def _empty(con: duckdb.DuckDBPyConnection) -> None:
    """Take away whatever the last task mounted."""
    views = con.execute(
        "SELECT schema_name, view_name FROM duckdb_views() WHERE NOT internal"
    ).fetchall()
    for schema, view in views:
        con.execute(f"DROP VIEW IF EXISTS {quote(schema)}.{quote(view)} CASCADE")
    schemas = con.execute(
        "SELECT schema_name FROM duckdb_schemas() WHERE NOT internal AND schema_name <> 'main'"
    ).fetchall()
    for (schema,) in schemas:
        con.execute(f"DROP SCHEMA IF EXISTS {quote(schema)} CASCADE")


def _fetched(relation: duckdb.DuckDBPyRelation) -> Rows:
    """Names and rows. Instants take the way through Arrow: DuckDB's own needs another library."""
    if not any("WITH TIME ZONE" in str(type_) for type_ in relation.types):
        return relation.columns, relation.fetchall()
    table = relation.to_arrow_table()
    columns = [column.to_pylist() for column in table.columns]
    return relation.columns, list(zip(*columns, strict=True))


def known_values(task: TestTask) -> dict[str, Any]:
    """The values that a test's SQL may name: variables, ``$now`` and the edges of the windows."""
    known = {**task.variables, "now": to_datetime(task.now)}
    if task.spans:
        known["start"] = min(span.start for span in task.spans)
        known["end"] = max(span.end for span in task.spans)
    return known


def _mount(con: duckdb.DuckDBPyConnection, warehouse: Warehouse, task: TestTask) -> dict[str, str]:
    """Mount all versions at once; if that fails one by one, so that only the bad are missing."""
    import duckdb

    tables = {key: one for key, one in task.versions.items() if one.format is not Format.FILE}
    try:
        reading.mount(con, warehouse, tables, project=task.project)
    except (GalleyError, duckdb.Error, OSError):
        return _mount_singly(con, warehouse, tables, task.project)
    return {}


def _mount_singly(
    con: duckdb.DuckDBPyConnection, warehouse: Warehouse, tables: dict[str, Version], project: str
) -> dict[str, str]:
    import duckdb

    broken = {}
    for key in sorted(tables, key=lambda name: tables[name].format is Format.VIEW):
        try:
            reading.mount(con, warehouse, {key: tables[key]}, project=project)
        except (GalleyError, duckdb.Error, OSError) as error:
            broken[key] = f"table {key} cannot be read: {trimmed(str(error))[0]}"
    return broken


def trimmed(text: str) -> tuple[str]:
    """DuckDB's message without its kind, its picture of the statement and its guesses.

    A misspelt column is followed by the nearest one there is.
    """
    answer = store_answer(text)
    if answer:
        return (answer[0],)
    message = _KIND.sub("", text.split("\n\nLINE ")[0].split("\nLINE ")[0]).strip()
    first, _, rest = message.partition("\nCandidate bindings: ")
    unknown = _UNKNOWN.search(first)
    candidates = re.findall(r'"([^"]+)"', rest)
    near = get_close_matches(unknown[1], candidates, 1, 0.4) if unknown and candidates else []
    first = " ".join(first.split())[:_LONGEST_MESSAGE]
    return (f"{first}; did you mean {near[0]!r}?" if near else first,)
