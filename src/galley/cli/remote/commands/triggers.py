"""``galley triggers`` and its nouns through a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from galley.cli import screen
from galley.cli.commands import triggers as local
from galley.cli.lazy import new_app
from galley.cli.remote.following import follow
from galley.cli.remote.place import Remote, open_remote
from galley.cli.remote.same import as_locally
from galley.cli.wishes import parse_variables
from galley.errors import DefinitionError
from galley.project.compile import compile_project

app = new_app(invoke_without_command=True)


@app.callback()
@as_locally(local.triggers)
def triggers(
    context: typer.Context, environment: str | None, project: Path | None, as_json: bool
) -> None:
    """Ask for the triggers that are active."""
    if context.invoked_subcommand is not None:
        return
    remote = open_remote(project, quiet=as_json)
    query: dict[str, Any] = {"in": environment}
    found = list(remote.client.items(remote.path("triggers"), **query))
    waiting = _defined(remote) - {one["trigger"] for one in found}
    facts = {"project": remote.project, "triggers": found, "not_active": sorted(waiting)}
    local.tell(facts, as_json=as_json)


@app.command("next")
@as_locally(local.coming)
def coming(
    name: str | None, count: int, environment: str | None, project: Path | None, as_json: bool
) -> None:
    """Ask what fires next."""
    remote = open_remote(project, quiet=as_json)
    parts = ("triggers", name, "next") if name else ("triggers", "next")
    query: dict[str, Any] = {"count": count, "in": environment}
    found = remote.client.get(remote.path(*parts), **query)["items"]
    local.tell_next(remote.project, found, as_json=as_json)


@app.command("fires")
@as_locally(local.fires)
def fires(name: str | None, count: int, project: Path | None, as_json: bool) -> None:
    """Ask what has fired."""
    remote = open_remote(project, quiet=as_json)
    found, following = remote.client.listed(remote.path("fires"), count, trigger=name)
    facts = {"project": remote.project, "fires": found, "next": following}
    local.tell_fires(facts, as_json=as_json)


@app.command("fire")
@as_locally(local.fire)
def fire(
    name: str,
    var: list[str] | None,
    environment: str | None,
    project: Path | None,
    as_json: bool,
) -> None:
    """Fire one, and follow its run."""
    remote = open_remote(project)
    body = {"parameters": parse_variables(var or ())}
    path = remote.path("triggers", name, "fire")

    def start() -> str:
        fired = remote.client.start(path, body, query={"in": environment}).body
        screen.note(f"{fired['trigger']} fired in {fired['run']['ref']}")
        return str(fired["run"]["run"])

    raise typer.Exit(follow(remote, start, as_json=as_json))


@app.command("pause")
@as_locally(local.pause)
def pause(
    name: str, reason: str | None, environment: str | None, project: Path | None, as_json: bool
) -> None:
    """Ask one to fire no more."""
    _switch(name, reason, environment, project, paused=True, as_json=as_json)


@app.command("resume")
@as_locally(local.resume)
def resume(
    name: str, reason: str | None, environment: str | None, project: Path | None, as_json: bool
) -> None:
    """Ask one to fire again."""
    _switch(name, reason, environment, project, paused=False, as_json=as_json)


def _switch(
    name: str,
    reason: str | None,
    environment: str | None,
    project: Path | None,
    *,
    paused: bool,
    as_json: bool,
) -> None:
    remote = open_remote(project, quiet=as_json)
    path = remote.path("triggers", name, "pause" if paused else "resume")
    facts = remote.client.post(path, {"reason": reason}, query={"in": environment})
    local.tell_switched(remote.project, facts, paused=paused, as_json=as_json)


def _defined(remote: Remote) -> set[str]:
    """The triggers of the folder, as far as its definitions can be read."""
    if remote.folder is None:
        return set()
    try:
        return local.defined_in(compile_project(remote.folder))
    except DefinitionError:
        return set()
