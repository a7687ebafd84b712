"""What happened between two commits: the tables touched, and what was done to each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    bindparam,
    func,
    literal,
    select,
)

from galley.lake import tables as t
from galley.lake.commits import changes_by_commit
from galley.lake.model import Change, Intent, IntentKind, Span, Version
from galley.lake.rows import NAMES, batches
from galley.lake.trees import ledgers, lookup, table_names

FIRST_PAGE = 64
"""How far back two histories are first searched for the commit they share; doubled each time."""


@dataclass(frozen=True, slots=True)
class Step:
    """One commit on the way from one commit to another."""

    id: str
    parent: str | None
    tree_of: str | None
    merged_from: str | None


@dataclass(frozen=True, slots=True)
class Fork:
    """Two commits' own steps, newest first, down to the one they share (None: none shared)."""

    left: tuple[Step, ...]
    right: tuple[Step, ...]
    common: str | None


def fork_of(conn: Connection, left: str, right: str) -> Fork:
    """Where two commits' histories (their parents) part."""
    return _fork(conn, left, right, _PARENTS)


def touched(conn: Connection, left: str, right: str) -> set[str]:
    """Every table that may differ between two commits' trees, found without reading the trees."""
    if left == right:
        return set()
    fork = _fork(conn, left, right, _TREES)
    if fork.common is None:
        return {*table_names(conn, left), *table_names(conn, right)}
    ids = [step.id for step in (*fork.left, *fork.right)]
    found: set[str] = set()
    for some in batches(ids, NAMES):
        keys = select(t.entry.c.table_key).where(t.entry.c.commit_id.in_(some)).distinct()
        found.update(conn.scalars(keys))
    return found


def changed_content(
    conn: Connection, left: str, right: str, tables: Collection[str] | None = None
) -> dict[str, tuple[Version | None, Version | None]]:
    """The tables whose content (or existence) differs: what each side has."""
    names = touched(conn, left, right)
    if tables is not None:
        names &= set(tables)
    mine, theirs = lookup(conn, left, names), lookup(conn, right, names)
    pairs = {name: (mine.get(name), theirs.get(name)) for name in sorted(names)}
    return {name: pair for name, pair in pairs.items() if content(pair[0]) != content(pair[1])}


def content(version: Version | None) -> str | None:
    """A version's content id; None for a table that is not there."""
    return version.content_id if version else None


def intents_since(conn: Connection, base: str, head: str) -> dict[str, tuple[Intent, ...]]:
    """What was done to each table between two commits, oldest first."""
    found: dict[str, list[Intent]] = {}
    for change in _deltas(conn, base, head):
        found.setdefault(change.table, []).append(_intent(change))
    return {name: tuple(intents) for name, intents in found.items()}


def changes_since(conn: Connection, base: str, head: str) -> dict[str, Change]:
    """What was done to each table between two commits, as one change that does it all.

    Its version is the one at ``head``, with the combined intent; its windows are the last of each.
    """
    found: dict[str, Change] = {}
    for change in _deltas(conn, base, head):
        before = found.get(change.table)
        found[change.table] = fold(before, change) if before else change
    return found


def fold(first: Change, then: Change) -> Change:
    """Two changes of one table as one."""
    if then.version is None:
        return replace(first, version=None, windows=(), reset_windows=True)
    if then.reset_windows:
        windows = then.windows
    else:
        windows = tuple({w.span.start: w for w in (*first.windows, *then.windows)}.values())
    intent = combine((_intent(first), _intent(then)))
    return replace(
        first,
        version=replace(then.version, intent=intent),
        windows=windows,
        reset_windows=first.reset_windows or then.reset_windows,
    )


def combine(intents: Sequence[Intent]) -> Intent:
    """Several intents in order as one; of mixed kinds the one that promises least.

    A replace or a drop makes what came before it irrelevant, and what follows is part of it.
    """
    kinds = {intent.kind for intent in intents}
    files = _united(intent.files for intent in intents)
    removed = _united(intent.removed for intent in intents)
    spans: tuple[Span, ...] = _united(intent.spans for intent in intents)
    if intents[-1].kind is IntentKind.DROP:
        return Intent(IntentKind.DROP)
    if kinds <= {IntentKind.APPEND} or kinds <= {IntentKind.WINDOW}:
        kind = intents[-1].kind
    elif kinds <= {IntentKind.MERGE, IntentKind.APPEND, IntentKind.WINDOW}:
        kind = IntentKind.MERGE
    else:
        kind = IntentKind.REPLACE
    gone = set(removed)
    return Intent(kind, spans, tuple(file for file in files if file not in gone), removed)


def _united(groups: Iterable[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(item for group in groups for item in group))


def _intent(change: Change) -> Intent:
    return change.version.intent if change.version else Intent(IntentKind.DROP)


def _deltas(conn: Connection, base: str, head: str) -> list[Change]:
    """The changes on the way from ``base`` to ``head``, oldest first.

    A commit that merged ``base`` in (or something that ``base`` contains) brought nothing of its
    own: what it changed is on the other side already.
    """
    if base == head:
        return []
    fork = fork_of(conn, head, base)
    theirs = {step.id for step in fork.right} | {base}
    steps = [step for step in reversed(fork.left) if step.merged_from not in theirs]
    written = changes_by_commit(conn, [step.id for step in steps])
    found: list[Change] = []
    for step in steps:
        if step.tree_of and step.parent:
            found += _jump(conn, step.parent, step.tree_of)
        else:
            found += written[step.id]
    return found


def _jump(conn: Connection, parent: str, tree_of: str) -> list[Change]:
    """A commit that shows another's tables, as the changes that would have led there."""
    pairs = changed_content(conn, parent, tree_of)
    after = [version for _, version in pairs.values() if version]
    windows = ledgers(conn, tree_of, [version.table_id for version in after])
    return [
        Change(
            table=name,
            version=restored(version),
            windows=tuple(windows[version.table_id].values()) if version else (),
            reset_windows=True,
        )
        for name, (_, version) in pairs.items()
    ]


def restored(version: Version | None) -> Version | None:
    """A version that takes the place of whatever was there."""
    return replace(version, intent=Intent(IntentKind.REPLACE)) if version else None


def _fork(conn: Connection, left: str, right: str, statement: Select[Any]) -> Fork:
    limit = FIRST_PAGE
    while True:
        lefts, rights = (_steps(conn, start, limit, statement) for start in (left, right))
        seen = {step.id: place for place, step in enumerate(lefts)}
        for place, step in enumerate(rights):
            if step.id in seen:
                return Fork(lefts[: seen[step.id]], rights[:place], step.id)
        if len(lefts) < limit and len(rights) < limit:
            return Fork(lefts, rights, None)
        limit *= 2


def _steps(conn: Connection, start: str, limit: int, statement: Select[Any]) -> tuple[Step, ...]:
    rows = conn.execute(statement, {"start": start, "limit": limit})
    return tuple(Step(row.id, row.parent, row.tree_of, row.merged_from) for row in rows)


def _back(following: ColumnElement[Any]) -> Select[Any]:
    c = t.commit.c
    columns = (c.id, c.parent, c.tree_of, c.merged_from, following.label("following"))
    first = select(*columns, literal(1).label("place")).where(c.id == bindparam("start"))
    steps = first.cte("steps", recursive=True)
    further = (
        select(*columns, steps.c.place + 1)
        .select_from(steps.join(t.commit, c.id == steps.c.following))
        .where(steps.c.place < bindparam("limit", type_=Integer))
    )
    every = steps.union_all(further)
    return select(every).order_by(every.c.place)


_PARENTS = _back(t.commit.c.parent)
_TREES = _back(func.coalesce(t.commit.c.tree_of, t.commit.c.parent))
