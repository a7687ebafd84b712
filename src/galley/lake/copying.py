"""A query's result as Parquet files, by DuckDB's COPY: types mapped, field ids set, one pass."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from galley.errors import DataTypeError, StepError
from galley.lake import types
from galley.lake.types import UNASSIGNED, Field, literal, quote
from galley.lake.warehouse import errno_in, storage_error, store_answer

if TYPE_CHECKING:
    import duckdb
    from duckdb.sqltypes import DuckDBPyType

FILE_BYTES = 256 * 2**20
_BYTES_PER_VALUE = 4
"""A guess at what one compressed value takes, to tell large results beforehand."""
WIDE = "decimal(38, 0)"


@dataclass(frozen=True, slots=True)
class Query:
    """One SELECT with the values of its parameters, and its columns by name and DuckDB type."""

    sql: str
    parameters: Mapping[str, object]
    columns: tuple[tuple[str, DuckDBPyType], ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """A query that was bound once and runs for many windows: only the values differ."""

    connection: duckdb.DuckDBPyConnection
    text: str
    first: Query

    def alike(
        self, connection: duckdb.DuckDBPyConnection, text: str, values: Mapping[str, object]
    ) -> bool:
        """Whether another call is the same query with values of the same types."""
        if connection is not self.connection or text != self.text:
            return False
        return all(
            type(values.get(name)) is type(value) for name, value in self.first.parameters.items()
        )

    def query(self, values: Mapping[str, object]) -> Query:
        """The query with other values."""
        return replace(
            self.first, parameters={name: values[name] for name in self.first.parameters}
        )


@dataclass(frozen=True, slots=True)
class Copied:
    """A file that was written, with how many NaN each column holds."""

    path: str
    rows: int
    nans: dict[str, int]


def single_select(con: duckdb.DuckDBPyConnection, sql: str) -> tuple[str, set[str]]:
    """The one SELECT in a text without a final semicolon, and the parameters it names.

    Raises ``StepError`` for anything else.
    """
    import duckdb

    try:
        statements = con.extract_statements(sql)
    except duckdb.Error as error:
        raise StepError(str(error).strip()) from error
    kinds = [statement.type.name for statement in statements]
    if kinds not in (["SELECT"], ["MULTI"]):  # PIVOT is counted as several
        shown = f"{len(kinds)} statements" if len(kinds) != 1 else kinds[0]
        raise StepError(
            f"a query is one SELECT, this is {shown}", hint="write one SELECT (WITH … is fine)"
        )
    return _unended(sql), set(statements[0].named_parameters)


def _unended(sql: str) -> str:
    """The text up to its final semicolon; comments behind it go."""
    import duckdb

    raw = sql.encode()
    tokens = [at for at, kind in duckdb.tokenize(sql) if kind != duckdb.token_type.comment]
    while tokens and raw[tokens[-1] : tokens[-1] + 1] == b";":
        raw = raw[: tokens.pop()]
    return raw.decode().strip()


def describe(con: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object]) -> Query:
    """Bind a query without running it. Raises ``StepError`` for more or less than one SELECT."""
    import duckdb

    text, wanted = single_select(con, sql)
    values = {name: value for name, value in parameters.items() if name in wanted}
    try:
        rows = con.execute(f"DESCRIBE {text}", values).fetchall()
    except duckdb.Error as error:
        raise StepError(str(error).strip()) from error
    return Query(text, values, tuple((name, con.type(type_)) for name, type_, *_ in rows))


def incoming(query: Query, known: tuple[Field, ...], *, wide: bool) -> tuple[Field, ...]:
    """The query's columns as table columns without ids.

    HUGEINT is ``long``; with ``wide``, or where the table already has it, a 38-digit decimal.
    """
    was_wide = {field.name.lower() for field in known if WIDE in types.text(field.type)}
    return tuple(
        Field(
            UNASSIGNED,
            name,
            types.from_duckdb(type_, name, WIDE if wide or name.lower() in was_wide else None),
        )
        for name, type_ in query.columns
    )


def has_hugeint(query: Query) -> bool:
    """Whether a column holds 128-bit integers, such as a sum."""
    return any("HUGEINT" in str(type_) for _, type_ in query.columns)


def large(con: duckdb.DuckDBPyConnection, query: Query) -> bool:
    """Whether the planner expects more than one file's worth of rows."""
    (plan,) = con.execute(f"EXPLAIN (FORMAT json) {query.sql}", query.parameters).fetchall()
    top: dict[str, Any] = json.loads(plan[1])[0]
    while "Estimated Cardinality" not in top["extra_info"] and len(top["children"]) == 1:
        top = top["children"][0]
    rows = int(top["extra_info"].get("Estimated Cardinality", 0))
    return rows * len(query.columns) * _BYTES_PER_VALUE > FILE_BYTES


def copy(
    con: duckdb.DuckDBPyConnection,
    query: Query,
    fields: tuple[Field, ...],
    folder: str,
    stem: str,
    *,
    rolling: bool,
) -> tuple[Copied, ...]:
    """Write the result as ``<folder>/<stem>-<n>.parquet``; ``fields`` name the file's columns.

    One file, in the query's order; with ``rolling`` several of about 256 MB, whose row groups may
    change places.
    """
    options = ["FORMAT parquet", "COMPRESSION zstd", "RETURN_STATS"]
    options.append(f"FIELD_IDS {{{', '.join(_field_id(field) for field in fields)}}}")
    target = f"{folder}/{stem}-0.parquet"
    if not rolling:
        options.append("USE_TMP_FILE false")  # the name tells the attempt, so nobody reads it early
    else:
        target = folder
        options += [
            f"FILE_SIZE_BYTES {FILE_BYTES}",
            f"FILENAME_PATTERN {literal(stem + '-{i}')}",
            "OVERWRITE_OR_IGNORE",
        ]
    statement = f"COPY (\n{_select(query, fields)}\n) TO {literal(target)} ({', '.join(options)})"
    rows = con.execute(statement, query.parameters).fetchall()
    return tuple(Copied(path, count, _nans(stats)) for path, count, _, _, stats, *_ in rows)


def translated(error: duckdb.Error, doing: str) -> Exception:
    """DuckDB's error as ours: the disk's troubles apart from the query's."""
    import duckdb

    text = str(error)
    if store_answer(text):
        return storage_error(doing, None, text)
    if isinstance(error, duckdb.IOException):
        return storage_error(doing, errno_in(text), text.splitlines()[0])
    if isinstance(error, duckdb.OutOfMemoryException):
        return StepError(
            str(error).strip(), hint="give the step more memory, or let it read less at a time"
        )
    if _INEXACT in text:
        return DataTypeError(
            text[text.index(_INEXACT) + len(_INEXACT) :].splitlines()[0],
            hint="round it with date_trunc('microseconds', …), or CAST it to BIGINT",
        )
    return StepError(str(error).strip())


_INEXACT = "inexact: "


def _select(query: Query, fields: tuple[Field, ...]) -> str:
    items = [
        _item(name, type_, field)
        for (name, type_), field in zip(query.columns, fields, strict=False)
    ]
    items += [
        f"CAST(NULL AS {types.to_duckdb(field.type)}) AS {quote(field.name)}"
        for field in fields[len(query.columns) :]
    ]
    if items == [quote(name) for name, _ in query.columns]:
        return query.sql
    return f"SELECT {', '.join(items)} FROM (\n{query.sql}\n)"


def _item(name: str, source: DuckDBPyType, field: Field) -> str:
    column, target = quote(name), types.to_duckdb(field.type)
    renamed = "" if name == field.name else f" AS {quote(field.name)}"
    if str(source) == target:
        return column + renamed
    cast = f"CAST({column} AS {target})"
    if "_NS" in str(source):
        problem = literal(
            f"{_INEXACT}column {name!r} holds nanoseconds, which a table cannot hold exactly"
        )
        cast = (
            f"CASE WHEN {column} IS NOT DISTINCT FROM CAST({cast} AS {source}) "
            f"THEN {cast} ELSE error({problem}) END"
        )
    return f"{cast} AS {quote(field.name)}"


def _field_id(field: Field, name: str | None = None) -> str:
    label = quote(name or field.name)
    inside = types.children(field.type)
    if not inside:
        return f"{label}: {field.id}"
    parts = [_field_id(part) for part in inside]
    return f"{label}: {{__duckdb_field_id: {field.id}, {', '.join(parts)}}}"


def _nans(stats: Mapping[str, Mapping[str, str]] | None) -> dict[str, int]:
    result = {}
    for path, values in (stats or {}).items():
        if "nan_count" in values:
            result[_plain(path)] = int(values["nan_count"])
    return result


def _plain(path: str) -> str:
    return ".".join(part.replace('""', '"') for part in path[1:-1].split('"."'))
