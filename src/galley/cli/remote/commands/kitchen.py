"""``galley kitchen`` and its nouns through a server."""

from __future__ import annotations

from pathlib import Path

import typer

from galley.cli.commands import kitchen as local
from galley.cli.lazy import new_app
from galley.cli.remote.client import Request
from galley.cli.remote.place import open_remote
from galley.cli.remote.same import as_locally
from galley.environments.kitchens import full_name

app = new_app(invoke_without_command=True)


@app.callback()
@as_locally(local.kitchen)
def kitchen(context: typer.Context, project: Path | None, as_json: bool) -> None:
    """Ask for the refs."""
    if context.invoked_subcommand is not None:
        return
    remote = open_remote(project, quiet=as_json)
    found = list(remote.client.items(remote.path("refs")))
    local.tell(remote.project, found, as_json=as_json)


@app.command("open")
@as_locally(local.open_)
def open_(name: str, project: Path | None, as_json: bool) -> None:
    """Ask for a kitchen; asked for again it is the same one."""
    remote = open_remote(project, quiet=as_json)
    request = Request("POST", remote.path("kitchens"), {"name": name})
    local.tell_opened(remote.client.ask(request).body, as_json=as_json)


@app.command()
@as_locally(local.close)
def close(name: str, yes: bool, project: Path | None, as_json: bool) -> None:
    """Ask for the end of one."""
    remote = open_remote(project, quiet=as_json)
    full = full_name(name)
    found = remote.client.get(remote.path("refs", full))
    local.confirm(full, found["owner"], yes=yes or as_json)
    remote.client.delete(remote.path("kitchens", full))
    local.tell_closed(full, as_json=as_json)
