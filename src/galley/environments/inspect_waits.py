"""What runs, steps and pools wait for, as plain values for every edge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from galley.runs import occupancy, queue, records
from galley.runs.finishing import collide
from galley.runs.leases import LEASE
from galley.runs.model import ACTIVE, Run, RunState, StepRun
from galley.runs.waits import Limit, Present, Scenery, Standing, Wait, why, why_run

Facts = dict[str, Any]


def run_waits(connection: Connection, run: Run, now: int) -> list[Facts]:
    """What a run that goes on waits for, as a whole and step by step."""
    if run.state.terminal:
        return []
    around = occupancy.scenery(connection, run.project, _since(now))
    found = [(None, wait) for wait in _of_runs(connection, [run], around)[run.id]]
    steps = queue.steps_of(connection, run.id)
    waits = [(step.name, wait) for step in steps for wait in why(_standing(step), around)]
    return [_facts(name, wait) for name, wait in (*found, *waits)]


def list_waits(connection: Connection, runs: Sequence[Run], now: int) -> dict[str, str]:
    """For each run that goes on and has nothing at work, the first thing that it waits for."""
    going = [run for run in runs if not run.state.terminal]
    if not going:
        return {}
    around = occupancy.scenery(connection, going[0].project, _since(now))
    said = {id: waits[0].said for id, waits in _of_runs(connection, going, around).items() if waits}
    states = queue.counts(connection, [run.id for run in going])
    idle = {id for id, found in states.items() if not any(state.live for state in found)}
    for step in occupancy.standing(connection, idle - said.keys()):
        for wait in why(step, around):
            said.setdefault(step.run, wait.said)
    return said


def pool_facts(connection: Connection, project: str, now: int) -> Facts:
    """The limits of a project and whoever takes steps, as ``galley pools --json`` prints them."""
    around = occupancy.scenery(connection, project, _since(now))
    waiting = occupancy.queued(connection, project)
    return {
        "project": project,
        "pools": [
            _limit_facts(one, waiting.get(name, 0)) for name, one in sorted(around.limits.items())
        ],
        "workers": [_present_facts(one) for one in around.present if one.capacity],
    }


def _of_runs(
    connection: Connection, runs: Sequence[Run], around: Scenery
) -> dict[str, tuple[Wait, ...]]:
    """What runs wait for as a whole."""
    active = records.list_runs(
        connection, runs[0].project, states=ACTIVE, limit=records.MOST_LIVE, oldest_first=True
    )
    after = records.states(connection, [run.request.after for run in runs])
    parents = [run.id for run in runs if run.is_backfill]
    children = occupancy.ended_children(connection, parents) if parents else {}
    return {
        run.id: why_run(run, _before(run, active, after), children.get(run.id), around.present)
        for run in runs
    }


def _before(run: Run, active: Iterable[Run], after: dict[str, RunState]) -> list[str]:
    """The runs that a queued one must not go beside, and the one that it follows."""
    first = run.request.after or ""
    state = after.get(first)
    found = [first] if state is not None and not state.terminal else []
    return found + [one.id for one in active if one.id not in found and collide(run, one)]


def _standing(step: StepRun) -> Standing:
    return Standing(
        step.run_id, step.state, step.grouping, step.not_before, step.unmet, step.message
    )


def _since(now: int) -> int:
    """Whoever was not heard of since then is no more."""
    return now - 2 * LEASE


def _facts(step: str | None, wait: Wait) -> Facts:
    return {"step": step, "cause": wait.cause.value, "said": wait.said, "runs": list(wait.runs)}


def _limit_facts(limit: Limit, waiting: int) -> Facts:
    return {
        "name": limit.own_name,
        "kind": limit.kind,
        "slots": limit.slots,
        "at_work": limit.used,
        "waiting": waiting,
        "runs": list(limit.at_work),
    }


def _present_facts(one: Present) -> Facts:
    return {
        "session": one.session,
        "kind": one.kind,
        "host": one.host,
        "labels": None if one.labels is None else list(one.labels),
        "slots": one.capacity,
        "at_work": one.at_work,
    }
