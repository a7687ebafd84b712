"""``galley tables`` and its nouns through a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from galley.cli.commands import tables as local
from galley.cli.lazy import new_app
from galley.cli.remote.place import Remote, open_remote
from galley.cli.remote.same import as_locally

app = new_app(invoke_without_command=True)


@app.callback()
@as_locally(local.tables)
def tables(context: typer.Context, at: str | None, project: Path | None, as_json: bool) -> None:
    """Ask for the tables of a ref."""
    if context.invoked_subcommand is not None:
        return
    remote = open_remote(project, quiet=as_json)
    facts = _listed(remote, remote.path("tables"), at, None, "tables", quiet=as_json)
    local.tell(facts, as_json=as_json)


@app.command()
@as_locally(local.history)
def history(table: str, at: str | None, limit: int, project: Path | None, as_json: bool) -> None:
    """Ask for a table's versions."""
    remote = open_remote(project, quiet=as_json)
    name = table.lower()
    path = remote.path("tables", name, "versions")
    facts = _listed(remote, path, at, limit, "versions", quiet=as_json)
    versions = facts.pop("versions")
    local.tell_history({**facts, "table": name, "versions": versions}, as_json=as_json)


@app.command()
@as_locally(local.metrics)
def metrics(table: str, limit: int, project: Path | None, as_json: bool) -> None:
    """Ask what was measured of a table."""
    remote = open_remote(project, quiet=as_json)
    name = table.lower()
    found = list(remote.client.items(remote.path("tables", name, "metrics"), limit))
    local.tell_metrics(name, found, as_json=as_json)


def _listed(
    remote: Remote, path: str, at: str | None, limit: int | None, what: str, *, quiet: bool
) -> dict[str, Any]:
    """A list at a ref, and which commit it shows."""
    wanted = remote.ref_name(at)
    first, *others = remote.client.pages(path, limit, ref=wanted)
    if not quiet:
        remote.tell(wanted, first["ref"], first["commit"])
    items = [one for page in (first, *others) for one in page["items"]]
    return {"ref": first["ref"], "commit": first["commit"], what: items}
