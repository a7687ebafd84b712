"""A query's result outside of the lake: as rows for a screen, or as a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galley.errors import StepError, UsageError
from galley.lake import copying
from galley.lake.engine_errors import query_error, reason_in
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

    A date or time without an end is the text ``infinity`` or ``-infinity``; those that Python
    cannot hold are texts too.

    Raises:
        UsageError: the query names what is not there.
        StepError: it failed on the data.
        StorageError: a file could not be read.
    """
    import duckdb

    try:
        described = table.connection.execute(
            f"DESCRIBE\n{table.query}", table.parameters
        ).fetchall()
        columns = tuple((str(name), str(type_)) for name, type_, *_ in described)
        endless = [at for at, (_, type_) in enumerate(columns) if _is_endless(type_)]
        query = _with_infinities(table.query, len(columns), endless) if endless else table.query
        found = table.connection.execute(query, table.parameters)
        rows = found.fetchall() if limit is None else found.fetchmany(limit + 1)
    except duckdb.Error as error:
        raise _said(error, "running the query", table) from error
    more = limit is not None and len(rows) > limit
    shown = (_named(row, endless) if endless else row for row in rows[:limit])
    return Rows(columns, tuple(shown), more)


def _is_endless(type_: str) -> bool:
    """Whether a type's values may be infinite without Python having a value for it."""
    return type_.startswith(("DATE", "TIMESTAMP")) and "[" not in type_


def _with_infinities(query: str, width: int, endless: list[int]) -> str:
    """The query with one more column for each that may be infinite: its name where it is.

    DuckDB hands an infinite date over as the last one that Python knows.
    """
    names = ", ".join(f"c{at}" for at in range(width))
    items = ", ".join(f"CASE WHEN isinf(c{at}) THEN CAST(c{at} AS VARCHAR) END" for at in endless)
    return f"SELECT q.*, {items} FROM (\n{query}\n) AS q({names})"


def _named(row: tuple[Any, ...], endless: list[int]) -> tuple[Any, ...]:
    values, infinities = list(row[: -len(endless)]), row[-len(endless) :]
    for at, infinity in zip(endless, infinities, strict=True):
        if infinity is not None:
            values[at] = infinity
    return tuple(values)


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
        raise _said(error, f"writing {path}", table) from error
    return int(count)


def _said(error: duckdb.Error, doing: str, table: Table) -> Exception:
    """What is wrong with the query itself apart from what went wrong with the data."""
    import duckdb

    text = str(error).strip()
    if isinstance(error, duckdb.ProgrammingError):
        known = table.connection.execute(_COLUMNS).fetchall()
        tables, columns = ({row[at] for row in known} for at in (0, 1))
        return query_error(text, table.query, columns, tables)
    found = copying.translated(error, doing)
    return StepError(reason_in(text, table.query)) if type(found) is StepError else found


_COLUMNS = "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal"
