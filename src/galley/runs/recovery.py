"""Taking over a home whose engine is gone, and handing over what an engine leaves.

On SQLite there is one engine per home, so what its predecessor had under way is this one's at
once: processes that still run are killed, the step goes back to the queue. Where engines share a
database they find each other's leavings by their leases (see ``reaping``).
"""

from __future__ import annotations

from sqlalchemy import Connection, update

from galley import faults
from galley.runs import leases, queue, reaping, records, sessions
from galley.runs.live import LiveRun, Site, load_live
from galley.runs.model import ACTIVE, Reason, StepState
from galley.runs.sessions import SessionKind
from galley.runs.tables import run as run_table
from galley.runs.tables import step_run as step_table


def take_over(site: Site, engine: str) -> list[LiveRun]:
    """Make every run that is under way this engine's own, but for what remote workers hold."""
    with site.database.read() as connection:
        runs = records.list_runs(
            connection, states=ACTIVE, limit=records.MOST_LIVE, oldest_first=True
        )
        orphans = records.open_attempts(connection)
        others = sessions.open_sessions(connection)
    if not runs and not orphans:
        return []
    afar = {one.id for one in others if one.kind is SessionKind.WORKER}
    orphans = [attempt for attempt in orphans if attempt["owner"] not in afar]
    for attempt in orphans:
        reaping.kill(attempt)
    faults.point("recovery.before_requeue")
    now = site.clock()
    with site.database.write() as connection:
        for attempt in orphans:
            records.end_attempt(connection, attempt["id"], end=Reason.LOST_WORKER.value, now=now)
        lives = [load_live(connection, site, run) for run in runs if not run.is_backfill]
        for live in lives:
            _own(connection, site, live, engine)
            _requeue(connection, site, live, engine, afar)
    return lives


def sweep(connection: Connection, live: LiveRun) -> None:
    """The safety net under the counters: a step whose inputs are all there is ready.

    Looked at only where nothing but waiting is left.
    """
    if queue.goes_on(connection, live.run.id, without=[StepState.WAITING]):
        return
    steps = {step.name: step for step in queue.steps_of(connection, live.run.id)}
    good = {name for name, step in steps.items() if step.state.good}
    waiting = [name for name, step in steps.items() if step.state is StepState.WAITING]
    ready = [name for name in waiting if live.node(name).upstream <= good]
    queue.sweep_waiting(connection, live.run.id, ready)


def hand_over(site: Site, owner: str) -> None:
    """End a session that stops: what it has under way is nobody's loss, and no try either."""
    now = site.clock()
    with site.database.write() as connection:
        let_go(connection, owner, now)
        sessions.end_session(connection, owner, now)


def let_go(connection: Connection, owner: str, now: int) -> None:
    """Leave what a session has under way to the others."""
    for step in leases.steps_of(connection, owner):
        if step.state is not StepState.STAGED:
            tries = step.attempts - 1
            if queue.move_step(connection, step, StepState.READY, now, attempts=tries):
                run = records.get_run(connection, step.run_id)
                reaping.drop(connection, run.project, step, "handed_over", now)
    # Nobody needs to wait until the leases of what is staged or published are over.
    leases.forsake(connection, [owner])


def _own(connection: Connection, site: Site, live: LiveRun, engine: str) -> None:
    hold = site.hold(engine)
    connection.execute(
        update(run_table)
        .where(run_table.c.id == live.run.id)
        .values(engine=hold.owner, lease_until=hold.until)
    )
    live.run = records.get_run(connection, live.run.id)


def _requeue(
    connection: Connection, site: Site, live: LiveRun, engine: str, afar: set[str]
) -> None:
    hold = site.hold(engine)
    for step in queue.steps_of(connection, live.run.id):
        if step.state is StepState.STAGED:
            connection.execute(
                update(step_table)
                .where(step_table.c.id == step.id)
                .values(owner=hold.owner, lease_until=hold.until)
            )
        elif step.state in (StepState.CLAIMED, StepState.RUNNING) and step.owner not in afar:
            said = "the engine that worked on it was lost"
            reaping.give_back(connection, live, step, site.clock(), said)
