"""What a commit shows: its tables and their windows, put together from deltas and a checkpoint.

Every question follows the commit's chain: itself, then ``coalesce(tree_of, parent)`` and so on, up
to and including the first commit that is checkpointed. The newest row of a table wins. A commit
with ``tree_of`` has no rows of its own.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Select,
    String,
    bindparam,
    case,
    func,
    literal,
    not_,
    or_,
    select,
    union_all,
    update,
)

from galley.lake import tables as t
from galley.lake.entries import RESET, version_of, window_of
from galley.lake.model import Ref, RefKind, Span, Version, WindowEntry
from galley.lake.rows import NAMES, batches, upsert

MAX_DEPTH = 64
"""So many commits may follow a checkpoint before the next one is due."""

SMALL = 1024
"""A catalogue's deltas are never worth a checkpoint below this many rows."""


@dataclass(frozen=True, slots=True)
class Link:
    """One commit of a chain."""

    id: str
    checkpointed: bool


def tree(conn: Connection, commit_id: str) -> dict[str, Version]:
    """Every table at a commit."""
    rows = conn.execute(_TREE, {"start": commit_id})
    return {row.table_key: version_of(row) for row in rows}


def lookup(conn: Connection, commit_id: str, tables: Collection[str]) -> dict[str, Version]:
    """Those of the named tables that exist at a commit; flat in the commit's depth."""
    found: dict[str, Version] = {}
    for names in batches(sorted(set(tables)), NAMES):
        rows = conn.execute(_LOOKUP, {"start": commit_id, "names": names})
        found.update((row.table_key, version_of(row)) for row in rows)
    return found


def contents(conn: Connection, commit_id: str, tables: Collection[str]) -> dict[str, str]:
    """The content ids of those of the named tables that exist; several times faster than lookup."""
    found: dict[str, str] = {}
    for names in batches(sorted(set(tables)), NAMES):
        rows = conn.execute(_CONTENTS, {"start": commit_id, "names": names})
        found.update((row.table_key, row.content_id) for row in rows)
    return found


def table_ids(conn: Connection, commit_id: str, tables: Collection[str]) -> dict[str, str]:
    """The table ids of those of the named tables that exist, without reading their versions."""
    found: dict[str, str] = {}
    for names in batches(sorted(set(tables)), NAMES):
        rows = conn.execute(_IDS, {"start": commit_id, "names": names})
        found.update((row.table_key, row.table_id) for row in rows)
    return found


def locations(conn: Connection, commit_id: str, tables: Collection[str]) -> dict[str, str]:
    """Where those of the named tables are that exist and have files."""
    found: dict[str, str] = {}
    for names in batches(sorted(set(tables)), NAMES):
        rows = conn.execute(_LOCATIONS, {"start": commit_id, "names": names})
        found.update((row.table_key, row.location) for row in rows if row.location)
    return found


def table_names(conn: Connection, commit_id: str) -> list[str]:
    """The names of a commit's tables, sorted, without reading their versions."""
    return sorted(conn.scalars(_NAMES, {"start": commit_id}))


def ledger(
    conn: Connection, commit_id: str, table_id: str, starts: tuple[str, str] | None = None
) -> dict[Span, WindowEntry]:
    """The windows that a table has at a commit; or those that start from one to another place."""
    if starts is None:
        return ledgers(conn, commit_id, [table_id])[table_id]
    first, last = starts
    asked = {"start": commit_id, "names": [table_id], "first": first, "last": last}
    windows = (window_of(row) for row in conn.execute(_SOME_LEDGER, asked))
    return {window.span: window for window in windows}


def ledgers(
    conn: Connection, commit_id: str, table_ids: Collection[str]
) -> dict[str, dict[Span, WindowEntry]]:
    """The windows of several tables, by table id; empty where a table has none."""
    found: dict[str, dict[Span, WindowEntry]] = {table_id: {} for table_id in table_ids}
    for names in batches(sorted(found), NAMES):
        for row in conn.execute(_LEDGERS, {"start": commit_id, "names": names}):
            window = window_of(row)
            found[row.table_id][window.span] = window
    return found


def chain(conn: Connection, commit_id: str) -> tuple[Link, ...]:
    """The commits that make up a commit's tree, newest first; only the last is checkpointed."""
    return tuple(
        Link(row.id, row.checkpointed) for row in conn.execute(_LINKS, {"start": commit_id})
    )


def checkpoint(conn: Connection, commit_id: str) -> bool:
    """List a commit's whole tree, so that look-ups end here; False if it was listed before.

    Safe to repeat, also at the same time: rows that are there stay, and readers see the list only
    once it is complete.
    """
    start = {"start": commit_id}
    if conn.scalar(select(t.commit.c.checkpointed).where(t.commit.c.id == commit_id)):
        return False
    for table, statement in (
        (t.checkpoint_entry, _CHECKPOINT_ENTRIES),
        (t.checkpoint_window, _CHECKPOINT_WINDOWS),
    ):
        columns = [column.name for column in table.columns]
        rows = upsert(conn, table).from_select(columns, statement)
        conn.execute(rows.on_conflict_do_nothing(), start)
    flag = update(t.commit).where(t.commit.c.id == commit_id, not_(t.commit.c.checkpointed))
    return conn.execute(flag.values(checkpointed=True)).rowcount == 1


def needs_checkpoint(conn: Connection, ref: Ref, *, target: bool = False) -> bool:
    """Whether look-ups at a ref's head have become long enough to be worth a checkpoint.

    Only refs that live long have checkpoints, environments and kitchens, and a ``target`` that
    others publish to.
    """
    if not target and ref.kind not in (RefKind.ENVIRONMENT, RefKind.KITCHEN):
        return False
    links = chain(conn, ref.head)
    fresh = [link.id for link in links if not link.checkpointed]
    if len(fresh) >= MAX_DEPTH:
        return True
    deltas = _count(conn, t.entry.c.commit_id.in_(fresh))
    listed = _count(conn, t.checkpoint_entry.c.commit_id == links[-1].id)
    return deltas > max(listed, SMALL)


def _count(conn: Connection, condition: Any) -> int:
    return conn.scalar(select(func.count()).where(condition)) or 0


def _chain() -> CTE:
    """Rows ``(id, next, checkpointed, place)``; ``place`` counts from 0 at the commit asked for.

    The next commit is read by scalar subqueries, which are always index look-ups: for a join
    PostgreSQL scans all commits once per link until the table is large.
    """
    c = t.commit.c
    following = func.coalesce(c.tree_of, c.parent)
    links = (
        select(c.id, following.label("next"), c.checkpointed, literal(0).label("place"))
        .where(c.id == bindparam("start", type_=String))
        .cte("chain", recursive=True)
    )
    here = c.id == links.c.next
    further = select(
        links.c.next,
        select(following).where(here).scalar_subquery(),
        select(c.checkpointed).where(here).scalar_subquery(),
        links.c.place + 1,
    ).where(not_(links.c.checkpointed), links.c.next.is_not(None))
    return links.union_all(further)


def _names() -> Any:
    return bindparam("names", expanding=True, type_=String)


def _entries(links: CTE, *, named: bool) -> CTE:
    """Rows ``(table_key, entry_commit, newest)``: where each table was written."""
    e, k = t.entry.c, t.checkpoint_entry.c
    deltas = (
        select(e.table_key, e.commit_id.label("entry_commit"), links.c.place)
        .select_from(links.join(t.entry, e.commit_id == links.c.id))
        .where(not_(links.c.checkpointed))
    )
    listed = (
        select(k.table_key, k.entry_commit, links.c.place)
        .select_from(links.join(t.checkpoint_entry, k.commit_id == links.c.id))
        .where(links.c.checkpointed)
    )
    if named:
        deltas = deltas.where(e.table_key.in_(_names()))
        listed = listed.where(k.table_key.in_(_names()))
    found = union_all(deltas, listed).cte("found")
    newest = func.row_number().over(partition_by=found.c.table_key, order_by=found.c.place)
    return select(found.c.table_key, found.c.entry_commit, newest.label("newest")).cte("ranked")


def _versions(columns: tuple[Any, ...], *, named: bool) -> Select[Any]:
    ranked = _entries(_chain(), named=named)
    same = (t.entry.c.commit_id == ranked.c.entry_commit) & (
        t.entry.c.table_key == ranked.c.table_key
    )
    return (
        select(*columns)
        .select_from(ranked.join(t.entry, same))
        .where(ranked.c.newest == 1, not_(t.entry.c.dropped))
    )


def _spans(links: CTE, *, named: bool, some: bool = False) -> CTE:
    """Rows ``(table_id, span_start, window_commit, place, newest, reset)``.

    ``reset`` is the place of the newest row that forgets the ones before it: later places are out.
    """
    w, k = t.window.c, t.checkpoint_window.c
    deltas = (
        select(w.table_id, w.span_start, w.commit_id.label("window_commit"), links.c.place)
        .select_from(links.join(t.window, w.commit_id == links.c.id))
        .where(not_(links.c.checkpointed))
    )
    listed = (
        select(k.table_id, k.span_start, k.window_commit, links.c.place)
        .select_from(links.join(t.checkpoint_window, k.commit_id == links.c.id))
        .where(links.c.checkpointed)
    )
    if named:
        deltas = deltas.where(w.table_id.in_(_names()))
        listed = listed.where(k.table_id.in_(_names()))
    if some:
        deltas = deltas.where(_starting(w.span_start))
        listed = listed.where(_starting(k.span_start))
    found = union_all(deltas, listed).cte("found")
    f = found.c
    newest = func.row_number().over(partition_by=[f.table_id, f.span_start], order_by=f.place)
    reset = func.min(case((f.span_start == RESET, f.place))).over(partition_by=f.table_id)
    return select(found, newest.label("newest"), reset.label("reset")).cte("ranked")


def _starting(start: ColumnElement[str]) -> ColumnElement[bool]:
    """A window starts between two places; what forgets all windows counts for these, too."""
    first, last = bindparam("first", type_=String), bindparam("last", type_=String)
    return (start == RESET) | start.between(first, last)


def _live(ranked: CTE) -> Any:
    r = ranked.c
    kept = or_(r.reset.is_(None), r.place <= r.reset)
    return (r.newest == 1) & (r.span_start != RESET) & kept


def _window_rows(*, some: bool = False) -> Select[Any]:
    ranked = _spans(_chain(), named=True, some=some)
    w, r = t.window.c, ranked.c
    same = (
        (w.commit_id == r.window_commit)
        & (w.table_id == r.table_id)
        & (w.span_start == r.span_start)
    )
    return select(t.window).select_from(ranked.join(t.window, same)).where(_live(ranked))


def _checkpoint_windows() -> Select[Any]:
    ranked = _spans(_chain(), named=False)
    r = ranked.c
    start = bindparam("start", type_=String)
    return select(start, r.table_id, r.span_start, r.window_commit).where(_live(ranked))


def _links() -> Select[Any]:
    links = _chain()
    return select(links.c.id, links.c.checkpointed).order_by(links.c.place)


# Built once: composing a statement costs more than running it.
_LINKS = _links()
_TREE = _versions(tuple(t.entry.columns), named=False)
_LOOKUP = _versions(tuple(t.entry.columns), named=True)
_CONTENTS = _versions((t.entry.c.table_key, t.entry.c.content_id), named=True)
_IDS = _versions((t.entry.c.table_key, t.entry.c.table_id), named=True)
_LOCATIONS = _versions((t.entry.c.table_key, t.entry.c.location), named=True)
_NAMES = _versions((t.entry.c.table_key,), named=False)
_LEDGERS = _window_rows()
_SOME_LEDGER = _window_rows(some=True)
_CHECKPOINT_ENTRIES = _versions(
    (bindparam("start", type_=String), t.entry.c.table_key, t.entry.c.commit_id), named=False
)
_CHECKPOINT_WINDOWS = _checkpoint_windows()
