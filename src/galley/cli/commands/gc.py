"""``galley gc``."""

from __future__ import annotations

from typing import Annotated

import typer

from galley.cli import options, screen, words
from galley.cli.lazy import app_of
from galley.cli.session import open_session
from galley.clock import iso
from galley.environments import retention


def gc(
    plan: Annotated[bool, typer.Option("--plan", help="Only show what would be removed.")] = False,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Remove expired kitchens and run refs, old events and old logs; count unreferenced files.

    Data files are reported, never removed.
    """
    session = open_session(project)
    session.ensure()
    home, name = session.home, session.project
    with home.database.read() as connection:
        expired = retention.plan_retention(connection, home, name)
    if not plan:
        with home.database.write() as connection:
            expired = retention.apply_retention(connection, home, name, expired)
    with home.database.read() as connection:
        spare = retention.find_unreferenced(connection, home, name)
    if as_json:
        screen.print_json(
            {
                "applied": not plan,
                "refs": [
                    {"ref": one.name, "owner": one.owner, "expired": iso(one.expires_at)}
                    for one in expired.refs
                ],
                "events": expired.events,
                "logs": len(expired.logs),
                "log_bytes": expired.log_bytes,
                "unreferenced": {"files": len(spare.files), "bytes": spare.bytes},
                "reachable": {"files": spare.reachable, "bytes": spare.reachable_bytes},
            }
        )
        return
    _print(expired, spare, plan=plan)


def _print(expired: retention.Expired, spare: retention.Unreferenced, *, plan: bool) -> None:
    verb = "would be removed" if plan else "removed"
    refs = ", ".join(one.name for one in expired.refs[:8])
    logs = words.plural(len(expired.logs), "folder")
    rows = [
        ("expired refs", f"{len(expired.refs)} {verb}" + (f": {refs}" if refs else "")),
        ("old events", f"{expired.events:,} {verb}"),
        ("old logs", f"{logs}, {words.size(expired.log_bytes)}, {verb}"),
        (
            "warehouse",
            f"{words.plural(spare.reachable, 'file')}, {words.size(spare.reachable_bytes)}, in use",
        ),
        (
            "unreferenced",
            f"{words.plural(len(spare.files), 'file')}, {words.size(spare.bytes)}; kept",
        ),
    ]
    screen.table(("what", "how much"), rows)


app = app_of(gc)
