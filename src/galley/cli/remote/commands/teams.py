"""``galley teams`` through a server."""

from __future__ import annotations

from pathlib import Path

import typer

from galley.cli.commands import teams as local
from galley.cli.lazy import new_app
from galley.cli.remote.client import path_of
from galley.cli.remote.place import open_client
from galley.cli.remote.same import as_locally

app = new_app(invoke_without_command=True)


@app.callback()
@as_locally(local.teams)
def teams(context: typer.Context, project: Path | None, as_json: bool) -> None:
    """Ask for the teams."""
    if context.invoked_subcommand is None:
        local.show(list(open_client().items("/teams")), as_json=as_json)


@app.command("set")
@as_locally(local.set_)
def set_(name: str, members: list[str] | None, project: Path | None, as_json: bool) -> None:
    """Ask for a team's members to be these."""
    kept = open_client().put(path_of("teams", name), {"members": members or []})
    local.tell(kept["team"], kept["members"], as_json=as_json)
