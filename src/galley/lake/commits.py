"""Writing and reading commits. A commit is a set of changes to tables on top of its parent."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    bindparam,
    insert,
    literal,
    select,
)

from galley.errors import InternalError, RefNotFoundError, StaleRefError
from galley.ids import new_id
from galley.lake import tables as t
from galley.lake.entries import (
    RESET,
    dropped_row,
    entry_row,
    reset_row,
    version_of,
    window_of,
    window_rows,
)
from galley.lake.model import Change, Commit, CommitKind, Version
from galley.lake.rooting import root_tree, root_versions
from galley.lake.rows import NAMES, batches, insert_rows
from galley.lake.trees import lookup

PUBLISHES = (CommitKind.PUBLISH, CommitKind.PROMOTE, CommitKind.ADOPT)
"""The kinds of commits by which a run's work reaches its target."""


def write_commit(
    conn: Connection,
    *,
    project: str,
    parent: Commit | None,
    kind: CommitKind,
    author: str,
    message: str,
    now: int,
    changes: Sequence[Change] = (),
    code_version: str | None = None,
    run_id: str | None = None,
    merged_from: str | None = None,
    tree_of: str | None = None,
    on_behalf_of: str | None = None,
    inherits_code: bool = True,
    takes: Collection[str] = (),
) -> Commit:
    """Write one commit; no ref points to it yet.

    ``takes`` are the locations of other versions whose files the changes take over.

    ``created`` is ``now``, or just after the parent's if that is later. Without a
    ``code_version`` the parent's stays, unless ``inherits_code`` is off. Raises StaleRefError if
    a guarded change expects another version than the parent has, CollectedError if a version that
    it shows has been collected.
    """
    if tree_of is not None and changes:
        raise InternalError("A commit that shows another commit's tables cannot change tables.")
    before = _before(conn, parent, changes)
    _check_guards(changes, before)
    commit = Commit(
        id=new_id(),
        project=project,
        parent=parent.id if parent else None,
        kind=kind,
        author=author,
        message=message,
        created=max(now, parent.created + 1) if parent else now,
        depth=parent.depth + 1 if parent else 0,
        merged_from=merged_from,
        tree_of=tree_of,
        on_behalf_of=on_behalf_of,
        code_version=code_version or (parent.code_version if parent and inherits_code else None),
        run_id=run_id,
    )
    versions = [change.version for change in changes if change.version]
    root_versions(conn, project, [*takes, *(one.location for one in versions if one.location)])
    if tree_of is not None:
        root_tree(conn, project, tree_of)
    conn.execute(_WRITE, commit_row(commit))
    _write_changes(conn, commit.id, changes, before)
    return commit


def get_commit(conn: Connection, commit_id: str) -> Commit:
    """The commit with that id. Raises RefNotFoundError."""
    row = conn.execute(_COMMIT, {"own_id": commit_id}).one_or_none()
    if row is None:
        raise RefNotFoundError(
            f"There is no commit {commit_id}.", hint="List commits with: galley history"
        )
    return commit_of(row)


def get_commits(conn: Connection, ids: Collection[str]) -> dict[str, Commit]:
    """The commits with those ids; those that are not there are left out."""
    found: dict[str, Commit] = {}
    for some in batches(sorted(ids), NAMES):
        rows = conn.execute(select(t.commit).where(t.commit.c.id.in_(some)))
        found.update((row.id, commit_of(row)) for row in rows)
    return found


def find_publish(conn: Connection, run_id: str) -> Commit | None:
    """The commit by which a run was published, if it was. The run id is the idempotency key."""
    kinds = [kind.value for kind in PUBLISHES]
    statement = select(t.commit).where(t.commit.c.run_id == run_id, t.commit.c.kind.in_(kinds))
    row = conn.execute(statement.order_by(t.commit.c.created).limit(1)).one_or_none()
    return commit_of(row) if row else None


def history(
    conn: Connection,
    project: str,
    ref_or_commit: str,
    limit: int = 50,
    before: str | None = None,
) -> list[Commit]:
    """A ref's (or commit's) commits, newest first, following parents.

    ``before`` continues after the last commit of an earlier answer. Raises RefNotFoundError.
    """
    if before is not None:
        start = get_commit(conn, before).parent
    else:
        named = select(t.ref.c.head).where(
            t.ref.c.project == project, t.ref.c.name == ref_or_commit
        )
        start = conn.scalar(named) or get_commit(conn, ref_or_commit).id
    return walk(conn, start, limit) if start else []


def walk(conn: Connection, start: str, limit: int) -> list[Commit]:
    """At most ``limit`` commits from ``start`` along their parents, ``start`` included."""
    rows = conn.execute(_WALK, {"start": start, "limit": limit})
    return [commit_of(row) for row in rows]


def changes_by_commit(conn: Connection, commit_ids: Sequence[str]) -> dict[str, list[Change]]:
    """What several commits changed themselves, by table name, in a few statements.

    Nothing for one that shows another's tables.
    """
    found: dict[str, list[Change]] = {commit_id: [] for commit_id in commit_ids}
    for ids in batches(commit_ids, NAMES):
        windows: dict[tuple[str, str], list[Row[Any]]] = {}
        for row in conn.execute(_WINDOWS, {"ids": ids}):
            windows.setdefault((row.commit_id, row.table_id), []).append(row)
        for row in conn.execute(_ENTRIES, {"ids": ids}):
            rows = windows.get((row.commit_id, row.table_id), [])
            found[row.commit_id].append(_change_of(row, rows))
    return found


def changes_to(conn: Connection, commit_ids: Sequence[str], table: str) -> dict[str, Change]:
    """What those of several commits that changed a table did to it, windows apart."""
    found: dict[str, Change] = {}
    for ids in batches(commit_ids, NAMES):
        e = t.entry.c
        rows = conn.execute(select(t.entry).where(e.commit_id.in_(ids), e.table_key == table))
        found.update((row.commit_id, _change_of(row, [])) for row in rows)
    return found


def commit_row(commit: Commit) -> dict[str, Any]:
    """The row of ``lake_commit`` for a commit."""
    return {column.name: getattr(commit, column.name) for column in t.commit.columns} | {
        "kind": commit.kind.value
    }


def commit_of(row: Row[Any]) -> Commit:
    """The commit that a row of ``lake_commit`` describes."""
    values = {column.name: getattr(row, column.name) for column in t.commit.columns}
    return Commit(**{**values, "kind": CommitKind(values["kind"])})


def _before(
    conn: Connection, parent: Commit | None, changes: Sequence[Change]
) -> dict[str, Version]:
    """The parent's versions of the tables where they matter: guarded or dropped ones."""
    names = [change.table for change in changes if change.guarded or change.version is None]
    return lookup(conn, parent.id, names) if parent and names else {}


def _check_guards(changes: Sequence[Change], before: dict[str, Version]) -> None:
    if len({change.table for change in changes}) < len(changes):
        raise InternalError("A commit changes each table at most once.")
    for change in changes:
        found = before[change.table].content_id if change.table in before else None
        if change.guarded and found != change.expected:
            raise StaleRefError(
                f"Table {change.table} is no longer what this work was based on: "
                f"{found or 'it does not exist'} instead of {change.expected or 'no table'}.",
                hint="Run it again on the present version.",
                details={"table": change.table, "expected": change.expected, "found": found},
            )


def _write_changes(
    conn: Connection, commit_id: str, changes: Sequence[Change], before: dict[str, Version]
) -> None:
    entries: list[dict[str, Any]] = []
    windows: list[dict[str, Any]] = []
    kept = {change.version.table_id for change in changes if change.version}
    for change in changes:
        if change.version is not None:
            entries.append(entry_row(commit_id, change.version))
            windows += window_rows(commit_id, change.version.table_id, change)
        elif change.table in before:
            gone = before[change.table]
            entries.append(dropped_row(commit_id, gone))
            # A renamed table keeps its windows: its id lives on under the other name.
            if gone.table_id not in kept:
                windows.append(reset_row(commit_id, gone.table_id))
    insert_rows(conn, t.entry, entries)
    insert_rows(conn, t.window, windows)


def _change_of(row: Row[Any], windows: list[Row[Any]]) -> Change:
    return Change(
        table=row.table_key,
        version=None if row.dropped else version_of(row),
        windows=tuple(window_of(window) for window in windows if window.span_start != RESET),
        reset_windows=any(window.span_start == RESET for window in windows),
    )


def back(following: ColumnElement[Any]) -> CTE:
    """Rows ``(id, place)`` of the commits reached from ``start``, at most ``limit``.

    ``following`` is a column (or expression) of ``lake_commit``: where to go next. It is read by a
    scalar subquery for the same reason as in ``trees``.
    """
    c = t.commit.c
    first = select(c.id, following.label("next"), literal(1).label("place"))
    steps = first.where(c.id == bindparam("start")).cte("steps", recursive=True)
    further = select(
        steps.c.next,
        select(following).where(c.id == steps.c.next).scalar_subquery(),
        steps.c.place + 1,
    ).where(steps.c.next.is_not(None), steps.c.place < bindparam("limit", type_=Integer))
    return steps.union_all(further)


def _walk() -> Select[Any]:
    steps = back(t.commit.c.parent)
    joined = steps.join(t.commit, t.commit.c.id == steps.c.id)
    return select(t.commit).select_from(joined).order_by(steps.c.place)


_WALK = _walk()
_WRITE = insert(t.commit)
_COMMIT = select(t.commit).where(t.commit.c.id == bindparam("own_id"))
_ENTRIES = (
    select(t.entry)
    .where(t.entry.c.commit_id.in_(bindparam("ids", expanding=True)))
    .order_by(t.entry.c.commit_id, t.entry.c.table_key)
)
_WINDOWS = (
    select(t.window)
    .where(t.window.c.commit_id.in_(bindparam("ids", expanding=True)))
    .order_by(t.window.c.table_id, t.window.c.span_start)
)
