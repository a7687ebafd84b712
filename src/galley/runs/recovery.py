"""Taking over what a dead engine left: its processes are killed, its steps go on.

What was staged stays staged; an attempt that was under way is lost and its ref discarded whole, so
nothing it wrote counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, update

from galley import faults
from galley.lake import refs
from galley.runs import processes, queue, records
from galley.runs.attempts import MOST_LOSSES, attempt_ref
from galley.runs.live import LiveRun, Site, load_live
from galley.runs.model import Reason, RunState, StepRun, StepState
from galley.runs.tables import step_run as step_table


def boot_id() -> str | None:
    """What tells this boot of the machine from another; ``None`` where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None


def take_over(site: Site, engine: str) -> list[LiveRun]:
    """Make every run that is under way this engine's own."""
    with site.database.read() as connection:
        active = (RunState.RUNNING, RunState.PAUSED, RunState.PUBLISHING)
        runs = records.list_runs(
            connection, states=active, limit=records.MOST_LIVE, oldest_first=True
        )
        orphans = records.open_attempts(connection)
    if not runs and not orphans:
        return []
    for attempt in orphans:
        _kill(attempt)
    faults.point("recovery.before_requeue")
    now = site.clock()
    with site.database.write() as connection:
        for attempt in orphans:
            records.end_attempt(connection, attempt["id"], end=Reason.LOST_WORKER.value, now=now)
        lives = [load_live(connection, site, run) for run in runs if run.request.batch is None]
        for live in lives:
            records.set_run(connection, live.run.id, engine=engine)
            _requeue(connection, live, engine, now)
    return lives


def sweep(connection: Connection, live: LiveRun) -> None:
    """The safety net under the counters: a step whose inputs are all there is ready."""
    steps = {step.name: step for step in queue.steps_of(connection, live.run.id)}
    good = {name for name, step in steps.items() if step.state.good}
    waiting = [name for name, step in steps.items() if step.state is StepState.WAITING]
    ready = [name for name in waiting if live.node(name).upstream <= good]
    queue.sweep_waiting(connection, live.run.id, ready)


def hand_over(site: Site, lives: Iterable[LiveRun]) -> None:
    """Give back what an engine that stops has under way: nobody's loss, and no try either."""
    now = site.clock()
    with site.database.write() as connection:
        for live in lives:
            for attempt in records.attempts_of(connection, live.run.id):
                records.end_attempt(connection, attempt["id"], end="handed_over", now=now)
            for step in queue.live_steps(connection, [live.run.id]):
                if step.state is not StepState.STAGED:
                    _drop(connection, live, step)
                    tries = step.attempts - 1
                    queue.move_step(connection, step, StepState.READY, now, attempts=tries)


def _kill(attempt: dict[str, Any]) -> None:
    """Kill an orphan's process if it is still the one that was recorded."""
    pid, started = attempt["pid"], attempt["pid_started"]
    if pid is not None and started is not None and attempt["boot_id"] in (None, boot_id()):
        processes.kill_recorded(pid, started)


def _requeue(connection: Connection, live: LiveRun, engine: str, now: int) -> None:
    for step in queue.steps_of(connection, live.run.id):
        if step.state is StepState.STAGED:
            connection.execute(
                update(step_table).where(step_table.c.id == step.id).values(owner=engine)
            )
        elif step.state in (StepState.CLAIMED, StepState.RUNNING):
            _give_back(connection, live, step, now)


def _give_back(connection: Connection, live: LiveRun, step: StepRun, now: int) -> None:
    _drop(connection, live, step)
    losses = step.losses + 1
    if losses >= MOST_LOSSES:
        moved = queue.move_step(
            connection,
            step,
            StepState.FAILED,
            now,
            losses=losses,
            reason=Reason.LOST_WORKER.value,
            message=f"its worker was lost {losses} times; it is not tried again",
        )
        if moved:
            names = live.graph.downstream(step.name)
            queue.fail_downstream(connection, live.run.id, names, step.name, now)
        return
    queue.move_step(
        connection,
        step,
        StepState.READY,
        now,
        losses=losses,
        reason=Reason.LOST_WORKER.value,
        message="the engine that worked on it was lost",
    )


def _drop(connection: Connection, live: LiveRun, step: StepRun) -> None:
    refs.drop_attempt(connection, live.project, attempt_ref(step))
