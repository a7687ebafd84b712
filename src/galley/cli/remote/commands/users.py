"""``galley users`` and its nouns through a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from galley.cli.commands import users as local
from galley.cli.lazy import new_app
from galley.cli.remote.client import path_of
from galley.cli.remote.place import open_client
from galley.cli.remote.same import as_locally

app = new_app(invoke_without_command=True)


@app.callback()
@as_locally(local.users)
def users(context: typer.Context, project: Path | None, as_json: bool) -> None:
    """Ask for the users."""
    if context.invoked_subcommand is None:
        local.show(list(open_client().items("/users")), as_json=as_json)


@app.command()
@as_locally(local.add)
def add(name: str, role: str, project: Path | None, as_json: bool) -> None:
    """Ask for a new one."""
    made = open_client().post("/users", {"user": name, "role": role})
    local.tell_link(made, as_json=as_json)


@app.command()
@as_locally(local.link)
def link(name: str, project: Path | None, as_json: bool) -> None:
    """Ask for a new secret."""
    local.tell_link(open_client().post(path_of("users", name, "link")), as_json=as_json)


@app.command()
@as_locally(local.role)
def role(name: str, role: str, project: Path | None, as_json: bool) -> None:
    """Ask for another role."""
    _change(name, {"role": role}, as_json=as_json)


@app.command()
@as_locally(local.disable)
def disable(name: str, project: Path | None, as_json: bool) -> None:
    """Ask to shut one out."""
    _change(name, {"disabled": True}, as_json=as_json)


@app.command()
@as_locally(local.enable)
def enable(name: str, project: Path | None, as_json: bool) -> None:
    """Ask to let one in again."""
    _change(name, {"disabled": False}, as_json=as_json)


def _change(name: str, how: dict[str, Any], *, as_json: bool) -> None:
    local.tell_changed(open_client().put(path_of("users", name), how), as_json=as_json)
