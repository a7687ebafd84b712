"""The runs of a backfill, taken as a set: there may be tens of thousands of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, select, update

from galley.runs import queue, records
from galley.runs.model import ACTIVE, Intention, Part, Reason, Run, RunState
from galley.runs.tables import run, session
from galley.runs.transitions import run_sources

ROOM = 2
"""How many children are under way for each worker: while one publishes another is at work."""

_OPEN = (RunState.QUEUED, *ACTIVE)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many children of one part are in one state, and how many windows they are about."""

    part: Part | None
    state: RunState
    runs: int
    windows: int


def tally(connection: Connection, parent: str) -> list[Tally]:
    """The children of a backfill, counted."""
    c = run.c
    rows = connection.execute(
        select(c.part, c.state, func.count(), func.sum(c.size))
        .where(c.parent == parent)
        .group_by(c.part, c.state)
    )
    return [
        Tally(Part(part) if part else None, RunState(state), runs, int(windows or 0))
        for part, state, runs, windows in rows
    ]


def unfinished(connection: Connection, parent: str) -> bool:
    """Whether a child has not ended; flat in how many there are."""
    query = select(run.c.id).where(run.c.parent == parent, _in(_OPEN)).limit(1)
    return connection.execute(query).first() is not None


def startable(connection: Connection, parents: Collection[Run]) -> list[Run]:
    """The next queued children of each backfill, as many as workers can be busy with."""
    found: list[Run] = []
    most = _most(connection) if parents else 0
    for parent in parents:
        mine = run.c.parent == parent.id
        active = connection.scalar(select(func.count()).where(mine, _in(ACTIVE))) or 0
        if active < most:
            query = select(run).where(mine, _in([RunState.QUEUED])).order_by(run.c.created)
            rows = connection.execute(query.limit(most - active))
            found += [records.read_run(row) for row in rows]
    return found


def backfills(active: Iterable[Run]) -> list[Run]:
    """The backfills among runs under way, paused ones included, oldest first."""
    states = (RunState.RUNNING, RunState.PAUSED)
    found = (run for run in active if run.state in states and run.part is not None)
    return sorted((run for run in found if run.is_backfill), key=lambda run: run.created)


def ask(connection: Connection, parent: str, wish: Intention, now: int) -> int:
    """Tell all children that have not ended, but for those that are to stop; returns how many.

    Of a backfill that is to stop those that did not begin have ended at once.
    """
    if wish is Intention.CANCEL:
        said = "cancelled before it began; nothing was published"
        _end_queued(connection, parent, RunState.CANCELLED, Reason.CANCELLED, said, now)
    wishes = [wish.value, Intention.CANCEL.value]
    told = connection.scalars(
        update(run)
        .where(run.c.parent == parent, _in(_OPEN), run.c.intention.not_in(wishes))
        .values(intention=wish.value)
        .returning(run.c.id)
    ).all()
    queue.emit_all(connection, [(id, None) for id in told], f"run.asked_to_{wish.value}", now)
    return len(told)


def untold(connection: Connection, parent: str) -> bool:
    """Whether a child of a backfill that is to stop has not ended nor been told."""
    stop = run.c.intention != Intention.CANCEL.value
    query = select(run.c.id).where(run.c.parent == parent, _in(_OPEN), stop).limit(1)
    return connection.execute(query).first() is not None


def give_up(connection: Connection, parent: str, before: str, now: int) -> None:
    """Of children that go one after the other one did not publish: the rest never will begin."""
    said = f"run {before}, whose windows this one reads, did not publish"
    _end_queued(connection, parent, RunState.FAILED, Reason.UPSTREAM, said, now)


def _end_queued(
    connection: Connection, parent: str, to: RunState, reason: Reason, said: str, now: int
) -> None:
    if RunState.QUEUED not in run_sources(to):
        raise AssertionError(f"a queued run cannot become {to}")
    ended = connection.scalars(
        update(run)
        .where(run.c.parent == parent, _in([RunState.QUEUED]))
        .values(state=to.value, reason=reason.value, message=said, finished=now)
        .returning(run.c.id)
    ).all()
    body = {"reason": reason.value, "message": said}
    queue.emit_all(connection, [(id, body) for id in ended], f"run.{to.value}", now)


def first_bad(connection: Connection, parent: str) -> Run | None:
    """The oldest child that ended without a publish by a fault of its own, else the oldest."""
    own = run.c.reason.not_in([Reason.UPSTREAM.value, Reason.CANCELLED.value])
    bad = [one for one in RunState if one.terminal and one is not RunState.SUCCEEDED]
    query = select(run).where(run.c.parent == parent, _in(bad)).order_by(run.c.created).limit(1)
    row = connection.execute(query.where(own)).first() or connection.execute(query).first()
    return records.read_run(row) if row is not None else None


def child(connection: Connection, parent: str, part: Part) -> str | None:
    """The id of a backfill's first or last child."""
    query = select(run.c.id).where(run.c.parent == parent, run.c.part == part.value)
    return connection.scalar(query.limit(1))


def newest_commit(connection: Connection, parent: str) -> str | None:
    """What the child that ended last was published by."""
    query = (
        select(run.c.commit_id)
        .where(run.c.parent == parent, run.c.commit_id.is_not(None))
        .order_by(run.c.finished.desc())
        .limit(1)
    )
    return connection.scalar(query)


def _most(connection: Connection) -> int:
    """How many children of one backfill are to be under way."""
    slots = connection.scalar(select(func.sum(session.c.capacity)).where(session.c.ended.is_(None)))
    return max(ROOM * int(slots or 0), ROOM)


def _in(states: Collection[RunState]) -> ColumnElement[bool]:
    return run.c.state.in_([state.value for state in states])
