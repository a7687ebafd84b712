"""A step's result on a sample: computed, shown, not written."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from galley.lake import types
from galley.lake.model import Change, Span
from galley.lake.reading import connect
from galley.runs.runner.session import columns_of_query

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_MEMORY = 1 << 28
_INSTANT = "timestamptz"


class Preview:
    """Keeps the first ``limit`` rows of every output as plain values."""

    preview = True

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tables: dict[str, dict[str, Any]] = {}

    @property
    def rows(self) -> int:
        """How many rows are shown."""
        return sum(len(table["rows"]) for table in self._tables.values())

    def query(
        self,
        output: str,
        connection: duckdb.DuckDBPyConnection,
        sql: str,
        parameters: Mapping[str, object],
        span: Span | None,
    ) -> None:
        """Take the first rows of a query."""
        left = self._left(output)
        if not left and output in self._tables:
            return
        fields = columns_of_query(connection, sql, parameters)
        # The query comes first, so that the lines of its errors are its own.
        limited = f"SELECT {_items(fields)} FROM ({sql}\n) LIMIT {left}"
        # Through Arrow, since DuckDB's own instants need a further library.
        rows: pa.Table = connection.sql(limited, params=dict(parameters)).to_arrow_table()
        values = [_values(column, one) for column, one in zip(rows.columns, fields, strict=True)]
        columns = [{"name": one.name, "type": types.text(one.type)} for one in fields]
        table = self._tables.setdefault(output, {"columns": columns, "rows": []})
        table["rows"] += [list(row) for row in zip(*values, strict=True)]

    def batches(
        self, output: str, batches: Iterable[pa.RecordBatch | pa.Table], span: Span | None
    ) -> None:
        """Take the first rows of a stream, and leave the rest where it is."""
        import pyarrow as pa

        left = max(self._left(output), 1)
        taken: list[pa.Table] = []
        for batch in batches:
            part = batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])
            taken.append(part.slice(0, left))
            left -= len(taken[-1])
            if left <= 0:
                break
        whole = pa.concat_tables(taken, promote_options="permissive")
        with connect(threads=1, memory=_MEMORY, scratch=None) as connection:
            connection.register("batches", whole)
            self.query(output, connection, "SELECT * FROM batches", {}, span)

    def show(self, output: str, connection: duckdb.DuckDBPyConnection) -> bool:
        """Nothing is written, so there is nothing to see."""
        return False

    def add(self, change: Change) -> None:
        """A file is not shown."""
        self._tables.setdefault(change.table, {"columns": [], "rows": []})

    def shown(self) -> dict[str, Any]:
        """The first output's ``columns`` and ``rows``; under ``tables`` each of several outputs."""
        nothing: dict[str, Any] = {"columns": [], "rows": []}
        first = next(iter(self._tables.values()), nothing)
        return {**first, "tables": self._tables} if len(self._tables) > 1 else first

    def _left(self, output: str) -> int:
        table = self._tables.get(output)
        return self._limit - len(table["rows"]) if table else self._limit


def _items(fields: tuple[types.Field, ...]) -> str:
    """The columns; instants without their zone, since Arrow loads pandas to make sense of one."""
    quoted = ((types.quote(one.name), one.type) for one in fields)
    return ", ".join(
        f"CAST({name} AS TIMESTAMP) AS {name}" if type_ == _INSTANT else name
        for name, type_ in quoted
    )


def _values(column: pa.ChunkedArray, field: types.Field) -> list[Any]:
    found = [plain(value) for value in column.to_pylist()]
    if field.type != _INSTANT:
        return found
    return [None if value is None else f"{value}Z" for value in found]


def plain(value: Any) -> Any:
    """A value as JSON can hold it: dates, decimals and the like as text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value.hex() if isinstance(value, bytes) else str(value)
