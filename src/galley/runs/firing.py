"""Firing triggers, many at once: each fire and its run are written in one transaction.

Whoever fires holds the triggers' rows: on PostgreSQL others skip them, on SQLite nobody else
writes. A fire's key is unique besides, so that nothing can start it twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, update

from galley.clock import SECOND
from galley.codec import from_plain
from galley.governance.audit import record_many
from galley.governance.decide import demand
from galley.governance.model import Action, Actor, Resource
from galley.ids import new_id
from galley.lake import withdrawals
from galley.lake.rows import insert_rows
from galley.project.schedule import Overlap, Trigger
from galley.runs import records, triggers
from galley.runs.model import Intention, Run, RunCause, RunRequest, RunState
from galley.runs.schedule_tables import fire, trigger
from galley.runs.tables import OPEN, run
from galley.runs.triggers import Decision

BY_CLOCK = ("cron", "every")
"""The kinds whose fires have nominal times."""

MOST_WAITING = 100
"""So many runs of one pipeline may wait; what fires beyond that is skipped and told."""

Place = tuple[str, str, str]
"""A project, an environment, a pipeline."""


@dataclass(frozen=True, slots=True)
class Who:
    """In whose name fires are made, and the home that their runs are asked for in."""

    actor: Actor
    origin: str


@dataclass(frozen=True, slots=True)
class Armed:
    """A trigger of an activated version, as a row that this transaction holds."""

    id: str
    place: Place
    name: str
    trigger: Trigger
    definition: str
    code: str
    request: Mapping[str, Any]
    problem: str | None
    paused: bool
    anchor: int
    seen: int
    due: int | None
    state: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """What kind of trigger it is."""
        return self.trigger.on.kind


@dataclass(frozen=True, slots=True)
class Fire:
    """A fire that is to be made. ``variables`` were given with it, over those of the trigger."""

    armed: Armed
    key: str
    at: int
    cause: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fired:
    """What became of a fire: ``run``, ``skipped``, ``held``, ``refused`` or ``missed``."""

    id: str
    fire: Fire
    outcome: str
    reason: str | None = None
    run: str | None = None
    times: int = 1


def armed_of(row: Row[Any]) -> Armed:
    """A row of ``trigger`` as a value."""
    return Armed(
        id=row.id,
        place=(row.project, row.environment, row.pipeline),
        name=row.name,
        trigger=from_plain(Trigger, row.spec),
        definition=row.definition,
        code=row.code,
        request=row.request,
        problem=row.problem,
        paused=row.paused,
        anchor=row.anchor,
        seen=row.seen,
        due=row.due,
        state=row.state,
    )


def due_triggers(
    connection: Connection, kinds: Collection[str], now: int, limit: int
) -> list[Armed]:
    """Triggers whose time has come, the longest due first, kept to this transaction."""
    wanted = (
        select(trigger)
        .where(trigger.c.due <= now, trigger.c.kind.in_(sorted(kinds)))
        .order_by(trigger.c.due)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [armed_of(row) for row in connection.execute(wanted)]


def lock_triggers(connection: Connection, *conditions: Any) -> list[Armed]:
    """Active triggers, kept to this transaction."""
    wanted = select(trigger).where(trigger.c.active, *conditions).order_by(trigger.c.id)
    return [armed_of(row) for row in connection.execute(wanted.with_for_update())]


def fire_by_clock(
    connection: Connection, who: Who, now: int, *, limit: int, most_fires: int
) -> tuple[int, list[Fired]]:
    """Fire what came due, of at most ``limit`` triggers: how many these were, and what fired."""
    armed = due_triggers(connection, BY_CLOCK, now, limit)
    if not armed:
        return 0, []
    wanted: list[Fire] = []
    let_go: list[Fired] = []
    changes = []
    for one in armed:
        most = max(1, (most_fires - len(wanted)))
        found = triggers.look(
            one.trigger.on,
            one.trigger.catch_up,
            one.anchor,
            one.seen,
            now,
            most=min(most, MOST_WAITING),
        )
        wanted += [Fire(one, str(at), at) for at in found.fires]
        if found.missed:
            let_go.append(_missed(one, found.missed, now))
        changes.append({"own_id": one.id, "new_seen": found.seen, "new_due": found.due})
    connection.execute(_LOOKED, changes)
    record_let_go(connection, who, let_go, now)
    return len(armed), [*let_go, *make(connection, who, wanted, now)]


_LOOKED = (
    update(trigger)
    .where(trigger.c.id == bindparam("own_id"))
    .values(seen=bindparam("new_seen"), due=bindparam("new_due"))
)


def _missed(armed: Armed, times: Sequence[int], now: int) -> Fired:
    at = times[-1]
    late = (now - at) // SECOND
    said = f"nobody was there to start {'it' if len(times) == 1 else 'them'}; {late} s late by now"
    wanted = Fire(armed, str(at), at, {"from": times[0], "to": at})
    return Fired(new_id(), wanted, "missed", said, times=len(times))


def make(connection: Connection, who: Who, wanted: Sequence[Fire], now: int) -> list[Fired]:
    """Make fires, with their runs; those that were made before are left out."""
    wanted = _new(connection, wanted)
    if not wanted:
        return []
    held = _held(connection, {one.armed.place[:2] for one in wanted})
    busy = _busy(connection, {one.armed.place for one in wanted})
    made: list[Fired] = []
    new_runs: list[Run] = []
    replaced: set[Place] = set()
    for one in wanted:
        outcome, reason = _outcome(one, held, busy)
        if outcome != "run":
            made.append(Fired(new_id(), one, outcome, reason))
            continue
        place = one.armed.place
        if one.armed.trigger.overlap is Overlap.CANCEL:
            replaced.add(place)
        new = _run_of(one, who, now)
        new_runs.append(new)
        under_way, waiting = busy.get(place, (False, 0))
        busy[place] = (under_way, waiting + 1)
        made.append(Fired(new_id(), one, "run", run=new.id))
    _cancel(connection, replaced, now)
    records.insert_runs(connection, new_runs)
    _record(connection, who, made, now)
    _note_last(connection, made)
    return made


def record_let_go(connection: Connection, who: Who, fired: Sequence[Fired], now: int) -> None:
    """Keep fires that start nothing."""
    insert_rows(connection, fire, [_row(one, who, now) for one in fired])


def _new(connection: Connection, wanted: Sequence[Fire]) -> list[Fire]:
    """Those that were not made yet."""
    known: set[tuple[str, str]] = set()
    ids = sorted({one.armed.id for one in wanted})
    keys = sorted({one.key for one in wanted})
    if ids:
        query = select(fire.c.trigger_id, fire.c.key).where(
            fire.c.trigger_id.in_(ids), fire.c.key.in_(keys)
        )
        known = {(row.trigger_id, row.key) for row in connection.execute(query)}
    return [one for one in wanted if (one.armed.id, one.key) not in known]


def _held(
    connection: Connection, places: Iterable[tuple[str, ...]]
) -> dict[Place, list[tuple[str | None, str]]]:
    """The pipelines that a rollback holds, each with the code that is held and why."""
    found: dict[Place, list[tuple[str | None, str]]] = {}
    for project, environment in sorted(places):
        for hold in withdrawals.holds(connection, project, environment):
            place = (project, environment, hold.pipeline)
            found.setdefault(place, []).append((hold.code, hold.reason))
    return found


def _busy(connection: Connection, places: Collection[Place]) -> dict[Place, tuple[bool, int]]:
    """Of each pipeline with runs that have not ended: whether one is under way, how many wait."""
    found: dict[Place, tuple[bool, int]] = {}
    for project in sorted({place[0] for place in places}):
        names = sorted({place[2] for place in places if place[0] == project})
        for ref, pipelines, state, number in _open_runs(connection, project, names):
            for name in pipelines.split():
                under_way, waiting = found.get((project, ref, name), (False, 0))
                queued = state == RunState.QUEUED.value
                found[project, ref, name] = (under_way or not queued, waiting + queued * number)
    return found


def _open_runs(connection: Connection, project: str, names: Sequence[str]) -> list[Any]:
    """How many runs of these pipelines, and of several together, are in which state."""
    c = run.c
    mine = select(c.ref, c.pipeline, c.state, func.count()).where(OPEN, c.project == project)
    mine = mine.where(c.parent.is_(None)).group_by(c.ref, c.pipeline, c.state)
    alone = connection.execute(mine.where(c.pipeline.in_(names))).all()
    return [*alone, *connection.execute(mine.where(c.pipeline.like("% %"))).all()]


def _outcome(
    one: Fire,
    held: Mapping[Place, list[tuple[str | None, str]]],
    busy: Mapping[Place, tuple[bool, int]],
) -> tuple[str, str | None]:
    armed = one.armed
    if armed.problem is not None:
        return "refused", armed.problem
    for code, reason in held.get(armed.place, ()):
        if code is None or code == armed.code:
            return "held", f"a rollback holds {armed.place[2]}: {reason}"
    under_way, waiting = busy.get(armed.place, (False, 0))
    overlap = armed.trigger.overlap
    decision = triggers.decide(
        overlap, under_way=under_way, waiting=waiting, most_waiting=MOST_WAITING
    )
    if decision is Decision.SKIP:
        if overlap is Overlap.SKIP:
            return "skipped", "an earlier run has not ended"
        return "skipped", f"{waiting} runs of {armed.place[2]} wait already"
    return "run", None


def _run_of(one: Fire, who: Who, now: int) -> Run:
    armed = one.armed
    project, environment, pipeline = armed.place
    variables = {**armed.request.get("variables", {}), **one.variables}
    origins = {
        **armed.request.get("origins", {}),
        **dict.fromkeys(one.variables, f"trigger {armed.name}"),
    }
    request = RunRequest(
        pipelines=(pipeline,),
        ref=environment,
        variables={pipeline: variables},
        origins={pipeline: origins},
        trigger=armed.name,
    )
    return Run(
        id=new_id(),
        project=project,
        pipeline=pipeline,
        ref=environment,
        state=RunState.QUEUED,
        intention=Intention.GO,
        cause=RunCause.TRIGGER,
        definition=armed.definition,
        request=request,
        actor=who.actor.name,
        on_behalf_of=who.actor.on_behalf_of,
        origin=who.origin,
        created=now,
    )


def _cancel(connection: Connection, places: Iterable[Place], now: int) -> None:
    """Ask the runs of pipelines to stop that have not ended."""
    for project, ref, pipeline in sorted(places):
        mine = (run.c.project == project) & (run.c.ref == ref) & (run.c.pipeline == pipeline)
        for id in connection.scalars(select(run.c.id).where(OPEN, mine)).all():
            records.set_intention(connection, id, Intention.CANCEL, now)


def _record(connection: Connection, who: Who, made: Sequence[Fired], now: int) -> None:
    insert_rows(connection, fire, [_row(one, who, now) for one in made])
    by_place: dict[tuple[str, str], list[Fired]] = {}
    for one in made:
        if one.run is not None:
            by_place.setdefault(one.fire.armed.place[:2], []).append(one)
    for (project, environment), some in by_place.items():
        resource = Resource("ref", environment, project, protected=True)
        # The version that runs is the activated one: triggers come from nowhere else.
        decision = demand(who.actor, Action.FIRE, resource, {"activated": True})
        record_many(
            connection,
            actor=who.actor,
            action=Action.FIRE,
            decision=decision,
            now=now,
            entries=[
                (
                    Resource("trigger", one.fire.armed.name, project, protected=True),
                    {"run": one.run, "in": environment, "fire": one.id},
                )
                for one in some
            ],
        )


def _row(one: Fired, who: Who, now: int) -> dict[str, Any]:
    armed = one.fire.armed
    within = round(armed.trigger.start_within * SECOND)
    return {
        "id": one.id,
        "trigger_id": armed.id,
        "key": one.fire.key,
        "at": one.fire.at,
        "project": armed.place[0],
        "environment": armed.place[1],
        "name": armed.name,
        "outcome": one.outcome,
        "reason": one.reason,
        "times": one.times,
        "cause": dict(one.fire.cause) or None,
        "actor": who.actor.name,
        "run_id": one.run,
        "start_by": now + within if one.run else None,
        "created": now,
    }


def _note_last(connection: Connection, made: Sequence[Fired]) -> None:
    last = {one.fire.armed.id: one for one in made if one.run is not None}
    if last:
        connection.execute(
            _LAST,
            [
                {"own_id": id, "new_fire": one.fire.at, "new_run": one.run}
                for id, one in last.items()
            ],
        )


_LAST = (
    update(trigger)
    .where(trigger.c.id == bindparam("own_id"))
    .values(last_fire=bindparam("new_fire"), last_run=bindparam("new_run"))
)
