"""A query's result outside of the lake: as rows for a screen, or as a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galley.errors import UsageError
from galley.lake import copying
from galley.lake.types import literal

if TYPE_CHECKING:
    import duckdb

    from galley.lake.handle import Table

OPTIONS = {
    "csv": "FORMAT csv, HEADER true",
    "json": "FORMAT json, ARRAY true",
    "parquet": "FORMAT parquet, COMPRESSION zstd",
}
"""DuckDB's COPY options by format."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a result; ``columns`` are pairs of name and DuckDB type. ``more``: there are more."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Any, ...], ...]
    more: bool


def fetch(table: Table, limit: int | None = None) -> Rows:
    """The first ``limit`` rows (all of them without a limit).

    Raises:
        UsageError: the query names what is not there.
        StepError: it failed on the data.
        StorageError: a file could not be read.
    """
    import duckdb

    try:
        found = table.connection.execute(table.query, table.parameters)
        columns = tuple((str(name), str(type_)) for name, type_, *_ in found.description or ())
        rows = found.fetchall() if limit is None else found.fetchmany(limit + 1)
    except duckdb.Error as error:
        raise _said(error, "running the query") from error
    more = limit is not None and len(rows) > limit
    return Rows(columns, tuple(rows[:limit]), more)


def write(table: Table, path: Path, form: str) -> int:
    """Write the result as a csv, json or parquet file; returns the number of rows.

    Raises:
        UsageError: the format is not known, or the query names what is not there.
        StepError: it failed on the data.
        StorageError: the file cannot be written.
    """
    import duckdb

    if form not in OPTIONS:
        raise UsageError(f"there is no format {form}", hint=f"one of: {', '.join(OPTIONS)}")
    target = literal(str(path))
    statement = f"COPY (\n{table.query}\n) TO {target} ({OPTIONS[form]})"
    try:
        (count,) = table.connection.execute(statement, table.parameters).fetchall()[0]
    except duckdb.Error as error:
        raise _said(error, f"writing {path}") from error
    return int(count)


def _said(error: duckdb.Error, doing: str) -> Exception:
    """What is wrong with the query itself apart from what went wrong with the data."""
    import duckdb

    if isinstance(error, duckdb.ProgrammingError):
        return UsageError(str(error).strip())
    return copying.translated(error, doing)
