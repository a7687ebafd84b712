"""Taking over what other engines and workers left: steps and publishes whose lease is over.

Any engine may do so; every move is conditional on what was seen, so that two do it once. What was
lost is given back to the queue, on a budget of its own; its attempt's ref is discarded whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from galley import faults
from galley.db.contention import repeated
from galley.errors import ContendedError
from galley.lake import refs
from galley.runs import leases, processes, queue, records, sessions
from galley.runs.attempts import MOST_LOSSES, attempt_ref
from galley.runs.live import LiveRun, Site
from galley.runs.model import Reason, StepRun, StepState


@dataclass(slots=True)
class Taken:
    """What a round of reaping found.

    ``staged`` steps and ``publishes`` are this engine's now; steps of ``runs`` were given back.
    """

    staged: list[tuple[LiveRun, StepRun]] = field(default_factory=list)
    publishes: list[LiveRun] = field(default_factory=list)
    runs: set[str] = field(default_factory=set)


def forsake_dead(connection: Connection, now: int) -> None:
    """End the sessions that are certainly over, so that nobody waits for their leases.

    Those are sessions of processes of this machine that are gone, and whatever was not heard of
    for so long that all its leases are over: its own, which may be longer than the caller's.
    """
    for one in sessions.open_sessions(connection):
        if sessions.dead(one):
            leases.forsake(connection, [one.id])
            sessions.end_session(connection, one.id, now)
        elif sessions.silent(one, now):
            sessions.end_session(connection, one.id, now)


def reap(site: Site, owner: str, lives: Mapping[str, LiveRun], *, able: bool = True) -> Taken:
    """Take over what nobody holds any more of the given runs.

    Who has nobody to evaluate tests is not ``able`` to go on with staged steps and publishes.
    """
    taken = Taken()
    now = site.clock()
    with site.database.read() as connection:
        steps = [s for s in leases.expired_steps(connection, now) if s.run_id in lives]
        publishes = [p for p in leases.expired_publishes(connection, now) if p[0] in lives]
    if not able:
        steps = [step for step in steps if step.state is not StepState.STAGED]
        publishes = []
    for step in steps:
        # What others were always first at is found again in the next round.
        with suppress(ContendedError):
            _reap_step(site, owner, lives[step.run_id], step, taken)
    for run_id, before in publishes:
        with suppress(ContendedError):
            _reap_publish(site, owner, lives[run_id], before, taken)
    return taken


@repeated
def _reap_step(site: Site, owner: str, live: LiveRun, step: StepRun, taken: Taken) -> None:
    now = site.clock()
    if step.state is StepState.STAGED:
        with site.database.write() as connection:
            if leases.take_staged(connection, step, now, site.hold(owner)):
                taken.staged.append((live, step))
        return
    with site.database.read() as connection:
        if not leases.over(connection, step, now):
            return
        found = records.attempts_at(connection, step.id, step.epoch)
    for attempt in found:
        kill(attempt)
    faults.point("reap.before_requeue")
    said = "its worker was not heard of any more"
    with site.database.write() as connection:
        if not leases.over(connection, step, now, keep=True):
            return
        if give_back(connection, live, step, now, said):
            taken.runs.add(step.run_id)


@repeated
def _reap_publish(site: Site, owner: str, live: LiveRun, before: str | None, taken: Taken) -> None:
    with site.database.write() as connection:
        if leases.take_publish(connection, live.run.id, before, site.hold(owner)):
            live.run = records.get_run(connection, live.run.id)
            taken.publishes.append(live)


def kill(attempt: Mapping[str, object]) -> None:
    """Kill an attempt's process if it is of this boot and still the one that was recorded."""
    pid, started = attempt["pid"], attempt["pid_started"]
    here = attempt["boot_id"] in (None, sessions.boot_id())
    if isinstance(pid, int) and isinstance(started, int) and here:
        processes.kill_recorded(pid, started)


def give_back(connection: Connection, live: LiveRun, step: StepRun, now: int, why: str) -> bool:
    """A claim was lost: to the queue with the step, or, lost too often, it has failed.

    Whether it still stood as it was seen; its lease must be over, or its owner be known as gone.
    """
    losses = step.losses + 1
    if losses < MOST_LOSSES:
        values: dict[str, Any] = {"reason": Reason.LOST_WORKER.value, "message": why}
        moved = queue.move_step(connection, step, StepState.READY, now, losses=losses, **values)
    else:
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
    if moved:
        drop(connection, live.project, step, Reason.LOST_WORKER.value, now)
    return moved


def drop(connection: Connection, project: str, step: StepRun, end: str, now: int) -> None:
    """End the attempt that holds a step, and discard its ref whole."""
    for attempt in records.attempts_at(connection, step.id, step.epoch):
        records.end_attempt(connection, attempt["id"], end=end, now=now)
    refs.drop_attempt(connection, project, attempt_ref(step))
