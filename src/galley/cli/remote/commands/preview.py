"""``galley preview`` through a server."""

from __future__ import annotations

from pathlib import Path

from galley.cli.commands import preview as local
from galley.cli.lazy import app_of
from galley.cli.remote.client import Request
from galley.cli.remote.code import settle
from galley.cli.remote.place import open_remote
from galley.cli.remote.same import as_locally
from galley.cli.wishes import parse_variables

SECONDS = 150.0
"""How long it may take; the server gives up before."""


@as_locally(local.preview)
def preview(
    step: str,
    limit: int,
    ref: str | None,
    window: str | None,
    var: list[str] | None,
    project: Path | None,
    as_json: bool,
) -> None:
    """Ask for the first rows that the folder's step makes."""
    remote = open_remote(project, quiet=as_json)
    wanted = remote.ref_name(ref)
    body = {
        "step": step,
        "limit": limit,
        "ref": wanted,
        "window": window,
        "variables": parse_variables(var or ()),
        "version": settle(remote, wanted),
    }
    request = Request("POST", remote.path("preview"), body, twice=False, seconds=SECONDS)
    local.tell(remote.client.ask(request).body, limit, as_json=as_json)


app = app_of(preview)
