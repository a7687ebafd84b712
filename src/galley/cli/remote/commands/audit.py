"""``galley audit`` through a server."""

from __future__ import annotations

from pathlib import Path

from galley.cli.commands import audit as local
from galley.cli.lazy import app_of
from galley.cli.remote.place import open_remote
from galley.cli.remote.same import as_locally


@as_locally(local.audit)
def audit(limit: int, project: Path | None, as_json: bool) -> None:
    """Ask for the newest entries."""
    remote = open_remote(project, quiet=as_json)
    found = list(remote.client.items(remote.path("audit"), limit))
    local.show(remote.project, found, as_json=as_json)


app = app_of(audit)
