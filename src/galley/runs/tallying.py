"""How runs and steps stand and what happened since, as numbers: a few statements for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Select, func, select, tuple_

from galley.lake.rows import NAMES, batches
from galley.runs.model import ACTIVE, RunState, StepState
from galley.runs.outbox import News
from galley.runs.schedule_tables import alert
from galley.runs.tables import run, step_run, verdict


@dataclass(frozen=True, slots=True)
class Standing:
    """The present: ``steps`` are those of runs under way, ``alerts`` open ones by kind.

    ``oldest_run`` is when the run that is queued for longest was made, ``oldest_step`` when the run
    was started that has a step ready to be claimed for longest; ``None``: nothing waits.
    """

    runs: dict[str, int]
    steps: dict[str, int]
    alerts: dict[str, int]
    oldest_run: int | None
    oldest_step: int | None


@dataclass(frozen=True, slots=True)
class Verdicts:
    """How many tests of a table ended so."""

    project: str
    table: str
    outcome: str
    count: int


def standing(connection: Connection) -> Standing:
    """How things stand now."""
    r, s, a = run.c, step_run.c, alert.c
    active = select(r.id).where(r.state.in_([one.value for one in ACTIVE]))
    mine = s.run_id.in_(active)
    oldest = select(func.min(s.age)).where(mine, s.state == StepState.READY.value)
    queued = select(func.min(r.created)).where(r.state == RunState.QUEUED.value)
    runs = select(r.state, func.count()).group_by(r.state)
    steps = select(s.state, func.count()).where(mine).group_by(s.state)
    alerts = select(a.kind, func.count()).where(a.open_key.is_not(None)).group_by(a.kind)
    return Standing(
        runs=_counts(connection, runs),
        steps=_counts(connection, steps),
        alerts=_counts(connection, alerts),
        oldest_run=connection.scalar(queued),
        oldest_step=connection.scalar(oldest),
    )


def _counts(connection: Connection, query: Select[str, int]) -> dict[str, int]:
    return {row[0]: row[1] for row in connection.execute(query)}


def tested(connection: Connection, news: Sequence[News]) -> list[Verdicts]:
    """What the tests found that events tell of."""
    wanted = sorted({(one.run, one.step or "") for one in news if one.kind == "tests"})
    v = verdict.c
    found = []
    for some in batches(wanted, NAMES):
        counted = (
            select(v.project, v.table_key, v.outcome, func.count())
            .where(v.run_id.in_({one for one, _ in some}), tuple_(v.run_id, v.step).in_(some))
            .group_by(v.project, v.table_key, v.outcome)
        )
        found += [Verdicts(*row) for row in connection.execute(counted)]
    return found
