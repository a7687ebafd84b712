"""``galley sql``."""

from __future__ import annotations

import csv
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from galley.cli import options, screen, words
from galley.cli.lazy import app_of
from galley.cli.session import open_session
from galley.cli.summary import fitting_table
from galley.cli.wishes import parse_variables
from galley.environments.reading import Reader, parse_question, rows_facts
from galley.errors import StorageError, UsageError

if TYPE_CHECKING:
    from galley.lake.handle import Table

SHOWN = 50
"""Rows that are shown on a screen unless more are asked for."""

Parameter = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="NAME=VALUE", help="A value for $NAME; may be repeated."),
]


class Format(StrEnum):
    """How rows are written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="One SELECT; `-` reads stdin.")],
    at: options.At = None,
    form: Annotated[Format, typer.Option("--format", help="How to write rows.")] = Format.TABLE,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Rows shown as a table.")] = SHOWN,
    parameter: Parameter = None,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Ask the tables a question. The answer is that of one commit, whatever is published meanwhile.

    Only the tables that the query names are opened, and nothing can be written. `--json` wraps the
    rows with the ref and commit they come from; `--format json` writes the bare rows.
    """
    question = parse_question(sys.stdin.read() if query == "-" else query)
    session = open_session(project)
    target = session.target(at, quiet=as_json)
    form = format_of(form, output)
    folder = Path(tempfile.mkdtemp(prefix="galley-sql-"))
    try:
        with Reader(
            session.home, session.site, session.project, target, also_write=(folder,)
        ) as reader:
            table = reader.ask(question, values_of(parameter))
            if as_json:
                screen.print_json(rows_facts(reader, table, None))
            elif form is Format.TABLE:
                _print_table(reader, table, limit)
            else:
                _write(reader, table, form, folder, output)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def format_of(form: Format, output: Path | None) -> Format:
    """The format that a file's name says where none was given."""
    if output is None or form is not Format.TABLE:
        if form is Format.PARQUET and output is None and sys.stdout.isatty():
            raise UsageError("parquet is no text for a terminal", hint="--output FILE.parquet")
        return form
    ending = output.suffix.lower().lstrip(".")
    if ending in (Format.CSV, Format.JSON, Format.PARQUET):
        return Format(ending)
    raise UsageError(f"nothing says how to write {output}", hint="--format csv, json or parquet")


def values_of(texts: list[str] | None) -> dict[str, object]:
    """Parameters as typed: numbers become numbers, everything else stays text."""
    found: dict[str, object] = {}
    for name, text in parse_variables(texts or (), "--param").items():
        found[name] = _number(text)
    return found


def _number(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _print_table(reader: Reader, table: Table, limit: int) -> None:
    found = reader.fetch(table, limit)
    print_rows([name for name, _ in found.columns], found.rows, more=found.more, limit=limit)


def print_rows(
    names: Sequence[str], found: Iterable[Iterable[object]], *, more: bool, limit: int
) -> None:
    """Rows as a table, or as lines of columns where there is no terminal."""
    rows = [[words.value(cell) for cell in row] for row in found]
    if not sys.stdout.isatty():
        writer = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)
    else:
        console = screen.out()
        console.print(fitting_table(names, rows, console.width))
    if more:
        screen.note(f"the first {limit:,} rows; --limit N shows more, --format csv writes all")
    elif not rows:
        screen.note("no rows")


def _write(reader: Reader, table: Table, form: Format, folder: Path, output: Path | None) -> None:
    """Write beside the target and move it there, so that nobody sees half a file."""
    made = folder / f"rows.{form.value}"
    count = reader.write(table, made, form.value)
    deliver(made, count, output)


def deliver(made: Path, count: int, output: Path | None) -> None:
    """Print a file that was made, or move it to where it is wanted. Raises StorageError."""
    if output is None:
        with made.open("rb") as source:
            shutil.copyfileobj(source, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    try:
        beside = output.with_name(f".{output.name}.{os.getpid()}")
        shutil.copyfile(made, beside)
        beside.replace(output)
    except OSError as error:
        raise StorageError(
            f"{output} cannot be written: {error.strerror}", hint="choose another --output"
        ) from error
    screen.note(f"{words.rows(count)} written to {output}")


app = app_of(sql)
