"""``galley versions`` and its nouns through a server."""

from __future__ import annotations

from pathlib import Path

import typer

from galley.cli import screen
from galley.cli.commands import versions as local
from galley.cli.lazy import new_app
from galley.cli.remote.place import open_remote
from galley.cli.remote.same import as_locally

app = new_app(invoke_without_command=True)


@app.callback()
@as_locally(local.versions)
def versions(context: typer.Context, limit: int, project: Path | None, as_json: bool) -> None:
    """Ask for the newest versions."""
    if context.invoked_subcommand is not None:
        return
    remote = open_remote(project, quiet=as_json)
    found = list(remote.client.items(remote.path("versions"), limit))
    if as_json:
        screen.print_json({"project": remote.project, "versions": found})
        return
    local.print_versions(found)


@app.command()
@as_locally(local.show)
def show(version: str, against: str | None, project: Path | None, as_json: bool) -> None:
    """Ask for a version."""
    remote = open_remote(project, quiet=as_json)
    facts = remote.client.get(remote.path("versions", version), against=against)
    if as_json:
        screen.print_json(facts)
        return
    local.print_version(facts)
