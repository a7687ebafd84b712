"""A step's result on a sample: computed, shown, not written."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from galley.lake import types
from galley.lake.model import Change, Span

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


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
        # The query comes first, so that the lines of its errors are its own.
        limited = f"SELECT * FROM ({sql}\n) LIMIT {left}"
        found = connection.execute(limited, dict(parameters))
        columns = [
            {"name": name, "type": types.text(types.from_duckdb(type_, name))}
            for name, type_, *_ in found.description or ()
        ]
        table = self._tables.setdefault(output, {"columns": columns, "rows": []})
        table["rows"] += [[plain(value) for value in row] for row in found.fetchall()]

    def batches(
        self, output: str, batches: Iterable[pa.RecordBatch | pa.Table], span: Span | None
    ) -> None:
        """Take the first rows of a stream, and leave the rest where it is."""
        import duckdb
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
        with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
            connection.register("batches", whole)
            self.query(output, connection, "SELECT * FROM batches", {}, span)

    def add(self, change: Change) -> None:
        """A file is not shown."""
        self._tables.setdefault(change.table, {"columns": [], "rows": []})

    def restart(self) -> None:
        """Forget everything taken so far."""
        self._tables.clear()

    def shown(self) -> dict[str, Any]:
        """The first output's ``columns`` and ``rows``; under ``tables`` each of several outputs."""
        first = next(iter(self._tables.values()), {"columns": [], "rows": []})
        return {**first, "tables": self._tables} if len(self._tables) > 1 else first

    def _left(self, output: str) -> int:
        table = self._tables.get(output)
        return self._limit - len(table["rows"]) if table else self._limit


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
