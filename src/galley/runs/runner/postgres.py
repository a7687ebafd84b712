"""A table of a PostgreSQL database, streamed through ADBC (COPY in binary form)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from galley.errors import InputDataError, MissingExtraError, StepError, UnavailableError
from galley.lake.model import Span
from galley.lake.types import literal, quote
from galley.project.model import LoadSpec, WindowUnit
from galley.project.names import hint_for
from galley.runs.protocol import StepTask
from galley.runs.runner.addresses import password_of, resolve
from galley.runs.runner.binding import edges
from galley.runs.runner.formats import shaped, where_of
from galley.runs.runner.session import session
from galley.runs.runner.sink import Sink

_NUMERIC = re.compile(r"numeric\((\d+),(-?\d+)\)")
_AS_IS = frozenset(
    {
        "boolean", "smallint", "integer", "bigint", "real", "double precision", "date",
        "timestamp without time zone", "timestamp with time zone", "time without time zone",
        "text", "bytea", "smallint[]", "integer[]", "bigint[]", "real[]", "double precision[]",
        "text[]", "boolean[]",
    }
)  # fmt: skip
_WINDOW_TYPES = {
    "date": "date",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "smallint": "long",
    "integer": "long",
    "bigint": "long",
}
_COLUMNS = """
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), format_type(a.atttypid, NULL)
    FROM pg_attribute a
    WHERE a.attrelid = to_regclass({table}) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
"""
_TABLES = """
    SELECT table_schema || '.' || table_name FROM information_schema.tables
    WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
"""


@dataclass(frozen=True, slots=True)
class _Column:
    """A column with its type, written in full and without its modifiers."""

    name: str
    type: str
    plain: str

    @property
    def selected(self) -> str:
        """What to ask the server for; what Arrow has no word for comes as text."""
        column = quote(self.name)
        if self.plain in _AS_IS or self.plain.startswith(("character", "name")):
            return column
        return f"{column}::text AS {column}"

    @property
    def cast(self) -> str | None:
        """What the text becomes again."""
        number = _NUMERIC.fullmatch(self.type)
        if number and int(number[1]) <= 38 and int(number[2]) >= 0:
            return f"DECIMAL({number[1]}, {number[2]})"
        if self.plain == "numeric":
            return "DOUBLE"
        return {"uuid": "UUID"}.get(self.plain)


def load_postgres(task: StepTask, spec: LoadSpec, sink: Sink) -> tuple[str, ...]:
    """Stream the table into ``sink``; returns warnings about numbers that lose exactness.

    Raises:
        MissingExtraError: the driver is not installed.
        UnavailableError: the server cannot be reached.
        InputDataError: there is no such table, or the server refuses to read it.
    """
    connection = task.connections.get(spec.url or "")
    url = resolve(connection.url if connection else spec.url or "", task.secrets)
    with _connected(task, url) as cursor:
        table = _qualified(spec)
        columns = _described(task, cursor, table, spec)
        for span in task.spans or (None,):
            cursor.execute(_select(task, spec, table, columns, span))
            _copy(task, sink, cursor, columns, span)
    return _warnings(spec, columns)


def _copy(
    task: StepTask, sink: Sink, cursor: Any, columns: tuple[_Column, ...], span: Span | None
) -> None:
    options = dict(task.step.load.options) if task.step.load else {}
    types = {one.name: one.cast for one in columns if one.cast}
    types |= {str(name): str(type_) for name, type_ in (options.get("types") or {}).items()}
    with session(task, inputs=False) as connection:
        connection.register("source", cursor.fetch_record_batch())
        sql = shaped(task, connection, "SELECT * FROM source", types=types)
        sink.query(task.step.outputs[0], connection, sql, {}, span)


def _select(
    task: StepTask, spec: LoadSpec, table: str, columns: tuple[_Column, ...], span: Span | None
) -> str:
    conditions = []
    if spec.options.get("where"):
        conditions.append(f"({spec.options['where']}\n)")
    if span is not None:
        conditions += _inside(task, columns, span)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {', '.join(one.selected for one in columns)} FROM {table}{where}"


def _inside(task: StepTask, columns: tuple[_Column, ...], span: Span) -> list[str]:
    spec = task.step.window
    if spec is None:
        return []
    type_ = next((one.plain for one in columns if one.name.lower() == spec.column.lower()), "")
    name = next((one.name for one in columns if one.name.lower() == spec.column.lower()), None)
    if name is None:
        raise StepError(
            f"the window's column {spec.column!r} is not in the table",
            where=where_of(task),
            hint=hint_for(spec.column, [one.name for one in columns], "there are"),
        )
    start, end = (literal(str(edge)) for edge in edges(span, spec, _WINDOW_TYPES.get(type_)))
    if spec.by is WindowUnit.KEY:
        return [f"{quote(name)} = {start}"]
    return [f"{quote(name)} >= {start}", f"{quote(name)} < {end}"]


def _qualified(spec: LoadSpec) -> str:
    parts = (spec.table or "").split(".")
    if len(parts) == 1 and spec.options.get("schema"):
        parts.insert(0, str(spec.options["schema"]))
    return ".".join(quote(part.strip('"')) for part in parts)


def _described(task: StepTask, cursor: Any, table: str, spec: LoadSpec) -> tuple[_Column, ...]:
    cursor.execute(_COLUMNS.format(table=literal(table)))
    columns = tuple(_Column(*row) for row in cursor.fetchall())
    if not columns:
        cursor.execute(_TABLES)
        known = [name.removeprefix("public.") for (name,) in cursor.fetchall()]
        raise InputDataError(
            f"the database has no table {spec.table}",
            where=where_of(task),
            hint=hint_for(spec.table or "", known, "it has"),
        )
    wanted = [str(name).lower() for name in spec.options.get("columns") or ()]
    for name in wanted:
        if name not in {one.name.lower() for one in columns}:
            raise InputDataError(
                f"the table {spec.table} has no column {name!r}",
                where=where_of(task),
                hint=hint_for(name, [one.name for one in columns], "it has"),
            )
    return tuple(one for one in columns if not wanted or one.name.lower() in wanted)


def _warnings(spec: LoadSpec, columns: tuple[_Column, ...]) -> tuple[str, ...]:
    declared = {str(name).lower() for name in spec.options.get("types") or ()}
    return tuple(
        f"column {one.name!r} is numeric without precision and was read as DOUBLE; to keep it "
        f"exact, add the option `types: {{{one.name}: DECIMAL(18, 4)}}`"
        for one in columns
        if one.cast == "DOUBLE" and one.name.lower() not in declared
    )


@contextmanager
def _connected(task: StepTask, url: str) -> Iterator[Any]:
    try:
        import adbc_driver_postgresql.dbapi as driver  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtraError(
            "reading PostgreSQL needs the package adbc-driver-postgresql",
            where=where_of(task),
            hint="pip install 'galley-dataops[postgres]'",
        ) from error
    try:
        connection = driver.connect(url)
    except driver.Error as error:
        raise UnavailableError(
            f"the database {_shown(url)} cannot be reached: {_reason(error, url)}",
            where=where_of(task),
            hint="look at the address, the name and password, and whether the server is up",
        ) from None
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SET TIME ZONE 'UTC'")
            yield cursor
    except driver.Error as error:
        raise InputDataError(
            f"the database {_shown(url)} refused to read {_table(task)}: {_reason(error, url)}",
            where=where_of(task),
        ) from None


def _table(task: StepTask) -> str:
    return task.step.load.table or "" if task.step.load else ""


def _shown(url: str) -> str:
    """The address without name and password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "at that address"
    return f"{parts.hostname or 'on this machine'}{parts.path}"


def _reason(error: Exception, url: str) -> str:
    password = password_of(url)
    text = " ".join(str(error).split()).partition(" SQLSTATE")[0]
    return text.replace(password, "***") if password else text
