"""One command's view of a project: its folder, its home, its refs, and who is asking."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from typer._click.globals import get_current_context

from galley.cli import screen, words
from galley.errors import NotFoundError, UsageError
from galley.project.find import PROJECT_FILE, declared_name, find_project, lake_setting
from galley.settings import home_path

if TYPE_CHECKING:
    from galley.environments.home import Checkout, Home
    from galley.lake.model import Ref, Target
    from galley.project.model import Manifest
    from galley.runs.live import Site


def find_folder(project: Path | None) -> Path:
    """The project's folder. Raises NotFoundError, UsageError."""
    if project is None:
        return find_project(Path.cwd())
    if not (project / PROJECT_FILE).is_file():
        raise UsageError(
            f"{project} holds no {PROJECT_FILE}", hint="--project takes a project's folder"
        )
    return project.absolute()


def find_home(project: Path | None) -> Path:
    """Where the project's home is or will be, found without loading anything."""
    folder = find_folder(project)
    return home_path(folder, lake_setting(folder))


def open_home_here(project: Path | None) -> Home:
    """The home, and where its tables stand: ``GALLEY_HOME`` needs no project beside it.

    Raises:
        NotFoundError: there is no project, and no home is named.
    """
    from galley import bootstrap

    chosen = os.environ.get("GALLEY_HOME")
    if not chosen or project is not None:
        return open_session(project).home
    path = Path(chosen).expanduser().resolve()
    try:
        folder: Path | None = find_folder(None)
    except NotFoundError:
        folder = None
    place = bootstrap.find_place(folder) or bootstrap.kept_place(path)
    return closed_afterwards(bootstrap.open_home(path, place))


@dataclass(frozen=True)
class Session:
    """A project whose home is open."""

    folder: Path
    home: Home

    @cached_property
    def manifest(self) -> Manifest:
        """The compiled project. Raises DefinitionErrors."""
        from galley.project.compile import compile_project

        return compile_project(self.folder, cache=self.home.path / "cache")

    @cached_property
    def project(self) -> str:
        """The project's name, also when its other definitions are broken."""
        return declared_name(self.folder) or self.manifest.project

    def runnable(self, flag: str | None) -> Manifest:
        """What a run in a ref runs: an environment's activated version, else the working tree.

        A working tree that does not compile must not keep an environment from running. Raises
        DefinitionErrors.
        """
        from galley.environments.launch import activated_in

        with self.home.database.read() as connection:
            found = activated_in(connection, self.project, self.ref_name(flag))
        return found or self.manifest

    @cached_property
    def checkout(self) -> Checkout:
        """The folder as git knows it."""
        from galley.environments.checkout import read_checkout

        return read_checkout(self.folder)

    @cached_property
    def site(self) -> Site:
        """What the engine and queries work with."""
        from galley import bootstrap

        return bootstrap.make_site(self.home, bootstrap.slots())

    def now(self) -> int:
        """The present instant in microseconds."""
        return self.home.clock()

    def ref_name(self, flag: str | None) -> str:
        """The ref to work in: the flag, ``GALLEY_REF``, or the personal kitchen."""
        from galley import bootstrap

        return bootstrap.chosen_ref(flag, self.home.actor)

    def target(self, flag: str | None, *, quiet: bool = False) -> Target:
        """The commit to look at, told on stderr. A kitchen that is not open yet shows production.

        Raises:
            RefNotFoundError: no such ref, commit or tag.
        """
        from galley.environments.reading import find_target
        from galley.lake import refs

        wanted = self.ref_name(flag)
        found = find_target(self.home, self.project, wanted)
        if quiet:
            return found
        if found.ref != wanted and "@" not in wanted:
            screen.note(f"{wanted} is not open yet; this is {found.ref}")
        with self.home.database.read() as connection:
            ref = refs.get_ref(connection, self.project, found.ref)
        self.tell(ref, found)
        return found

    def ensure(self) -> None:
        """Make the project known to the home, with an empty production, if it is new."""
        from galley.environments.reading import ensure_project

        ensure_project(self.home, self.project)

    def tell(self, ref: Ref, target: Target | None = None) -> None:
        """Say on stderr which ref is used and how old its base is."""
        screen.note(self.describe(ref, target))

    def describe(self, ref: Ref, target: Target | None = None) -> str:
        """The ref and the age of its base in one line."""
        from galley.environments.inspect import base_of
        from galley.lake import commits

        with self.home.database.read() as connection:
            base = base_of(connection, ref)
            head = commits.get_commit(connection, target.commit if target else ref.head)
        name = target.text if target else ref.name
        at = f"{name} at {words.short(head.id)}, {words.ago(head.created, self.now())}"
        if base.ref == ref.name:
            return at
        behind = f", {words.plural(base.behind, 'commit')} behind" if base.behind else ""
        age = words.ago(base.created, self.now())
        return f"{at} · based on {base.ref} {words.short(base.commit)}, {age}{behind}"


def open_session(project: Path | None) -> Session:
    """Open a project's home. Raises NotFoundError, UnavailableError."""
    from galley import bootstrap

    folder = find_folder(project)
    home = bootstrap.open_home(find_home(project), bootstrap.find_place(folder))
    return Session(folder, closed_afterwards(home))


def closed_afterwards(home: Home) -> Home:
    """The home, whose database is closed when the command ends.

    Whoever closes SQLite's file last brings the write-ahead log into it: one file stays, which can
    be copied.
    """
    if context := get_current_context(silent=True):
        context.call_on_close(home.database.close)
    return home
