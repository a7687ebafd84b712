"""``galley audit``."""

from __future__ import annotations

from typing import Annotated

import typer

from galley.cli import options, screen, words
from galley.cli.lazy import app_of
from galley.cli.session import open_session
from galley.environments.inspect import Facts
from galley.environments.inspect_audit import entry_facts
from galley.governance.audit import entries


def audit(
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many entries.")] = 30,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Who did what, when, why, and by which rule: newest first."""
    session = open_session(project)
    with session.home.database.read() as connection:
        rows = entries(connection, session.project, limit=limit)
    show(session.project, [entry_facts(row) for row in rows], as_json=as_json)


def show(project: str, facts: list[Facts], *, as_json: bool) -> None:
    """The entries as JSON, or as a table."""
    if as_json:
        screen.print_json({"project": project, "entries": facts})
        return
    shown = [
        (
            words.when(one["at"]),
            one["actor"],
            one["action"],
            one["object"],
            one["rule"],
            words.cut(one["reason"] or "", 200),
        )
        for one in facts
    ]
    screen.table(("when", "who", "did", "to", "rule", "reason"), shown)


app = app_of(audit)
