"""Asking a run that is at work to stop, to pause or to go on."""

from __future__ import annotations

from sqlalchemy import Connection

from galley.environments.home import Home
from galley.errors import UsageError
from galley.governance.audit import record
from galley.governance.decide import demand
from galley.governance.model import Action, Resource
from galley.runs import queue, records
from galley.runs.lockfile import EngineLock
from galley.runs.model import Intention, Reason, Run, RunState


def cancel(connection: Connection, home: Home, run: Run) -> Run:
    """Ask a run to stop. One that no engine works on ends at the next command.

    Raises:
        UsageError: the run has ended already.
        RefusedError: the actor may not stop it.
    """
    asked = _ask(connection, home, run, Intention.CANCEL)
    if asked.state is RunState.QUEUED and _idle(home):
        now = home.clock()
        queue.move_run(
            connection,
            run.id,
            RunState.CANCELLED,
            now,
            reason=Reason.CANCELLED.value,
            message="cancelled before it began; nothing was published",
        )
    return records.get_run(connection, run.id)


def pause(connection: Connection, home: Home, run: Run) -> Run:
    """Ask a run to start no further steps.

    Raises:
        UsageError: the run has ended already.
        RefusedError: the actor may not pause it.
    """
    return _ask(connection, home, run, Intention.PAUSE)


def go_on(connection: Connection, home: Home, run: Run) -> Run:
    """Ask a paused run to start its further steps.

    Raises:
        UsageError: the run has ended already.
        RefusedError: the actor may not run it.
    """
    return _ask(connection, home, run, Intention.GO)


def check_open(run_id: str, state: RunState) -> None:
    """Raise UsageError for a run that has ended: there is nothing to ask of it."""
    if state.terminal:
        raise UsageError(f"run {run_id} has ended already: {state}", hint="galley runs")


def _ask(connection: Connection, home: Home, run: Run, wish: Intention) -> Run:
    check_open(run.id, run.state)
    now = home.clock()
    resource = Resource("run", run.id, run.project)
    action = Action.RUN if wish is Intention.GO else Action.CANCEL
    decision = demand(home.actor, action, resource)
    records.set_intention(connection, run.id, wish, now)
    record(
        connection,
        actor=home.actor,
        action=action,
        resource=resource,
        decision=decision,
        now=now,
        detail={"asked": wish.value},
    )
    return records.get_run(connection, run.id)


def _idle(home: Home) -> bool:
    """Whether no engine works on this home."""
    with EngineLock(home.path) as lock:
        return lock.acquire()
