"""``galley run`` through a server."""

from __future__ import annotations

from pathlib import Path

import typer

from galley.cli.commands import run as local
from galley.cli.lazy import app_of
from galley.cli.remote.asking import Asked
from galley.cli.remote.code import settle
from galley.cli.remote.following import follow
from galley.cli.remote.place import open_remote
from galley.cli.remote.same import as_locally


@as_locally(local.run)
def run(
    pipeline: str | None,
    ref: str | None,
    select: list[str] | None,
    window: str | None,
    var: list[str] | None,
    rebuild: list[str] | None,
    priority: int,
    project: Path | None,
    as_json: bool,
) -> None:
    """Start a run and follow it."""
    remote = open_remote(project)
    name = remote.ref_name(ref)
    settle(remote, name)
    asked = Asked(pipeline, name, select, window, var, rebuild, priority)
    body = asked.body()

    def start() -> str:
        return str(remote.client.start(remote.path("runs"), body).body["run"])

    raise typer.Exit(follow(remote, start, as_json=as_json))


app = app_of(run)
