"""``galley runs`` through a server."""

from __future__ import annotations

from pathlib import Path

import typer

from galley.cli.commands import runs as local
from galley.cli.lazy import new_app
from galley.cli.remote.client import path_of
from galley.cli.remote.commands.show import show
from galley.cli.remote.following import follow
from galley.cli.remote.place import Remote, open_remote
from galley.cli.remote.same import as_locally
from galley.runs.model import RunState

app = new_app(invoke_without_command=True)
app.command("show")(show)


@app.callback()
@as_locally(local.runs)
def runs(
    context: typer.Context,
    ref: str | None,
    pipeline: str | None,
    state: RunState | None,
    limit: int,
    project: Path | None,
    as_json: bool,
) -> None:
    """Ask for the newest runs."""
    if context.invoked_subcommand is not None:
        return
    remote = open_remote(project, quiet=as_json)
    wanted = {"ref": ref, "pipeline": pipeline, "state": state.value if state else None}
    found = list(remote.client.items(remote.path("runs"), limit, **wanted))
    if not found:
        _check_filters(remote, ref, pipeline)
    local.tell(remote.project, found, asked=bool(ref or pipeline or state), as_json=as_json)


@app.command()
@as_locally(local.publish)
def publish(
    run: str,
    override: list[str],
    reason: str,
    expires: str,
    project: Path | None,
    as_json: bool,
) -> None:
    """Ask for a run to be published over tests, and follow that."""
    seconds = local.parse_duration(expires) // 1_000_000
    remote = open_remote(project)
    path = path_of("runs", remote.find_run(run)["run"], "publish")
    body = {"override": override, "reason": reason, "seconds": seconds}
    raise typer.Exit(
        follow(remote, lambda: str(remote.client.start(path, body).body["run"]), as_json=as_json)
    )


def _check_filters(remote: Remote, ref: str | None, pipeline: str | None) -> None:
    """Raise NotFoundError for a pipeline or a ref that there is none of."""
    if ref is not None and ref != remote.ref_name(None):
        remote.client.get(remote.path("refs", ref))
    if pipeline is None:
        return
    if not any(remote.client.items(remote.path("runs"), 1, pipeline=pipeline)):
        remote.client.get(remote.path("pipelines", pipeline))
