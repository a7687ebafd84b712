"""The files of collected versions and of dead attempts: found, shown, removed.

A file's name tells who wrote it. It is removed only if no version that may still be used needs it,
and whoever wrote it is known to have ended: how old it is does not count. Looking comes first and
asking after, so that whatever is written meanwhile is not even considered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from galley.db.engine import Database
from galley.errors import StorageError
from galley.lake import tables as t
from galley.lake.footprints import footprint
from galley.lake.rows import NAMES, batches
from galley.lake.warehouse import Warehouse

_OURS = re.compile(r"-[0-9a-f]{8}$")

Writers = Callable[[Connection, Collection[str]], Mapping[str, bool]]
"""For those of some ids that have written files: whether they still may."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """What was found in one table's folder.

    ``files`` can go (relative path, bytes). ``unknown`` ones bear no name that this database
    knows, and ``kept`` are all others. ``problem`` says why nothing can be told of the folder.
    ``writers`` are those, other than attempts, who wrote any of its files.
    """

    folder: str
    files: tuple[tuple[str, int], ...] = ()
    unknown: tuple[tuple[str, int], ...] = ()
    kept: int = 0
    kept_bytes: int = 0
    problem: str | None = None
    writers: frozenset[str] = frozenset()

    @property
    def bytes(self) -> int:
        """The bytes that would become free."""
        return sum(size for _, size in self.files)


def sweep(
    database: Database,
    warehouse: Warehouse,
    project: str,
    folder: str,
    writers: Writers,
    *,
    now: int,
    going: Collection[str] = (),
) -> Sweep:
    """What can be removed from a table's folder; nothing is.

    ``going`` are versions (by location) to be counted as doomed already. Where a file that has to
    be looked at is gone or damaged, nothing of the folder can go.
    """
    if not _OURS.search(folder):
        return Sweep(folder, problem=f"{folder} is no table's folder")
    try:
        listed = [*warehouse.list_files(folder), *warehouse.list_unfinished(folder)]
        with database.read() as conn:
            usable = _usable(conn, project, folder) - set(going)
            ids = {one for path, _ in listed for one in ids_in(path)}
            others = _other_writers(conn, ids, now)
            known = {**writers(conn, ids), **others}
        alive = {id for id, may_write in known.items() if may_write}
        loose = _loose(listed, usable, alive)
        needed = _needed(warehouse, usable) if loose else frozenset()
    except (OSError, StorageError) as error:
        return Sweep(folder, problem=f"{folder}: {error}")
    free = [(path, size) for path, size in loose if path not in needed]
    files = tuple(one for one in free if any(id in known for id in ids_in(one[0])))
    unknown = tuple(one for one in free if not any(id in known for id in ids_in(one[0])))
    return Sweep(
        folder=folder,
        files=files,
        unknown=unknown,
        kept=len(listed) - len(free),
        kept_bytes=sum(size for _, size in listed) - sum(size for _, size in free),
        writers=frozenset(others),
    )


def ended_writers(
    conn: Connection, project: str, now: int, seen: Collection[str]
) -> tuple[str, ...]:
    """Those whose time is over and of whom no file is left; nobody will ask for them again."""
    w = t.writer.c
    over = conn.scalars(select(w.id).where(w.project == project, w.until <= now))
    return tuple(sorted(set(over) - set(seen)))


def forget_writers(conn: Connection, ids: Collection[str]) -> int:
    """Forget them; returns how many there were."""
    w = t.writer.c
    return sum(
        conn.execute(delete(t.writer).where(w.id.in_(some))).rowcount
        for some in batches(sorted(ids), NAMES)
    )


def folder_of(location: str) -> str:
    """The table's folder that a version stands in."""
    return "/".join(location.split("/")[:2])


def ids_in(path: str) -> tuple[str, ...]:
    """What may be the ids of those who wrote a file: the parts of its name."""
    name = path.rpartition("/")[2].removeprefix("tmp_")
    return tuple(name.partition(".")[0].split("-"))


def _loose(
    listed: Iterable[tuple[str, int]], usable: Iterable[str], alive: Collection[str]
) -> list[tuple[str, int]]:
    """The files that neither a usable version's writer wrote nor one that still may.

    What the writer of a usable version wrote is that version's own.
    """
    own = {"-".join(ids_in(location)) for location in usable}
    found = []
    for path, size in listed:
        ids = ids_in(path)
        mine = any("-".join(ids[start:end]) in own for start, end in _runs(len(ids)))
        if not mine and not any(id in alive for id in ids):
            found.append((path, size))
    return found


def _runs(length: int) -> list[tuple[int, int]]:
    return [(start, end) for start in range(length) for end in range(start + 1, length + 1)]


def _usable(conn: Connection, project: str, folder: str) -> set[str]:
    """The versions of a folder's tables, wherever they stand, that are or may yet be used."""
    e, c = t.entry.c, t.condemned.c
    prefix = folder[-8:]
    doomed = select(c.location).where(c.project == project, c.doomed.is_not(None))
    # A range, which an index serves on both databases; the ids are hexadecimal.
    found = select(e.location).where(e.table_id >= prefix, e.table_id < f"{prefix}g")
    return {place for place in conn.scalars(found.distinct()) if place} - set(conn.scalars(doomed))


def _needed(warehouse: Warehouse, usable: Iterable[str]) -> frozenset[str]:
    return frozenset[str]().union(*(footprint(warehouse, place) for place in usable))


def _other_writers(conn: Connection, ids: Collection[str], now: int) -> dict[str, bool]:
    """Those who write without being attempts; when their time is over they may not any more."""
    w = t.writer.c
    return {row.id: row.until > now for row in conn.execute(select(w.id, w.until)) if row.id in ids}
