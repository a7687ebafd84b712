"""``galley deploy`` to a server."""

from __future__ import annotations

from pathlib import Path

from galley.cli import screen
from galley.cli.commands import deploy as local
from galley.cli.lazy import app_of
from galley.cli.remote.code import send
from galley.cli.remote.place import open_remote
from galley.cli.remote.same import as_locally


@as_locally(local.deploy)
def deploy(ref: str | None, message: str | None, project: Path | None, as_json: bool) -> None:
    """Send the folder's files."""
    remote = open_remote(project, quiet=as_json)
    said = (message or "")[: local.LONGEST_MESSAGE] or None
    facts = send(remote, remote.ref_name(ref), said)
    if as_json:
        screen.print_json(facts)
        return
    local.print_deployed(facts)


app = app_of(deploy)
