"""Who is at work, as plain values."""

from __future__ import annotations

from collections.abc import Sequence

from galley.clock import iso
from galley.environments.home import Home
from galley.environments.inspect import Facts
from galley.runs import sessions
from galley.runs.sessions import Session, SessionKind


def engine_at_work(home: Home) -> bool:
    """Whether an engine was heard of lately."""
    now = home.clock()
    with home.database.read() as connection:
        return any(
            one.kind is SessionKind.ENGINE and not lost(one, now)
            for one in sessions.open_sessions(connection)
        )


def lost(one: Session, now: int) -> bool:
    """Whether a session that has not ended is certainly or probably gone."""
    return sessions.dead(one) or sessions.silent(one, now)


def worker_facts(found: Sequence[Session], running: dict[str, int], now: int) -> list[Facts]:
    """Engines and workers; ``running`` counts the steps that each holds."""
    return [
        {
            "session": one.id,
            "kind": one.kind.value,
            "host": one.host,
            "pid": one.pid,
            "labels": None if one.labels is None else list(one.labels),
            "slots": one.capacity,
            "running": running.get(one.id, 0),
            "version": one.version,
            "started": iso(one.started),
            "beat": iso(one.beat),
            "lost": lost(one, now),
        }
        for one in found
    ]
