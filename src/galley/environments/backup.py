"""Backing up a home while it works: its state, the files that this refers to, its code.

The state is read in one snapshot. Before that collection is asked to doom nothing, so every file
that the snapshot refers to is there until all are copied.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection, select

from galley import faults
from galley.clock import SECOND, iso
from galley.db import dumping, schema
from galley.environments.home import Home
from galley.environments.packing import GROWING, Kept, Pack, packing
from galley.errors import ConflictError, StorageError
from galley.governance.audit import record
from galley.governance.decide import demand
from galley.governance.model import Action, Resource
from galley.ids import new_id
from galley.lake import standstill
from galley.lake import tables as lake
from galley.lake.footprints import footprint
from galley.lake.model import Format
from galley.lake.warehouse import storage_errors
from galley.version import VERSION

FORMAT = 1
"""Of the manifest; a higher one is from a newer version."""

LEASE = 3600 * SECOND
"""How long collection waits for a backup that is not heard of any more."""

BEAT = 60.0
"""Seconds between two signs of life."""

Progress = Callable[[int, int], None]
"""Is told how many bytes are done, of how many."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be backed up, and where to.

    ``tar``: one file rather than a folder. ``link``: files of a folder may be hard links.
    """

    target: Path
    tar: bool
    link: bool = True
    logs: bool = False


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup's manifest.

    ``objects`` are files that stay in an object store and are not part of it: path to bytes.
    """

    format: int
    galley: str
    made: str
    database: str
    schema: tuple[str, ...]
    warehouse: str
    tables: dict[str, int]
    files: tuple[Kept, ...]
    objects: dict[str, int] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """The bytes of all its files."""
        return sum(one.bytes for one in self.files)


@dataclass(frozen=True, slots=True)
class _State:
    """A snapshot of the database: rows by table, and where the versions are that it refers to."""

    rows: dict[str, int]
    schema: tuple[str, ...]
    versions: tuple[str, ...]


def back_up(home: Home, wish: Wish, progress: Progress) -> Backup:
    """Write a backup.

    Raises:
        RefusedError: the actor may not.
        UsageError: something is at the target already.
        StorageError: a file is gone, or the target cannot be written; nothing is left there.
        ConflictError: collection went on meanwhile.
    """
    with packing(wish.target, tar=wish.tar, link=wish.link) as pack, _Stand(home) as stand:
        with TemporaryDirectory(dir=home.path / "scratch", prefix="backup-") as folder:
            state = _read_state(home, Path(folder))
            faults.point("backup.snapshot")
            local, objects = _wanted(home, state)
            found = list(_sources(home, Path(folder), local, logs=wish.logs))
            total = sum(source.stat().st_size for _, source in found)
            _check_room(wish, found, total)
            files = list(_pack(pack, found, total, progress, stand))
        stand.beat(always=True)
        faults.point("backup.copied")
        made = Backup(
            format=FORMAT,
            galley=VERSION,
            made=iso(home.clock()) or "",
            database=home.database.engine.dialect.name,
            schema=state.schema,
            warehouse=home.warehouse,
            tables=state.rows,
            files=tuple(files),
            objects=objects,
        )
        pack.finish(json.dumps(asdict(made), indent=1).encode())
    return made


class _Stand:
    """Keeps collection waiting, from entering to leaving."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._id = new_id()
        self._heard = time.monotonic()

    def __enter__(self) -> _Stand:
        home, resource = self._home, Resource("home", str(self._home.path), "")
        decision = demand(home.actor, Action.BACK_UP, resource)
        with home.database.write() as connection:
            now = home.clock()
            standstill.begin(connection, self._id, by=home.actor.name, now=now, until=now + LEASE)
            record(
                connection,
                actor=home.actor,
                action=Action.BACK_UP,
                resource=resource,
                decision=decision,
                now=now,
            )
        return self

    def __exit__(self, *_: object) -> None:
        with self._home.database.write() as connection:
            standstill.end(connection, self._id)

    def beat(self, *, always: bool = False) -> None:
        """Have more time. Raises ConflictError if it was over."""
        if not always and time.monotonic() - self._heard < BEAT:
            return
        self._heard = time.monotonic()
        with self._home.database.write() as connection:
            now = self._home.clock()
            if not standstill.prolong(connection, self._id, now=now, until=now + LEASE):
                raise ConflictError(
                    "the backup stood still for too long: versions may have been collected",
                    hint="nothing of it was left behind; begin anew",
                )


def _read_state(home: Home, folder: Path) -> _State:
    """Write every table's rows to ``folder``, all as of one moment."""
    rows = {}
    with home.database.read() as connection:
        for name in dumping.names():
            with (folder / f"{name}.jsonl.gz").open("wb") as into:
                rows[name] = dumping.dump(connection, name, into)
        revisions = tuple(sorted(schema.revisions(connection)))
        return _State(rows, revisions, tuple(sorted(_usable(connection))))


def _usable(connection: Connection) -> set[str]:
    """Where the versions are that can be used or may be again."""
    e, c = lake.entry.c, lake.condemned.c
    written = select(e.location).where(e.location.is_not(None), e.format != Format.VIEW.value)
    doomed = select(c.location).where(c.doomed.is_not(None))
    found = set(connection.scalars(written.distinct())) - set(connection.scalars(doomed))
    return {one for one in found if one}


def _wanted(home: Home, state: _State) -> tuple[list[str], dict[str, int]]:
    """The files of the versions, by their paths in the warehouse: here, or in an object store."""
    store = home.store
    paths = sorted(frozenset[str]().union(*(footprint(store, one) for one in state.versions)))
    if not store.remote:
        return paths, {}
    with storage_errors("listing the warehouse", kept=""):
        listed = {one.path: one.bytes for one in store.files.listing(store.root)}
    sizes = {path: listed.get(store.absolute(path)) for path in paths}
    gone = next((path for path, size in sizes.items() if size is None), None)
    if gone is not None:
        raise _missing(store.absolute(gone))
    return [], {path: size for path, size in sizes.items() if size is not None}


def _sources(
    home: Home, state: Path, warehouse: list[str], *, logs: bool
) -> Iterator[tuple[str, Path]]:
    """Every file with its path in the backup."""
    for one in sorted(state.iterdir()):
        yield f"state/{one.name}", one
    store = home.store
    for path in warehouse:
        found = Path(store.absolute(path))
        if not found.is_file():
            raise _missing(str(found))
        yield f"warehouse/{path}", found
    for name in ("code", "logs") if logs else ("code",):
        for found in sorted((home.path / name).rglob("*")):
            # What begins with a dot is not whole yet.
            inner = found.relative_to(home.path / name)
            if found.is_file() and not inner.parts[0].startswith("."):
                yield f"{name}/{inner.as_posix()}", found


def _missing(path: str) -> StorageError:
    return StorageError(
        f"{path} is gone, which a version of a table needs; no backup was made",
        hint="`galley doctor` lists all that is damaged",
    )


def _check_room(wish: Wish, found: list[tuple[str, Path]], total: int) -> None:
    """Refuse at once what will not fit; links need no room."""
    here = wish.target.absolute().parent
    device = here.stat().st_dev
    linked = wish.link and not wish.tar
    needed = sum(
        one.stat().st_size for _, one in found if not (linked and one.stat().st_dev == device)
    )
    free = shutil.disk_usage(here).free
    if needed > free:
        raise StorageError(
            f"the backup needs {needed:,} bytes, and {here} has {free:,} free; "
            "nothing of it was left behind",
            hint="free some space, or name another place",
        )


def _pack(
    pack: Pack,
    found: list[tuple[str, Path]],
    total: int,
    progress: Progress,
    stand: _Stand,
) -> Iterator[Kept]:
    done = 0

    def told(count: int) -> None:
        nonlocal done
        done += count
        progress(done, total)
        stand.beat()

    for path, source in found:
        if path.startswith(GROWING) and not source.is_file():
            continue  # an old log that was removed meanwhile
        yield pack.add(path, source, told)
        faults.point("backup.copying")
