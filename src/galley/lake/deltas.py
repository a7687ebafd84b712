"""What happened between two commits: the tables touched, and what was done to each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    func,
    select,
)

from galley.lake import tables as t
from galley.lake.commits import back, changes_by_commit
from galley.lake.model import Change, Intent, IntentKind, Span, WindowEntry
from galley.lake.rows import NAMES, batches
from galley.lake.trees import contents, ledgers, lookup, table_names

FIRST_PAGE = 64
"""How far back two histories are first searched for the commit they share; doubled each time."""


ENDLESS = 1 << 30
"""More commits than any history has."""


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


def shown_since(conn: Connection, head: str, base: str | None) -> list[str]:
    """The commits whose changes ``head`` shows and ``base`` does not (None: all), newest first."""
    if base is None:
        return [step.id for step in _steps(conn, head, ENDLESS, _TREES)]
    return [step.id for step in _fork(conn, head, base, _TREES).left]


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
) -> dict[str, tuple[str | None, str | None]]:
    """The tables whose content (or existence) differs: the content id on each side."""
    names = touched(conn, left, right)
    if tables is not None:
        names &= set(tables)
    mine, theirs = contents(conn, left, names), contents(conn, right, names)
    pairs = {name: (mine.get(name), theirs.get(name)) for name in sorted(names)}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


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
    found: dict[str, list[Change]] = {}
    for change in _deltas(conn, base, head):
        found.setdefault(change.table, []).append(change)
    return {table: folded(changes) for table, changes in found.items()}


def _compacts(change: Change) -> bool:
    return _intent(change).kind is IntentKind.COMPACT


def folded(changes: Sequence[Change]) -> Change:
    """The changes of one table, oldest first, as one that does them all.

    A compaction has other files of the same rows: a window that nobody wrote does not count as
    written by it.
    """
    windows: dict[str, WindowEntry] = {}
    reset = False
    for change in changes:
        if change.version is None or change.reset_windows:
            windows, reset = {}, True
        if change.version is not None:
            known = windows if _compacts(change) else None
            windows.update(
                (one.span.start, one)
                for one in change.windows
                if known is None or one.span.start in known
            )
    last = changes[-1].version
    if last is None:
        return replace(changes[0], version=None, windows=(), reset_windows=True)
    intent = combine([_intent(change) for change in changes])
    version = replace(last, intent=intent)
    return replace(
        changes[0], version=version, windows=tuple(windows.values()), reset_windows=reset
    )


_WHOLE = (IntentKind.REPLACE, IntentKind.DROP)
"""The kinds of writes that make everything before them irrelevant."""


def combine(intents: Sequence[Intent]) -> Intent:
    """Several intents in order as one; of mixed kinds the one that promises least.

    A replace or a drop makes what came before it irrelevant, and what follows is part of it. To
    have compacted is nothing beside anything else, but for the names of the files.
    """
    whole = [at for at, one in enumerate(intents) if one.kind in _WHOLE]
    replaced = bool(whole) and intents[whole[-1]].kind is IntentKind.REPLACE
    intents = intents[whole[-1] :] if whole else intents
    kinds = {intent.kind for intent in intents} - {IntentKind.COMPACT}
    files = _united(intent.files for intent in intents)
    removed = _united(intent.removed for intent in intents)
    spans: tuple[Span, ...] = _united(intent.spans for intent in intents)
    if intents[-1].kind is IntentKind.DROP:
        return Intent(IntentKind.DROP)
    if not kinds:
        kind = IntentKind.COMPACT
    elif whole and not replaced:
        kind = IntentKind.REPLACE
    elif kinds <= {IntentKind.APPEND} or kinds <= {IntentKind.WINDOW}:
        kind = kinds.pop()
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
    return restoring(conn, tree_of, changed_content(conn, parent, tree_of))


def restoring(conn: Connection, commit_id: str, tables: Collection[str]) -> list[Change]:
    """The changes that make tables what they are at a commit, whatever they were before."""
    versions = lookup(conn, commit_id, tables)
    windows = ledgers(conn, commit_id, [version.table_id for version in versions.values()])
    found = [Change(name, None, reset_windows=True) for name in tables if name not in versions]
    for name, version in versions.items():
        again = replace(version, intent=Intent(IntentKind.REPLACE))
        rows = tuple(windows[version.table_id].values())
        found.append(Change(name, again, windows=rows, reset_windows=True))
    return found


def _fork(conn: Connection, left: str, right: str, statement: Select[Any]) -> Fork:
    limit = FIRST_PAGE
    while True:
        lefts = _steps(conn, left, limit, statement)
        seen = {step.id: place for place, step in enumerate(lefts)}
        if right in seen:
            return Fork(lefts[: seen[right]], (), right)
        rights = _steps(conn, right, limit, statement)
        for place, step in enumerate(rights):
            if step.id in seen:
                return Fork(lefts[: seen[step.id]], rights[:place], step.id)
        if len(lefts) < limit and len(rights) < limit:
            return Fork(lefts, rights, None)
        limit *= 2


def _steps(conn: Connection, start: str, limit: int, statement: Select[Any]) -> tuple[Step, ...]:
    rows = conn.execute(statement, {"start": start, "limit": limit})
    return tuple(Step(row.id, row.parent, row.tree_of, row.merged_from) for row in rows)


def _statement(following: ColumnElement[Any]) -> Select[Any]:
    steps = back(following)
    c = t.commit.c
    columns = (c.id, c.parent, c.tree_of, c.merged_from)
    joined = steps.join(t.commit, c.id == steps.c.id)
    return select(*columns).select_from(joined).order_by(steps.c.place)


_PARENTS = _statement(t.commit.c.parent)
_TREES = _statement(func.coalesce(t.commit.c.tree_of, t.commit.c.parent))
