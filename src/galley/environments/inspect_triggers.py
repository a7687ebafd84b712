"""Triggers, fires and alerts as plain values for every edge: what ``--json`` prints."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, or_, select

from galley.clock import iso
from galley.codec import from_plain, to_plain
from galley.environments.inspect import Facts
from galley.errors import UsageError
from galley.notify import outbox
from galley.project.schedule import (
    Cron,
    Every,
    FileArrived,
    Manual,
    On,
    RunFinished,
    TableUpdated,
    Trigger,
    ValueChanged,
)
from galley.runs import triggers as core
from galley.runs.firing import Armed, armed_of
from galley.runs.schedule_tables import alert, fire, trigger
from galley.runs.tables import run

MOST_NEXT = 500
_LARGEST = 1 << 63


def list_triggers(
    connection: Connection,
    project: str,
    *,
    environment: str | None = None,
    pipeline: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[Facts], str | None]:
    """The active triggers of a project by name, and the cursor of those that follow."""
    t = trigger.c
    query = (
        select(trigger, run.c.state.label("run_state"))
        .join(run, run.c.id == t.last_run, isouter=True)
        .where(t.project == project, t.active)
    )
    if environment is not None:
        query = query.where(t.environment == environment)
    if pipeline is not None:
        query = query.where(t.pipeline == pipeline)
    if after is not None:
        name, _, where = after.partition("|")
        query = query.where(or_(t.name > name, and_(t.name == name, t.environment > where)))
    rows = connection.execute(query.order_by(t.name, t.environment).limit(limit + 1)).all()
    following = (
        f"{rows[limit - 1].name}|{rows[limit - 1].environment}" if len(rows) > limit else None
    )
    return [_trigger_facts(row) for row in rows[:limit]], following


def trigger_facts(connection: Connection, armed: Armed) -> Facts:
    """One trigger as it is now."""
    query = (
        select(trigger, run.c.state.label("run_state"))
        .join(run, run.c.id == trigger.c.last_run, isouter=True)
        .where(trigger.c.id == armed.id)
    )
    return _trigger_facts(connection.execute(query).one())


def _trigger_facts(row: Row[Any]) -> Facts:
    spec = from_plain(Trigger, row.spec)
    by_clock = spec.kind in ("cron", "every")
    return {
        "trigger": row.name,
        "pipeline": row.pipeline,
        "in": row.environment,
        "kind": row.kind,
        "on": _on(spec),
        "description": spec.description,
        "catch_up": spec.catch_up.value,
        "overlap": spec.overlap.value,
        "parameters": [_parameter(one) for one in spec.parameters],
        "paused": bool(row.paused),
        "paused_by": row.told_by if row.paused else None,
        "problem": row.problem or row.state.get("error"),
        "next": iso(row.due) if by_clock else None,
        "last_fire": iso(row.last_fire),
        "last_run": row.last_run,
        "last_state": row.run_state,
        "file": spec.path,
        "line": spec.line,
        "definition": row.definition,
    }


def _on(spec: Trigger) -> Facts:
    """What fires it, without its kind and without what is as always."""
    return {name: value for name, value in to_plain(spec.on).items() if name != "kind"}


def _parameter(one: Any) -> Facts:
    return {"type": one.type.value, "required": one.required, **to_plain(one)}


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a pipeline runs by itself: in words, and the next time that is known."""

    said: str
    next: int | None


def rhythms(
    connection: Connection, project: str, environment: str, pipelines: Collection[str]
) -> dict[str, Rhythm]:
    """Of those pipelines that run by themselves in an environment, when; in one statement."""
    t = trigger.c
    query = select(t.pipeline, t.spec, t.due, t.paused).where(
        t.project == project, t.environment == environment, t.pipeline.in_(pipelines), t.active
    )
    said: dict[str, list[str]] = {}
    times: dict[str, list[int]] = {}
    for row in connection.execute(query.order_by(t.name)):
        on = from_plain(Trigger, row.spec).on
        if isinstance(on, Manual):
            continue
        words = f"{fires_on(on)} (paused)" if row.paused else fires_on(on)
        said.setdefault(row.pipeline, []).append(words)
        if isinstance(on, Cron | Every) and row.due is not None:
            times.setdefault(row.pipeline, []).append(row.due)
    return {
        name: Rhythm(", ".join(words), min(times.get(name, ()), default=None))
        for name, words in said.items()
    }


def fires_on(on: On) -> str:
    """What fires a trigger, in a few words."""
    match on:
        case Cron():
            return f"{on.expression} {on.timezone}"
        case Every():
            return f"every {_length(on.seconds)}"
        case TableUpdated():
            return f"when {', '.join(on.tables)} changes"
        case RunFinished():
            return f"when {on.pipeline} {on.outcome.value}"
        case FileArrived():
            return f"when {on.pattern} arrives"
        case ValueChanged():
            return "when a value changes"
        case Manual():
            return "by hand"
    return "when called"


def _length(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def next_facts(armed: Armed, now: int, count: int) -> list[Facts]:
    """The next times of a trigger; none where it is paused or fired by no clock."""
    if armed.paused:
        return []
    after = max(now, armed.seen)
    times = core.upcoming(armed.trigger.on, armed.anchor, after, min(count, MOST_NEXT))
    return [_next(armed, at) for at in times]


def coming(
    connection: Connection, project: str, now: int, count: int, environment: str | None = None
) -> list[Facts]:
    """The next fires of all triggers of a project together, in order."""
    t = trigger.c
    query = select(trigger).where(t.project == project, t.due.is_not(None))
    if environment is not None:
        query = query.where(t.environment == environment)
    query = query.where(t.kind.in_(("cron", "every"))).order_by(t.due).limit(count)
    found = [
        (at, armed)
        for armed in map(armed_of, connection.execute(query))
        for at in core.upcoming(armed.trigger.on, armed.anchor, max(now, armed.seen), count)
    ]
    found.sort(key=lambda one: (one[0], one[1].name))
    return [_next(armed, at) for at, armed in found[:count]]


def _next(armed: Armed, at: int) -> Facts:
    return {
        "trigger": armed.name,
        "pipeline": armed.place[2],
        "in": armed.place[1],
        "at": iso(at),
    }


def list_fires(
    connection: Connection,
    project: str,
    *,
    name: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[Facts], str | None]:
    """The newest fires, newest first, and the cursor of those before."""
    f = fire.c
    query = (
        select(fire, run.c.state.label("run_state"))
        .join(run, run.c.id == f.run_id, isouter=True)
        .where(f.project == project)
    )
    if name is not None:
        query = query.where(f.name == name)
    rows = _page(connection, query, f.created, f.id, after, limit)
    return [
        {
            "fire": row.id,
            "trigger": row.name,
            "in": row.environment,
            "at": iso(row.at),
            "created": iso(row.created),
            "outcome": row.outcome,
            "reason": row.reason,
            "times": row.times,
            "cause": row.cause,
            "actor": row.actor,
            "run": row.run_id,
            "run_state": row.run_state,
        }
        for row in rows[:limit]
    ], _cursor(rows, limit, "created")


def list_alerts(
    connection: Connection,
    project: str,
    *,
    only_open: bool = False,
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[Facts], str | None]:
    """The newest alerts, newest first, with who was told; and the cursor of those before."""
    a = alert.c
    query = select(alert).where(a.project == project)
    if only_open:
        query = query.where(a.open_key.is_not(None))
    rows = _page(connection, query, a.opened, a.id, after, limit)
    told: dict[str, list[Facts]] = {}
    for one in outbox.about(connection, [row.id for row in rows]):
        told.setdefault(one["about"], []).append(
            {
                "to": one["recipient"],
                "kind": one["kind"],
                "state": one["state"],
                "tries": one["tries"],
                "repeat": bool(one["uncertain"]),
                "error": one["error"],
                "sent": iso(one["sent"]),
            }
        )
    return [_alert_facts(row, told.get(row.id, [])) for row in rows[:limit]], _cursor(
        rows, limit, "opened"
    )


def _alert_facts(row: Row[Any], told: Sequence[Facts]) -> Facts:
    return {
        "alert": row.id,
        "kind": row.kind,
        "open": row.open_key is not None,
        "pipeline": row.pipeline,
        "in": row.environment,
        "message": row.message,
        "times": row.times,
        "run": row.run_id,
        "opened": iso(row.opened),
        "last": iso(row.last),
        "closed": iso(row.closed),
        "messages": list(told),
    }


def _page(
    connection: Connection, query: Select[Any], at: Any, id: Any, after: str | None, limit: int
) -> Sequence[Row[Any]]:
    if after is not None:
        text, _, last = after.partition("|")
        if not (text.isascii() and text.isdecimal() and int(text) < _LARGEST):
            raise UsageError(f"{after!r} is no cursor", hint="use `next` of the page before")
        query = query.where(or_(at < int(text), and_(at == int(text), id < last)))
    return connection.execute(query.order_by(at.desc(), id.desc()).limit(limit + 1)).all()


def _cursor(rows: Sequence[Row[Any]], limit: int, at: str) -> str | None:
    if len(rows) <= limit:
        return None
    last = rows[limit - 1]
    return f"{getattr(last, at)}|{last.id}"
