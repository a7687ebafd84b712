"""Fires that a change causes: of a table, of a run that ended, of files or of a queried value."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from galley.errors import RefNotFoundError
from galley.ids import digest
from galley.lake import refs, trees
from galley.lake.rows import NAMES, batches
from galley.project.schedule import Outcome, RunFinished, TableUpdated
from galley.runs import firing, records, triggers
from galley.runs.firing import Armed, Fire, Fired, Place, Who
from galley.runs.model import Run, RunCause, RunState
from galley.runs.schedule_tables import ended, trigger
from galley.runs.tables import run


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of something outside: ``seen`` is a value, or of files a digest of each.

    ``error`` says why nothing could be seen.
    """

    trigger: str
    seen: Any = None
    error: str | None = None


# Tables


def fire_by_tables(
    connection: Connection, who: Who, now: int, *, limit: int
) -> tuple[int, list[Fired]]:
    """Fire what waits for tables that hold something else than was last consumed.

    How many triggers were looked at, and what fired.
    """
    armed = firing.due_triggers(connection, ("table",), now, limit)
    heads = _heads(connection, armed)
    fires, changes = [], []
    for one in armed:
        now_there = _contents(connection, one, heads)
        state, due = dict(one.state), None
        if now_there and now_there != state.get("consumed"):
            due = _again(state, now_there, now)
            if due is None:
                key = f"{now}-{digest(*sorted(now_there.values()), size=8)}"
                fires.append(Fire(one, key, now, {"tables": now_there}))
                state["fired"] = now_there
        changes.append({"own_id": one.id, "new_state": state, "new_due": due})
    _remember(connection, changes)
    return len(armed), firing.make(connection, who, fires, now)


def _again(state: Mapping[str, Any], there: Mapping[str, str], now: int) -> int | None:
    """When to look again at contents that have fired already; ``None``: they are to fire now."""
    if state.get("fired") != there:
        return None
    retry: int | None = state.get("retry")
    if retry is None:
        # Its run goes on; its end wakes the trigger.
        return now + triggers.LONGEST_WAIT
    return retry if retry > now else None


def _heads(connection: Connection, armed: Sequence[Armed]) -> dict[tuple[str, str], str | None]:
    """The heads of all refs whose tables are waited for."""
    wanted = {place for one in armed for place in _places(one).values()}
    found: dict[tuple[str, str], str | None] = {}
    for project, ref in sorted(wanted):
        try:
            found[project, ref] = refs.get_ref(connection, project, ref).head
        except RefNotFoundError:
            found[project, ref] = None
    return found


def _places(one: Armed) -> dict[str, tuple[str, str]]:
    """Each table that a trigger waits for, and the project and ref in which it is."""
    on = one.trigger.on
    reads: Mapping[str, str] = one.request.get("reads", {})
    found = {}
    for table in on.tables if isinstance(on, TableUpdated) else ():
        project, dot, _ = table.rpartition(".")
        found[table] = (project, reads.get(project, "production")) if dot else one.place[:2]
    return found


def _contents(
    connection: Connection, one: Armed, heads: Mapping[tuple[str, str], str | None]
) -> dict[str, str]:
    found: dict[str, str] = {}
    for table, place in _places(one).items():
        head = heads[place]
        if head is not None:
            name = table.rpartition(".")[2]
            content = trees.contents(connection, head, [name]).get(name)
            found.update({table: content} if content else {})
    return found


def _consumed(connection: Connection, one: Armed, by: Run) -> dict[str, str] | None:
    """What a run that succeeded began from; one of several pipelines read what it made itself."""
    commit = by.commit if len(by.request.pipelines) > 1 else by.base
    own = {place: commit for place in _places(one).values() if place[0] == by.project}
    pinned = {
        place: by.pins.get(place[0]) for place in _places(one).values() if place[0] != by.project
    }
    return _contents(connection, one, {**own, **pinned})


# Runs that have ended


def take_ended(connection: Connection, limit: int) -> list[Run]:
    """Runs that have ended since the last look, oldest first; they are looked at once."""
    wanted = select(ended.c.run_id).order_by(ended.c.at).limit(limit)
    ids = list(connection.scalars(wanted.with_for_update(skip_locked=True)))
    found: dict[str, Run] = {}
    for some in batches(ids, NAMES):
        connection.execute(delete(ended).where(ended.c.run_id.in_(some)))
        rows = connection.execute(select(run).where(run.c.id.in_(some)))
        found.update({row.id: records.read_run(row) for row in rows})
    return [found[id] for id in ids if id in found]


def note_ended(connection: Connection, who: Who, runs: Sequence[Run], now: int) -> list[Fired]:
    """Fire what waits for these runs; tell those that wait for tables what was consumed."""
    waiting = _waiting(connection, {(one.project, one.ref) for one in runs})
    fires: list[Fire] = []
    changes: dict[str, dict[str, Any]] = {}
    for one in runs:
        for armed in waiting.get((one.project, one.ref), ()):
            if isinstance(armed.trigger.on, RunFinished) and not armed.paused:
                if _awaited(armed, armed.trigger.on, one):
                    fires.append(Fire(armed, one.id, one.finished or now, {"run": one.id}))
            elif armed.kind == "table" and armed.place[2] in one.request.pipelines:
                changes[armed.id] = _after(connection, armed, one, changes.get(armed.id), now)
    _remember(connection, list(changes.values()))
    return firing.make(connection, who, fires, now)


def _waiting(
    connection: Connection, places: Collection[tuple[str, str]]
) -> dict[tuple[str, str], list[Armed]]:
    found: dict[tuple[str, str], list[Armed]] = {}
    for project, environment in sorted(places):
        here = (trigger.c.project == project, trigger.c.environment == environment)
        kinds = trigger.c.kind.in_(("run", "table"))
        found[project, environment] = firing.lock_triggers(connection, *here, kinds)
    return found


def _awaited(armed: Armed, on: RunFinished, one: Run) -> bool:
    """Whether a run is one that a trigger waits for: of that pipeline alone, ended since then."""
    if one.request.pipelines != (on.pipeline,) or (one.finished or 0) < armed.anchor:
        return False
    if one.cause is RunCause.PROMOTION:
        return False
    if on.outcome is Outcome.ANY:
        return one.state in (RunState.SUCCEEDED, RunState.FAILED)
    return one.state.value == on.outcome.value


def _after(
    connection: Connection, armed: Armed, one: Run, before: Mapping[str, Any] | None, now: int
) -> dict[str, Any]:
    """What a trigger remembers once a run of its pipeline has ended."""
    state: dict[str, Any] = dict(before["new_state"] if before else armed.state)
    due: int | None = now
    if one.state is RunState.SUCCEEDED:
        state = {"consumed": _consumed(connection, armed, one)}
    elif one.request.trigger == armed.name:
        state["failures"] = state.get("failures", 0) + 1
        state["retry"] = due = now + triggers.wait_after(state["failures"])
    return {"own_id": armed.id, "new_state": state, "new_due": None if armed.paused else due}


def _remember(connection: Connection, changes: Sequence[Mapping[str, Any]]) -> None:
    if changes:
        connection.execute(_STATE, [dict(one) for one in changes])


_STATE = (
    update(trigger)
    .where(trigger.c.id == bindparam("own_id"))
    .values(
        state=bindparam("new_state", type_=trigger.c.state.type),
        due=bindparam("new_due", type_=trigger.c.due.type),
    )
)


# What is looked at outside


def take_watched(connection: Connection, now: int, limit: int) -> list[Armed]:
    """Triggers whose files or values are to be looked at; their next look is set right away."""
    armed = firing.due_triggers(connection, ("file", "sql"), now, limit)
    for one in armed:
        every = round(getattr(one.trigger.on, "check", 60.0) * 1_000_000)
        connection.execute(update(trigger).where(trigger.c.id == one.id).values(due=now + every))
    return armed


def note_seen(
    connection: Connection, who: Who, seen: Sequence[Observation], now: int
) -> list[Fired]:
    """Fire what saw a change. The first look only remembers what is there."""
    by_id = {one.trigger: one for one in seen}
    fires = []
    for armed in firing.lock_triggers(connection, trigger.c.id.in_(sorted(by_id))):
        one = by_id[armed.id]
        state = dict(armed.state)
        if one.error is not None:
            state["error"] = one.error
        else:
            state.pop("error", None)
            cause = _change(armed, state, one.seen)
            if cause is not None and not armed.paused:
                key = f"{now}-{digest(str(one.seen), size=8)}"
                fires.append(Fire(armed, key, now, cause))
        connection.execute(update(trigger).where(trigger.c.id == armed.id).values(state=state))
    return firing.make(connection, who, fires, now)


def _change(armed: Armed, state: dict[str, Any], seen: Any) -> dict[str, Any] | None:
    """What has changed since the last look, which is remembered."""
    if armed.kind == "sql":
        first = "value" not in state
        before, state["value"] = state.get("value"), seen
        return None if first or before == seen else {"before": before, "after": seen}
    # A file counts once two looks in a row have found it the same: it may be half written.
    settled = sorted(set(seen) & set(state.get("last", seen)))
    state["last"] = sorted(seen)
    first = "settled" not in state
    new = len(set(settled) - set(state.get("settled", ())))
    known = set(state.get("settled", ())) & set(seen)
    state["settled"] = sorted(known | set(settled))
    return None if first or not new else {"files": new}


def places_of(runs: Sequence[Run]) -> set[Place]:
    """The pipelines of runs, with where they ran."""
    return {(one.project, one.ref, name) for one in runs for name in one.request.pipelines}
