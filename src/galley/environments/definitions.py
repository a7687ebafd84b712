"""Which projects there are, and which definitions each ref of one works with."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Connection, select

from galley.environments.checkout import read_checkout
from galley.environments.home import Checkout, Home
from galley.environments.launch import activated, at_hand, kept_code
from galley.errors import NotFoundError
from galley.lake import commits
from galley.lake.model import PRODUCTION, Ref, RefKind
from galley.lake.names import listed, nearest
from galley.lake.tables import ref as ref_table
from galley.project.compile import compile_project
from galley.project.model import Manifest
from galley.runs import listing


class Origin(StrEnum):
    """Where definitions come from."""

    ACTIVATED = "activated"
    """A promotion made them an environment's."""
    WORKING_TREE = "working_tree"
    """The folder, as it is now."""
    DEPLOYED = "deployed"
    """A deploy gave them to the kitchen: this server has no folder of the project."""
    LAST_RUN = "last_run"
    """What ran last: this server has no folder, and nothing was deployed."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The definitions of a ref, the files that they come from, and how they got there."""

    manifest: Manifest
    checkout: Checkout
    origin: Origin


def known_projects(
    connection: Connection, folders: Collection[str], *, after: str = "", limit: int = 1000
) -> list[str]:
    """The projects of a home, and those whose folders are known, by name."""
    r = ref_table.c
    query = select(r.project).where(r.name == PRODUCTION, r.project > after)
    names = set(connection.scalars(query.order_by(r.project).limit(limit)))
    return sorted(names | {name for name in folders if name > after})[:limit]


def check_project(
    connection: Connection, project: str, folders: Collection[str] = frozenset()
) -> None:
    """Raise NotFoundError, with the nearest name, for a project that there is not."""
    r = ref_table.c
    here = select(r.project).where(r.project == project, r.name == PRODUCTION)
    if project in folders or connection.execute(here).first() is not None:
        return
    known = known_projects(connection, folders)
    meant = nearest(project, known)
    raise NotFoundError(
        f"there is no project {project}",
        hint=f"did you mean {meant}?" if meant else f"there are: {listed(known)}",
        details={"nearest": meant},
    )


def shown_in(
    connection: Connection, home: Home, project: str, ref: Ref | None, folder: Path | None
) -> Shown:
    """The definitions that a ref works with; a kitchen may not be open yet.

    An environment has those that were promoted to it. Elsewhere it is the project's folder, and
    where this server has none what was deployed to the kitchen, or else what ran last, in the ref
    if anything did.

    Raises:
        DefinitionErrors: the folder's files are wrong.
        NotFoundError: nothing of the project was ever seen here.
    """
    is_environment = ref is not None and ref.kind is RefKind.ENVIRONMENT
    if ref and is_environment and commits.get_commit(connection, ref.head).code_version is not None:
        return Shown(*at_hand(connection, home, *activated(connection, ref)), Origin.ACTIVATED)
    if folder is not None:
        manifest = compile_project(folder, cache=home.path / "cache")
        return Shown(manifest, Checkout(folder), Origin.WORKING_TREE)
    if ref is not None and ref.code_version is not None:
        return kept_here(connection, home, ref.code_version, Origin.DEPLOYED)
    found = listing.last_definition(connection, project, ref.name) if ref else None
    found = found or listing.last_definition(connection, project)
    found = found or listing.last_registered(connection, project)
    if found is None:
        raise NotFoundError(
            f"nothing of {project} ran here yet, so its pipelines are not known",
            hint="galley deploy, or start the server in the project's folder",
        )
    return kept_here(connection, home, found, Origin.LAST_RUN)


def kept_here(connection: Connection, home: Home, version: str, origin: Origin) -> Shown:
    """The definitions of a kept version. Raises NotFoundError."""
    return Shown(*at_hand(connection, home, *kept_code(connection, version)), origin)


def runnable_in(shown: Shown) -> Checkout:
    """The files of the definitions, as git knows them now."""
    if shown.origin is Origin.WORKING_TREE:
        return read_checkout(shown.checkout.folder)
    return shown.checkout
