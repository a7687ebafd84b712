"""SQL steps: one SELECT over the mounted inputs, once or once per window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from galley.errors import VariableError
from galley.ids import digest
from galley.lake.model import Change, Format, Intent, IntentKind, Span, Version, fingerprint
from galley.lake.schema import check_names, columns_to_json
from galley.lake.types import kind
from galley.project.model import Materialize, WindowSpec, WindowUnit
from galley.project.names import BUILT_IN
from galley.runs.protocol import StepTask
from galley.runs.runner.binding import bound, edges
from galley.runs.runner.selfread import stand_in
from galley.runs.runner.session import columns_of_query, session
from galley.runs.runner.sink import Sink
from galley.runs.runner.statement import Statement, only_select, read_statement, sql_errors

if TYPE_CHECKING:
    import duckdb


def run_sql(task: StepTask, sink: Sink) -> None:
    """Run the step's SELECT and hand its rows to ``sink``.

    Raises:
        StepError: the statement does not bind or fails, with its place in the file.
        VariableError: a parameter has no value, or one that does not fit.
    """
    statement = read_statement(task.step)
    with session(task) as connection, sql_errors(statement, (*task.inputs, *task.step.inputs)):
        only_select(connection, statement)
        if task.step.materialize is Materialize.VIEW:
            _make_view(task, sink, connection, statement)
        else:
            _write(task, sink, connection, statement)


def _write(
    task: StepTask, sink: Sink, connection: duckdb.DuckDBPyConnection, statement: Statement
) -> None:
    output = task.step.outputs[0]
    span = task.spans[0] if task.spans else None
    stand_in(task, connection, statement.sql, _bound(task, statement, span, None))
    column_type = _window_type(task, connection, statement)
    own = set(task.step.inputs) & set(task.step.outputs)
    for span in task.spans or (None,):
        for name in own:
            sink.show(name, connection)
        parameters = _bound(task, statement, span, column_type)
        sink.query(output, connection, statement.sql, parameters, span)


def _bound(
    task: StepTask, statement: Statement, span: Span | None, column_type: str | None
) -> dict[str, Any]:
    spec = task.step.window
    window = edges(span, spec, column_type) if span is not None and spec is not None else None
    return bound(statement.used, task.variables, now=task.now, window=window)


def _window_type(
    task: StepTask, connection: duckdb.DuckDBPyConnection, statement: Statement
) -> str | None:
    """The type of the window's column, so that ``$start`` and ``$end`` compare with it.

    It is the table's where there is one, else that of the statement's own column.
    """
    spec, used = task.step.window, {name.lower() for name in statement.used}
    if spec is None or not task.spans or not used & {"start", "end"}:
        return None
    base = task.bases.get(task.step.outputs[0])
    columns = {column["name"].lower(): column["type"] for column in base.schema} if base else {}
    known = columns.get(spec.column.lower())
    return str(known) if known else _asked(task, spec, connection, statement)


def _asked(
    task: StepTask,
    spec: WindowSpec,
    connection: duckdb.DuckDBPyConnection,
    statement: Statement,
) -> str | None:
    """Try dates and timestamps, then text: DuckDB compares dates with no text by itself."""
    import duckdb

    for guess in ("string",) if spec.by is WindowUnit.KEY else (None, "string"):
        parameters = _bound(task, statement, task.spans[0], guess)
        try:
            fields = columns_of_query(connection, statement.sql, parameters)
        except duckdb.BinderException:
            if guess == "string":
                return None
            continue
        found = {field.name.lower(): kind(field.type) for field in fields}
        return found.get(spec.column.lower(), guess)
    return None


def _make_view(
    task: StepTask, sink: Sink, connection: duckdb.DuckDBPyConnection, statement: Statement
) -> None:
    moving = {name: where for name, where in statement.used.items() if name.lower() in BUILT_IN}
    for name, where in moving.items():
        raise VariableError(
            f"a view cannot use ${name}: it is read at other times than it is made",
            where=where,
            hint="use now() for the reader's time, or materialize the step as a table",
        )
    sql = statement.spelled_out(_bound(task, statement, None, None))
    if sink.preview:
        sink.query(task.step.outputs[0], connection, sql, {}, None)
        return
    fields = columns_of_query(connection, sql, {})
    check_names(fields)
    sink.add(_view(task, sql, columns_to_json(fields)))


def _view(task: StepTask, sql: str, schema: tuple[dict[str, Any], ...]) -> Change:
    output = task.step.outputs[0]
    base = task.bases.get(output)
    inputs = {name: task.inputs[name].content_id for name in task.step.inputs}
    contents = [f"{name}={content}" for name, content in sorted(inputs.items())]
    version = Version(
        table=output,
        table_id=task.table_ids[output],
        format=Format.VIEW,
        content_id=digest("view", sql, *contents),
        location="",
        schema_fingerprint=fingerprint(schema),
        schema=schema,
        intent=Intent(IntentKind.REPLACE),
        inputs=inputs,
        view_sql=sql,
        step=task.step.name,
    )
    return Change(output, version, expected=base.content_id if base else None, guarded=True)
