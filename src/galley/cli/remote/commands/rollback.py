"""``galley rollback`` through a server."""

from __future__ import annotations

from pathlib import Path

from galley import clock
from galley.cli import screen
from galley.cli.commands import rollback as local
from galley.cli.lazy import app_of
from galley.cli.remote.place import open_remote
from galley.cli.remote.same import as_locally


@as_locally(local.rollback)
def rollback(
    ref: str,
    to: str | None,
    table: list[str] | None,
    reason: str | None,
    dry_run: bool,
    yes: bool,
    project: Path | None,
    as_json: bool,
) -> None:
    """Ask what would happen, then for it; refused where the ref has moved in between."""
    remote = open_remote(project, quiet=as_json)
    path = remote.path("refs", ref, "rollback")
    body = {"to": to, "tables": [name.lower() for name in table or ()]}
    planned = remote.client.start(path, {**body, "dry_run": True})
    if not as_json:
        remote.tell(ref, planned.body["ref"], planned.body["from"])
        local.tell(planned.body, clock.now())
    if dry_run:
        if as_json:
            screen.print_json(planned.body)
        return
    why = local.confirm(reason, yes=yes, as_json=as_json)
    done = remote.client.start(path, {**body, "reason": why}, match=planned.etag)
    local.done(done.body, as_json=as_json)


app = app_of(rollback)
