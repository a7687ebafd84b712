"""Load steps: files by name or pattern, or a table of a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from galley.errors import InputDataError, InternalError, StepError, StorageError
from galley.lake.types import kind, quote
from galley.lake.warehouse import errno_in
from galley.project.model import LoadSpec, WindowUnit
from galley.runs.protocol import StepTask
from galley.runs.runner.binding import edges
from galley.runs.runner.csvfiles import csv_source, explain_csv, find_broken
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

_ALL = -1


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
        _load_csv(task, files, sink)
    else:
        raise InternalError(f"no reader for files of format {spec.format!r}")


def _load_csv(task: StepTask, files: tuple[str, ...], sink: Sink) -> None:
    """Find types from a sample first; if a later row does not fit them, from all rows."""
    try:
        _load(csv_source(task, files), sink)
    except _DoesNotFitError:
        sink.restart()
        _load(csv_source(task, files, sample=_ALL), sink)


def _load(source: Source, sink: Sink) -> None:
    task = source.task
    with session(task, read=source.files, inputs=False) as connection:
        with _explained(source, connection):
            sql = shaped(task, connection, source.sql)
            fields = columns_of_query(connection, sql, {})
            _check_records(source, [field.name for field in fields])
            types = {field.name.lower(): kind(field.type) for field in fields}
            for restricted, parameters, span in windows(task, sql, types):
                sink.query(task.step.outputs[0], connection, restricted, parameters, span)


def windows(
    task: StepTask, sql: str, types: dict[str, str]
) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """The query once, or cut to each of the task's windows."""
    spec = task.step.window
    for span in task.spans or (None,):
        if span is None or spec is None:
            yield sql, {}, span
            continue
        column = quote(spec.column)
        start, end = edges(span, spec, types.get(spec.column.lower()))
        if spec.by is WindowUnit.KEY:
            yield f"SELECT * FROM ({sql}) WHERE {column} = $start", {"start": start}, span
        else:
            inside = f"{column} >= $start AND {column} < $end"
            yield f"SELECT * FROM ({sql}) WHERE {inside}", {"start": start, "end": end}, span


class _DoesNotFitError(InputDataError):
    """A row past the sample does not fit the types found from it."""


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
    found = explain_csv(source, error)
    if "This type was auto-detected" in str(error) and "sample_size = -1" not in source.sql:
        return _DoesNotFitError(found.message, where=found.where, hint=found.hint)
    return found


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
