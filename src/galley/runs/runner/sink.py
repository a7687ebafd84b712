"""Where a step's rows go: into the warehouse, or into a preview."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from galley.lake.model import Change, Span
from galley.lake.schema import FieldIds
from galley.lake.writing import TableWrite, WriteJob
from galley.runs.protocol import StepTask
from galley.runs.runner import cursor
from galley.runs.runner.stored import remove_files

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


class Sink(Protocol):
    """Takes the rows of a step's outputs, each once per window."""

    preview: bool

    def query(
        self,
        output: str,
        connection: duckdb.DuckDBPyConnection,
        sql: str,
        parameters: Mapping[str, object],
        span: Span | None,
    ) -> None:
        """Take the rows of a query."""

    def batches(
        self, output: str, batches: Iterable[pa.RecordBatch | pa.Table], span: Span | None
    ) -> None:
        """Take rows batch by batch; the first one fixes the schema."""

    def show(self, output: str, connection: duckdb.DuckDBPyConnection) -> bool:
        """Have the connection see what was written to an output; whether there is anything."""

    def add(self, change: Change) -> None:
        """Take an output that is not a table of rows: a view or a file."""


class Staging:
    """Writes the outputs into the warehouse; nothing of it counts before its changes are used."""

    preview = False

    def __init__(self, task: StepTask, field_ids: FieldIds) -> None:
        self._task = task
        self._field_ids = field_ids
        self._warehouse = task.store
        self._writes: dict[str, TableWrite] = {}
        self._added: list[Change] = []
        self.rows: int | None = None

    def query(
        self,
        output: str,
        connection: duckdb.DuckDBPyConnection,
        sql: str,
        parameters: Mapping[str, object],
        span: Span | None,
    ) -> None:
        """Write the rows of a query."""
        text, values = cursor.newer(self._task, self._warehouse, output, sql, parameters)
        self._count(self._write(output).write_query(connection, text, values, span))

    def batches(
        self, output: str, batches: Iterable[pa.RecordBatch | pa.Table], span: Span | None
    ) -> None:
        """Write rows batch by batch."""
        with cursor.newer_batches(self._task, self._warehouse, output, batches) as wanted:
            self._count(self._write(output).write_batches(wanted, span))

    def show(self, output: str, connection: duckdb.DuckDBPyConnection) -> bool:
        """Show a table with the windows that were written to it by now."""
        write = self._writes.get(output)
        if write is None:
            return False
        write.show(connection)
        return True

    def add(self, change: Change) -> None:
        """Keep a view's or a file's change."""
        self._added.append(change)

    def finish(self) -> tuple[Change, ...]:
        """Make everything durable and describe it."""
        keys = self._task.span_keys
        written = tuple(write.finish(keys) for write in self._writes.values())
        return written + tuple(self._added)

    def abort(self) -> None:
        """Remove what was written."""
        for write in self._writes.values():
            write.abort()
        remove_files(self._task)

    def size(self, changes: Iterable[Change]) -> int:
        """Bytes of the data that the changes added."""
        return sum(self._bytes(change) for change in changes)

    def _count(self, rows: int) -> None:
        self.rows = (self.rows or 0) + rows

    def _bytes(self, change: Change) -> int:
        if change.version is None:
            return 0
        return sum(self._size(path) for path in change.version.intent.files)

    def _size(self, path: str) -> int:
        try:
            return self._warehouse.files.size(self._warehouse.absolute(path))
        except FileNotFoundError:
            return 0

    def _write(self, output: str) -> TableWrite:
        if output not in self._writes:
            self._writes[output] = TableWrite(self._job(output), self._field_ids)
        return self._writes[output]

    def _job(self, output: str) -> WriteJob:
        task, step = self._task, self._task.step
        window = step.window
        return WriteJob(
            warehouse=self._warehouse,
            project=task.project,
            table=output,
            table_id=task.table_ids[output],
            attempt=task.attempt,
            base=task.bases.get(output),
            materialize=step.materialize.value,
            window_column=window.column if window else None,
            window_unit=window.by.value if window else None,
            timezone=window.timezone if window else "UTC",
            key=step.key,
            rebuild=task.rebuild,
            step=step.name,
            code=step.code_hash,
            inputs=self._inputs(),
            threads=task.threads,
            memory=task.memory,
            scratch=task.scratch,
        )

    def _inputs(self) -> dict[str, Any]:
        known = self._task.inputs
        return {name: known[name].content_id for name in self._task.step.inputs if name in known}
