"""``galley history``."""

from __future__ import annotations

from typing import Annotated

import typer

from galley.cli import complete, options, screen, words
from galley.cli.lazy import app_of
from galley.cli.session import open_session
from galley.environments.inspect import Facts, history_facts
from galley.lake import commits

MOST_NAMES = 4


def history(
    ref: Annotated[
        str | None,
        typer.Argument(
            metavar="REF",
            autocompletion=complete.refs,
            help="REF, REF@COMMIT, REF@TIME or tag/NAME. Default: your kitchen.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many commits.")] = 20,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """The commits of a ref, newest first: what was published, rolled back, and by whom."""
    session = open_session(project)
    target = session.target(ref, quiet=as_json)
    with session.home.database.read() as connection:
        found = commits.history(connection, session.project, target.commit, limit)
        facts = history_facts(connection, found)
    tell(target.ref, facts, as_json=as_json)


def tell(ref: str, facts: list[Facts], *, as_json: bool) -> None:
    """Commits as JSON, or as a table."""
    if as_json:
        screen.print_json({"ref": ref, "commits": facts})
        return
    rows = [
        (
            words.short(one["commit"]),
            words.when(one["created"]),
            one["kind"],
            one["author"],
            _names(one["tables"]),
            words.cut(one["message"], 200),
        )
        for one in facts
    ]
    screen.table(("commit", "when", "kind", "who", "tables", "message"), rows, wrap=("tables",))


def _names(tables: list[str]) -> str:
    if len(tables) <= MOST_NAMES:
        return ", ".join(tables)
    return f"{', '.join(tables[: MOST_NAMES - 1])} +{len(tables) - MOST_NAMES + 1}"


app = app_of(history)
