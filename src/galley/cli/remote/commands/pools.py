"""``galley pools`` through a server."""

from __future__ import annotations

from pathlib import Path

from galley.cli.commands import pools as local
from galley.cli.lazy import app_of
from galley.cli.remote.place import open_remote
from galley.cli.remote.same import as_locally


@as_locally(local.pools)
def pools(project: Path | None, as_json: bool) -> None:
    """Ask for the limits and the workers."""
    remote = open_remote(project, quiet=as_json)
    local.show(remote.client.get(remote.path("pools")), as_json=as_json)


app = app_of(pools)
