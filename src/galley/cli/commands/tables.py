"""``galley tables`` and its nouns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from galley.cli import complete, options, screen, words
from galley.cli.lazy import new_app
from galley.cli.session import Session, open_session
from galley.environments import inspect
from galley.environments.inspect_tables import metric_facts
from galley.errors import DefinitionError
from galley.lake import refs
from galley.runs import findings

app = new_app(invoke_without_command=True)

Name = Annotated[
    str, typer.Argument(metavar="TABLE", autocompletion=complete.tables, help="A table.")
]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many entries.")]


@app.callback()
def tables(
    context: typer.Context,
    at: options.At = None,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """List the tables of a ref, with their size and marks: untested, stale, overridden."""
    if context.invoked_subcommand is not None:
        return
    session = open_session(project)
    target = session.target(at, quiet=as_json)
    with session.home.database.read() as connection:
        found = inspect.tables_at(
            connection, session.home, session.project, target.ref, target.commit
        )
    tell({"ref": target.ref, "commit": target.commit, "tables": found}, as_json=as_json)


def tell(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """Tables as JSON, or as a table."""
    if as_json:
        screen.print_json(facts)
        return
    found = facts["tables"]
    if not found:
        screen.out().print("no tables yet: galley run")
        return
    rows = [
        (
            one["name"],
            words.number(one["rows"]),
            words.size(one["bytes"]),
            str(len(one["columns"])),
            one["step"] or "",
            marks(one),
        )
        for one in found
    ]
    right = ("rows", "size", "columns")
    screen.table(("table", "rows", "size", "columns", "step", "marks"), rows, right=right)


@app.command()
def history(
    table: Name,
    at: options.At = None,
    limit: Limit = 20,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """The versions of a table, newest first."""
    session = open_session(project)
    target = session.target(at, quiet=as_json)
    name = table.lower()
    with session.home.database.read() as connection:
        ref = refs.get_ref(connection, session.project, target.ref)
        found = inspect.table_history(connection, session.home, ref, target.commit, name, limit)
    answer = {"ref": target.ref, "commit": target.commit, "table": name, "versions": found}
    tell_history(answer, as_json=as_json)


def tell_history(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """The versions of a table as JSON, or as a table."""
    if as_json:
        screen.print_json(facts)
        return
    rows = [
        (
            words.short(one["commit"]),
            words.when(one["created"]),
            one["author"],
            one["kind"],
            "dropped" if one["dropped"] else words.number(one["rows"]),
            words.size(one["bytes"]),
            one["message"],
        )
        for one in facts["versions"]
    ]
    heads = ("commit", "when", "who", "kind", "rows", "size", "message")
    screen.table(heads, rows, right=("rows", "size"))


@app.command()
def metrics(
    table: Name,
    limit: Limit = 200,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """What was measured of a table, newest first; `~` marks what was estimated from a sample."""
    session = open_session(project)
    name = table.lower()
    with session.home.database.read() as connection:
        stored = findings.metrics_of(connection, session.project, name, limit=limit)
        if not stored:
            inspect.check_table(connection, session.project, name, _made(session))
    tell_metrics(name, [metric_facts(row) for row in stored], as_json=as_json)


def tell_metrics(name: str, found: list[inspect.Facts], *, as_json: bool) -> None:
    """What was measured of a table, as JSON or as a table."""
    if as_json:
        screen.print_json({"table": name, "metrics": found})
        return
    if not found:
        screen.out().print(f"nothing was measured of {name} yet", markup=False)
        return
    rows = [
        (
            one["column"] or "",
            one["name"] + (f" {one['window']}" if one["window"] else ""),
            ("~" if one["estimated"] else "") + words.cut(words.value(_measured(one)), 24),
            words.when(one["at"]),
        )
        for one in found
    ]
    screen.table(("column", "metric", "value", "when"), rows, right=("value",))


def _made(session: Session) -> set[str]:
    """The tables that the project's steps make, as far as its definitions can be read."""
    try:
        steps = session.manifest.steps.values()
    except DefinitionError:
        return set()
    return {table for step in steps for table in step.outputs}


def marks(table: Mapping[str, Any]) -> str:
    """What should be known about a table before it is trusted."""
    said = []
    if table["format"] != "iceberg":
        said.append(table["format"])
    if table["untested"]:
        said.append("untested")
    if table["stale"]:
        said.append(f"stale: {', '.join(table['stale'])} changed")
    said += [f"published over {one['test']} by {one['by']}" for one in table["overrides"]]
    return "; ".join(said)


def _measured(one: Mapping[str, Any]) -> Any:
    value = one["value"]
    if value is None:
        return one["text"]
    return int(value) if float(value).is_integer() else value
