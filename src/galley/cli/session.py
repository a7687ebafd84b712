"""One command's view of a project: its folder, its home, its refs, and who is asking."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from galley.cli import screen, words
from galley.errors import UsageError
from galley.project.find import PROJECT_FILE, find_project, lake_setting

if TYPE_CHECKING:
    from galley.environments.home import Checkout, Home
    from galley.lake.model import Ref, Target
    from galley.project.model import Manifest
    from galley.runs.live import Site

_NAME = re.compile(r"^name:[ \t]*['\"]?(?P<name>[A-Za-z0-9_-]+)['\"]?[ \t]*(#.*)?$", re.MULTILINE)


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
    chosen = os.environ.get("GALLEY_HOME") or lake_setting(folder)
    return (
        (folder / Path(chosen).expanduser()).resolve() if chosen else (folder / ".galley").resolve()
    )


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
        text = (self.folder / PROJECT_FILE).read_text("utf-8", errors="replace")
        found = _NAME.search(text)
        return found["name"].lower() if found else self.manifest.project

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
        from galley.environments.kitchens import personal

        return flag or os.environ.get("GALLEY_REF") or personal(self.home.actor.name)

    def target(self, flag: str | None, *, quiet: bool = False) -> Target:
        """The commit to look at, told on stderr. A kitchen that is not open yet shows production.

        Raises:
            RefNotFoundError: no such ref, commit or tag.
        """
        from galley.environments.kitchens import personal
        from galley.lake import refs
        from galley.lake.model import PRODUCTION

        wanted = self.ref_name(flag)
        self.ensure()
        with self.home.database.read() as connection:
            own = wanted == personal(self.home.actor.name)
            if own and refs.find_ref(connection, self.project, wanted) is None:
                if not quiet:
                    screen.note(f"{wanted} is not open yet; this is {PRODUCTION}")
                wanted = PRODUCTION
            found = refs.resolve(connection, self.project, wanted, self.now())
            ref = refs.get_ref(connection, self.project, found.ref)
        if not quiet:
            self.tell(ref, found)
        return found

    def ensure(self) -> None:
        """Make the project known to the home, with an empty production, if it is new."""
        from galley.lake import refs
        from galley.lake.model import PRODUCTION

        with self.home.database.read() as connection:
            if refs.find_ref(connection, self.project, PRODUCTION):
                return
        with self.home.database.write() as connection:
            refs.ensure_project(
                connection, self.project, actor=self.home.actor.name, now=self.now()
            )

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
    home = bootstrap.open_home(bootstrap.home_path(folder, lake_setting(folder)))
    return Session(folder, home)
