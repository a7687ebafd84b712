"""What tests said last, for many of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, String, column, select, values

from galley.runs.tables import run, verdict


def newest(
    connection: Connection,
    project: str,
    pairs: Sequence[tuple[str, str]],
    *,
    ref: str | None = None,
) -> dict[tuple[str, str], Row[Any]]:
    """The newest verdict of each test, by (table, test), in the runs of a ref or in all."""
    if not pairs:
        return {}
    wanted: Any = (
        values(column("table_key", String), column("test", String), name="wanted")
        .data(sorted(set(pairs)))
        .cte("wanted")
    )
    near = verdict.alias()
    inner = select(near.c.id).where(
        near.c.project == project,
        near.c.table_key == wanted.c.table_key,
        near.c.test == wanted.c.test,
    )
    if ref is not None:
        inner = inner.join(run, run.c.id == near.c.run_id).where(run.c.ref == ref)
    inner = inner.order_by(near.c.at.desc(), near.c.id.desc()).limit(1)
    last = inner.correlate(wanted).scalar_subquery()
    query = select(verdict).select_from(wanted.join(verdict, verdict.c.id == last))
    return {(row.table_key, row.test): row for row in connection.execute(query)}
