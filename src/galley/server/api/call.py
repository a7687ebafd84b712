"""What every route gets: the home as its caller sees it, and the projects that are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Query
from sqlalchemy import Connection
from starlette.requests import Request

from galley.environments import definitions, reading
from galley.environments.definitions import Origin, Shown
from galley.environments.home import Home
from galley.environments.kitchens import personal
from galley.environments.versions import find_version
from galley.lake import refs
from galley.lake.model import Target
from galley.runs.live import Site
from galley.server.api.together import Together
from galley.server.door import Caller

MEMORY = 1 << 30
"""Bytes that one question to the tables may use."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a server serves: a home, and the folders of the projects that it was started in.

    ``slots`` is how many worker processes of its own the server has.
    """

    home: Home
    site: Site
    folders: Mapping[str, Path]
    slots: int = 0
    together: Together = field(default_factory=Together)


@dataclass(frozen=True, slots=True)
class Call:
    """One request. ``home.actor`` is who asks; ``caller`` says how that is known."""

    home: Home
    place: Place
    id: str
    caller: Caller
    address: str

    def now(self) -> int:
        """The present instant in microseconds."""
        return self.home.clock()

    def check_project(self, connection: Connection, project: str) -> None:
        """Raise NotFoundError, with the nearest name, for a project that is not here."""
        definitions.check_project(connection, project, self.place.folders)

    def small_site(self) -> Site:
        """A site whose queries leave room for others."""
        site = self.place.site
        return replace(site, memory=min(site.memory, MEMORY), threads=min(site.threads, 2))

    def ref_name(self, ref: str | None) -> str:
        """The ref that is meant: the caller's kitchen where none is named."""
        return ref or personal(self.home.actor.name)

    def target(self, project: str, ref: str | None) -> Target:
        """The commit to look at; a kitchen that is not open yet shows production.

        Raises:
            NotFoundError: no such project.
            RefNotFoundError: no such ref, commit or tag.
        """
        with self.home.database.read() as connection:
            self.check_project(connection, project)
        return reading.find_target(self.home, project, self.ref_name(ref))

    def code(
        self, connection: Connection, project: str, ref: str, version: str | None = None
    ) -> Shown:
        """The definitions that a ref works with, or those of a version.

        Raises DefinitionErrors, NotFoundError, UsageError.
        """
        if version is not None:
            found = find_version(connection, project, version)
            return definitions.kept_here(connection, self.home, found, Origin.DEPLOYED)
        folder = self.place.folders.get(project)
        here = refs.find_ref(connection, project, ref)
        return definitions.shown_in(connection, self.home, project, here, folder)


def call_of(request: Request) -> Call:
    """The call that a request is."""
    place: Place = request.app.state.place
    home = replace(place.home, actor=request.state.actor)
    address = request.client.host if request.client else ""
    return Call(home, place, request.state.id, request.state.caller, address)


Calling = Annotated[Call, Depends(call_of)]
RefQuery = Annotated[
    str | None,
    Query(
        max_length=300,
        description="REF, REF@COMMIT, REF@TIME or tag/NAME. Default: the caller's kitchen, or "
        "production while that is not open.",
        examples=["production"],
    ),
]
