"""A home that is open: where its state lives, and who is at work."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from galley.clock import Clock
from galley.db.engine import Database
from galley.governance.model import Actor
from galley.lake.files import Access, no_access
from galley.lake.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Home:
    """The state database, the warehouse and the acting person.

    ``path`` is the home's folder (database, code, logs); ``warehouse`` the absolute folder of the
    tables' files, or ``s3://bucket/prefix``; ``access`` looks up what reaching that takes.
    """

    path: Path
    database: Database
    warehouse: str
    actor: Actor
    clock: Clock
    access: Callable[[], Access | None] = no_access

    @property
    def store(self) -> Warehouse:
        """The warehouse, and how to reach it. Raises ``UnavailableError`` without its secrets."""
        return Warehouse(self.warehouse, self.access())

    @property
    def origin(self) -> str:
        """What names this home to others who share its database."""
        return f"{socket.gethostname()}:{self.path}"


@dataclass(frozen=True, slots=True)
class EmptyHome:
    """A home that is to be made.

    ``database`` opens the state database of a home at a folder. ``shared``: it is not a file of
    the home. ``warehouse`` is where the tables are to stand, if not in the home or as before.
    """

    path: Path
    database: Callable[[Path], Database]
    shared: bool
    warehouse: Warehouse | None
    now: int


@dataclass(frozen=True, slots=True)
class Checkout:
    """A project folder as it is now: its git commit if it is one, and whether it is clean."""

    folder: Path
    git_commit: str | None = None
    dirty: tuple[str, ...] = ()
