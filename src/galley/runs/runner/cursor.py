"""Appending by cursor: of what a step yields, only rows beyond what the table holds are added.

Rows whose cursor is null cannot be told from those that are there, and are added only when the
table is first made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from galley.lake import reading
from galley.lake.types import quote
from galley.lake.warehouse import Warehouse
from galley.project.model import Materialize
from galley.runs.protocol import StepTask

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

MARK = "galley_cursor"
"""The parameter that holds the greatest cursor in the table."""


def newer(
    task: StepTask,
    warehouse: Warehouse,
    output: str,
    sql: str,
    parameters: Mapping[str, object],
) -> tuple[str, Mapping[str, object]]:
    """The query restricted to rows beyond the table's cursor, with its parameters."""
    mark = _mark(task, warehouse, output)
    if mark is None:
        return sql, parameters
    column = quote(task.step.cursor or "")
    text = f"SELECT * FROM ({sql.rstrip().rstrip(';')}\n) WHERE {column} > ${MARK}"
    return text, {**parameters, MARK: mark}


@contextmanager
def newer_batches(
    task: StepTask,
    warehouse: Warehouse,
    output: str,
    batches: Iterable[pa.RecordBatch | pa.Table],
) -> Iterator[Iterable[pa.RecordBatch | pa.Table]]:
    """The batches restricted to rows beyond the table's cursor, one after another."""
    mark = _mark(task, warehouse, output)
    if mark is None:
        yield batches
        return
    with _connection(task) as con:
        yield _filtered(con, task, batches, mark)


def _filtered(
    con: duckdb.DuckDBPyConnection,
    task: StepTask,
    batches: Iterable[pa.RecordBatch | pa.Table],
    mark: object,
) -> Iterator[pa.RecordBatch | pa.Table]:
    import pyarrow as pa

    wanted = f"SELECT * FROM batch WHERE {quote(task.step.cursor or '')} > ${MARK}"
    for batch in batches:
        table = pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else batch
        con.register("batch", table)
        yield con.sql(wanted, params={MARK: mark}).to_arrow_table()
        con.unregister("batch")


def _mark(task: StepTask, warehouse: Warehouse, output: str) -> object | None:
    """The greatest cursor in the present version of a table that is appended to by cursor."""
    step, base = task.step, task.bases.get(output)
    if step.materialize is not Materialize.APPEND or step.cursor is None:
        return None
    if base is None or task.rebuild or step.window is not None:
        return None
    with _connection(task) as con:
        source = reading.version_sql(warehouse, base)
        found = con.sql(f"SELECT max({quote(step.cursor)}) AS mark FROM {source}").to_arrow_table()
        greatest: object = found.column("mark")[0].as_py()
    return greatest


@contextmanager
def _connection(task: StepTask) -> Iterator[duckdb.DuckDBPyConnection]:
    con = reading.connect(
        threads=task.threads, memory=task.memory, scratch=task.scratch, warehouse=task.store
    )
    try:
        yield con
    finally:
        con.close()
