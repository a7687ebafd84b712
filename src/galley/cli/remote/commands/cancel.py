"""``galley cancel`` through a server."""

from __future__ import annotations

from pathlib import Path

from galley.cli.commands import cancel as local
from galley.cli.lazy import app_of
from galley.cli.remote.same import as_locally
from galley.cli.remote.wishing import ask


@as_locally(local.cancel)
def cancel(run: str, project: Path | None, as_json: bool) -> None:
    """Ask it of a run."""
    ask("cancel", run, project, local.tell, as_json=as_json)


app = app_of(cancel)
