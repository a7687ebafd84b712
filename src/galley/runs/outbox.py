"""What happened, in the order in which it became visible: the events of all runs together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from galley.clock import iso
from galley.runs.tables import event, run


@dataclass(frozen=True, slots=True)
class News:
    """One event, with what its run belongs to."""

    id: int
    run: str
    project: str
    pipeline: str
    ref: str
    step: str | None
    kind: str
    body: dict[str, Any] | None
    at: int

    def facts(self) -> dict[str, Any]:
        """The event as plain values."""
        return {
            "id": self.id,
            "kind": self.kind,
            "project": self.project,
            "run": self.run,
            "pipeline": self.pipeline,
            "ref": self.ref,
            "step": self.step,
            "at": iso(self.at),
            "body": self.body or {},
        }


def last_id(connection: Connection) -> int:
    """The highest id that an event has."""
    return connection.scalar(select(func.max(event.c.id))) or 0


def since(
    connection: Connection,
    after: int,
    *,
    project: str | None = None,
    run_id: str | None = None,
    limit: int = 1000,
) -> list[News]:
    """The events with ids above ``after``, oldest first."""
    query = _ALL.where(event.c.id > after)
    if run_id is not None:
        query = query.where(event.c.run_id == run_id)
    if project is not None:
        query = query.where(run.c.project == project)
    rows = connection.execute(query.order_by(event.c.id).limit(limit))
    return [_read(row) for row in rows]


_ALL: Select[Any] = select(event, run.c.project, run.c.pipeline, run.c.ref).join(
    run, run.c.id == event.c.run_id
)


def _read(row: Row[Any]) -> News:
    return News(
        id=row.id,
        run=row.run_id,
        project=row.project,
        pipeline=row.pipeline,
        ref=row.ref,
        step=row.step,
        kind=row.kind,
        body=row.body,
        at=row.at,
    )
