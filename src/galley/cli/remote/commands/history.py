"""``galley history`` through a server."""

from __future__ import annotations

from pathlib import Path

from galley.cli import screen
from galley.cli.commands import history as local
from galley.cli.lazy import app_of
from galley.cli.remote.place import open_remote
from galley.cli.remote.same import as_locally


@as_locally(local.history)
def history(ref: str | None, limit: int, project: Path | None, as_json: bool) -> None:
    """Ask for a ref's commits."""
    remote = open_remote(project, quiet=as_json)
    wanted = remote.ref_name(ref)
    pages = list(remote.client.pages(remote.path("refs", wanted, "history"), limit))
    shown = pages[0]["ref"]
    if shown != wanted and "@" not in wanted and not as_json:
        screen.note(f"{wanted} is not open yet; this is {shown}")
    local.tell(shown, [one for page in pages for one in page["items"]], as_json=as_json)


app = app_of(history)
