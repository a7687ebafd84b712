"""``galley plan`` through a server."""

from __future__ import annotations

from pathlib import Path

from galley.cli.commands import plan as local
from galley.cli.lazy import app_of
from galley.cli.remote.asking import Asked
from galley.cli.remote.code import plan as planned
from galley.cli.remote.place import open_remote
from galley.cli.remote.same import as_locally


@as_locally(local.plan)
def plan(
    pipeline: str | None,
    ref: str | None,
    select: list[str] | None,
    window: str | None,
    var: list[str] | None,
    rebuild: list[str] | None,
    project: Path | None,
    as_json: bool,
) -> None:
    """Ask what a run would do."""
    remote = open_remote(project, quiet=as_json)
    asked = Asked(pipeline, remote.ref_name(ref), select, window, var, rebuild)
    local.tell(planned(remote, asked), as_json=as_json)


app = app_of(plan)
