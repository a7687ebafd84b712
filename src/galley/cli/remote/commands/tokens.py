"""``galley tokens`` and its nouns through a server."""

from __future__ import annotations

from pathlib import Path

import typer

from galley.cli.commands import tokens as local
from galley.cli.lazy import new_app
from galley.cli.remote.client import path_of
from galley.cli.remote.place import open_client
from galley.cli.remote.same import as_locally

app = new_app(invoke_without_command=True)


@app.callback()
@as_locally(local.list_tokens)
def list_tokens(context: typer.Context, project: Path | None, as_json: bool) -> None:
    """Ask for the caller's tokens; an admin sees everybody's."""
    if context.invoked_subcommand is None:
        local.show(list(open_client().items("/tokens")), as_json=as_json)


@app.command()
@as_locally(local.new)
def new(
    name: str, user: str | None, role: str, days: int, project: Path | None, as_json: bool
) -> None:
    """Ask for a token of the caller, or as an admin of somebody else."""
    wanted = {"name": name, "role": role, "days": days, "user": user}
    local.tell_made(open_client().post("/tokens", wanted), as_json=as_json)


@app.command()
@as_locally(local.revoke)
def revoke(token: str, project: Path | None, as_json: bool) -> None:
    """Ask for a token's end."""
    local.tell_revoked(open_client().delete(path_of("tokens", token)), as_json=as_json)
