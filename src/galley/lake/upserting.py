"""Rows against windows and keys: what an incremental write must check, and what it takes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from galley.errors import StepError
from galley.lake.datafiles import DataFile, decode_bound
from galley.lake.model import Span
from galley.lake.reading import scan_sql
from galley.lake.types import Field, quote
from galley.lake.windowing import WindowColumn, edges_of, in_spans

if TYPE_CHECKING:
    import duckdb

Connect = Callable[[], "duckdb.DuckDBPyConnection"]


def check_window(
    files: Iterable[DataFile], window: WindowColumn, span: Span, connect: Connect
) -> None:
    """Raise ``StepError`` if a row lies outside its window. Footers decide in the usual case."""
    number = window.field.id
    doubtful = [
        file
        for file in files
        if file.nulls.get(number, 1) or in_spans(window, file, (span,)) is not True
    ]
    if not doubtful:
        return
    with connect() as con:
        rows, example = _outside(con, doubtful, window, span)
    if rows:
        shown = "NULL" if example is None else str(example)
        raise StepError(
            f"{rows} row{'s' if rows != 1 else ''} outside the window {span}: "
            f"{window.field.name!r} is {shown}",
            hint=f"select only rows with {window.field.name} >= $start and < $end"
            if window.unit != "key"
            else f"select only rows with {window.field.name} = $start",
        )


def lying_in(
    files: Iterable[DataFile],
    window: WindowColumn,
    spans: tuple[Span, ...],
    table: str,
    connect: Connect,
) -> tuple[DataFile, ...]:
    """The files of the table that belong to one of the windows.

    Raises ``StepError`` for a file that reaches across a window's edge.
    """
    edges = edges_of(window, spans)

    def lies(file: DataFile) -> bool:
        answer = in_spans(window, file, spans, edges)
        return _looked_up(file, window, spans, table, connect) if answer is None else answer

    return tuple(file for file in files if lies(file))


def _looked_up(
    file: DataFile,
    window: WindowColumn,
    spans: tuple[Span, ...],
    table: str,
    connect: Connect,
) -> bool:
    with connect() as con:
        inside = sum(file.rows - _outside(con, [file], window, span)[0] for span in spans)
    if inside not in (0, file.rows):
        raise StepError(
            f"table {table!r} was not written window by window, so one cannot be replaced",
            hint="run again with `--rebuild` to make the whole table anew",
        )
    return inside == file.rows


def key_fields(fields: tuple[Field, ...], key: tuple[str, ...], table: str) -> tuple[Field, ...]:
    """The columns of a merge's key."""
    by_name = {field.name.lower(): field for field in fields}
    missing = [name for name in key if name.lower() not in by_name]
    if missing or not key:
        raise StepError(
            f"table {table!r} merges by {', '.join(missing) or 'no key'}, which is no column of it",
            hint=f"its columns are {', '.join(field.name for field in fields)}",
        )
    return tuple(by_name[name.lower()] for name in key)


def check_keys(
    con: duckdb.DuckDBPyConnection,
    added: tuple[DataFile, ...],
    fields: tuple[Field, ...],
    keys: tuple[Field, ...],
    table: str,
) -> None:
    """Raise ``StepError`` if new rows share a key or have none."""
    if not added:
        return
    names = ", ".join(quote(field.name) for field in keys)
    shown = ", ".join(f"CAST({quote(field.name)} AS VARCHAR)" for field in keys)
    absent = " OR ".join(f"{quote(field.name)} IS NULL" for field in keys)
    rows = con.execute(
        f"SELECT {shown}, count(*) FROM {scan_sql(added, fields)} "
        f"GROUP BY {names} HAVING count(*) > 1 OR {absent} LIMIT 1"
    ).fetchall()
    if not rows:
        return
    row = rows[0]
    values = ", ".join(f"{field.name}={value}" for field, value in zip(keys, row, strict=False))
    empty = any(value is None for value in row[:-1])
    raise StepError(
        f"table {table!r}: the key {values} "
        + ("is empty" if empty else f"stands in {row[-1]} new rows"),
        hint="make one row per key, for instance with QUALIFY row_number() OVER (…) = 1",
    )


def touched(
    con: duckdb.DuckDBPyConnection,
    present: tuple[DataFile, ...],
    added: tuple[DataFile, ...],
    fields: tuple[Field, ...],
    keys: tuple[Field, ...],
) -> tuple[DataFile, ...]:
    """The files that hold a row with one of the new keys; bounds rule most out."""
    possible = [file for file in present if any(_may_share(file, new, keys) for new in added)]
    if not possible:
        return ()
    names = ", ".join(quote(field.name) for field in keys)
    wanted = f"SELECT {names} FROM {scan_sql(added, fields)}"
    rows = con.execute(
        f"SELECT DISTINCT galley_file FROM {scan_sql(possible, fields, filename='galley_file')} "
        f"SEMI JOIN ({wanted}) USING ({names})"
    ).fetchall()
    paths = {path for (path,) in rows}
    return tuple(file for file in possible if file.path in paths)


def rest_sql(
    stale: tuple[DataFile, ...],
    added: tuple[DataFile, ...],
    fields: tuple[Field, ...],
    keys: tuple[Field, ...],
) -> str:
    """The rows of ``stale`` whose key is not among the new ones."""
    names = ", ".join(quote(field.name) for field in keys)
    wanted = f"SELECT {names} FROM {scan_sql(added, fields)}"
    return f"SELECT * FROM {scan_sql(stale, fields)} ANTI JOIN ({wanted}) USING ({names})"


def _may_share(file: DataFile, new: DataFile, keys: tuple[Field, ...]) -> bool:
    for key in keys:
        bounds = (file.lower, file.upper, new.lower, new.upper)
        if any(key.id not in one for one in bounds):
            continue
        low, high, new_low, new_high = (decode_bound(key.type, one[key.id]) for one in bounds)
        if high < new_low or new_high < low:
            return False
    return True


def _outside(
    con: duckdb.DuckDBPyConnection, files: list[DataFile], window: WindowColumn, span: Span
) -> tuple[int, Any]:
    column = quote(window.field.name)
    low, high = window.bounds(span)
    inside, values = f"{column} >= $low AND {column} < $high", {"low": low, "high": high}
    if window.unit == "key":
        inside, values = f"CAST({column} AS VARCHAR) = $low", {"low": low}
    only = (window.field,)
    rows = con.execute(
        f"SELECT count(*), first(CAST({column} AS VARCHAR)) FROM {scan_sql(files, only)} "
        f"WHERE ({inside}) IS NOT TRUE",
        values,
    ).fetchall()
    return int(rows[0][0]), rows[0][1]
