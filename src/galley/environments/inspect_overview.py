"""Whether it is all right, and what needs somebody: one look at a project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from galley.clock import iso
from galley.environments.home import Home
from galley.environments.inspect import Facts, refs_facts
from galley.environments.inspect_runs import list_facts
from galley.environments.inspect_workers import lost
from galley.lake import refs, withdrawals
from galley.lake.model import RefKind
from galley.runs import listing, sessions
from galley.runs.listing import Brief
from galley.runs.sessions import SessionKind
from galley.runs.tables import verdict
from galley.runs.verdict import Outcome

DAY = 24 * 3600 * 1_000_000
SOON = 2 * DAY
MOST_ACTIVE, MOST_PIPELINES, STRIP, MOST_FAILING = 50, 60, 14, 50


def overview_facts(connection: Connection, home: Home, projects: Sequence[str]) -> Facts:
    """The state of some projects, in a number of statements that no number of runs changes."""
    now = home.clock()
    found = [_project(connection, home, project, now) for project in projects]
    at_work = [one for one in sessions.open_sessions(connection) if not lost(one, now)]
    active = [run for project in projects for run in listing.active(connection, project)]
    return {
        "at": iso(now),
        "runs": list_facts(connection, active[:MOST_ACTIVE], now),
        "projects": found,
        "engines": sum(one.kind is SessionKind.ENGINE for one in at_work),
        "workers": sum(one.kind is SessionKind.WORKER for one in at_work),
    }


def _project(connection: Connection, home: Home, project: str, now: int) -> Facts:
    names = listing.pipelines(connection, project)[:MOST_PIPELINES]
    strips = listing.strips(connection, project, names, STRIP)
    last = [strip[0].id for strip in strips.values() if strip]
    environments = refs.list_refs(connection, project, (RefKind.ENVIRONMENT,))
    mine = [
        ref
        for ref in refs.list_refs(connection, project, (RefKind.KITCHEN,))
        if ref.owner == home.actor.name and ref.expires_at and ref.expires_at < now + SOON
    ]
    held = withdrawals.holds_by_ref(connection, project)
    return {
        "project": project,
        "day": listing.tally(connection, project, now - DAY),
        "pipelines": [
            {"name": name, "history": [_brief(one) for one in strip]}
            for name, strip in strips.items()
        ],
        "failing": _failing(connection, last),
        "environments": refs_facts(connection, project, environments),
        "expiring": refs_facts(connection, project, mine),
        "held": [
            {"ref": ref, "pipeline": name}
            for ref, pipelines in sorted(held.items())
            for name in sorted(set(pipelines))
        ],
    }


def _brief(one: Brief) -> Facts:
    seconds = (one.finished - one.started) / 1e6 if one.started and one.finished else None
    return {
        "run": one.id,
        "ref": one.ref,
        "state": one.state.value,
        "created": iso(one.created),
        "seconds": seconds,
    }


def _failing(connection: Connection, runs: Sequence[str]) -> list[Facts]:
    """The tests that do not hold in the newest run of each pipeline."""
    v = verdict.c
    bad = [Outcome.FAIL.value, Outcome.ERROR.value]
    query: Any = select(v.run_id, v.step, v.test, v.table_key, v.outcome, v.blocks, v.at, v.body)
    query = query.where(v.run_id.in_(list(runs)), v.outcome.in_(bad))
    rows = connection.execute(query.order_by(v.at.desc(), v.id.desc()).limit(MOST_FAILING))
    return [
        {
            "run": row.run_id,
            "step": row.step,
            "test": row.test,
            "table": row.table_key,
            "verdict": row.outcome,
            "blocks": bool(row.blocks),
            "message": row.body.get("message"),
            "at": iso(row.at),
        }
        for row in rows
    ]
