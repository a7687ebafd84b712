"""``galley alerts`` through a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from galley.cli.commands import alerts as local
from galley.cli.lazy import app_of
from galley.cli.remote.place import open_remote
from galley.cli.remote.same import as_locally


@as_locally(local.alerts)
def alerts(only_open: bool, limit: int, project: Path | None, as_json: bool) -> None:
    """Ask for the newest alerts."""
    remote = open_remote(project, quiet=as_json)
    query: dict[str, Any] = {"open": True} if only_open else {}
    found, following = remote.client.listed(remote.path("alerts"), limit, **query)
    facts = {"project": remote.project, "alerts": found, "next": following}
    local.show(facts, as_json=as_json)


app = app_of(alerts)
