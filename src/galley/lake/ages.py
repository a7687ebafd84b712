"""When the tables that refs show were made."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from galley.lake import tables as t
from galley.lake import trees
from galley.lake.model import RefKind
from galley.lake.rows import NAMES, batches


def environments(conn: Connection) -> list[tuple[str, str, str]]:
    """The environments of all projects: project, name and head."""
    r = t.ref.c
    query = select(r.project, r.name, r.head).where(r.kind == RefKind.ENVIRONMENT.value)
    return [(row.project, row.name, row.head) for row in conn.execute(query)]


def made(conn: Connection, project: str, head: str, limit: int) -> dict[str, int]:
    """For each table that a commit shows (the first ``limit`` by name) when its version was made.

    In microseconds; of views there is none.
    """
    names = sorted(trees.table_names(conn, head))[:limit]
    shown = trees.locations(conn, head, names)
    ids = trees.table_ids(conn, head, names)
    e, c = t.entry.c, t.commit.c
    found: dict[str, int] = {}
    for some in batches(sorted(set(ids.values())), NAMES):
        first = (
            select(e.table_key, e.location, func.min(c.created))
            .join(t.commit, c.id == e.commit_id)
            .where(c.project == project, e.table_id.in_(some))
            .group_by(e.table_key, e.location)
        )
        rows = conn.execute(first).all()
        found.update((name, at) for name, location, at in rows if shown.get(name) == location)
    return found
