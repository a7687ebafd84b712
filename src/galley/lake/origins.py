"""Under which other content ids the rows of a publish are known.

A publish onto a target that has moved replays the files of its run: the same rows get another
content id than they have on the run's own ref, where they can be found again by their reuse key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from galley.lake import tables as t
from galley.lake.deltas import fork_of
from galley.lake.entries import RESET
from galley.lake.model import Commit
from galley.lake.rows import NAMES, batches
from galley.lake.trees import ledgers, table_ids


@dataclass(frozen=True, slots=True)
class MadeWindow:
    """A window as one commit wrote it."""

    table_id: str
    start: str
    content_id: str
    files: frozenset[str]


def written(conn: Connection, commits: Collection[str]) -> dict[str, dict[str, str | None]]:
    """What each commit wrote: the content id by table, None where it dropped one."""
    found: dict[str, dict[str, str | None]] = {commit: {} for commit in commits}
    e = t.entry.c
    for some in batches(list(commits), NAMES):
        wrote = select(e.commit_id, e.table_key, e.content_id).where(e.commit_id.in_(some))
        for row in conn.execute(wrote):
            found[row.commit_id][row.table_key] = row.content_id
    return found


def merged(
    conn: Connection, commits: Iterable[Commit], tables: Mapping[str, Collection[str]]
) -> set[str]:
    """The contents that the runs had made whose work came in by ``commits``.

    ``tables`` are the tables that count of each commit.
    """
    found: set[str] = set()
    for commit in commits:
        if commit.merged_from is None or commit.parent is None:
            continue
        own = [step.id for step in fork_of(conn, commit.merged_from, commit.parent).left]
        for made in written(conn, own).values():
            found.update(made[name] or "" for name in tables[commit.id] if name in made)
    return found - {""}


def windows_made(
    conn: Connection, commits: Iterable[str], names: Collection[str]
) -> list[MadeWindow]:
    """The windows that the commits wrote in some tables."""
    e, w = t.entry.c, t.window.c
    found = []
    for some in batches(list(commits), NAMES):
        made = (
            select(w.table_id, w.span_start, w.content_id, w.files)
            .join(t.entry, (e.commit_id == w.commit_id) & (e.table_id == w.table_id))
            .where(w.commit_id.in_(some), w.span_start != RESET, e.table_key.in_(sorted(names)))
        )
        found += [MadeWindow(*row[:3], frozenset(row.files)) for row in conn.execute(made)]
    return found


def windows_shown(conn: Connection, commit: str, names: Collection[str]) -> list[MadeWindow]:
    """The windows that some tables have at a commit."""
    found = ledgers(conn, commit, table_ids(conn, commit, names).values())
    return [
        MadeWindow(table_id, span.start, window.content_id, frozenset(window.files))
        for table_id, ledger in found.items()
        for span, window in ledger.items()
    ]


def same_rows(conn: Connection, windows: Iterable[MadeWindow]) -> set[str]:
    """Every content id that any ledger has for the files of these windows, theirs included."""
    wanted: dict[tuple[str, str], set[frozenset[str]]] = {}
    found: set[str] = set()
    for window in windows:
        found.add(window.content_id)
        if window.files:
            wanted.setdefault((window.table_id, window.start), set()).add(window.files)
    ids = sorted({table_id for table_id, _ in wanted})
    w = t.window.c
    for some in batches(sorted({start for _, start in wanted}), NAMES):
        rows = select(w.table_id, w.span_start, w.content_id, w.files).where(
            w.span_start.in_(some), w.table_id.in_(ids)
        )
        for row in conn.execute(rows):
            if frozenset(row.files) in wanted.get((row.table_id, row.span_start), ()):
                found.add(row.content_id)
    return found
