"""``galley run`` through a server."""

from __future__ import annotations

from pathlib import Path

import typer

from galley.cli.commands import run as local
from galley.cli.lazy import app_of
from galley.cli.remote.asking import Asked
from galley.cli.remote.place import open_remote
from galley.cli.remote.same import as_locally
from galley.cli.remote.starting import start_and_follow


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
    asked = Asked(pipeline, remote.ref_name(ref), select, window, var, rebuild, priority)
    raise typer.Exit(start_and_follow(remote, asked, as_json=as_json))


app = app_of(run)
