"""``galley pause`` through a server."""

from __future__ import annotations

from pathlib import Path

from galley.cli.commands import pause as local
from galley.cli.lazy import app_of
from galley.cli.remote.client import path_of
from galley.cli.remote.place import open_remote
from galley.cli.remote.same import as_locally
from galley.environments.asking import check_open
from galley.runs.model import RunState


@as_locally(local.pause)
def pause(run: str, project: Path | None, as_json: bool) -> None:
    """Ask it of a run."""
    remote = open_remote(project, quiet=as_json)
    row = remote.find_run(run)
    found = row["run"]
    check_open(found, RunState(row["state"]))
    asked = remote.client.start(path_of("runs", found, "pause")).body
    local.tell(found, asked["state"], as_json=as_json)


app = app_of(pause)
