"""``galley audit``."""

from __future__ import annotations

from typing import Annotated

import typer

from galley.cli import options, screen, words
from galley.cli.lazy import app_of
from galley.cli.session import open_session
from galley.clock import iso
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
    facts = [
        {
            "at": iso(row["at"]),
            "actor": row["actor"],
            "on_behalf_of": row["on_behalf_of"],
            "action": row["action"],
            "object_kind": row["object_kind"],
            "object": row["object"],
            "rule": row["rule"],
            "reason": row["reason"],
            "before": row["before"],
            "after": row["after"],
            "detail": row["detail"] or {},
        }
        for row in rows
    ]
    if as_json:
        screen.print_json({"project": session.project, "entries": facts})
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
