"""``galley release`` through a server."""

from __future__ import annotations

from pathlib import Path

from galley.cli.commands import release as local
from galley.cli.lazy import app_of
from galley.cli.remote.place import open_remote
from galley.cli.remote.same import as_locally


@as_locally(local.release)
def release(pipeline: str, ref: str, project: Path | None, as_json: bool) -> None:
    """Ask for the end of a hold."""
    remote = open_remote(project, quiet=as_json)
    done = remote.client.start(remote.path("refs", ref, "release"), {"pipeline": pipeline}).body
    local.tell(done, as_json=as_json)


app = app_of(release)
