"""Who holds which limits and who is there to take steps: a fixed number of statements, for all."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, case, func, select

from galley.runs.groups import Group
from galley.runs.leases import AT_WORK
from galley.runs.model import RunState, StepState
from galley.runs.tables import limit as limit_table
from galley.runs.tables import run, session, step_run
from galley.runs.waits import Limit, Present, Scenery, Standing

IDLE = (StepState.READY, StepState.RETRY_WAIT, StepState.PARKED, StepState.WAITING)
"""The states of steps that wait for something."""


def scenery(connection: Connection, project: str, since: int) -> Scenery:
    """The limits of a project with who holds them, and whoever was heard of ``since`` then."""
    s = step_run.c
    rows = connection.execute(
        select(limit_table.c.name, limit_table.c.slots)
        .where(limit_table.c.name.startswith(f"{project}/", autoescape=True))
        .order_by(limit_table.c.name)
    )
    slots = {row.name: row.slots for row in rows}
    held: dict[str, dict[str, int]] = {name: {} for name in slots}
    busy = connection.execute(
        select(s.grouping, s.run_id, func.count().label("number"))
        .where(AT_WORK, s.grouping != "")
        .group_by(s.grouping, s.run_id)
        .order_by(s.run_id)
    )
    for row in busy:
        for name in Group.parse(row.grouping).limits:
            if name in held:
                held[name][row.run_id] = held[name].get(row.run_id, 0) + row.number
    limits = {name: Limit(name, slots[name], by_run) for name, by_run in held.items()}
    return Scenery(limits, present(connection, since))


def present(connection: Connection, since: int) -> tuple[Present, ...]:
    """The sessions that are open and were heard of ``since``, with how many steps each has."""
    working = (
        select(step_run.c.owner, func.count().label("number"))
        .where(AT_WORK)
        .group_by(step_run.c.owner)
        .subquery()
    )
    rows = connection.execute(
        select(session, func.coalesce(working.c.number, 0).label("number"))
        .outerjoin(working, working.c.owner == session.c.id)
        .where(session.c.ended.is_(None), session.c.beat >= since)
        .order_by(session.c.started, session.c.id)
    )
    return tuple(
        Present(
            row.id,
            row.kind,
            row.host,
            row.capacity,
            None if row.labels is None else tuple(row.labels),
            row.number,
        )
        for row in rows
    )


def standing(connection: Connection, run_ids: Collection[str]) -> list[Standing]:
    """The steps of the runs that wait, one for all that stand alike."""
    s = step_run.c
    rows = connection.execute(
        select(
            s.run_id,
            s.state,
            s.grouping,
            func.min(s.not_before).label("until"),
            func.min(s.unmet).label("unmet"),
            func.min(s.message).label("message"),
        )
        .where(s.run_id.in_(sorted(run_ids)), s.state.in_([state.value for state in IDLE]))
        .group_by(s.run_id, s.state, s.grouping)
        .order_by(s.run_id, s.state, s.grouping)
    )
    return [
        Standing(row.run_id, StepState(row.state), row.grouping, row.until, row.unmet, row.message)
        for row in rows
    ]


def ended_children(connection: Connection, parents: Collection[str]) -> dict[str, tuple[int, int]]:
    """Of each backfill, how many of its runs have ended, and of how many."""
    over = [state.value for state in RunState if state.terminal]
    rows = connection.execute(
        select(
            run.c.parent,
            func.sum(case((run.c.state.in_(over), 1), else_=0)).label("ended"),
            func.count().label("number"),
        )
        .where(run.c.parent.in_(sorted(parents)))
        .group_by(run.c.parent)
    )
    return {row.parent: (int(row.ended), row.number) for row in rows}


def queued(connection: Connection, project: str) -> dict[str, int]:
    """How many ready steps of runs wait under each limit of a project."""
    s = step_run.c
    rows = connection.execute(
        select(s.grouping, func.count().label("number"))
        .join(run, run.c.id == s.run_id)
        .where(s.state == StepState.READY.value, run.c.project == project, s.grouping != "")
        .group_by(s.grouping)
    )
    found: dict[str, int] = {}
    for row in rows:
        for name in Group.parse(row.grouping).limits:
            found[name] = found.get(name, 0) + row.number
    return found
