"""A project on a server, as a command sees it: the twin of ``session`` for a home at hand."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from typer._click.globals import get_current_context

from galley.cli import screen, words
from galley.cli.contexts import Context
from galley.cli.remote.client import Client, path_of
from galley.errors import NotFoundError, UsageError
from galley.project.find import PROJECT_FILE, declared_name, find_project

MOST_NAMED = 10


@dataclass(frozen=True)
class Remote:
    """A project on a server. ``folder`` is where its files are on this machine, if anywhere."""

    client: Client
    project: str
    folder: Path | None = None

    @cached_property
    def me(self) -> Any:
        """As whom the server knows the caller."""
        return self.client.get("/me")

    def path(self, *parts: str) -> str:
        """A path below the project's."""
        return path_of("projects", self.project, *parts)

    def ref_name(self, flag: str | None) -> str:
        """The ref to work in: the flag, ``GALLEY_REF``, or the caller's kitchen there."""
        return flag or os.environ.get("GALLEY_REF") or str(self.me["kitchen"])

    def find_run(self, text: str) -> Any:
        """The run whose id begins with ``text``; ``last`` is the newest. In one line's facts."""
        return self.client.get(self.path("runs", text))

    def tell(self, wanted: str, ref: str, commit: str) -> None:
        """Say which state of the data is looked at."""
        if ref != wanted and "@" not in wanted and not wanted.startswith("tag/"):
            screen.note(f"{wanted} is not open yet; this is {ref}")
        screen.note(f"{ref} at {words.short(commit)}")


def open_client() -> Client:
    """The server of the context in effect."""
    context = get_current_context().find_object(Context)
    if context is None:
        raise LookupError("a command that asks a server was loaded without a context")
    client = Client(context, tell=screen.note)
    get_current_context().call_on_close(client.close)
    return client


def open_remote(project: Path | None, *, quiet: bool = False) -> Remote:
    """The project that is meant, and its server; told on stderr.

    It is that of the folder, as locally. Where there is no folder it can be named, and need not be
    if it is the server's only one.

    Raises:
        NotFoundError: there is no project.
        UsageError: there are several.
    """
    client = open_client()
    folder = _folder(project)
    if folder is not None:
        name = declared_name(folder)
        if name is None:
            raise UsageError(f"{folder / PROJECT_FILE} has no name", hint="galley check")
    else:
        name = str(project) if project is not None else _only(client)
    if not quiet:
        screen.note(f"{client.context.name}: {name} at {client.context.url}")
    return Remote(client, name, folder)


def _folder(project: Path | None) -> Path | None:
    if project is None:
        try:
            return find_project(Path.cwd())
        except NotFoundError:
            return None
    if (project / PROJECT_FILE).is_file():
        return project.absolute()
    if len(project.parts) == 1 and project.name and not project.is_dir():
        return None
    raise UsageError(
        f"{project} holds no {PROJECT_FILE}",
        hint="--project takes a project's folder, or its name on the server",
    )


def _only(client: Client) -> str:
    names = [str(one["project"]) for one in client.items("/projects", MOST_NAMED)]
    if len(names) == 1:
        return names[0]
    if not names:
        raise NotFoundError(f"{client.context.url} has no project yet")
    raise UsageError(
        f"{client.context.url} has several projects; say which one",
        hint=f"--project NAME: {', '.join(names)}",
    )
