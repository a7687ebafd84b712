"""Load steps: files by name or pattern, or a table of a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from galley.errors import InputDataError, InternalError, StepError, StorageError
from galley.lake.model import Span
from galley.lake.types import kind, quote
from galley.lake.warehouse import errno_in
from galley.project.model import LoadSpec, WindowUnit
from galley.runs.protocol import StepTask
from galley.runs.runner.binding import edges
from galley.runs.runner.csvfiles import csv_source, exact_sql, explain_csv, find_broken
from galley.runs.runner.files import matching
from galley.runs.runner.formats import (
    Source,
    json_source,
    options_of,
    parquet_source,
    shaped,
    where_of,
)
from galley.runs.runner.postgres import load_postgres
from galley.runs.runner.session import columns_of_query, session
from galley.runs.runner.sink import Sink

if TYPE_CHECKING:
    import duckdb

_BATCH = 122_880
_STREAM = "incoming"


def run_load(task: StepTask, sink: Sink) -> tuple[str, ...]:
    """Read what the step names and hand it to ``sink``; returns warnings.

    Raises:
        InputDataError: a file is missing or broken, with its name, the line and the text there.
        UnavailableError: the database does not answer.
    """
    spec = task.step.load
    if spec is None:
        raise InternalError(f"the load step {task.step.name} does not say what to load")
    if spec.format == "postgres":
        return load_postgres(task, spec, sink)
    _load_files(task, spec, matching(task.step, task.project_dir), sink)
    return ()


def _load_files(task: StepTask, spec: LoadSpec, files: tuple[str, ...], sink: Sink) -> None:
    if spec.format == "json":
        _load(json_source(task, files), sink)
    elif spec.format == "parquet":
        _load(parquet_source(task, files), sink)
    elif spec.format == "csv":
        _load(csv_source(task, files), sink)
    else:
        raise InternalError(f"no reader for files of format {spec.format!r}")


def _load(source: Source, sink: Sink) -> None:
    task = source.task
    with (
        session(task, read=source.files, inputs=False) as connection,
        _explained(source, connection),
    ):
        for span in task.spans or (None,):
            sql = shaped(task, connection, _selected(source, connection))
            fields = columns_of_query(connection, sql, {})
            _check_records(source, [field.name for field in fields])
            types = {field.name.lower(): kind(field.type) for field in fields}
            restricted, parameters = _inside(task, sql, types, span)
            sink.query(task.step.outputs[0], connection, restricted, parameters, span)


def _selected(source: Source, connection: duckdb.DuckDBPyConnection) -> str:
    """The query, on a stream of the files where each query would look for their types anew."""
    if not source.guessed:
        return source.sql
    rows = connection.cursor().sql(exact_sql(source, connection)).to_arrow_reader(_BATCH)
    connection.register(_STREAM, rows)
    return f"SELECT * FROM {_STREAM}"


def _inside(
    task: StepTask, sql: str, types: dict[str, str], span: Span | None
) -> tuple[str, dict[str, Any]]:
    """The query cut to one window, if the step has windows."""
    spec = task.step.window
    if span is None or spec is None:
        return sql, {}
    column = quote(spec.column)
    start, end = edges(span, spec, types.get(spec.column.lower()))
    if spec.by is WindowUnit.KEY:
        return f"SELECT * FROM ({sql}) WHERE {column} = $start", {"start": start}
    condition = f"{column} >= $start AND {column} < $end"
    return f"SELECT * FROM ({sql}) WHERE {condition}", {"start": start, "end": end}


@contextmanager
def _explained(source: Source, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Turn DuckDB's errors about a file into errors that name the file and the line."""
    import duckdb

    try:
        yield
    except (duckdb.Error, StepError, StorageError) as error:
        cause = error if isinstance(error, duckdb.Error) else error.__cause__
        foreign = isinstance(error, duckdb.Error) or type(error) in (StepError, StorageError)
        lacks_memory = isinstance(cause, duckdb.OutOfMemoryException)
        if not foreign or not isinstance(cause, duckdb.Error) or lacks_memory:
            raise
        if errno_in(str(cause)) is not None:
            raise
        raise _explain(source, connection, cause) from cause


def _explain(
    source: Source, connection: duckdb.DuckDBPyConnection, error: duckdb.Error
) -> InputDataError:
    spec = source.task.step.load
    if spec is None or spec.format != "csv":
        return source.explain(error)
    if "Error when sniffing" in str(error):
        broken = find_broken(source, connection)
        return broken or source.explain(error)
    return explain_csv(source, error)


def _check_records(source: Source, names: list[str]) -> None:
    spec = source.task.step.load
    if spec is None or spec.format != "json" or names != ["json"]:
        return
    if options_of(source.task).get("columns") or options_of(source.task).get("records"):
        return
    listed = ", ".join(source.shown(path) for path in source.files[:3])
    raise InputDataError(
        f"{listed} holds no objects, so it has no columns",
        where=where_of(source.task),
        hint="a JSON file holds an array of objects, or an object on each line",
    )
