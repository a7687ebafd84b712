"""The door through which versions become reachable, and the lock that collection closes it with.

A root is what keeps a version: a ref, a tag, a hold, a run's pin. Whoever writes one goes through
here in the same transaction. A version that was condemned meanwhile is revived by that; one whose
files are already going is refused. So no condemned version is ever reachable, and nothing that is
reachable is ever collected.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, bindparam, delete, func, select

from galley.clock import iso
from galley.errors import CollectedError, RefNotFoundError
from galley.lake import tables as t
from galley.lake.rows import NAMES, batches
from galley.lake.trees import locations

LOCK = 0x67616C6C65790001
"""The key of PostgreSQL's advisory lock. It belongs to the transaction, so poolers do no harm."""

_SHARE = select(func.pg_advisory_xact_lock_shared(LOCK))
_EXCLUDE = select(func.pg_advisory_xact_lock(LOCK))

_C = t.condemned.c
_SOME = (_C.project == bindparam("own_project")) & _C.location.in_(
    bindparam("some", expanding=True)
)
_CONDEMNED = select(_C.table_key, _C.location, _C.doomed).where(_SOME)
_REVIVE = delete(t.condemned).where(_SOME, _C.doomed.is_(None))


def share(conn: Connection) -> None:
    """Keep collection from judging until this transaction ends; others may write roots too.

    On SQLite every writer is alone anyway.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(_SHARE)


def exclude(conn: Connection) -> None:
    """Keep everybody from writing roots until this transaction ends."""
    if conn.dialect.name == "postgresql":
        conn.execute(_EXCLUDE)


def root_versions(conn: Connection, project: str, wanted: Iterable[str]) -> int:
    """Make versions (by location) fit to be reached again; how many had been condemned.

    Raises CollectedError if the files of one are gone or going.
    """
    share(conn)
    revived = 0
    for some in batches(sorted(set(wanted)), NAMES):
        mine = {"own_project": project, "some": some}
        for row in conn.execute(_CONDEMNED, mine):
            if row.doomed is not None:
                raise collected(row.table_key, row.doomed)
            revived += 1
        if revived:
            conn.execute(_REVIVE, mine)
    return revived


def root_commit(conn: Connection, project: str, commit_id: str) -> None:
    """Make all that a commit shows fit to be reached again.

    Raises CollectedError where that is too late, RefNotFoundError for a commit that is not there.
    """
    share(conn)
    here = (t.ref.c.project == project) & (t.ref.c.head == commit_id)
    if conn.scalar(select(t.ref.c.name).where(here).limit(1)) is not None:
        return
    if conn.scalar(select(t.commit.c.id).where(t.commit.c.id == commit_id)) is None:
        raise RefNotFoundError(
            f"There is no commit {commit_id} any more.", hint="List commits with: galley history"
        )
    root_tree(conn, project, commit_id)


def root_tree(conn: Connection, project: str, commit_id: str) -> None:
    """Like ``root_commit``, for a commit that is known to be there and to be no ref's head."""
    share(conn)
    names = _condemned_names(conn, project)
    if names:
        root_versions(conn, project, locations(conn, commit_id, names).values())


def refuse_collected(
    conn: Connection, project: str, commit_id: str, tables: Collection[str] | None = None
) -> None:
    """Raise CollectedError if a commit shows tables (of some, or of all) that have no files left.

    Only looks: what is found well may be gone a moment later.
    """
    c = t.condemned.c
    names = _condemned_names(conn, project, doomed=True)
    shown = locations(conn, commit_id, names if tables is None else names & set(tables))
    for some in batches(sorted(shown.values()), NAMES):
        gone = select(c.table_key, c.doomed).where(
            c.project == project, c.location.in_(some), c.doomed.is_not(None)
        )
        for row in conn.execute(gone.limit(1)):
            raise collected(row.table_key, row.doomed)


def collected(table: str, at: int) -> CollectedError:
    """The error for a version that is no more."""
    return CollectedError(
        f"This version of {table} was collected at {iso(at)}: nothing kept it any more.",
        hint="Tag the states that are to be kept, or raise `retention: {history: …}`.",
        details={"table": table, "collected": iso(at)},
    )


def _condemned_names(conn: Connection, project: str, *, doomed: bool = False) -> set[str]:
    c = t.condemned.c
    names = select(c.table_key).where(c.project == project).distinct()
    return set(conn.scalars(names.where(c.doomed.is_not(None)) if doomed else names))
