"""``galley promote`` through a server."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from galley.cli import screen
from galley.cli.commands import promote as local
from galley.cli.lazy import app_of
from galley.cli.remote.code import settle
from galley.cli.remote.following import follow
from galley.cli.remote.place import open_remote
from galley.cli.remote.same import as_locally


@as_locally(local.promote)
def promote(
    source: str | None,
    target: str,
    since: str | None,
    forward_only: bool,
    version: str | None,
    dry_run: bool,
    yes: bool,
    project: Path | None,
    as_json: bool,
) -> None:
    """Ask what would happen, then for it; refused where the target has moved in between."""
    remote = open_remote(project, quiet=as_json)
    if version is None and source is None:
        version = settle(remote, remote.ref_name(source))
    body = {"to": target, "since": since, "forward_only": forward_only, "version": version}
    named = source or os.environ.get("GALLEY_REF")
    if named:
        body["from"] = named
    path = remote.path("promotions")
    planned = remote.client.start(path, {**body, "dry_run": True})
    plan = planned.body["plan"]
    if not as_json:
        remote.tell(target, plan["to"], plan["base"])
        local.tell(plan)
    if dry_run:
        if as_json:
            screen.print_json(plan)
        return
    local.confirm(target, yes=yes)

    def start() -> str:
        return str(remote.client.start(path, body, match=planned.etag).body["run"]["run"])

    raise typer.Exit(follow(remote, start, as_json=as_json))


app = app_of(promote)
