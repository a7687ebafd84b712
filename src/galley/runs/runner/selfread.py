"""A step that reads its own table, before there is one: the table is there and has no rows.

Its columns are those that the statement makes. They are found by binding the statement over a
stand-in that gets a column for each one that DuckDB misses; a column that the statement does not
make is no column of its table, and stays an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from galley.lake.engine_errors import place_in, qualified_column
from galley.lake.types import quote, to_duckdb
from galley.runs.protocol import StepTask
from galley.runs.runner.session import columns_of_query

if TYPE_CHECKING:
    import duckdb

_MISSING = re.compile(
    r'(?:Referenced column|does not have a column named|^Binder Error: Column) "([^"]+)"'
)
_MOST_COLUMNS = 200
_PLACEHOLDER = "galley_has_no_rows_yet"


def stand_in(
    task: StepTask,
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    parameters: Mapping[str, object],
) -> None:
    """Create the step's own table without rows, if the statement reads it and it is not there.

    Raises:
        duckdb.Error: the statement does not bind.
    """
    for name in task.step.inputs:
        if name in task.step.outputs and name not in task.inputs:
            _create_like_result(connection, name, sql, parameters)


def _create_like_result(
    connection: duckdb.DuckDBPyConnection, name: str, sql: str, parameters: Mapping[str, object]
) -> None:
    import duckdb

    missed: dict[str, duckdb.BinderException] = {}
    for _ in range(_MOST_COLUMNS):
        _create(connection, name, dict.fromkeys(missed, "NULL"))
        try:
            made = columns_of_query(connection, sql, parameters)
        except duckdb.BinderException as error:
            column = _missed(str(error))
            if column is None or column in missed:
                raise
            missed[column] = error
            continue
        types = {field.name.lower(): to_duckdb(field.type) for field in made}
        for column, problem in missed.items():
            if column not in types:
                raise problem
        selected = {column: f"CAST(NULL AS {type_})" for column, type_ in types.items()}
        _create(connection, name, selected)
        return


def _missed(message: str) -> str | None:
    """The column that DuckDB misses; of a qualified one it says that it misses the table."""
    found = _MISSING.search(message)
    if found:
        return found[1].lower()
    qualified = qualified_column(message, place_in(message))
    return qualified[1] if qualified else None


def _create(connection: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, str]) -> None:
    items = [f"{value} AS {quote(column)}" for column, value in columns.items()]
    selected = ", ".join(items) or f"NULL AS {_PLACEHOLDER}"
    connection.execute(f"CREATE OR REPLACE VIEW {quote(name)} AS SELECT {selected} WHERE false")
