"""``galley pools``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from galley.cli import options, screen, words
from galley.cli.lazy import app_of
from galley.cli.session import open_session
from galley.environments.inspect_waits import pool_facts


def pools(project: options.Project = None, as_json: options.Json = False) -> None:
    """Pools and other limits with who holds their slots, and whoever takes steps now."""
    session = open_session(project)
    with session.home.database.read() as connection:
        facts = pool_facts(connection, session.project, session.now())
    show(facts, as_json=as_json)


def show(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """The limits and workers as JSON, or as tables."""
    if as_json:
        screen.print_json(facts)
        return
    console = screen.out()
    if facts["pools"]:
        heads = ("limit", "at work", "waiting", "runs")
        rows = [
            (
                f"{one['kind']} {one['name']}",
                f"{one['at_work']} of {one['slots']}",
                words.number(one["waiting"]),
                ", ".join(words.short(run) or "" for run in one["runs"]),
            )
            for one in facts["pools"]
        ]
        screen.table(heads, rows, right=heads[1:3])
        console.print()
    else:
        console.print("nothing is limited: `pools:` in galley.yaml, `concurrency:` in steps")
    if not facts["workers"]:
        console.print("nobody is at work: galley run, galley server, galley worker")
        return
    rows = [
        (
            f"{one['kind']} {words.short(one['session'])}",
            one["host"],
            "all steps" if one["labels"] is None else ", ".join(one["labels"]) or "without labels",
            f"{one['at_work']} of {one['slots']}",
        )
        for one in facts["workers"]
    ]
    screen.table(("who", "host", "takes", "at work"), rows, right=("at work",))


app = app_of(pools)
