"""Files from outside as one query: JSON and Parquet here, CSV in a module of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galley.errors import InputDataError, StepError, Where
from galley.lake.types import literal, quote
from galley.project.names import hint_for
from galley.runs.protocol import StepTask
from galley.runs.runner.files import shown

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_JSON_PLACE = re.compile(r'in file "([^"]+)", at byte \d+ in (line|record/value) (\d+): (.*)')


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a load and the query that reads them.

    ``names`` maps a file that stands in for another (of another encoding) to the one meant.
    ``guessed`` says that each query looks for the columns' types by reading the files. ``whole``
    are columns that shall be whole numbers; ``loose`` is the query that takes them as they are.
    """

    files: tuple[str, ...]
    sql: str
    task: StepTask
    names: Mapping[str, str] = field(default_factory=dict)
    guessed: bool = True
    whole: Mapping[str, str] = field(default_factory=dict)
    loose: str = ""

    def shown(self, path: str) -> str:
        """The name of a file for people."""
        return shown(self.names.get(path, path), self.task.project_dir)

    def explain(self, error: duckdb.Error) -> InputDataError:
        """What DuckDB says about a file, as the file, the place in it and what is wrong there."""
        text = str(error)
        place = _JSON_PLACE.search(text)
        if place:
            name = self.shown(place[1])
            at = f":{_bad_line(place[1], int(place[3]))}" if place[2] == "line" else ""
            return InputDataError(
                f"{name}{at}: this is no JSON: {place[4].strip()}",
                where=where_of(self.task),
                hint="correct the file; nothing was loaded",
            )
        first = text.partition("\n")[0].partition(": ")[2] or text
        named = next((one for one in self.files if one in text), None)
        said = first.replace(named, self.shown(named)) if named else first
        prefix = "" if named is None or self.shown(named) in said else f"{self.shown(named)}: "
        return InputDataError(prefix + said, where=where_of(self.task))


def _bad_line(path: str, told: int) -> int:
    """The first line around ``told`` that is no JSON: DuckDB 2.0 counts one too many."""
    first = max(told - 1, 1)
    with Path(path).open("rb") as lines:
        for number, line in enumerate(islice(lines, first - 1, told), first):
            try:
                json.loads(line.strip() or b"0")
            except ValueError:
                return number
    return told


def where_of(task: StepTask) -> Where:
    """The load step's own file."""
    return Where(task.step.source.path, task.step.source.line)


def options_of(task: StepTask) -> dict[str, Any]:
    """The step's options."""
    return dict(task.step.load.options) if task.step.load else {}


def call(function: str, files: tuple[str, ...], options: Mapping[str, Any]) -> str:
    """A table function over files with named arguments."""
    listed = ", ".join(literal(path) for path in files)
    named = "".join(f", {name} = {spelled(value)}" for name, value in options.items())
    return f"{function}([{listed}]{named})"


def spelled(value: Any) -> str:
    """An option's value in SQL."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{literal(str(key))}: {spelled(one)}" for key, one in value.items())
        return f"{{{pairs}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(spelled(one) for one in value)}]"
    return literal(str(value))


def not_empty(task: StepTask, files: tuple[str, ...]) -> None:
    """Refuse files without a single byte."""
    for path in files:
        if Path(path).stat().st_size == 0:
            raise InputDataError(
                f"{shown(path, task.project_dir)} is empty",
                where=where_of(task),
                hint="load it again from where it comes, or leave it out of the pattern",
            )


def json_source(task: StepTask, files: tuple[str, ...]) -> Source:
    """JSON: arrays of objects, or an object on each line."""
    not_empty(task, files)
    options = options_of(task)
    for name in ("types", "columns"):
        options.pop(name, None)
    sql = f"SELECT * FROM {call('read_json', files, {**_JSON_DEFAULTS, **options})}"
    return Source(files, sql, task)


_JSON_DEFAULTS = {"format": "auto", "union_by_name": True, "sample_size": -1}


def parquet_source(task: StepTask, files: tuple[str, ...]) -> Source:
    """Parquet files, their columns matched by name; columns of unlike types are refused."""
    not_empty(task, files)
    _check_schemas(task, files)
    options = options_of(task)
    for name in ("types", "columns"):
        options.pop(name, None)
    named = {"union_by_name": len(files) > 1, **options}
    sql = f"SELECT * FROM {call('read_parquet', files, named)}"
    return Source(files, sql, task, guessed=False)


def _check_schemas(task: StepTask, files: tuple[str, ...]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    first: dict[str, tuple[str, pa.DataType]] = {}
    for path in files:
        name = shown(path, task.project_dir)
        try:
            schema = pq.read_schema(path)
        except (pa.ArrowException, OSError) as error:
            raise InputDataError(
                f"{name} is no Parquet file, or a broken one: {error}", where=where_of(task)
            ) from error
        for column in schema:
            before, type_ = first.setdefault(column.name.lower(), (name, column.type))
            if not _alike(type_, column.type):
                raise InputDataError(
                    f"column {column.name!r} is {type_} in {before} and {column.type} in {name}",
                    where=where_of(task),
                    hint="load the files in two steps, and bring the types together in SQL",
                )


def _alike(one: pa.DataType, other: pa.DataType) -> bool:
    import pyarrow as pa

    if one.equals(other) or pa.types.is_null(one) or pa.types.is_null(other):
        return True
    families = (
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_decimal,
        pa.types.is_timestamp,
        lambda type_: pa.types.is_string(type_) or pa.types.is_large_string(type_),
        lambda type_: pa.types.is_binary(type_) or pa.types.is_large_binary(type_),
        pa.types.is_nested,
        lambda type_: pa.types.is_dictionary(type_) or pa.types.is_string(type_),
    )
    return any(family(one) and family(other) for family in families)


def shaped(
    task: StepTask,
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    *,
    types: Mapping[str, str] | None = None,
) -> str:
    """The query with the columns and types that the step's options ask for.

    A column that holds nothing but NULL becomes text.
    """
    described = connection.execute(f"SELECT * FROM ({sql}) LIMIT 0").description or ()
    present = {name.lower(): (name, str(type_)) for name, type_, *_ in described}
    options = options_of(task)
    wanted = options.get("columns")
    asked = {**(wanted if isinstance(wanted, dict) else {}), **(options.get("types") or {})}
    casts = {_known(name, present, task): type_ for name, type_ in (types or asked).items()}
    chosen = [_known(str(name), present, task) for name in wanted] if wanted else list(present)
    untouched = not casts and not wanted
    if untouched and not any("NULL" in type_.upper() for _, type_ in present.values()):
        return sql
    return (
        f"SELECT {', '.join(_item(*present[key], casts.get(key)) for key in chosen)} FROM ({sql})"
    )


def _item(name: str, present: str, cast: str | None) -> str:
    if cast is None and present.strip('"').upper() == "NULL":
        cast = "VARCHAR"
    return f"CAST({quote(name)} AS {_type_text(cast)}) AS {quote(name)}" if cast else quote(name)


def _type_text(text: str) -> str:
    """A type as it was written in the project's file; anything but a type is refused."""
    if not re.fullmatch(r"[A-Za-z_][\w ]*(\([\d, ]+\))?(\[\])*|(STRUCT|MAP)\(.*\)(\[\])*", text):
        raise StepError(f"{text!r} is no type", hint="for example BIGINT, VARCHAR, DECIMAL(10, 2)")
    return text


def _known(name: str, present: Mapping[str, Any], task: StepTask) -> str:
    if name.lower() in present:
        return name.lower()
    raise InputDataError(
        f"the options name a column {name!r}, which is not there",
        where=where_of(task),
        hint=hint_for(name, [one for one, _ in present.values()], "there are"),
    )
