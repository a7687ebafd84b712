"""``galley show`` through a server."""

from __future__ import annotations

from pathlib import Path

from galley.cli.commands import show as local
from galley.cli.lazy import app_of
from galley.cli.remote.following import details
from galley.cli.remote.place import open_remote
from galley.cli.remote.same import as_locally


@as_locally(local.show)
def show(run: str, project: Path | None, as_json: bool) -> None:
    """Ask for a run."""
    remote = open_remote(project, quiet=as_json)
    local.tell(details(remote, remote.find_run(run)["run"]), as_json=as_json)


app = app_of(show)
