"""Sessions: the engines, and the workers of other hosts, that hold leases."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, select, update

from galley.lake.rows import insert_first
from galley.runs import processes
from galley.runs.tables import session
from galley.version import VERSION


class SessionKind(StrEnum):
    """What a session does: decide and work, or only work."""

    ENGINE = "engine"
    WORKER = "worker"


@dataclass(frozen=True, slots=True)
class Session:
    """One engine or worker. ``beat`` is when it was last heard of, in microseconds.

    ``pid_started`` is the start of its process in clock ticks since the boot ``boot_id``: together
    they name one process of one machine. ``capacity`` is how many steps it takes at once, none for
    an engine that only gives them to others; without ``labels`` (``None``) it takes all of them.
    ``lease`` is for how many microseconds its claims stand without a heartbeat: it beats by that,
    whatever others go by.
    """

    id: str
    kind: SessionKind
    host: str
    pid: int
    pid_started: int | None
    boot_id: str | None
    capacity: int
    labels: tuple[str, ...] | None
    version: str
    lease: int
    started: int
    beat: int
    ended: int | None = None


boot_id = processes.boot_id


def this_process(
    id: str,
    capacity: int,
    now: int,
    *,
    lease: int,
    kind: SessionKind = SessionKind.ENGINE,
    labels: tuple[str, ...] | None = None,
) -> Session:
    """The session of the process that asks."""
    pid = os.getpid()
    return Session(
        id=id,
        kind=kind,
        host=socket.gethostname(),
        pid=pid,
        pid_started=processes.start_time(pid),
        boot_id=boot_id(),
        capacity=capacity,
        labels=labels,
        version=VERSION,
        lease=lease,
        started=now,
        beat=now,
    )


def dead(one: Session) -> bool:
    """Whether its process is certainly gone: it was one of this boot of this machine."""
    here = one.boot_id is not None and one.boot_id == boot_id() and one.host == socket.gethostname()
    return here and (one.pid_started is None or not processes.lives(one.pid, one.pid_started))


def mine(one: Session) -> bool:
    """Whether it is one of the process that asks."""
    here = one.boot_id == boot_id() and one.host == socket.gethostname()
    pid = os.getpid()
    return here and (one.pid, one.pid_started) == (pid, processes.start_time(pid))


def silent(one: Session, now: int) -> bool:
    """Whether it was not heard of for so long that all its leases are over."""
    return one.beat < now - 2 * one.lease


def open_session(connection: Connection, one: Session) -> None:
    """Record that a session began; safe to repeat."""
    row = {
        "id": one.id,
        "kind": one.kind.value,
        "host": one.host,
        "boot_id": one.boot_id,
        "pid": one.pid,
        "pid_started": one.pid_started,
        "labels": None if one.labels is None else list(one.labels),
        "capacity": one.capacity,
        "version": one.version,
        "lease": one.lease,
        "started": one.started,
        "beat": one.beat,
    }
    insert_first(connection, session, row)


def touch(connection: Connection, ids: Collection[str], now: int) -> None:
    """Record a heartbeat of several sessions."""
    connection.execute(update(session).where(session.c.id.in_(sorted(ids))).values(beat=now))


def lengthen(connection: Connection, id: str, lease: int) -> None:
    """From now on a session is heard of at least as seldom as ``lease`` allows."""
    connection.execute(
        update(session).where(session.c.id == id, session.c.lease < lease).values(lease=lease)
    )


def end_session(connection: Connection, id: str, now: int) -> None:
    """Record that a session ended; the first end stands."""
    connection.execute(
        update(session).where(session.c.id == id, session.c.ended.is_(None)).values(ended=now)
    )


def ended(connection: Connection, ids: Collection[str]) -> set[str]:
    """Those of the sessions that are over."""
    if not ids:
        return set()
    rows = connection.execute(
        select(session.c.id).where(session.c.id.in_(sorted(ids)), session.c.ended.is_not(None))
    )
    return set(rows.scalars())


def leases_of(connection: Connection, ids: Collection[str]) -> dict[str, int]:
    """For how long the claims of some sessions stand, in microseconds."""
    if not ids:
        return {}
    rows = connection.execute(
        select(session.c.id, session.c.lease).where(session.c.id.in_(sorted(ids)))
    )
    return {row.id: row.lease for row in rows}


def find_session(connection: Connection, id: str) -> Session | None:
    """The session of that id."""
    row = connection.execute(select(session).where(session.c.id == id)).first()
    return _read(row) if row is not None else None


def open_sessions(connection: Connection) -> list[Session]:
    """The sessions that have not ended, oldest first."""
    rows = connection.execute(
        select(session).where(session.c.ended.is_(None)).order_by(session.c.started)
    )
    return [_read(row) for row in rows]


def _read(row: Row[Any]) -> Session:
    data = row._mapping
    return Session(
        id=data["id"],
        kind=SessionKind(data["kind"]),
        host=data["host"],
        pid=data["pid"],
        pid_started=data["pid_started"],
        boot_id=data["boot_id"],
        capacity=data["capacity"],
        labels=None if data["labels"] is None else tuple(data["labels"]),
        version=data["version"],
        lease=data["lease"],
        started=data["started"],
        beat=data["beat"],
        ended=data["ended"],
    )
