"""Leases: who holds a step or a publish until when, and taking over what nobody holds any more.

A lease is extended by its owner's heartbeat. Once it is over anybody may take what it stood for,
on condition that the epoch is still the one that was seen.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, literal_column, or_, select, update

from galley.runs.model import LIVE, RunState, StepRun, StepState
from galley.runs.queue import read_step
from galley.runs.tables import run, step_run

LEASE = 20_000_000
"""Microseconds for which a claim stands without a heartbeat."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Who holds something, and until when without a heartbeat."""

    owner: str
    until: int


# Its index holds these steps only, and is used only where the condition is no parameter.
AT_WORK = step_run.c.state.in_([literal_column(f"'{name}'") for name in sorted(LIVE)])
"""The condition that somebody holds a step."""


def extend(connection: Connection, owners: Collection[str], until: int) -> None:
    """Extend all leases of the owners, of steps and of publishes."""
    holders = sorted(owners)
    connection.execute(
        update(step_run).where(step_run.c.owner.in_(holders), AT_WORK).values(lease_until=until)
    )
    connection.execute(
        update(run)
        .where(run.c.engine.in_(holders), run.c.state == RunState.PUBLISHING.value)
        .values(lease_until=until)
    )


def extend_afar(
    connection: Connection,
    heard: Mapping[str, Collection[str]],
    now: int,
    lasting: Mapping[str, int],
) -> None:
    """Extend the leases of the steps that workers of other sessions were heard to work on.

    ``lasting`` are the leases of the sessions: they beat by them. What a session holds and does
    not know of lapses: it never arrived there.
    """
    for lease in sorted(set(lasting.values())):
        alike = [id for id in sorted(heard) if lasting.get(id) == lease]
        steps = sorted(step for id in alike for step in heard[id])
        if steps:
            connection.execute(
                update(step_run)
                .where(
                    step_run.c.id.in_(steps),
                    step_run.c.owner.in_(alike),
                    step_run.c.state == StepState.RUNNING.value,
                )
                .values(lease_until=now + lease)
            )


def steps_of(connection: Connection, owner: str) -> list[StepRun]:
    """The steps that an owner holds."""
    rows = connection.execute(select(step_run).where(step_run.c.owner == owner, AT_WORK))
    return [read_step(row) for row in rows]


def held(connection: Connection, owners: Collection[str]) -> set[tuple[str, int]]:
    """What the owners hold: ids of step runs with their epochs."""
    rows = connection.execute(
        select(step_run.c.id, step_run.c.epoch).where(step_run.c.owner.in_(sorted(owners)), AT_WORK)
    )
    return {(row.id, row.epoch) for row in rows}


def forsake(connection: Connection, owners: Collection[str]) -> None:
    """The owners are gone for certain: let their leases be over at once."""
    if owners:
        extend(connection, owners, 0)


def expired_steps(connection: Connection, now: int) -> list[StepRun]:
    """The steps whose lease is over."""
    rows = connection.execute(select(step_run).where(AT_WORK, step_run.c.lease_until < now))
    return [read_step(row) for row in rows]


def over(connection: Connection, step: StepRun, now: int, *, keep: bool = False) -> bool:
    """Whether the lease of a step that was seen as expired is over still.

    With ``keep`` it stays so until this transaction ends: its owner can extend it no more.
    """
    wanted = select(step_run.c.id).where(
        step_run.c.id == step.id,
        step_run.c.epoch == step.epoch,
        AT_WORK,
        step_run.c.lease_until < now,
    )
    found = wanted.with_for_update() if keep else wanted
    return connection.execute(found).first() is not None


def expired_publishes(connection: Connection, now: int) -> list[tuple[str, str | None]]:
    """The runs, with who published them, whose publish nobody is at any more."""
    rows = connection.execute(
        select(run.c.id, run.c.engine).where(
            run.c.state == RunState.PUBLISHING.value,
            or_(run.c.lease_until.is_(None), run.c.lease_until < now),
        )
    )
    return [(row.id, row.engine) for row in rows]


def take_staged(connection: Connection, step: StepRun, now: int, hold: Hold) -> bool:
    """Take over a staged step, whose tests must be evaluated again, if its lease is over still."""
    taken = connection.execute(
        update(step_run)
        .where(
            step_run.c.id == step.id,
            step_run.c.epoch == step.epoch,
            step_run.c.state == StepState.STAGED.value,
            step_run.c.lease_until < now,
        )
        .values(owner=hold.owner, lease_until=hold.until)
    ).rowcount
    return bool(taken)


def take_publish(connection: Connection, run_id: str, before: str | None, hold: Hold) -> bool:
    """Take over a publish from whoever was at it."""
    seen = run.c.engine.is_(None) if before is None else run.c.engine == before
    taken = connection.execute(
        update(run)
        .where(run.c.id == run_id, run.c.state == RunState.PUBLISHING.value, seen)
        .values(engine=hold.owner, lease_until=hold.until)
    ).rowcount
    return bool(taken)
