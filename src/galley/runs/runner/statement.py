"""The one SELECT of a SQL step: its text, the parameters it names, and its errors in place."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from galley.errors import GalleyError, StepError, VariableError, Where
from galley.lake.engine_errors import Place, place_in, qualified_column
from galley.lake.types import literal
from galley.lake.warehouse import errno_in, storage_error
from galley.project.model import Step
from galley.project.names import hint_for, nearest
from galley.project.sqltext import Token, statements, tokens

if TYPE_CHECKING:
    import duckdb

_KIND = re.compile(r"^(?:Binder|Catalog|Parser|Invalid Input|Conversion|Not implemented) Error: ")
_CANDIDATES = re.compile(r"Candidate bindings: (.*)")
_MEANT = re.compile(r'Did you mean "([^"]*)"')
_COLUMN = re.compile(r'[Cc]olumn "([^"]+)"')
_TABLE = re.compile(r"Table with name (\S+) does not exist")
_PARAMETER = re.compile(r"\$(\w+)")


@dataclass(frozen=True, slots=True)
class Statement:
    """A SELECT without leading comments and final semicolon; it starts at ``line`` of ``path``.

    ``parameters`` are the parameter words; ``offset`` is where ``sql`` starts in their text.
    """

    sql: str
    path: str
    line: int
    offset: int
    parameters: tuple[Token, ...]

    @property
    def used(self) -> dict[str, Where]:
        """The names of the parameters, and where each stands first."""
        found: dict[str, Where] = {}
        for word in self.parameters:
            found.setdefault(word.text[1:], Where(self.path, word.line, word.column))
        return found

    def where(self, line: int, shown: str = "") -> Where:
        """A line of the statement as a place in its file.

        The statement is run inside another one, which may push it down a line: the right line is
        the one that holds what DuckDB has ``shown``.
        """
        lines, shown = self.sql.splitlines(), shown.strip().strip(".").strip()
        if shown and line >= 2 and (line > len(lines) or shown not in lines[line - 1]):
            line -= 1
        return Where(self.path, self.line + min(line, len(lines)) - 1)

    def spelled_out(self, values: Mapping[str, Any]) -> str:
        """The SQL with its parameters as literals, for a view, which is read without them."""
        parts, at = [], 0
        for word in self.parameters:
            start = word.start - self.offset
            parts += [self.sql[at:start], _spelled(word.text[1:], values[word.text[1:]])]
            at = start + len(word.text)
        return "".join([*parts, self.sql[at:]])


def read_statement(step: Step) -> Statement:
    """The step's statement and its place.

    Raises:
        StepError: the text holds no statement, or more than one.
    """
    sql = step.sql or ""
    words = list(tokens(sql, step.sql_line))
    found = statements(words)
    if len(found) != 1:
        where = Where(step.source.path, found[1][0].line if found else step.sql_line)
        count = "no statement" if not found else f"{len(found)} statements"
        raise StepError(
            f"the step {step.name} holds {count}", where=where, hint="a SQL step is one SELECT"
        )
    first, last = found[0][0], found[0][-1]
    parameters = tuple(word for word in found[0] if word.kind == "parameter")
    text = sql[first.start : last.end]
    return Statement(text, step.source.path, first.line, first.start, parameters)


def only_select(connection: duckdb.DuckDBPyConnection, statement: Statement) -> None:
    """Refuse everything but one query, whatever was checked before."""
    import duckdb

    parsed = connection.extract_statements(statement.sql)
    if len(parsed) != 1 or parsed[0].type != duckdb.StatementType.SELECT:
        raise StepError(
            "a SQL step may only read: this statement is no SELECT",
            where=statement.where(1),
            hint="write the SELECT alone; the table it makes is named after the file",
        )


@contextmanager
def sql_errors(statement: Statement, tables: tuple[str, ...]) -> Iterator[None]:
    """Turn DuckDB's errors about the statement into errors at its place in the file."""
    import duckdb

    try:
        yield
    except (duckdb.Error, StepError) as error:
        cause = error.__cause__ if type(error) is StepError else error
        if not isinstance(cause, duckdb.Error) or isinstance(cause, duckdb.OutOfMemoryException):
            raise
        raise translated(cause, statement, tables) from cause


def translated(error: duckdb.Error, statement: Statement, tables: tuple[str, ...]) -> GalleyError:
    """DuckDB's error as one of ours, with the place and the nearest right name."""
    text = str(error)
    number = errno_in(text)
    if number is not None:
        return storage_error("the step's data could not be written", number, text)
    place = place_in(text)
    message = _KIND.sub("", text[: place.start] if place else text).strip()
    where = statement.where(place.line, place.shown) if place else statement.where(1)
    parameter = _PARAMETER.match(place.pointed) if place else None
    if parameter is not None and message.startswith("Could not convert"):
        return VariableError(
            f"the variable ${parameter[1]} has a value that does not fit: {message}",
            where=where,
            hint="give it a value of the column's type, or cast it in the SQL",
        )
    said = _no_column(message, place, tables) or message.splitlines()[0]
    return StepError(said, where=where, hint=_hint(message, tables))


def _no_column(message: str, place: Place | None, tables: tuple[str, ...]) -> str | None:
    found = qualified_column(message, place)
    if found is None or found[0] not in tables:
        return None
    return f'Table "{found[0]}" does not have a column named "{found[1]}"'


def _hint(message: str, tables: tuple[str, ...]) -> str | None:
    table = _TABLE.search(message)
    if table:
        return hint_for(table[1], tables, "the step reads")
    candidates = _CANDIDATES.search(message)
    column = _COLUMN.search(message)
    if candidates:
        names = re.findall(r'"([^"]+)"', candidates[1])
        near = nearest(column[1], names) if column else None
        return f"did you mean {near!r}?" if near else f"there is: {', '.join(names)}"
    meant = _MEANT.search(message)
    return f"did you mean {meant[1]!r}?" if meant else None


def _spelled(name: str, value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return f"({value!r})"
    if isinstance(value, str):
        return literal(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_spelled(name, one) for one in value)}]"
    raise VariableError(
        f"the variable ${name} cannot stand in a view",
        hint="use a number, a text or a list, or materialize the step as a table",
    )
