"""``galley resume`` through a server."""

from __future__ import annotations

from pathlib import Path

import typer

from galley.cli import screen, words
from galley.cli.commands import resume as local
from galley.cli.lazy import app_of
from galley.cli.remote.client import path_of
from galley.cli.remote.code import settle
from galley.cli.remote.following import follow
from galley.cli.remote.place import open_remote
from galley.cli.remote.same import as_locally


@as_locally(local.resume)
def resume(run: str | None, same_code: bool, project: Path | None, as_json: bool) -> None:
    """Ask a run to go on, and follow it."""
    remote = open_remote(project)
    found = remote.find_run(run or "resumable")
    mine = found["ref"] == remote.ref_name(None)
    version = settle(remote, found["ref"]) if mine and not same_code else None
    body = {"version": version} if version else {"same_code": same_code}
    path = path_of("runs", found["run"], "resume")

    def start() -> str:
        queued = str(remote.client.start(path, body).body["run"])
        stopped = words.short(found["run"])
        screen.note(f"run {words.short(queued)} goes on where {stopped} stopped")
        return queued

    raise typer.Exit(follow(remote, start, as_json=as_json))


app = app_of(resume)
