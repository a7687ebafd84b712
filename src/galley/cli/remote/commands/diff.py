"""``galley diff`` through a server."""

from __future__ import annotations

from pathlib import Path

from galley.cli.commands import diff as local
from galley.cli.lazy import app_of
from galley.cli.remote.place import open_remote
from galley.cli.remote.same import as_locally
from galley.lake.model import PRODUCTION


@as_locally(local.diff)
def diff(before: str | None, after: str | None, project: Path | None, as_json: bool) -> None:
    """Ask what differs."""
    remote = open_remote(project, quiet=as_json)
    first, second = before or PRODUCTION, remote.ref_name(after)
    facts = remote.client.get(remote.path("diff"), a=first, b=second)
    if not as_json:
        for wanted, side in ((first, facts["before"]), (second, facts["after"])):
            remote.tell(wanted, side["ref"], side["commit"])
    local.tell(facts, as_json=as_json)


app = app_of(diff)
