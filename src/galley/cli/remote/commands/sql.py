"""``galley sql`` through a server."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from galley.cli import screen
from galley.cli.commands import sql as local
from galley.cli.commands.sql import Format
from galley.cli.lazy import app_of
from galley.cli.remote.client import Request
from galley.cli.remote.place import Remote, open_remote
from galley.cli.remote.same import as_locally
from galley.errors import UsageError

MOST = 10_000
"""Rows that a server puts into one answer."""

SECONDS = 90.0
"""How long an answer may take; the server ends a question before that."""


@as_locally(local.sql)
def sql(
    query: str,
    at: str | None,
    form: Format,
    output: Path | None,
    limit: int,
    parameter: list[str] | None,
    project: Path | None,
    as_json: bool,
) -> None:
    """Ask the server's tables."""
    text = sys.stdin.read() if query == "-" else query
    form = local.format_of(form, output)
    remote = open_remote(project, quiet=as_json)
    wanted = remote.ref_name(at)
    body = {"query": text, "ref": wanted, "parameters": local.values_of(parameter)}
    if as_json:
        screen.print_json(_all(_ask(remote, {**body, "limit": MOST})))
    elif form is Format.TABLE:
        found = _ask(remote, {**body, "limit": min(limit, MOST)})
        remote.tell(wanted, found["ref"], found["commit"])
        _print(found, limit)
    else:
        _write(remote, {**body, "format": form.value}, wanted, output)


def _ask(remote: Remote, body: dict[str, Any]) -> Any:
    return remote.client.ask(Request("POST", remote.path("sql"), body, seconds=SECONDS)).body


def _all(found: Any) -> Any:
    if found["more"]:
        raise UsageError(
            f"the answer has more than {MOST:,} rows, the most that a server puts into one",
            hint="--format csv, json or parquet writes all of them",
        )
    return found


def _print(found: Any, limit: int) -> None:
    names = [one["name"] for one in found["columns"]]
    moments = {one["name"] for one in found["columns"] if one["type"].startswith("TIMESTAMP")}
    rows = [[_shown(row[name], moment=name in moments) for name in names] for row in found["rows"]]
    local.print_rows(names, rows, more=found["more"], limit=min(limit, MOST))


def _shown(cell: object, *, moment: bool) -> object:
    """A time as it is shown at home: JSON writes it otherwise."""
    return cell.replace("T", " ", 1) if moment and isinstance(cell, str) else cell


def _write(remote: Remote, body: dict[str, Any], wanted: str, output: Path | None) -> None:
    folder = Path(tempfile.mkdtemp(prefix="galley-sql-"))
    try:
        made = folder / "rows"
        request = Request("POST", remote.path("sql", "file"), body, seconds=SECONDS)
        headers = remote.client.save(request, made)
        remote.tell(wanted, headers["x-ref"], headers["x-commit"])
        local.deliver(made, int(headers["x-rows"]), output)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


app = app_of(sql)
