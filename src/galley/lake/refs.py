"""Refs: names for commits. A ref moves by compare-and-set on head and generation, never back."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from galley.clock import iso
from galley.db.deferred import execute_later
from galley.errors import (
    ConflictError,
    ProtectedRefError,
    RefNotFoundError,
    StaleRefError,
    UsageError,
)
from galley.ids import digest, new_id
from galley.lake import tables as t
from galley.lake.commits import commit_row, get_commit, walk
from galley.lake.model import PRODUCTION, Commit, CommitKind, Ref, RefKind, Target
from galley.lake.names import check_name, nearest
from galley.lake.rooting import root_commit
from galley.lake.rows import insert_first
from galley.lake.targets import parse

LASTING = (RefKind.ENVIRONMENT, RefKind.KITCHEN, RefKind.TAG)
"""The kinds that people name."""

FAR = 100_000
"""So many commits back a prefix or a time is looked for."""


def ensure_project(conn: Connection, project: str, *, actor: str, now: int) -> None:
    """Create the protected environment ``production`` with an empty tree, unless it exists.

    Safe to repeat, also at the same time: the first commit's id follows from the project's name.
    """
    if find_ref(conn, project, PRODUCTION):
        return
    first = Commit(
        id=digest("init", project, size=8),
        project=project,
        parent=None,
        kind=CommitKind.INIT,
        author=actor,
        message="Project created",
        created=now,
        checkpointed=True,
    )
    insert_first(conn, t.commit, commit_row(first))
    ref = Ref(
        project=project,
        name=PRODUCTION,
        kind=RefKind.ENVIRONMENT,
        head=first.id,
        generation=1,
        owner=actor,
        fork_point=None,
        fork_ref=None,
        expires_at=None,
        protected=True,
        created=now,
    )
    if insert_first(conn, t.ref, _ref_row(ref)):
        _log(conn, ref, old=None, new=ref.head, who=actor, why="created", at=now)


def create_ref(
    conn: Connection,
    project: str,
    name: str,
    kind: RefKind,
    head: str,
    *,
    owner: str,
    now: int,
    fork_point: str | None = None,
    fork_ref: str | None = None,
    expires_at: int | None = None,
    protected: bool = False,
) -> Ref:
    """Create a ref at a commit; one row, whatever the number of tables.

    Raises UsageError for a name that is not allowed, ConflictError (which says whose it is) for
    one that is taken, CollectedError for a commit whose tables have been collected.
    """
    check_name(kind, name)
    for commit in sorted({head, fork_point or head}):
        root_commit(conn, project, commit)
    ref = Ref(
        project=project,
        name=name,
        kind=kind,
        head=head,
        generation=_last_generation(conn, project, name) + 1,
        owner=owner,
        fork_point=fork_point,
        fork_ref=fork_ref,
        expires_at=expires_at,
        protected=protected,
        created=now,
    )
    if not insert_first(conn, t.ref, _ref_row(ref)):
        taken = get_ref(conn, project, name)
        raise ConflictError(
            f"{name} is taken by {taken.owner}.",
            hint="Choose another name, or ask its owner.",
            details={"ref": name, "owner": taken.owner},
        )
    _log(conn, ref, old=None, new=head, who=owner, why="created", at=now)
    return ref


def open_attempt(
    conn: Connection, project: str, name: str, head: str, *, fork_ref: str, owner: str, now: int
) -> None:
    """Create the private ref of one attempt. Its epoch makes the name unique; it is not logged."""
    check_name(RefKind.ATTEMPT, name)
    ref = Ref(project, name, RefKind.ATTEMPT, head, 1, owner, head, fork_ref, None, False, now)
    execute_later(conn, _OPEN_ATTEMPT, _ref_row(ref))


def drop_attempt(conn: Connection, project: str, name: str) -> None:
    """Discard an attempt's ref whole, if it is still there."""
    execute_later(conn, _DROP_ATTEMPT, {"own_project": project, "own_name": name})


_OPEN_ATTEMPT = insert(t.ref)
_DROP_ATTEMPT = delete(t.ref).where(
    t.ref.c.project == bindparam("own_project"),
    t.ref.c.name == bindparam("own_name"),
    t.ref.c.kind == RefKind.ATTEMPT.value,
)


def find_ref(conn: Connection, project: str, name: str, *, lock: bool = False) -> Ref | None:
    """The ref with that name, if there is one; locked, as ``lock_ref`` does, if asked."""
    return _find(conn, project, name, lock=lock)


def get_ref(conn: Connection, project: str, name: str) -> Ref:
    """The ref with that name. Raises RefNotFoundError with the nearest name."""
    ref = find_ref(conn, project, name)
    if ref is None:
        raise missing_ref(conn, project, name)
    return ref


def lock_ref(conn: Connection, project: str, name: str) -> Ref:
    """The ref, kept from moving by others until this transaction ends. Raises RefNotFoundError."""
    ref = _find(conn, project, name, lock=True)
    if ref is None:
        raise missing_ref(conn, project, name)
    return ref


def list_refs(conn: Connection, project: str, kinds: Collection[RefKind] = LASTING) -> list[Ref]:
    """The refs of some kinds, by name."""
    r = t.ref.c
    wanted = select(t.ref).where(r.project == project, r.kind.in_([kind.value for kind in kinds]))
    return sorted((_ref_of(row) for row in conn.execute(wanted)), key=lambda ref: ref.name)


def page(
    conn: Connection,
    project: str,
    kinds: Collection[RefKind] = LASTING,
    *,
    after: str = "",
    limit: int = 50,
) -> list[Ref]:
    """The refs of some kinds after a name, by name."""
    r = t.ref.c
    mine = select(t.ref).where(r.project == project, r.name > after)
    mine = mine.where(r.kind.in_([kind.value for kind in kinds]))
    return [_ref_of(row) for row in conn.execute(mine.order_by(r.name).limit(limit))]


def heads(conn: Connection, project: str, names: Collection[str]) -> dict[str, str]:
    """Where some refs are; those that are gone are left out."""
    r = t.ref.c
    wanted = select(r.name, r.head).where(r.project == project, r.name.in_(sorted(names)))
    return {row.name: row.head for row in conn.execute(wanted)}


def move_ref(
    conn: Connection, ref: Ref, new_commit: str | Commit, *, who: str, why: str, now: int
) -> Ref:
    """Move a ref to a child of its head, provided that nobody has moved it since ``ref`` was read.

    Raises StaleRefError if someone has, or if the commit was made on another one.
    """
    commit = get_commit(conn, new_commit) if isinstance(new_commit, str) else new_commit
    if commit.parent != ref.head:
        raise StaleRefError(
            f"Commit {commit.id} does not follow {ref.name}'s commit {ref.head}; "
            "a ref only moves forward, one commit at a time.",
            details={"ref": ref.name, "head": ref.head, "commit": commit.id},
        )
    moved = replace(ref, head=commit.id, generation=ref.generation + 1)
    _compare_and_set(conn, ref, moved)
    at = max(now, commit.created)
    _log(conn, moved, old=ref.head, new=commit.id, who=who, why=why, at=at)
    return moved


def set_fork_point(
    conn: Connection, ref: Ref, fork_point: str, *, who: str, why: str, now: int
) -> Ref:
    """Record what a ref's work is now based on (after a refresh or a promotion).

    Raises StaleRefError if the ref has changed since it was read, CollectedError for a commit whose
    tables have been collected.
    """
    root_commit(conn, ref.project, fork_point)
    moved = replace(ref, fork_point=fork_point, generation=ref.generation + 1)
    _compare_and_set(conn, ref, moved)
    _log(conn, moved, old=ref.head, new=ref.head, who=who, why=why, at=now)
    return moved


def set_expiry(conn: Connection, ref: Ref, expires_at: int | None) -> Ref:
    """Renew a ref, or let it live for ever; not a move, so nobody's work goes stale.

    Raises StaleRefError if it is gone.
    """
    here = (t.ref.c.project == ref.project) & (t.ref.c.name == ref.name)
    if conn.execute(update(t.ref).where(here).values(expires_at=expires_at)).rowcount == 0:
        raise stale_ref(conn, ref)
    return replace(ref, expires_at=expires_at)


def set_code(conn: Connection, ref: Ref, version: str) -> Ref:
    """Have a kitchen work with a project version; not a move of its data.

    Raises StaleRefError if it is gone.
    """
    here = (t.ref.c.project == ref.project) & (t.ref.c.name == ref.name)
    if conn.execute(update(t.ref).where(here).values(code_version=version)).rowcount == 0:
        raise stale_ref(conn, ref)
    return replace(ref, code_version=version)


def code_versions(conn: Connection, project: str) -> list[tuple[str, str]]:
    """The kitchens to which a project version was deployed, each with it, by name."""
    r = t.ref.c
    query = select(r.name, r.code_version).where(r.project == project, r.code_version.is_not(None))
    return [(row.name, row.code_version) for row in conn.execute(query.order_by(r.name))]


def tag(conn: Connection, project: str, name: str, commit_id: str, *, owner: str, now: int) -> Ref:
    """Give a commit a lasting name ``tag/<name>``. Raises as ``create_ref`` does."""
    full = name if name.startswith("tag/") else f"tag/{name}"
    get_commit(conn, commit_id)
    return create_ref(
        conn, project, full, RefKind.TAG, commit_id, owner=owner, now=now, protected=True
    )


def delete_ref(conn: Connection, ref: Ref, *, who: str, why: str, now: int) -> None:
    """Delete a ref; its commits stay until they are collected.

    Raises ProtectedRefError for a protected one, StaleRefError if it has changed since it was read.
    """
    if ref.protected:
        raise ProtectedRefError(
            f"{ref.name} is protected and cannot be deleted.",
            hint="Take its protection away first.",
        )
    if conn.execute(_DELETE, _as_read(ref)).rowcount == 0:
        raise stale_ref(conn, ref)
    gone = replace(ref, generation=ref.generation + 1)
    _log(conn, gone, old=ref.head, new=None, who=who, why=why, at=now)


def resolve(conn: Connection, project: str, text: str, now: int) -> Target:
    """The commit that a text means.

    ``REF`` follows its ref; everything else is pinned: ``REF@COMMIT`` (an unambiguous beginning of
    at least six characters, in the ref's history), ``REF@TIME`` (ISO 8601, UTC unless it says
    otherwise; a date means its first moment), ``REF@now`` and ``tag/NAME``.
    Raises RefNotFoundError with the nearest name, UsageError for what is none of these.
    """
    wanted = parse(text)
    ref = get_ref(conn, project, wanted.ref)
    head = ref.head
    if wanted.prefix is not None:
        head = commit_in(conn, ref, wanted.prefix).id
    elif wanted.moment is not None:
        head = _at_time(conn, ref, wanted.moment, now)
    return Target(text, ref.name, head, pinned=wanted.pinned or ref.kind is RefKind.TAG)


def commit_in(conn: Connection, ref: Ref, prefix: str) -> Commit:
    """The commit of a ref's history whose id begins so.

    Raises RefNotFoundError if there is none, UsageError if there are several.
    """
    commits = walk(conn, ref.head, FAR)
    found = [commit for commit in commits if commit.id.startswith(prefix)]
    if len(found) > 1:
        ids = ", ".join(commit.id for commit in found[:5])
        raise UsageError(f"{prefix} begins several commits of {ref.name}: {ids}.")
    if not found:
        near = [commit.id for commit in commits[:200]]
        close = difflib.get_close_matches(prefix, near, n=1, cutoff=0.5)
        meant = close[0] if close else ref.head
        raise RefNotFoundError(
            f"The history of {ref.name} has no commit that begins with {prefix}.",
            hint=f"Did you mean {ref.name}@{meant}? See: galley history {ref.name}",
            details={"ref": ref.name, "commit": prefix, "nearest": meant},
        )
    return found[0]


def missing_ref(conn: Connection, project: str, name: str) -> RefNotFoundError:
    """The error for a name that no ref has."""
    kinds = [kind.value for kind in LASTING]
    statement = select(t.ref.c.name).where(t.ref.c.project == project, t.ref.c.kind.in_(kinds))
    names = list(conn.scalars(statement.limit(2000)))
    meant = nearest(name, names)
    hint = f"Did you mean {meant}?" if meant else f"There are: {', '.join(sorted(names)[:10])}."
    return RefNotFoundError(
        f"There is no ref {name} in project {project}.",
        hint=hint if names else "The project has no refs yet.",
        details={"ref": name, "nearest": meant},
    )


def stale_ref(conn: Connection, ref: Ref) -> StaleRefError:
    """The error for a ref that is no longer as it was read."""
    now = find_ref(conn, ref.project, ref.name)
    state = f"it is at {now.head} now, by generation {now.generation}" if now else "it is gone"
    return StaleRefError(
        f"{ref.name} has changed since it was read at {ref.head}: {state}. Nothing was changed.",
        hint="Try again on its present state.",
        details={"ref": ref.name, "expected": ref.head, "found": now.head if now else None},
    )


def _compare_and_set(conn: Connection, ref: Ref, moved: Ref) -> None:
    values = {
        "new_head": moved.head,
        "new_fork_point": moved.fork_point,
        "new_generation": moved.generation,
    }
    if conn.execute(_MOVE, _as_read(ref) | values).rowcount == 0:
        raise stale_ref(conn, ref)


def _as_read(ref: Ref) -> dict[str, str | int]:
    return {
        "own_project": ref.project,
        "own_name": ref.name,
        "own_head": ref.head,
        "own_generation": ref.generation,
    }


def _find(conn: Connection, project: str, name: str, *, lock: bool) -> Ref | None:
    named = {"own_project": project, "own_name": name}
    row = conn.execute(_FIND_LOCKED if lock else _FIND, named).one_or_none()
    return _ref_of(row) if row else None


# Built once: composing a statement costs more than running it.
_FIND = select(t.ref).where(
    t.ref.c.project == bindparam("own_project"), t.ref.c.name == bindparam("own_name")
)
_FIND_LOCKED = _FIND.with_for_update()
_UNCHANGED = (
    (t.ref.c.project == bindparam("own_project"))
    & (t.ref.c.name == bindparam("own_name"))
    & (t.ref.c.head == bindparam("own_head"))
    & (t.ref.c.generation == bindparam("own_generation"))
)
_DELETE = delete(t.ref).where(_UNCHANGED)
_MOVE = (
    update(t.ref)
    .where(_UNCHANGED)
    .values(
        head=bindparam("new_head"),
        fork_point=bindparam("new_fork_point"),
        generation=bindparam("new_generation"),
    )
)


def _last_generation(conn: Connection, project: str, name: str) -> int:
    """The generation of a deleted ref of that name goes on: an old reader must not match."""
    return conn.scalar(_LAST, {"own_project": project, "own_name": name}) or 0


_LAST = select(func.max(t.ref_log.c.generation)).where(
    t.ref_log.c.project == bindparam("own_project"), t.ref_log.c.name == bindparam("own_name")
)


def _log(
    conn: Connection, ref: Ref, *, old: str | None, new: str | None, who: str, why: str, at: int
) -> None:
    values = {
        "id": new_id(),
        "project": ref.project,
        "name": ref.name,
        "old": old,
        "new": new,
        "generation": ref.generation,
        "who": who,
        "why": why,
        "at": at,
    }
    conn.execute(_LOG, values)


_LOG = insert(t.ref_log)


def _ref_row(ref: Ref) -> dict[str, Any]:
    values = {column.name: getattr(ref, column.name) for column in t.ref.columns}
    return {**values, "kind": ref.kind.value}


def _ref_of(row: Row[Any]) -> Ref:
    values = {column.name: getattr(row, column.name) for column in t.ref.columns}
    return Ref(**{**values, "kind": RefKind(values["kind"])})


def _at_time(conn: Connection, ref: Ref, moment: int, now: int) -> str:
    """Where the ref stood then, by its log; by its commits' times where the log was shortened."""
    if moment > now:
        raise UsageError(
            f"{iso(moment)} has not come yet.", hint=f"{ref.name}@now pins the present state."
        )
    if moment < ref.created:
        raise RefNotFoundError(
            f"{ref.name} did not exist at {iso(moment)}; it was made at {iso(ref.created)}.",
            hint="Ask for a later time, or for another ref.",
        )
    g = t.ref_log.c
    logged = (
        select(g.new)
        .where(g.project == ref.project, g.name == ref.name, g.at <= moment)
        .order_by(g.generation.desc())
        .limit(1)
    )
    found: str | None = conn.scalar(logged)
    if found is not None:
        return found
    commits = walk(conn, ref.head, FAR)
    return next(commit.id for commit in commits if commit.created <= moment or not commit.parent)
