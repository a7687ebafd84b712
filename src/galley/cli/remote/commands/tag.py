"""``galley tag`` through a server."""

from __future__ import annotations

from pathlib import Path

from galley.cli.commands import tag as local
from galley.cli.lazy import app_of
from galley.cli.remote.place import open_remote
from galley.cli.remote.same import as_locally


@as_locally(local.tag)
def tag(name: str, at: str | None, project: Path | None, as_json: bool) -> None:
    """Ask for a name of a state."""
    remote = open_remote(project, quiet=as_json)
    wanted = remote.ref_name(at)
    made = remote.client.start(remote.path("tags"), {"name": name, "ref": wanted}).body
    if not as_json:
        remote.tell(wanted, made["ref"], made["commit"])
    local.tell(made, as_json=as_json)


app = app_of(tag)
