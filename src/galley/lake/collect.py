"""Collection of versions: live, then condemned, then doomed, then removed.

``plan`` looks and decides, changing nothing. Carrying a plan out asks everything again, under the
lock that roots are written with (see ``rooting``): what is reachable by then stays. Files are
removed afterwards, by ``sweeping``; who dies in between leaves files that a later sweep removes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, or_, select, update

from galley.lake import rooting, standstill
from galley.lake import tables as t
from galley.lake.commits import PUBLISHES
from galley.lake.marking import closure, shown
from galley.lake.model import Format, RefKind
from galley.lake.rows import NAMES, batches, insert_missing

HOUR = 3600 * 1_000_000
DAY = 24 * HOUR

PRIVATE = ("run/", "attempt/")
"""Refs of runs: where they once stood is nothing that anybody returns to."""

_VIEW = Format.VIEW.value

REMEMBERED = 7 * DAY
"""Microseconds for which a removed version is known after the last commit that showed it is gone:
who had found it before must be told."""

Pins = Callable[[Connection], Collection[str]]
"""Further commits that are in use: those of runs under way."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What is kept. Times in microseconds.

    States of refs can be returned to for ``history``, of environments at least ``publishes`` of
    them; what nothing keeps any more is condemned, and goes after ``quarantine``.
    """

    history: int = 30 * DAY
    publishes: int = 50
    quarantine: int = 48 * HOUR


@dataclass(frozen=True, slots=True)
class Item:
    """One version, by where it is."""

    location: str
    table: str
    table_id: str
    content_id: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What collection would do to a project's versions and commits now.

    ``condemn`` are versions that nothing reaches; ``doom`` condemned ones whose quarantine is
    over; ``revive`` condemned ones that are reached after all. ``unfinished`` were doomed before
    and still have files. ``commits`` show nothing that is kept. ``kept`` versions are reachable,
    ``waiting`` ones in quarantine.
    """

    project: str
    at: int
    condemn: tuple[Item, ...] = ()
    doom: tuple[Item, ...] = ()
    revive: tuple[str, ...] = ()
    unfinished: tuple[Item, ...] = ()
    commits: tuple[str, ...] = ()
    kept: int = 0
    waiting: int = 0


@dataclass(slots=True)
class Catalogue:
    """A project's commits and what they wrote, of some tables or of all.

    ``entries`` maps a commit to its tables, ``None`` for those that it dropped.
    """

    following: dict[str, str | None] = field(default_factory=dict)
    parents: dict[str, str | None] = field(default_factory=dict)
    merged: dict[str, str | None] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    created: dict[str, int] = field(default_factory=dict)
    entries: dict[str, dict[str, Item | None]] = field(default_factory=dict)

    def reached(self, roots: Collection[str]) -> set[str]:
        """Where the versions are that the roots show."""
        found = set()
        for commit, table in shown(self.following, self.entries, roots):
            item = self.entries[commit][table]
            if item is not None:
                found.add(item.location)
        return found

    def items(self) -> dict[str, Item]:
        """Every version, by where it is."""
        every = (item for written in self.entries.values() for item in written.values())
        return {item.location: item for item in every if item is not None}

    def history(self, roots: Collection[str]) -> set[str]:
        """The commits that the roots come from, and what was merged into those since the oldest.

        A rollback to a root takes back what came in since: it asks the merged commits what.
        """
        found = closure(self.following, roots) | closure(self.parents, roots)
        since: set[str] = set()
        for commit in sorted(found, key=self.created.__getitem__):
            if commit in roots or self.parents[commit] in since:
                since.add(commit)
        merged = {source for commit in since if (source := self.merged[commit])}
        return found | closure(self.following, merged) | closure(self.parents, merged)


def plan(
    conn: Connection, project: str, now: int, policy: Policy, pins: Pins, *, limit: int = 10_000
) -> Plan:
    """What to do now; of each kind at most ``limit``."""
    catalogue = read_catalogue(conn, project)
    starts = roots(conn, project, now, policy, pins, catalogue)
    reached = catalogue.reached(starts)
    rows = _condemned(conn, project)
    known = {*reached, *rows}
    fresh = [item for place, item in catalogue.items().items() if place not in known]
    standing = [row for row in rows.values() if row.doomed is None]
    over = [row for row in standing if row.until <= now and row.location not in reached]
    unfinished = [row for row in rows.values() if row.doomed is not None and row.removed is None]
    return Plan(
        project=project,
        at=now,
        condemn=tuple(sorted(fresh, key=_by_place)[:limit]),
        doom=tuple(map(_item_of, over[:limit])),
        revive=tuple(sorted(row.location for row in standing if row.location in reached)),
        unfinished=tuple(map(_item_of, unfinished[:limit])),
        commits=tuple(sorted(_forgettable(catalogue, starts, reached, rows, now, policy))[:limit]),
        kept=len(reached),
        waiting=len(standing) - len(over),
    )


def roots(
    conn: Connection, project: str, now: int, policy: Policy, pins: Pins, catalogue: Catalogue
) -> set[str]:
    """Every commit whose tables are kept: refs, holds, runs under way, and the recent past."""
    r, g, h = t.ref.c, t.ref_log.c, t.hold.c
    found = set(pins(conn))
    for row in conn.execute(select(r.head, r.fork_point, r.kind).where(r.project == project)):
        found.update((row.head, row.fork_point or row.head))
        if row.kind == RefKind.ENVIRONMENT.value:
            found.update(_last_publishes(catalogue, row.head, policy.publishes))
    lasting = [g.name.not_like(f"{prefix}%") for prefix in PRIVATE]
    log = select(g.old, g.new).where(g.project == project, g.at >= now - policy.history, *lasting)
    for moved in conn.execute(log):
        found.update(commit for commit in moved if commit)
    found.update(conn.scalars(select(h.commit_id).where(or_(h.until.is_(None), h.until > now))))
    return found & catalogue.following.keys()


def condemn(
    conn: Connection,
    wanted: Plan,
    items: Sequence[Item],
    *,
    policy: Policy,
    pins: Pins,
    now: int,
    by: str,
) -> tuple[Item, ...]:
    """Condemn those of a plan's versions that are still reached by nothing; gives those."""
    rooting.exclude(conn)
    present, reached = _judged(conn, wanted.project, items, policy, pins, now)
    loose = present - reached
    found = tuple(one for one in items if one.location in loose)
    shared = {"project": wanted.project, "since": now, "until": now + policy.quarantine, "by": by}
    insert_missing(conn, t.condemned, [{**shared, **_row_of(item)} for item in found])
    return found


def doom(
    conn: Connection,
    wanted: Plan,
    items: Sequence[Item],
    *,
    policy: Policy,
    pins: Pins,
    now: int,
) -> tuple[Item, ...]:
    """Doom those of a plan's versions that are still condemned and reached by nothing.

    Gives those: nobody can use them again, so their files may go once this has been committed.
    While a backup is under way there are none.
    """
    rooting.exclude(conn)
    if standstill.stands(conn, now):
        return ()
    _, reached = _judged(conn, wanted.project, items, policy, pins, now)
    c = t.condemned.c
    found = []
    for item in items:
        standing = (
            (c.project == wanted.project) & (c.location == item.location) & c.doomed.is_(None)
        )
        if item.location in reached:
            conn.execute(delete(t.condemned).where(standing))
        else:
            mark = update(t.condemned).where(standing, c.until <= now).values(doomed=now)
            if conn.execute(mark).rowcount:
                found.append(item)
    return tuple(found)


def revive(conn: Connection, wanted: Plan) -> int:
    """Take back what was condemned and is reached; a safety net, since roots revive themselves."""
    c = t.condemned.c
    count = 0
    for some in batches(wanted.revive, NAMES):
        mine = (c.project == wanted.project) & c.location.in_(some) & c.doomed.is_(None)
        count += conn.execute(delete(t.condemned).where(mine)).rowcount
    return count


def note_removed(conn: Connection, project: str, places: Sequence[str], now: int) -> None:
    """Record that no file of these doomed versions is left but what others use."""
    c = t.condemned.c
    for some in batches(places, NAMES):
        mine = (c.project == project) & c.location.in_(some) & c.doomed.is_not(None)
        conn.execute(update(t.condemned).where(mine, c.removed.is_(None)).values(removed=now))


def forget(
    conn: Connection, wanted: Plan, *, policy: Policy, pins: Pins, now: int
) -> tuple[str, ...]:
    """Delete those of a plan's commits that still show nothing that is kept; gives those."""
    rooting.exclude(conn)
    catalogue = read_catalogue(conn, wanted.project)
    starts = roots(conn, wanted.project, now, policy, pins, catalogue)
    rows = _condemned(conn, wanted.project)
    reached = catalogue.reached(starts)
    still = _forgettable(catalogue, starts, reached, rows, now, policy)
    gone = tuple(commit for commit in wanted.commits if commit in still)
    for some in batches(gone, NAMES):
        for table in (t.entry, t.window, t.checkpoint_entry, t.checkpoint_window):
            conn.execute(delete(table).where(table.c.commit_id.in_(some)))
        conn.execute(delete(t.commit).where(t.commit.c.id.in_(some)))
        for commit in some:
            catalogue.entries.pop(commit, None)
    named = catalogue.items()
    old = [
        row.location
        for row in rows.values()
        if row.removed is not None and row.removed <= now - REMEMBERED and row.location not in named
    ]
    for some in batches(old, NAMES):
        c = t.condemned.c
        conn.execute(delete(t.condemned).where(c.project == wanted.project, c.location.in_(some)))
    return gone


def read_catalogue(
    conn: Connection, project: str, tables: Collection[str] | None = None
) -> Catalogue:
    """A project's commits, and what they wrote of the named tables (or of all)."""
    found = Catalogue()
    c, e = t.commit.c, t.entry.c
    commits = select(c.id, c.parent, c.tree_of, c.merged_from, c.kind, c.created).where(
        c.project == project
    )
    for row in conn.execute(commits):
        found.following[row.id] = row.tree_of or row.parent
        found.parents[row.id] = row.parent
        found.merged[row.id] = row.merged_from
        found.kinds[row.id] = row.kind
        found.created[row.id] = row.created
    columns = (e.commit_id, e.table_key, e.table_id, e.content_id, e.location, e.format)
    entries = select(*columns).join(t.commit, and_(c.id == e.commit_id, c.project == project))
    for one in _of_tables(conn, entries, tables):
        found.entries.setdefault(one.commit_id, {})[one.table_key] = _written(one)
    return found


def last_turn(conn: Connection, project: str) -> int | None:
    """When the project was last collected; ``None``: never."""
    return conn.scalar(select(t.collection.c.at).where(t.collection.c.project == project))


def take_turn(conn: Connection, project: str, now: int, every: int) -> str | None:
    """Take the turn to collect, once per ``every``: the folder to go on from; ``None``: not due.

    Of several that ask at the same time one gets it.
    """
    c = t.collection.c
    insert_missing(conn, t.collection, [{"project": project, "at": 0, "folder": ""}])
    due = update(t.collection).where(c.project == project, c.at <= now - every).values(at=now)
    if conn.execute(due).rowcount == 0:
        return None
    return conn.scalar(select(c.folder).where(c.project == project))


def end_turn(conn: Connection, project: str, folder: str) -> None:
    """Record the folder that the sweep had come to; empty once it has been through all."""
    mine = t.collection.c.project == project
    conn.execute(update(t.collection).where(mine).values(folder=folder))


def _judged(
    conn: Connection,
    project: str,
    items: Sequence[Item],
    policy: Policy,
    pins: Pins,
    now: int,
) -> tuple[set[str], set[str]]:
    """Which versions of the items' tables there are, and which of them are reached."""
    catalogue = read_catalogue(conn, project, {item.table for item in items})
    starts = roots(conn, project, now, policy, pins, catalogue)
    return set(catalogue.items()), catalogue.reached(starts)


def _last_publishes(catalogue: Catalogue, head: str, least: int) -> Iterator[str]:
    """An environment's states back to before the last ``least`` publishes."""
    kinds = {kind.value for kind in PUBLISHES}
    commit: str | None = head
    left = least
    while commit is not None and commit in catalogue.parents:
        yield commit
        if left == 0:
            return
        if catalogue.kinds[commit] in kinds:
            left -= 1
        commit = catalogue.parents[commit]


def _forgettable(
    catalogue: Catalogue,
    starts: Collection[str],
    reached: Collection[str],
    rows: dict[str, Row[Any]],
    now: int,
    policy: Policy,
) -> set[str]:
    """Commits that no root comes from and all of whose versions are removed, or kept by others."""
    kept = catalogue.history(starts)
    removed = {row.location for row in rows.values() if row.removed is not None}
    settled = removed.union(
        item.location
        for commit in kept
        for item in catalogue.entries.get(commit, {}).values()
        if item is not None
    )
    return {
        commit
        for commit, created in catalogue.created.items()
        if commit not in kept
        and created <= now - policy.quarantine
        and all(
            item is None or item.location in settled
            for item in catalogue.entries.get(commit, {}).values()
        )
    }


def _of_tables(
    conn: Connection, entries: Any, tables: Collection[str] | None
) -> Iterator[Row[Any]]:
    if tables is None:
        yield from conn.execute(entries)
        return
    for some in batches(sorted(tables), NAMES):
        yield from conn.execute(entries.where(t.entry.c.table_key.in_(some)))


def _written(row: Row[Any]) -> Item | None:
    if not row.location or row.format == _VIEW:
        return None
    return Item(row.location, row.table_key, row.table_id, row.content_id)


def _condemned(conn: Connection, project: str) -> dict[str, Row[Any]]:
    c = t.condemned.c
    rows = conn.execute(select(t.condemned).where(c.project == project).order_by(c.until))
    return {row.location: row for row in rows}


def _item_of(row: Row[Any]) -> Item:
    return Item(row.location, row.table_key, row.table_id, row.content_id)


def _row_of(item: Item) -> dict[str, Any]:
    return {
        "location": item.location,
        "table_key": item.table,
        "table_id": item.table_id,
        "content_id": item.content_id,
    }


def _by_place(item: Item) -> str:
    return item.location


def places(items: Iterable[Item]) -> list[str]:
    """Where the items are."""
    return [item.location for item in items]
