"""What happened, in the order in which it became visible: the events of all runs together."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from galley.clock import iso
from galley.db.engine import Database
from galley.runs.tables import event, run

LATE = 5.0
"""Seconds within which an event of a shared database becomes visible after a younger one."""

LARGEST_LOOK = 2000


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


def last_at(connection: Connection, run_id: str, kind: str) -> int | None:
    """When something of a kind happened to a run last, in microseconds."""
    c = event.c
    query = select(func.max(c.at)).where(c.run_id == run_id, c.kind == kind, c.step.is_(None))
    found: int | None = connection.scalar(query)
    return found


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


class Reader:
    """Reads each event once, from a moment on, as they become visible.

    On a shared database an event may become visible after a younger one, so the last seconds are
    looked at again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._floor = 0
        self._seen: dict[int, float] = {}
        self._mark: int | None = None
        self.looks = 0

    def start(self) -> None:
        """What was there before is not news. Raises UnavailableError."""
        with self._database.read() as connection:
            self._floor = last_id(connection)
        self._seen.clear()
        self._mark = None

    def read(self) -> list[News]:
        """What became visible since the last call, oldest first. Raises UnavailableError."""
        mark = self._database.mark()
        if mark is not None and mark == self._mark:
            return []
        self.looks += 1
        with self._database.read() as connection:
            found = since(connection, self._floor, limit=LARGEST_LOOK)
        fresh = [event for event in found if event.id not in self._seen]
        # All were not read: there is more to see though nothing is written meanwhile.
        self._mark = mark if len(found) < LARGEST_LOOK else None
        self._forget(fresh)
        return fresh

    def _forget(self, fresh: list[News]) -> None:
        """Raise the floor to the youngest event below which none can appear any more."""
        if self._database.is_sqlite:
            # One writer at a time: ids become visible in their order.
            if fresh:
                self._floor = fresh[-1].id
            return
        now = time.monotonic()
        self._seen.update((event.id, now) for event in fresh)
        old = [id for id, seen in self._seen.items() if seen < now - LATE]
        if old:
            self._floor = max(self._floor, *old)
            self._seen = {id: seen for id, seen in self._seen.items() if id > self._floor}
