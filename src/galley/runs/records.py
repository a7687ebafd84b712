"""Reading and writing runs, definitions, attempts and worker sessions."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, literal, select, tuple_, update

from galley.db.deferred import execute_later
from galley.errors import NotFoundError
from galley.lake.rows import BATCH, NAMES, batches, insert_first, insert_many
from galley.runs import queue
from galley.runs.model import (
    Intention,
    Part,
    Reason,
    Run,
    RunCause,
    RunRequest,
    RunState,
    StepState,
)
from galley.runs.tables import attempt, definition, event, run, step_run


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether an attempt has ended, who has it, and whether its step is still its own.

    ``passed``: the step is at a later epoch. ``running``: the step is being worked on.
    """

    id: str
    step_run: str
    end: str | None
    owner: str
    passed: bool
    running: bool

    def held_by(self, session: str) -> bool:
        """Whether the session is still to work on it."""
        return self.end is None and self.owner == session and self.running and not self.passed


MOST_LIVE = 1_000_000
"""More runs than a home ever has under way at once."""


def save_definition(
    connection: Connection,
    *,
    id: str,
    project: str,
    body: str,
    folder: str,
    git_commit: str | None,
    actor: str,
    now: int,
    archive: Callable[[], bytes] | None = None,
    dirty: Collection[str] = (),
) -> bool:
    """Keep a manifest and the archive of its files; of one that is there it is noted when.

    The note keeps a collection from removing it while it is put to use again. ``dirty`` are the
    files that differ from the commit. Whether it is new.
    """
    noted = update(definition).where(definition.c.id == id).values(created=now)
    if connection.execute(noted).rowcount:
        return False
    row = {
        "id": id,
        "project": project,
        "body": body,
        "folder": folder,
        "git_commit": git_commit,
        "archive": archive() if archive is not None else None,
        "actor": actor,
        "created": now,
        "dirty": sorted(dirty) or None,
    }
    # Somebody else may just be keeping the same.
    return insert_first(connection, definition, row)


def move_definition(connection: Connection, id: str, before: str, folder: str) -> None:
    """Have a definition's folder be another one, if it is ``before``."""
    d = definition.c
    here = update(definition).where(d.id == id, d.folder == before)
    connection.execute(here.values(folder=folder))


def register_definition(
    connection: Connection,
    id: str,
    *,
    files: int,
    steps: int,
    actor: str,
    now: int,
    git_commit: str | None,
    dirty: Collection[str] = (),
    message: str | None = None,
) -> bool:
    """List a kept definition as a version of its project; whether it was none yet.

    The first registration stands. A commit that has all the files comes in place of one that has
    not, and a message in place of none.
    """
    d = definition.c
    here = update(definition).where(d.id == id)
    new = here.where(d.registered.is_(None)).values(
        registered=now, registered_by=actor, files=files, steps=steps
    )
    first = connection.execute(new).rowcount > 0
    if message is not None:
        connection.execute(here.where(d.message.is_(None)).values(message=message))
    if git_commit is not None and not dirty:
        unclear = d.git_commit.is_(None) | d.dirty.is_not(None)
        connection.execute(here.where(unclear).values(git_commit=git_commit, dirty=None))
    return first


def known_definitions(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Those of some ids that definitions have."""
    found: set[str] = set()
    for some in batches(ids, NAMES):
        found.update(connection.scalars(select(definition.c.id).where(definition.c.id.in_(some))))
    return found


def find_definitions(
    connection: Connection, project: str, prefix: str, *, limit: int = 6
) -> list[str]:
    """The ids of a project's definitions that begin so."""
    d = definition.c
    query = select(d.id).where(d.project == project, d.id.startswith(prefix, autoescape=True))
    return list(connection.scalars(query.order_by(d.id).limit(limit)))


def definition_row(connection: Connection, id: str) -> dict[str, Any]:
    """A kept manifest: ``body``, ``folder``, ``git_commit`` and what else is known of it.

    Raises:
        NotFoundError: no such definition.
    """
    small = [column for column in definition.c if column.name != "archive"]
    row = connection.execute(select(*small).where(definition.c.id == id)).first()
    if row is None:
        raise NotFoundError(f"no project version {id[:12]} is kept in this home")
    return dict(row._mapping)


def archive_of(connection: Connection, id: str) -> bytes:
    """The files of a definition, packed.

    Raises:
        NotFoundError: no such definition, or it was kept without its files.
    """
    found = find_archive(connection, id)
    if found is None:
        raise NotFoundError(f"the files of project version {id[:12]} are not kept")
    return found


def find_archive(connection: Connection, id: str) -> bytes | None:
    """The files of a definition, packed, if they are kept."""
    query = select(definition.c.archive).where(definition.c.id == id)
    found = connection.execute(query).scalar()
    return bytes(found) if found is not None else None


def insert_run(connection: Connection, new: Run) -> None:
    """Queue a run and tell so."""
    insert_runs(connection, [new])


def insert_runs(connection: Connection, runs: Iterable[Run]) -> int:
    """Queue runs, however many, and tell so; returns how many."""
    host = socket.gethostname()
    return _insert(connection, (_row(one, host) for one in runs))


@dataclass(frozen=True, slots=True)
class Alike:
    """A run that differs from another one in no more than this."""

    id: str
    created: int
    size: int
    request: Mapping[str, Any]


def insert_alike(connection: Connection, model: Run, each: Iterable[Alike]) -> int:
    """Queue runs like ``model``, of which there may be thousands; returns how many."""
    row = _row(model, socket.gethostname())
    rows = (
        {
            **row,
            "id": one.id,
            "created": one.created,
            "size": one.size,
            "request": {**row["request"], **one.request},
        }
        for one in each
    )
    return _insert(connection, rows)


def _insert(connection: Connection, rows: Iterable[dict[str, Any]]) -> int:
    number, rest = 0, iter(rows)
    while some := list(islice(rest, BATCH)):
        insert_many(connection, run, some)
        told = [(row["id"], {"ref": row["ref"]}) for row in some]
        queue.emit_all(connection, told, "run.queued", some[0]["created"])
        number += len(some)
    return number


def _row(new: Run, host: str) -> dict[str, Any]:
    return {
        "id": new.id,
        "project": new.project,
        "pipeline": new.pipeline,
        "ref": new.ref,
        "state": new.state.value,
        "intention": new.intention.value,
        "cause": new.cause.value,
        "definition": new.definition,
        "request": {name: value for name in _REQUEST if (value := getattr(new.request, name))},
        "actor": new.actor,
        "on_behalf_of": new.on_behalf_of,
        "parent": new.request.parent,
        "host": host,
        "origin": new.origin,
        "part": new.part.value if new.part else None,
        "size": new.size,
        "created": new.created,
    }


_REQUEST = tuple(one.name for one in fields(RunRequest))
"""What a request says; what is empty, zero, false or nothing is so by default."""


def get_run(connection: Connection, run_id: str) -> Run:
    """A run by its id.

    Raises:
        NotFoundError: there is no such run.
    """
    found = find_run(connection, run_id)
    if found is None:
        raise NotFoundError(f"there is no run {run_id}", hint="see `galley runs`")
    return found


def find_run(connection: Connection, run_id: str) -> Run | None:
    """A run by its id, if there is such a run."""
    row = connection.execute(_RUN, {"own_id": run_id}).first()
    return read_run(row) if row is not None else None


def newest_ids(connection: Connection, limit: int) -> list[str]:
    """The ids of the newest runs of all projects."""
    return list(connection.scalars(select(run.c.id).order_by(run.c.created.desc()).limit(limit)))


def project_of(connection: Connection, run_id: str) -> str | None:
    """The project of a run, if there is such a run."""
    found: str | None = connection.scalar(select(run.c.project).where(run.c.id == run_id))
    return found


_RUN = select(run).where(run.c.id == bindparam("own_id"))


def lock_run(connection: Connection, run_id: str, state: RunState) -> bool:
    """Keep a run in that state to this transaction; ``False`` if another has it or it moved."""
    wanted = select(run.c.id).where(run.c.id == run_id, run.c.state == state.value)
    return connection.execute(wanted.with_for_update(skip_locked=True)).first() is not None


def resumed(connection: Connection, of: Run) -> list[str]:
    """A run and all those that it went on from, newest first.

    A backfill's run goes on from all the runs of the backfills that its own one went on from.
    """
    chain = [of.id, *_before(connection, of)]
    if of.request.parent is not None:
        for backfill in _before(connection, get_run(connection, of.request.parent)):
            made = select(run.c.id).where(run.c.parent == backfill).order_by(run.c.created.desc())
            chain += [*connection.scalars(made), backfill]
    return chain


def _before(connection: Connection, of: Run) -> list[str]:
    """The runs that a run went on from, newest first."""
    found = []
    earlier = of.request.resumes
    while earlier is not None:
        found.append(earlier)
        earlier = get_run(connection, earlier).request.resumes
    return found


def find_runs(connection: Connection, project: str, prefix: str) -> list[str]:
    """The ids of a project's runs that start with ``prefix``, newest first."""
    query = (
        select(run.c.id)
        .where(run.c.project == project, run.c.id.startswith(prefix, autoescape=True))
        .order_by(run.c.created.desc())
        .limit(20)
    )
    return list(connection.execute(query).scalars())


def list_runs(
    connection: Connection,
    project: str | None = None,
    *,
    states: Collection[RunState] = (),
    ref: str | None = None,
    pipeline: str | None = None,
    parent: str | None = None,
    origin: str | None = None,
    limit: int = 50,
    oldest_first: bool = False,
) -> list[Run]:
    """Runs by creation time, newest first unless asked otherwise."""
    query = select(run)
    if project is not None:
        query = query.where(run.c.project == project)
    if states:
        query = query.where(run.c.state.in_(sorted(state.value for state in states)))
    if ref is not None:
        query = query.where(run.c.ref == ref)
    if pipeline is not None:
        # A promotion runs several: their names stand in a row.
        named = literal(" ") + run.c.pipeline + " "
        query = query.where(named.contains(f" {pipeline} ", autoescape=True))
    if parent is not None:
        query = query.where(run.c.parent == parent)
    if origin is not None:
        query = query.where(run.c.origin == origin)
    order = run.c.created if oldest_first else run.c.created.desc()
    return [read_run(row) for row in connection.execute(query.order_by(order).limit(limit))]


def waiting(connection: Connection, origin: str | None = None, limit: int = 100) -> list[Run]:
    """The oldest queued runs that are no part of a backfill.

    ``origin`` names the only home whose runs are wanted.
    """
    queued = select(run).where(run.c.state == RunState.QUEUED.value, run.c.parent.is_(None))
    if origin is not None:
        queued = queued.where(run.c.origin == origin)
    rows = connection.execute(queued.order_by(run.c.created).limit(limit))
    return [read_run(row) for row in rows]


def states(connection: Connection, run_ids: Iterable[str | None]) -> dict[str, RunState]:
    """The states of the given runs; ``None`` is no run."""
    wanted = {run_id for run_id in run_ids if run_id is not None}
    if not wanted:
        return {}
    rows = connection.execute(select(run.c.id, run.c.state).where(run.c.id.in_(sorted(wanted))))
    return {row.id: RunState(row.state) for row in rows}


def set_intention(connection: Connection, run_id: str, wish: Intention, now: int) -> bool:
    """Ask a run to pause, go on or stop; a finished run cannot be asked any more."""
    terminal = [state.value for state in RunState if state.terminal]
    changed = connection.execute(
        update(run)
        .where(run.c.id == run_id, run.c.state.not_in(terminal))
        .values(intention=wish.value)
    ).rowcount
    if changed:
        queue.emit(connection, run_id, f"run.asked_to_{wish.value}", now)
    return bool(changed)


def set_run(connection: Connection, run_id: str, **values: Any) -> None:
    """Record facts about a run that are no change of state (its base, pins, engine)."""
    connection.execute(update(run).where(run.c.id == run_id).values(**values))


def events_since(
    connection: Connection, run_id: str, after: int, limit: int = 1000
) -> list[dict[str, Any]]:
    """A run's events with an id above ``after``, oldest first."""
    rows = connection.execute(
        select(event)
        .where(event.c.run_id == run_id, event.c.id > after)
        .order_by(event.c.id)
        .limit(limit)
    )
    return [dict(row._mapping) for row in rows]


def start_attempt(connection: Connection, values: dict[str, Any]) -> None:
    """Record that an attempt was claimed, at the end of the unit of work."""
    execute_later(connection, _START_ATTEMPT, values)


def end_attempt(
    connection: Connection, attempt_id: str, *, end: str, now: int, error: str | None = None
) -> bool:
    """Record how an attempt ended; whether this is its end: the first stands."""
    return connection.execute(_END_ATTEMPT, _ending(attempt_id, end, now, error)).rowcount > 0


def close_attempt(connection: Connection, attempt_id: str, *, end: str, now: int) -> None:
    """Record, at the end of the unit of work, how an attempt ended that surely had not."""
    execute_later(connection, _END_ATTEMPT, _ending(attempt_id, end, now, None))


def _ending(attempt_id: str, end: str, now: int, error: str | None) -> dict[str, Any]:
    return {"own_id": attempt_id, "new_end": end, "at": now, "new_error": error}


_START_ATTEMPT = insert(attempt)
_END_ATTEMPT = (
    update(attempt)
    .where(attempt.c.id == bindparam("own_id"), attempt.c.end.is_(None))
    .values(end=bindparam("new_end"), finished=bindparam("at"), error=bindparam("new_error"))
)


def set_attempt(connection: Connection, attempt_id: str, **values: Any) -> None:
    """Record facts about an attempt (its process)."""
    connection.execute(update(attempt).where(attempt.c.id == attempt_id).values(**values))


def attempts_of(
    connection: Connection, run_id: str, step_run_id: str | None = None
) -> list[dict[str, Any]]:
    """The attempts of a run (or of one step of it), oldest first."""
    query = select(attempt).where(attempt.c.run_id == run_id)
    if step_run_id is not None:
        query = query.where(attempt.c.step_run_id == step_run_id)
    return [dict(row._mapping) for row in connection.execute(query.order_by(attempt.c.started))]


def attempts_page(
    connection: Connection, run_id: str, *, after: tuple[int, str] | None, limit: int
) -> list[dict[str, Any]]:
    """The attempts of a run after one (its start and id), oldest first."""
    query = select(attempt).where(attempt.c.run_id == run_id)
    if after is not None:
        begun, id = literal(after[0]), literal(after[1])
        query = query.where(tuple_(attempt.c.started, attempt.c.id) > tuple_(begun, id))
    rows = connection.execute(query.order_by(attempt.c.started, attempt.c.id).limit(limit))
    return [dict(row._mapping) for row in rows]


def open_attempts(connection: Connection) -> list[dict[str, Any]]:
    """Attempts that have no end yet: work of an engine that may be dead."""
    rows = connection.execute(select(attempt).where(attempt.c.end.is_(None)))
    return [dict(row._mapping) for row in rows]


def find_attempt(connection: Connection, id: str) -> dict[str, Any] | None:
    """One attempt, whether it has ended or not."""
    row = connection.execute(select(attempt).where(attempt.c.id == id)).first()
    return dict(row._mapping) if row is not None else None


def standing(connection: Connection, ids: Collection[str]) -> dict[str, Standing]:
    """How things stand with attempts, by their ids; those that are unknown are left out."""
    rows = connection.execute(_STANDING, {"ids": sorted(ids)})
    return {row.id: Standing(*row) for row in rows}


_STANDING = (
    select(
        attempt.c.id,
        attempt.c.step_run_id,
        attempt.c.end,
        attempt.c.owner,
        (step_run.c.epoch != attempt.c.epoch).label("passed"),
        (step_run.c.state == StepState.RUNNING.value).label("running"),
    )
    .join(step_run, step_run.c.id == attempt.c.step_run_id)
    .where(attempt.c.id.in_(bindparam("ids", expanding=True)))
)


def attempts_at(connection: Connection, step_run_id: str, epoch: int) -> list[dict[str, Any]]:
    """The attempt of a step at an epoch, if it came to one."""
    rows = connection.execute(
        select(attempt).where(attempt.c.step_run_id == step_run_id, attempt.c.epoch == epoch)
    )
    return [dict(row._mapping) for row in rows]


def read_run(row: Row[Any]) -> Run:
    """A row of ``run`` as a value."""
    data = row._mapping
    return Run(
        id=data["id"],
        project=data["project"],
        pipeline=data["pipeline"],
        ref=data["ref"],
        state=RunState(data["state"]),
        intention=Intention(data["intention"]),
        cause=RunCause(data["cause"]),
        definition=data["definition"],
        request=_request(data["request"]),
        actor=data["actor"],
        on_behalf_of=data["on_behalf_of"],
        base=data["base"],
        generation=data["generation"],
        pins=data["pins"] or {},
        reason=Reason(data["reason"]) if data["reason"] else None,
        message=data["message"],
        commit=data["commit_id"],
        engine=data["engine"],
        origin=data["origin"],
        part=Part(data["part"]) if data["part"] else None,
        size=data["size"],
        created=data["created"],
        started=data["started"],
        finished=data["finished"],
    )


def _request(data: dict[str, Any]) -> RunRequest:
    def several(name: str) -> tuple[str, ...]:
        values: Sequence[str] = data.get(name) or ()
        return tuple(values)

    windows = data.get("windows")
    return RunRequest(
        **{
            **data,
            "pipelines": several("pipelines"),
            "select": several("select"),
            "rebuild": several("rebuild"),
            "windows": (windows[0], windows[1]) if windows else None,
        }
    )
