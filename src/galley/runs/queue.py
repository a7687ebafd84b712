"""The queue: every change of a run's or a step's state, as one conditional statement each.

``UPDATE … WHERE id AND state AND epoch``: zero rows mean that somebody else moved it first, and
the caller must stop. The event of a change is written in the same transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Update,
    bindparam,
    case,
    func,
    insert,
    select,
    update,
)

from galley.db.deferred import execute_later
from galley.lake.model import Span
from galley.lake.rows import insert_many
from galley.runs.model import LIVE, Reason, RunState, StepRun, StepState, StepType
from galley.runs.schedule_tables import ended
from galley.runs.tables import attempt as attempts
from galley.runs.tables import event, run, step_run
from galley.runs.transitions import run_sources, step_sources


def emit(
    connection: Connection,
    run_id: str,
    kind: str,
    now: int,
    *,
    step: str | None = None,
    body: dict[str, Any] | None = None,
) -> None:
    """Append one event to the outbox, at the end of the unit of work."""
    row = {"run_id": run_id, "step": step, "kind": kind, "body": body, "at": now}
    execute_later(connection, _EMIT, row)


def emit_all(
    connection: Connection,
    bodies: Iterable[tuple[str, dict[str, Any] | None]],
    kind: str,
    now: int,
) -> None:
    """Append one event for each of several runs."""
    rows = [
        {"run_id": run_id, "step": None, "kind": kind, "body": body, "at": now}
        for run_id, body in bodies
    ]
    insert_many(connection, event, rows)


def move_run(connection: Connection, run_id: str, to: RunState, now: int, **values: Any) -> bool:
    """Move a run to ``to`` if the transition table allows it from where it is."""
    if to.terminal:
        values.setdefault("finished", now)
    moved = connection.execute(
        update(run)
        .where(run.c.id == run_id, run.c.state.in_([s.value for s in run_sources(to)]))
        .values(state=to.value, **values)
    ).rowcount
    if moved:
        body = {key: values[key] for key in ("reason", "message", "commit_id") if values.get(key)}
        emit(connection, run_id, f"run.{to.value}", now, body=body or None)
        if to.terminal:
            connection.execute(_END, {"own_id": run_id, "now": now})
    return bool(moved)


def move_step(
    connection: Connection,
    step: StepRun,
    to: StepState,
    now: int,
    *,
    body: dict[str, Any] | None = None,
    attempt: str | None = None,
    **values: Any,
) -> bool:
    """Move a step to ``to`` under the epoch that the caller holds.

    With an ``attempt`` only while that is on record and has not ended: a crash of the database may
    lose a claim, and the next one then gets the same epoch.
    """
    if to.terminal:
        values.setdefault("finished", now)
    if not to.live:
        values.setdefault("lease_until", None)
    given = {f"new_{name}": value for name, value in values.items()}
    if attempt is not None:
        given["own_attempt"] = attempt
    moved = connection.execute(
        _move(to, tuple(sorted(values)), attempt is not None),
        {"own_id": step.id, "own_epoch": step.epoch, **given},
    ).rowcount
    if moved:
        shown: dict[str, Any] = {
            k: values[k] for k in ("reason", "message", "rows", "seconds") if k in values
        }
        emit(
            connection,
            step.run_id,
            f"step.{to.value}",
            now,
            step=step.name,
            body={**shown, **(body or {})} or None,
        )
    return bool(moved)


def lock_step(connection: Connection, step: StepRun) -> bool:
    """Keep a step to this transaction; ``False`` if it is at work no more or is somebody else's."""
    wanted = select(step_run.c.id).where(
        step_run.c.id == step.id,
        step_run.c.epoch == step.epoch,
        step_run.c.state.in_([state.value for state in LIVE]),
    )
    return connection.execute(wanted.with_for_update()).first() is not None


@cache
def _move(to: StepState, names: tuple[str, ...], attempted: bool) -> Update:
    """The statement of a move: building it costs more than running it, so it is built once."""
    sources = [source.value for source in step_sources(to)]
    values: dict[str, Any] = {
        name: bindparam(f"new_{name}", type_=step_run.c[name].type) for name in names
    }
    move = (
        update(step_run)
        .where(
            step_run.c.id == bindparam("own_id"),
            step_run.c.epoch == bindparam("own_epoch"),
            step_run.c.state.in_(sources),
        )
        .values(state=to.value, **values)
    )
    if not attempted:
        return move
    going = select(attempts.c.id).where(
        attempts.c.id == bindparam("own_attempt"), attempts.c.end.is_(None)
    )
    return move.where(going.exists())


def release_consumers(
    connection: Connection, run_id: str, consumers: Collection[str], now: int
) -> None:
    """One input of every consumer is there: those with none left to wait for become ready."""
    if not consumers:
        return
    connection.execute(_RELEASE, {"own_id": run_id, "names": sorted(consumers)})


def fail_downstream(
    connection: Connection, run_id: str, names: Collection[str], because: str, now: int
) -> None:
    """Everything that waits for a failed step will never run in this run."""
    if not names:
        return
    waiting = (StepState.WAITING.value, StepState.READY.value)
    rows = connection.execute(
        update(step_run)
        .where(
            step_run.c.run_id == run_id,
            step_run.c.name.in_(sorted(names)),
            step_run.c.state.in_(waiting),
        )
        .values(
            state=StepState.UPSTREAM_FAILED.value,
            reason=Reason.UPSTREAM.value,
            message=f"{because} did not succeed",
            finished=now,
        )
        .returning(step_run.c.name)
    ).scalars()
    for name in list(rows):
        emit(connection, run_id, f"step.{StepState.UPSTREAM_FAILED.value}", now, step=name)


_EMIT = insert(event)
_RELEASE = (
    update(step_run)
    .where(
        step_run.c.run_id == bindparam("own_id"),
        step_run.c.name.in_(bindparam("names", expanding=True)),
        step_run.c.state == StepState.WAITING.value,
    )
    .values(
        unmet=step_run.c.unmet - 1,
        state=case((step_run.c.unmet == 1, StepState.READY.value), else_=step_run.c.state),
    )
)

# What happens in kitchens, and the parts of a backfill, are of no interest to a schedule.
_END = insert(ended).from_select(
    ["run_id", "at"],
    select(run.c.id, bindparam("now", type_=run.c.created.type)).where(
        run.c.id == bindparam("own_id"), run.c.parent.is_(None), run.c.ref.not_like("%/%")
    ),
)


def any_to_wake(connection: Connection, runs: Collection[str], now: int) -> bool:
    """Whether ``wake_retries`` would find any step; many look, and hardly ever one is there."""
    found = select(step_run.c.id).where(_over(runs, now)).limit(1)
    return bool(runs) and connection.execute(found).first() is not None


def wake_retries(connection: Connection, runs: Collection[str], now: int) -> int:
    """Steps whose waiting time is over become ready again; returns how many."""
    woken = update(step_run).where(_over(runs, now)).values(state=StepState.READY.value)
    return connection.execute(woken).rowcount


def _over(runs: Collection[str], now: int) -> ColumnElement[bool]:
    """The condition that a step of the runs has waited long enough for its next try."""
    mine = step_run.c.run_id.in_(sorted(runs))
    waits = step_run.c.state == StepState.RETRY_WAIT.value
    return mine & waits & (step_run.c.not_before <= now)


def sweep_waiting(connection: Connection, run_id: str, ready: Iterable[str]) -> None:
    """The safety net: steps whose inputs are all there but whose counter says otherwise."""
    names = sorted(ready)
    if names:
        connection.execute(
            update(step_run)
            .where(
                step_run.c.run_id == run_id,
                step_run.c.name.in_(names),
                step_run.c.state == StepState.WAITING.value,
            )
            .values(state=StepState.READY.value, unmet=0)
        )


def cancel_pending(connection: Connection, run_id: str, now: int) -> None:
    """Cancel every step of a run that no worker holds."""
    idle = [state.value for state in step_sources(StepState.CANCELLED) if state not in LIVE]
    rows = connection.execute(
        update(step_run)
        .where(step_run.c.run_id == run_id, step_run.c.state.in_(idle))
        .values(state=StepState.CANCELLED.value, reason=Reason.CANCELLED.value, finished=now)
        .returning(step_run.c.name)
    ).scalars()
    for name in list(rows):
        emit(connection, run_id, f"step.{StepState.CANCELLED.value}", now, step=name)


def add_steps(connection: Connection, steps: Sequence[StepRun], age: int) -> None:
    """Insert the step runs of a run that starts; ``age`` is the instant their turn counts from."""
    rows = [
        {
            "id": step.id,
            "run_id": step.run_id,
            "name": step.name,
            "type": step.type.value,
            "state": step.state.value,
            "priority": step.priority,
            "grouping": step.grouping,
            "age": age,
            "position": step.position,
            "unmet": step.unmet,
            "epoch": 0,
            "attempts": 0,
            "losses": 0,
            "why": step.why,
            "detail": step.detail or None,
        }
        for step in steps
    ]
    if rows:
        connection.execute(insert(step_run), rows)


def steps_of(connection: Connection, run_id: str) -> list[StepRun]:
    """All step runs of a run, in order."""
    rows = connection.execute(
        select(step_run).where(step_run.c.run_id == run_id).order_by(step_run.c.position)
    )
    return [read_step(row) for row in rows]


def get_step(connection: Connection, id: str) -> StepRun | None:
    """One step run."""
    row = connection.execute(select(step_run).where(step_run.c.id == id)).first()
    return read_step(row) if row is not None else None


def goes_on(connection: Connection, run_id: str, *, without: Collection[StepState] = ()) -> bool:
    """Whether a run has a step that has not ended, states in ``without`` apart; one look-up."""
    left = [s.value for s in StepState if not s.terminal and s not in without]
    found = select(step_run.c.id).where(step_run.c.run_id == run_id, step_run.c.state.in_(left))
    return connection.execute(found.limit(1)).first() is not None


def counts(
    connection: Connection, run_ids: Collection[str], *, kind: StepType | None = None
) -> dict[str, dict[StepState, int]]:
    """For each run, how many of its steps are in which state; of one kind, if that is said."""
    c = step_run.c
    query = select(c.run_id, c.state, func.count()).where(c.run_id.in_(sorted(run_ids)))
    if kind is not None:
        query = query.where(c.type == kind.value)
    rows = connection.execute(query.group_by(c.run_id, c.state))
    found: dict[str, dict[StepState, int]] = {run_id: {} for run_id in run_ids}
    for run_id, state, number in rows:
        found[run_id][StepState(state)] = number
    return found


def held_by(connection: Connection, sessions: Collection[str]) -> dict[str, int]:
    """How many steps each of some sessions holds."""
    c = step_run.c
    rows = connection.execute(
        select(c.owner, func.count())
        .where(c.owner.in_(sorted(sessions)), c.state.in_([state.value for state in LIVE]))
        .group_by(c.owner)
    )
    return dict(rows.all())


def read_step(row: Row[Any]) -> StepRun:
    """A row of ``run_step`` as a value."""
    from_row = row._mapping
    spans = tuple(Span(*pair) for pair in from_row["spans"] or ())
    return StepRun(
        id=from_row["id"],
        run_id=from_row["run_id"],
        name=from_row["name"],
        type=StepType(from_row["type"]),
        state=StepState(from_row["state"]),
        unmet=from_row["unmet"],
        epoch=from_row["epoch"],
        position=from_row["position"],
        priority=from_row["priority"],
        grouping=from_row["grouping"],
        attempts=from_row["attempts"],
        losses=from_row["losses"],
        reason=Reason(from_row["reason"]) if from_row["reason"] else None,
        message=from_row["message"],
        key=from_row["key"],
        reused_from=from_row["reused_from"],
        rows=from_row["rows"],
        bytes=from_row["bytes"],
        seconds=from_row["seconds"],
        spans=spans,
        not_before=from_row["not_before"],
        lease_until=from_row["lease_until"],
        owner=from_row["owner"],
        started=from_row["started"],
        finished=from_row["finished"],
        why=from_row["why"],
        detail=from_row["detail"] or {},
    )
