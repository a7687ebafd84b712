"""``galley diff``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from galley.cli import complete, options, screen, words
from galley.cli.lazy import app_of
from galley.cli.session import open_session
from galley.environments.inspect import diff_facts
from galley.lake.model import PRODUCTION


def diff(
    before: Annotated[
        str | None,
        typer.Argument(
            metavar="A",
            autocompletion=complete.refs,
            help="A state of the data. Default: production.",
            show_default=False,
        ),
    ] = None,
    after: Annotated[
        str | None,
        typer.Argument(
            metavar="B",
            autocompletion=complete.refs,
            help="Another. Default: your kitchen.",
            show_default=False,
        ),
    ] = None,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """What differs between two states of the data, table by table."""
    session = open_session(project)
    first = session.target(before or PRODUCTION, quiet=as_json)
    second = session.target(after, quiet=as_json)
    with session.home.database.read() as connection:
        facts = diff_facts(connection, first.commit, second.commit)
    both = [{"ref": one.ref, "commit": one.commit} for one in (first, second)]
    tell({"before": both[0], "after": both[1], "tables": facts}, as_json=as_json)


def tell(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """What differs, as JSON or as a table."""
    if as_json:
        screen.print_json(facts)
    elif not facts["tables"]:
        screen.out().print("the tables are the same")
    else:
        print_diff(facts["tables"])


def print_diff(facts: Sequence[Mapping[str, Any]]) -> None:
    """The tables that differ."""
    signs = {"added": "+", "dropped": "-", "changed": "~"}
    rows = [
        (
            f"{signs[one['change']]} {one['table']}",
            one["change"],
            words.number(one["rows_before"]),
            words.number(one["rows_after"]),
            "; ".join(map(_column, one["columns"])),
        )
        for one in facts
    ]
    heads = ("table", "change", "rows before", "rows after", "columns")
    screen.table(heads, rows, right=("rows before", "rows after"))


def _column(one: Mapping[str, Any]) -> str:
    change = one["change"]
    if change == "added":
        return f"+{one['name']} {one['after']}"
    if change == "dropped":
        return f"-{one['name']}"
    if change == "renamed":
        return f"{one['before']} is now {one['after']}"
    return f"{one['name']} {one['before']} is now {one['after']}"


app = app_of(diff)
