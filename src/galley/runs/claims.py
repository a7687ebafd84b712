"""The claim: taking ready steps from the head of the queue, under labels and limits.

As long as the queue may be, a claim reads one index entry for each group and as many rows as are
wanted. Where limits count, live steps are counted while their rows are locked; there is no second
counter that could drift.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    exists,
    func,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from galley.lake.rows import insert_first
from galley.runs.groups import Group, rooms
from galley.runs.leases import AT_WORK
from galley.runs.model import Intention, RunState, StepRun, StepState
from galley.runs.queue import read_step
from galley.runs.tables import limit as limit_table
from galley.runs.tables import run, step_run

# The index holds ready steps only, and is used only where the condition is no parameter.
_READY = step_run.c.state == literal_column(f"'{StepState.READY.value}'")

_GROUPS = text("""
    WITH RECURSIVE known(grouping) AS (
        SELECT min(grouping) FROM run_step WHERE state = 'ready'
        UNION ALL
        SELECT (
            SELECT min(step.grouping) FROM run_step AS step
            WHERE step.state = 'ready' AND step.grouping > known.grouping
        ) FROM known WHERE known.grouping IS NOT NULL
    )
    SELECT grouping FROM known WHERE grouping IS NOT NULL
""")


@dataclass(frozen=True, slots=True)
class Taker:
    """Who takes steps: as many as ``most``, held until ``until`` without a heartbeat.

    ``labels`` are those it bears (``None``: it takes everything); ``origin`` names the only home
    whose runs it works on.
    """

    owner: str
    most: int
    until: int
    labels: Collection[str] | None = None
    origin: str | None = None


@dataclass(slots=True)
class Outlook:
    """What a claim found, for the next one: ``plain`` steps, without any demands, and no others.

    If that is so still, one statement takes them.
    """

    plain: bool = False


def claim(
    connection: Connection, taker: Taker, now: int, outlook: Outlook | None = None
) -> list[StepRun]:
    """Take ready steps of runs under way, by priority, then age, then place in their run.

    Each gets a new epoch and a lease; whoever held an older epoch has lost.
    """
    outlook = outlook or Outlook()
    if taker.most <= 0:
        return []
    given: dict[str, Any] = {"holder": taker.owner, "until": taker.until, "at": now}
    if outlook.plain:
        statement = _take_head(connection.dialect.name, taker.origin is not None, only=True)
        rows = connection.execute(statement, given | _wanted(taker, Group(), taker.most)).all()
        if rows:
            return _in_order(rows)
    groups = [Group.parse(name) for name in connection.execute(_GROUPS).scalars()]
    # That nothing is ready says nothing about what will be.
    outlook.plain = groups == [Group()] if groups else outlook.plain
    fitting = [group for group in groups if group.fits(taker.labels)]
    if not fitting:
        return []
    if len(fitting) == 1 and not fitting[0].limits:
        statement = _take_head(connection.dialect.name, taker.origin is not None)
        given |= _wanted(taker, fitting[0], taker.most)
    else:
        statement = _take_chosen()
        given["chosen"] = _choose(connection, taker, fitting)
    return _in_order(connection.execute(statement, given).all())


def _in_order(rows: Iterable[Row[Any]]) -> list[StepRun]:
    return sorted((read_step(row) for row in rows), key=lambda step: step.position)


def set_limits(connection: Connection, slots: dict[str, int], now: int) -> None:
    """Record how much may be at work at once; the run that started last decides."""
    for name, number in sorted(slots.items()):
        changed = connection.execute(
            update(limit_table).where(limit_table.c.name == name).values(slots=number, set_at=now)
        ).rowcount
        if not changed:
            row = {"name": name, "slots": number, "set_at": now}
            insert_first(connection, limit_table, row)


def _choose(connection: Connection, taker: Taker, groups: Sequence[Group]) -> list[str]:
    """The ids of the steps to take, of all groups together, as limits allow."""
    left = _rooms(connection, groups)
    heads: list[Row[Any]] = []
    for group in groups:
        room = min((left[name] for name in group.limits), default=taker.most)
        if room > 0:
            query = _head(connection.dialect.name, taker.origin is not None)
            heads += connection.execute(query, _wanted(taker, group, min(room, taker.most))).all()
    heads.sort(key=lambda row: (-row.priority, row.age, row.position))
    chosen: list[str] = []
    for row in heads:
        names = Group.parse(row.grouping).limits
        if len(chosen) < taker.most and all(left[name] > 0 for name in names):
            chosen.append(row.id)
            for name in names:
                left[name] -= 1
    return chosen


def _wanted(taker: Taker, group: Group, most: int) -> dict[str, Any]:
    given: dict[str, Any] = {"group": group.text, "most": most}
    return given if taker.origin is None else given | {"origin": taker.origin}


def _rooms(connection: Connection, groups: Sequence[Group]) -> dict[str, int]:
    """How much room there is under each limit, which nobody else can change until we commit."""
    names = sorted({name for group in groups for name in group.limits})
    if not names:
        return {}
    rows = connection.execute(
        select(limit_table)
        .where(limit_table.c.name.in_(names))
        .order_by(limit_table.c.name)
        .with_for_update()
    )
    slots = {row.name: row.slots for row in rows}
    counted = connection.execute(
        select(step_run.c.grouping, func.count())
        .where(AT_WORK, step_run.c.grouping != "")
        .group_by(step_run.c.grouping)
    )
    return rooms(slots, [(Group.parse(row[0]), row[1]) for row in counted])


def _runnable(origin: bool) -> ColumnElement[bool]:
    """The step's run is under way, and nobody asked it to pause or to stop."""
    found = exists().where(
        run.c.id == step_run.c.run_id,
        run.c.state == RunState.RUNNING.value,
        run.c.intention == Intention.GO.value,
    )
    return found.where(run.c.origin == bindparam("origin")) if origin else found


@cache
def _head(dialect: str, origin: bool) -> Select[Any]:
    """The head of one group's queue, locked for us where others look at it too."""
    s = step_run.c
    query = (
        select(s.id, s.priority, s.age, s.position, s.grouping)
        .where(_READY, s.grouping == bindparam("group"), _runnable(origin))
        .order_by(s.priority.desc(), s.age, s.position)
        .limit(bindparam("most"))
    )
    return query.with_for_update(skip_locked=True) if dialect == "postgresql" else query


@cache
def _take_head(dialect: str, origin: bool, *, only: bool = False) -> ReturningUpdate[Any]:
    """Take the head of one group's queue; with ``only``, nothing unless the others are empty."""
    head = _head(dialect, origin)
    if only:
        other = step_run.alias("other")
        ready = other.c.state == literal_column(f"'{StepState.READY.value}'")
        # An index look-up; a group without a name is the first of all.
        head = head.where(~exists().where(ready, other.c.grouping > bindparam("group")))
    return _taking(step_run.c.id.in_(head.with_only_columns(step_run.c.id).scalar_subquery()))


@cache
def _take_chosen() -> ReturningUpdate[Any]:
    return _taking(step_run.c.id.in_(bindparam("chosen", expanding=True)) & _READY)


def _taking(which: ColumnElement[bool]) -> ReturningUpdate[Any]:
    return (
        update(step_run)
        .where(which)
        .values(
            state=StepState.CLAIMED.value,
            epoch=step_run.c.epoch + 1,
            attempts=step_run.c.attempts + 1,
            owner=bindparam("holder"),
            lease_until=bindparam("until"),
            not_before=None,
            reason=None,
            message=None,
            detail=None,
            started=func.coalesce(
                step_run.c.started, bindparam("at", type_=step_run.c.started.type)
            ),
        )
        .returning(step_run)
    )
