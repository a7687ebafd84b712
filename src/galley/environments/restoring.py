"""Restoring a backup into a home that is empty, on the same database system or the other one.

Everything is made beside the home and appears there at once. Nothing is ever written over.
"""

from __future__ import annotations

import json
import os
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from sqlalchemy import Connection, delete, or_, update
from sqlalchemy.exc import SQLAlchemyError

from galley import faults
from galley.db import dumping, schema
from galley.db.engine import Database
from galley.environments.backup import FORMAT, Backup, Progress
from galley.environments.home import EmptyHome
from galley.environments.packing import (
    MANIFEST,
    Kept,
    Unpack,
    discard,
    partial,
    sync_folder,
    sync_folders,
)
from galley.errors import HomeVersionError, StorageError, UnavailableError, UsageError
from galley.lake import tables as lake
from galley.lake.relocating import relocate
from galley.lake.warehouse import Warehouse, storage_errors
from galley.runs.tables import attempt, session
from galley.settings import KEPT_PLACE
from galley.version import VERSION

_PARTS = frozenset({"state", "warehouse", "code", "logs"})
_NOTHING = "; nothing was restored"


def read_backup(source: Unpack) -> Backup:
    """A backup's manifest.

    Raises:
        HomeVersionError: a newer version wrote it.
        StorageError: it is damaged.
    """
    try:
        with source.open(MANIFEST) as opened:
            told: dict[str, Any] = json.load(opened)
        if told["format"] > FORMAT:
            raise HomeVersionError(
                f"the backup {source.source} was made by Galley {told['galley']}, a newer version "
                f"than {VERSION}",
                hint="upgrade with `pip install --upgrade galley-dataops`" + _NOTHING,
            )
        files = tuple(Kept(**one) for one in told.pop("files"))
        found = Backup(**{**told, "schema": tuple(told["schema"])}, files=files)
    except (ValueError, KeyError, TypeError, tarfile.TarError) as error:
        raise _damaged(source, f"{MANIFEST} cannot be read: {error}") from error
    for one in found.files:
        path = PurePosixPath(one.path)
        if path.parts[0] not in _PARTS or ".." in path.parts or len(path.parts) < 2:
            raise _damaged(source, f"it holds {one.path}, which is no part of a home")
    return found


def restore(source: Unpack, target: EmptyHome, progress: Progress) -> Backup:
    """Restore a backup; what was wrong with it is told before anything appears.

    Raises:
        UsageError: the home or its database is not empty.
        HomeVersionError: a newer version made the backup.
        StorageError: the backup is damaged, or the home cannot be written.
    """
    backup = read_backup(source)
    _refuse_used(target, backup)
    with storage_errors(f"restoring to {target.path}", kept=_NOTHING), _damage_told(source):
        site = _Site(target)
        try:
            _lay_out(source, backup, site, progress)
            faults.point("restore.files")
            _make_at_home(target, backup, site)
            site.sync()
            database = target.database(site.home)
            try:
                with database.write() as connection:
                    _fill(database, connection, backup, site)
                    _settle(connection, target.now)
                    faults.point("restore.filled")
                    if target.shared:
                        site.appear()
            finally:
                database.close()
            if not target.shared:
                site.appear()
        except BaseException:
            site.discard()
            raise
    return backup


class _Site:
    """Where a home is made until it is whole: its folder, and that of its tables."""

    def __init__(self, target: EmptyHome) -> None:
        end = target.path
        self.home = partial(end)
        self._moves = [(self.home, end)]
        self.tables = self.home / "warehouse"
        if target.warehouse is not None and not target.warehouse.remote:
            end = Path(target.warehouse.root)
            self.tables = partial(end)
            self._moves.insert(0, (self.tables, end))
        for place, _ in self._moves:
            place.mkdir(parents=True, mode=0o700)

    def place_of(self, path: str) -> Path:
        """Where a file of the backup goes."""
        part, _, rest = path.partition("/")
        return self.tables / rest if part == "warehouse" else self.home / path

    def sync(self) -> None:
        """Make all that was laid out durable."""
        for place, _ in self._moves:
            for path in place.rglob("*"):
                if path.is_file():
                    with path.open("rb") as opened:
                        os.fsync(opened.fileno())
            sync_folders(place)

    def appear(self) -> None:
        """Put everything where it belongs."""
        for path in (self.home / "state").glob("*"):
            path.unlink()
        (self.home / "state").rmdir()
        for place, end in self._moves:
            end.parent.mkdir(parents=True, exist_ok=True)
            place.rename(end)
            sync_folder(end.parent)

    def discard(self) -> None:
        """Remove everything, also what appeared: it was not there before."""
        for place, end in self._moves:
            if place.exists():
                discard(place)
            elif end.exists():
                discard(end)


@contextmanager
def _damage_told(source: Unpack) -> Iterator[None]:
    try:
        yield
    except (EOFError, ValueError, zlib.error, tarfile.TarError) as error:
        raise _damaged(source, str(error)) from error
    except SQLAlchemyError as error:
        raise _damaged(source, f"its rows do not fit: {error}") from error


def _damaged(source: Unpack, why: str) -> StorageError:
    return StorageError(
        f"the backup {source.source} is damaged: {why}{_NOTHING}", hint="take another backup"
    )


def _used(folder: Path) -> bool:
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def _refuse_used(target: EmptyHome, backup: Backup) -> None:
    home, warehouse = target.path, target.warehouse
    if _used(home):
        raise UsageError(
            f"{home} is not empty", hint="name a new folder: nothing is ever written over"
        )
    if not backup.objects:
        if warehouse is not None and warehouse.remote:
            raise UsageError(
                f"the tables of this backup stood in a folder, not in {warehouse.root}",
                hint="restore without `warehouse:` (or GALLEY_WAREHOUSE)",
            )
        if warehouse is not None and _used(Path(warehouse.root)):
            raise UsageError(f"{warehouse.root} is not empty", hint="name a new folder")
        return
    store = warehouse or Warehouse(backup.warehouse)
    if store.root != backup.warehouse:
        raise UsageError(
            f"the tables of this backup stand in {backup.warehouse}, not in {store.root}",
            hint="only the list of the objects is in the backup: they are used where they are",
        )
    with storage_errors("listing the warehouse", kept=_NOTHING):
        listed = {one.path: one.bytes for one in store.files.listing(store.root)}
    gone = [one for one, size in backup.objects.items() if listed.get(store.absolute(one)) != size]
    if gone:
        raise UnavailableError(
            f"{len(gone):,} of {len(backup.objects):,} objects are gone from {store.root}, "
            f"such as {gone[0]}{_NOTHING}",
            hint="bring them back first, from the bucket's own versions or backups",
        )


def _lay_out(source: Unpack, backup: Backup, site: _Site, progress: Progress) -> None:
    """Copy the files, each checked against its digest."""
    done, total = 0, backup.bytes

    def told(count: int) -> None:
        nonlocal done
        done += count
        progress(done, total)

    for one in backup.files:
        source.copy(one, site.place_of(one.path), told)


def _make_at_home(target: EmptyHome, backup: Backup, site: _Site) -> None:
    """Let the tables know where they will stand."""
    new = target.warehouse.root if target.warehouse else str(target.path / "warehouse")
    if backup.objects:
        new = backup.warehouse
    if new != str(target.path / "warehouse"):
        (site.home / KEPT_PLACE).write_text(f"{new}\n", "utf-8")
    if not backup.objects and new != backup.warehouse:
        files = [one.path for one in backup.files if one.path.startswith("warehouse/")]
        paths = [path.removeprefix("warehouse/") for path in files]
        relocate(site.tables, paths, backup.warehouse, new)


def _fill(database: Database, connection: Connection, backup: Backup, site: _Site) -> None:
    """Make the tables as they were, fill them, and bring them to this version."""
    schema.make(database, connection, frozenset(backup.schema))
    for name, expected in backup.tables.items():
        with site.place_of(f"state/{name}.jsonl.gz").open("rb") as rows:
            found = dumping.load(connection, name, rows)
        if found != expected:
            raise ValueError(f"{name} has {found:,} rows instead of {expected:,}")
    dumping.go_on_counting(connection, sorted(backup.tables))
    schema.go_on(connection)


def _settle(connection: Connection, now: int) -> None:
    """Whoever was at work is not at work here: their processes are not this home's to end."""
    connection.execute(update(session).where(session.c.ended.is_(None)).values(ended=now))
    known = or_(attempt.c.pid.is_not(None), attempt.c.boot_id.is_not(None))
    nobody = update(attempt).where(known).values(pid=None, pid_started=None, boot_id=None)
    connection.execute(nobody)
    connection.execute(delete(lake.backup))
