"""The one place that names concrete adapters and reads settings from the environment."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from galley import clock
from galley.clock import Clock
from galley.db import schema
from galley.db.engine import Database, open_database, sqlite_url
from galley.db.moments import DatabaseClock, SteadyClock
from galley.environments.home import EmptyHome, Home
from galley.environments.kitchens import personal
from galley.environments.launch import kept_code
from galley.environments.reading import Reader as Reader
from galley.environments.reading import find_target
from galley.errors import (
    CorruptHomeError,
    DefinitionError,
    NotFoundError,
    StorageError,
    UsageError,
    Where,
)
from galley.governance import secrets
from galley.governance import tables as governance_tables
from galley.governance.model import Actor
from galley.lake import tables as lake_tables
from galley.lake.files import Access, no_access
from galley.lake.handle import Table as Table
from galley.lake.warehouse import Warehouse
from galley.notify import spans
from galley.notify import tables as notify_tables
from galley.notify.sending import Sender
from galley.notify.spans import Collector
from galley.project import declared
from galley.project.compile import compile_project
from galley.project.find import (
    PROJECT_FILE,
    declared_name,
    find_project,
    lake_setting,
    warehouse_setting,
)
from galley.project.model import Manifest, Step
from galley.runs import schedule_tables
from galley.runs import tables as runs_tables
from galley.runs.leases import LEASE
from galley.runs.live import Site, right
from galley.runs.pool import Pool, PoolSettings
from galley.runs.runner.probe import probe
from galley.settings import ENTRY, KEPT_PLACE, memory, preload, worker_labels
from galley.settings import home_path as home_path
from galley.settings import slots as slots

TABLES = (governance_tables, lake_tables, notify_tables, runs_tables, schedule_tables)
"""The modules whose tables make up the schema."""


def actor() -> Actor:
    """Who acts: ``GALLEY_USER``, or the operating system's user."""
    name = os.environ.get("GALLEY_USER")
    if not name:
        try:
            name = getpass.getuser()
        except (KeyError, OSError):
            name = f"uid-{os.getuid()}"
    return Actor(name, on_behalf_of=os.environ.get("GALLEY_ON_BEHALF_OF") or None)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a home's tables stand, if not in the home; ``access`` looks up how to get there."""

    root: str
    access: Callable[[], Access | None] = no_access


def find_place(folder: Path | None) -> Place | None:
    """The warehouse that ``GALLEY_WAREHOUSE`` or the galley.yaml of a project, if any, names.

    Raises:
        UsageError: it is neither a folder nor a bucket.
    """
    text = os.environ.get("GALLEY_WAREHOUSE") or (folder and warehouse_setting(folder))
    if not text:
        return None
    try:
        declared.check_warehouse(text, Where(PROJECT_FILE))
    except DefinitionError as error:
        raise UsageError(error.message, hint=error.hint) from error
    if not text.startswith(declared.SCHEME):
        return Place(str(((folder or Path.cwd()) / Path(text).expanduser()).resolve()))
    if folder is None:
        return Place(text.rstrip("/"))

    @cache
    def store() -> declared.Declared | None:
        return declared.declared_store(folder)

    return Place(text.rstrip("/"), lambda: _access(store(), folder))


def _access(store: declared.Declared | None, folder: Path) -> Access | None:
    """What a connection says, with its secrets; the environment says it where there is none."""
    connection = store.connection if store else None
    if store is None or connection is None:
        return None
    options = connection.options
    names = {one: secrets.placeholders(options[one]) for one in declared.HIDDEN if one in options}
    wanted = tuple(name for found in names.values() for name in found)
    values = secrets.look_up(wanted, store.secrets, folder=folder)
    filled = {option: secrets.fill(options[option], values) for option in names}
    return Access(connection.url or None, options.get("region"), **filled)


def open_home(path: Path, place: Place | None = None) -> Home:
    """Open a home, creating it when it is new.

    Raises:
        StorageError: the folder cannot be made, or its tables stand elsewhere.
        HomeVersionError: it was made by a newer version.
        CorruptHomeError: its database cannot be read.
    """
    try:
        for name in ("warehouse", "code", "logs", "scratch", "cache"):
            (path / name).mkdir(parents=True, exist_ok=True)
        # The project's git repository has no business with what Galley keeps here.
        if not (ignore := path / ".gitignore").exists():
            ignore.write_text("*\n", "utf-8")
    except OSError as error:
        raise StorageError(
            f"the home {path} cannot be written: {error.strerror}",
            hint="choose another folder with GALLEY_HOME",
        ) from error
    place = place or Place(str(path / "warehouse"))
    _refuse_emptied(path)
    _keep_place(path, place.root)
    database = open_state(path)
    schema.prepare(database)
    told = SteadyClock() if database.is_sqlite else DatabaseClock(database)
    return Home(path, database, place.root, actor(), told, place.access)


def empty_home(path: Path) -> EmptyHome:
    """A home that is to be made at ``path``: where the environment and the project here say.

    Raises:
        UsageError: a place is named that cannot be one.
    """
    try:
        folder: Path | None = find_project(Path.cwd())
    except NotFoundError:
        folder = None
    place = find_place(folder)
    return EmptyHome(
        path=path,
        database=open_state,
        shared="GALLEY_DATABASE" in os.environ,
        warehouse=Warehouse(place.root, place.access()) if place else None,
        now=clock.now(),
    )


def _refuse_emptied(path: Path) -> None:
    """A database that was cut to nothing is no new home: its tables' files are still there."""
    database = path / "galley.db"
    if database.exists() and not database.stat().st_size and any((path / "warehouse").iterdir()):
        raise CorruptHomeError(
            f"the state database {database} is empty although the warehouse holds tables",
            hint="restore galley.db from a backup; the warehouse's files were not touched",
        )


def kept_place(path: Path) -> Place | None:
    """Where a home's tables stand, if not in it; the environment says how to get there."""
    kept = path / KEPT_PLACE
    return Place(kept.read_text("utf-8").strip()) if kept.exists() else None


def _keep_place(path: Path, root: str) -> None:
    """Remember where the tables stand: another place would hold none of them."""
    own, kept = path / "warehouse", path / KEPT_PLACE
    known = kept_place(path)
    before = known.root if known else None
    if before is None and root != str(own):
        before = str(own) if any(own.iterdir()) else None
        if before is None:
            kept.write_text(f"{root}\n", "utf-8")
    if before not in (None, root):
        raise StorageError(
            f"the tables of this home stand in {before}, not in {root}",
            hint="correct `warehouse:` (or GALLEY_WAREHOUSE), or start a home of its own with "
            "`lake:`",
        )


def make_site(home: Home, slots: int, *, lease: int | None = None) -> Site:
    """What the engine works with. ``lease`` is in microseconds."""
    return Site(
        database=home.database,
        home=home.path,
        warehouse=home.warehouse,
        clock=home.clock,
        probe=lambda step, folder: _probe(home, step, folder),
        secrets=_secrets,
        threads=max(os.cpu_count() or 1, slots),
        memory=memory(),
        access=home.access,
        origin=home.origin,
        lease=lease or LEASE,
        labels=worker_labels(),
        sync=home.clock.sync if isinstance(home.clock, DatabaseClock) else right,
    )


def make_pool(home_folder: Path, slots: int) -> Pool:
    """The worker processes of a home, not started yet."""
    settings = PoolSettings(slots, home_folder / "logs", ENTRY, preload(home_folder))
    return Pool(settings)


def chosen_ref(flag: str | None, who: Actor) -> str:
    """The ref to work in: the flag, ``GALLEY_REF``, or the personal kitchen."""
    return flag or os.environ.get("GALLEY_REF") or personal(who.name)


def open_reader(ref: str | None, project: str | Path | None) -> Reader:
    """A reader of a ref's tables, pinned to the commit that it is at now.

    Raises:
        NotFoundError: there is no project.
        RefNotFoundError: there is no such ref, commit or tag.
    """
    folder = find_project(Path(project) if project is not None else Path.cwd())
    home = open_home(home_path(folder, lake_setting(folder)), find_place(folder))
    name = declared_name(folder) or compile_project(folder, cache=home.path / "cache").project
    target = find_target(home, name, chosen_ref(ref, home.actor))
    return Reader(home, make_site(home, 1), name, target)


resolve = secrets.filled
"""A text with the values of its secrets, and these values."""


def make_sender(home: Home, clock: Clock) -> Sender:
    """What sends the messages that wait in a home, when they are due by a clock."""
    return Sender(home.database, clock, resolve)


def make_collector() -> Collector | None:
    """Where traces go, if OpenTelemetry's variables say so.

    Raises:
        MissingExtraError: they do, and the libraries are not installed.
    """
    return Collector() if spans.wanted() else None


def hook_secret(home: Home, definition: str, name: str) -> str:
    """The value of a secret that a project version names.

    Raises:
        UnavailableError: it is not there.
    """
    with home.database.read() as connection:
        manifest, checkout = kept_code(connection, definition)
    return _secrets(manifest, (name,), checkout.folder)[name]


def open_state(path: Path) -> Database:
    """The state database of the home at ``path``, wherever it is; nothing is made in it.

    Raises:
        UsageError: ``GALLEY_DATABASE`` is the address of no such database.
    """
    return open_database(os.environ.get("GALLEY_DATABASE") or sqlite_url(path / "galley.db"))


def _probe(home: Home, step: Step, folder: str) -> str | None:
    return probe(step, folder, cache=str(home.path / "cache" / "probes.json"))


def _secrets(manifest: Manifest, names: tuple[str, ...], folder: Path) -> dict[str, str]:
    return secrets.look_up(names, manifest.secrets, folder=folder)
