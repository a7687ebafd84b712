"""``galley alerts``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from galley.cli import options, screen, words
from galley.cli.lazy import app_of
from galley.cli.session import open_session
from galley.environments.inspect_triggers import list_alerts


def alerts(
    only_open: Annotated[bool, typer.Option("--open", help="Only what is not over.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="How many.")] = 20,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """What is late, missing or failed, newest first, and who was told."""
    session = open_session(project)
    with session.home.database.read() as connection:
        found, following = list_alerts(
            connection, session.project, only_open=only_open, limit=limit
        )
    show({"project": session.project, "alerts": found, "next": following}, as_json=as_json)


def show(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """The alerts as JSON, or as a table."""
    if as_json:
        screen.print_json(facts)
        return
    found = facts["alerts"]
    if not found:
        screen.out().print("no alerts")
        return
    rows = [
        (
            words.when(one["opened"]),
            one["kind"] if one["open"] else "recovered",
            one["pipeline"],
            one["in"],
            f"{one['times']}",
            _told(one),
            words.cut(one["message"], 200),
        )
        for one in found
    ]
    screen.table(("since", "what", "pipeline", "in", "times", "told", "why"), rows)


def _told(one: dict[str, object]) -> str:
    messages = one["messages"]
    states = [message["state"] for message in messages] if isinstance(messages, list) else []
    sent = states.count("sent")
    if not states:
        return "nobody"
    return f"{sent} of {len(states)}" if sent < len(states) else f"{sent}"


app = app_of(alerts)
