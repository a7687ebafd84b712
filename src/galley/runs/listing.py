"""Runs as lists: a page at a time, however many there are, and the newest of many at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Set
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    column,
    func,
    literal,
    select,
    tuple_,
    values,
)

from galley.runs.model import ACTIVE, Run, RunCause, RunState, StepRun, StepType
from galley.runs.queue import read_step
from galley.runs.records import read_run
from galley.runs.tables import definition, run, step_run

Place = tuple[int, str]
"""Where a page begins: when the last run before it was made, and its id."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs of a project; what is ``None`` or empty does not matter."""

    project: str
    pipeline: str | None = None
    ref: str | None = None
    states: tuple[RunState, ...] = ()
    parent: str | None = None
    actor: str | None = None
    cause: RunCause | None = None


@dataclass(frozen=True, slots=True)
class Brief:
    """A run in a strip of many."""

    id: str
    pipeline: str
    ref: str
    state: RunState
    created: int
    started: int | None
    finished: int | None


def page(
    connection: Connection, wanted: Wanted, *, after: Place | None = None, limit: int = 50
) -> list[Run]:
    """The runs after a place, newest first.

    A run of several pipelines at once, as promotions are, is a run of each.
    """
    if wanted.pipeline is None:
        return _page(connection, wanted, None, after, limit)
    # For each name the head of an index, however many runs there are.
    names = {wanted.pipeline, *_joint(connection, wanted.project, {wanted.pipeline})}
    heads = [run for name in names for run in _page(connection, wanted, name, after, limit)]
    return sorted(heads, key=lambda run: (run.created, run.id), reverse=True)[:limit]


def _page(
    connection: Connection, wanted: Wanted, name: str | None, after: Place | None, limit: int
) -> list[Run]:
    c = run.c
    query = select(run).where(c.project == wanted.project)
    for field, value in (
        (c.pipeline, name),
        (c.ref, wanted.ref),
        (c.parent, wanted.parent),
        (c.actor, wanted.actor),
        (c.cause, wanted.cause.value if wanted.cause else None),
    ):
        if value is not None:
            query = query.where(field == value)
    if wanted.states:
        query = query.where(_in(c.state, wanted.states))
    if after is not None:
        query = query.where(tuple_(c.created, c.id) < tuple_(literal(after[0]), literal(after[1])))
    rows = connection.execute(query.order_by(c.created.desc(), c.id.desc()).limit(limit))
    return [read_run(row) for row in rows]


def newest(
    connection: Connection,
    project: str,
    names: Collection[str],
    *,
    ref: str | None = None,
    each: int = 1,
) -> dict[str, list[Run]]:
    """The newest runs of each of some pipelines, newest first.

    A run of several at once, as promotions are, is a run of each.
    """
    found: dict[str, list[Run]] = {name: [] for name in names}
    if not found:
        return found
    joint = _joint(connection, project, found.keys())
    for row in connection.execute(_newest(project, {*found, *joint}, ref, each, list(run.c))):
        for name in row.pipeline.split():
            if name in found and len(found[name]) < each:
                found[name].append(read_run(row))
    return found


def _joint(connection: Connection, project: str, names: Set[str]) -> list[str]:
    """What runs of any of the pipelines, alone or together with others, are listed under."""
    return [one for one in pipelines(connection, project) if not names.isdisjoint(one.split())]


def strips(
    connection: Connection, project: str, pipelines: Collection[str], each: int
) -> dict[str, list[Brief]]:
    """The newest runs of each of some pipelines in few words, newest first."""
    found: dict[str, list[Brief]] = {name: [] for name in pipelines}
    if not found:
        return found
    c = run.c
    columns = [c.id, c.pipeline, c.ref, c.state, c.created, c.started, c.finished]
    for row in connection.execute(_newest(project, found, None, each, columns)):
        values_ = dict(row._mapping)
        found[row.pipeline].append(Brief(**{**values_, "state": RunState(row.state)}))
    return found


def _newest(
    project: str, pipelines: Iterable[str], ref: str | None, each: int, columns: list[Any]
) -> Select[Any]:
    """A statement that looks at the head of the index for each pipeline."""
    names = _names(pipelines)
    near = run.alias()
    inner: Select[Any] = select(near.c.id).where(
        near.c.project == project, near.c.pipeline == names.c.name
    )
    if ref is not None:
        inner = inner.where(near.c.ref == ref)
    inner = inner.order_by(near.c.created.desc(), near.c.id.desc()).limit(each)
    heads = run.c.id.in_(inner.correlate(names).scalar_subquery())
    ordered = select(*columns).select_from(names.join(run, heads))
    return ordered.order_by(run.c.created.desc(), run.c.id.desc())


def last_definition(connection: Connection, project: str, ref: str | None = None) -> str | None:
    """The definition of the newest run of a project (in a ref)."""
    found = page(connection, Wanted(project, ref=ref), limit=1)
    return found[0].definition if found else None


def last_registered(connection: Connection, project: str) -> str | None:
    """The newest version of a project that was deployed or promoted."""
    d = definition.c
    query = select(d.id).where(d.project == project, d.registered.is_not(None))
    found: str | None = connection.scalar(query.order_by(d.registered.desc(), d.id).limit(1))
    return found


def pipelines(connection: Connection, project: str) -> list[str]:
    """The pipelines that ever ran, by name: one look-up for each, not one for each run."""
    c = run.c
    first = select(func.min(c.pipeline).label("name")).where(c.project == project)
    names = first.cte("names", recursive=True)
    further = (
        select(func.min(c.pipeline)).where(c.project == project, c.pipeline > names.c.name)
    ).scalar_subquery()
    names = names.union_all(select(further).where(names.c.name.is_not(None)))
    return [
        name
        for name in connection.scalars(select(names.c.name).where(names.c.name.is_not(None)))
        if name
    ]


def active(connection: Connection, project: str | None, limit: int = 200) -> list[Run]:
    """The runs that have not ended, newest first."""
    states = (RunState.QUEUED, *ACTIVE)
    query = select(run).where(_in(run.c.state, states), run.c.parent.is_(None))
    if project is not None:
        query = query.where(run.c.project == project)
    # Not by the index of all runs in their order, most of which have ended.
    rows = connection.execute(query.order_by((run.c.created + 0).desc()).limit(limit))
    return [read_run(row) for row in rows]


def tally(connection: Connection, project: str, since: int) -> dict[str, int]:
    """How many runs that were made since an instant are in which state."""
    c = run.c
    query = select(c.state, func.count()).where(c.project == project, _in(c.state, RunState))
    rows = connection.execute(query.where(c.created >= since).group_by(c.state))
    return dict(rows.all())


def steps_of(
    connection: Connection, run_id: str, *, after: int = -1, limit: int = 200
) -> list[StepRun]:
    """The steps of a run after a position, implicit ones included."""
    c = step_run.c
    query = select(step_run).where(c.run_id == run_id, c.position > after)
    rows = connection.execute(query.order_by(c.position).limit(limit))
    return [read_step(row) for row in rows]


def last_steps(connection: Connection, run_ids: Iterable[str]) -> dict[str, StepRun]:
    """Of every step its state in the first of the runs that has it."""
    ordered = list(run_ids)
    if not ordered:
        return {}
    rows = connection.execute(select(step_run).where(step_run.c.run_id.in_(ordered)))
    steps = [read_step(row) for row in rows]
    steps.sort(key=lambda step: ordered.index(step.run_id), reverse=True)
    return {step.name: step for step in steps if step.type is StepType.STEP}


def _names(names: Iterable[str]) -> Any:
    rows = [(name,) for name in sorted(names)]
    return values(column("name", String), name="wanted").data(rows).cte("wanted")


def _in(field: ColumnElement[Any], states: Iterable[RunState]) -> ColumnElement[bool]:
    return field.in_([state.value for state in states])
