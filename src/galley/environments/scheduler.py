"""The scheduler: one tick looks at what is due and no further, whoever and however many tick.

A tick is short whatever there is to do: what is left is done by the next one, at once. Nothing in
it waits for the world outside: files and values are looked at, and messages sent, by others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, Table, bindparam, literal, select

from galley.clock import SECOND
from galley.environments import activation
from galley.environments.home import Home
from galley.governance.model import Actor
from galley.notify import outbox
from galley.runs import alerting, changes, firing
from galley.runs.changes import Observation
from galley.runs.firing import Armed, Fired, Who
from galley.runs.schedule_tables import alert, ended, fire, schedule, trigger

SCHEDULER = Actor("scheduler", kind="machine")

BATCH = 50
"""Runs, promises or alerts that one transaction is about."""

LOOKS = 200
"""Triggers whose files or values are taken to be looked at together."""

FIRES = 40
"""Triggers that one transaction fires: their runs are written with it."""

KEPT = 90 * 86_400 * SECOND
"""Microseconds for which fires without a run, alerts and messages are kept once they are over."""

LONGEST = 0.08
"""Seconds after which a tick begins nothing new."""


@dataclass(frozen=True, slots=True)
class Ticked:
    """What a tick did. ``more``: there is more to do at once."""

    fired: tuple[Fired, ...] = ()
    activated: tuple[str, ...] = ()
    more: bool = False


class Scheduler:
    """Looks at the triggers of all projects of a home or database."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.who = Who(SCHEDULER, home.origin)

    def tick(self, now: int) -> Ticked:
        """One look.

        Raises:
            UnavailableError: the database does not answer; nothing is lost, the next tick goes on.
        """
        end = time.monotonic() + LONGEST
        activated = self._activate(now)
        with self.home.database.read() as connection:
            wanted = [work for work, question in _WORK if _there(connection, question, now)]
            if wanted or _there(connection, _TELL, now):
                wanted.append(_tell)
        fired: list[Fired] = []
        # Of everything a portion, so that much of one thing does not keep the others waiting.
        while wanted:
            for work in tuple(wanted):
                with self.home.database.write() as connection:
                    whole, made = work(connection, self.who, now)
                fired += made
                if not whole:
                    wanted.remove(work)
            if time.monotonic() > end:
                break
        return Ticked(tuple(fired), activated, more=bool(wanted))

    def _activate(self, now: int) -> tuple[str, ...]:
        """Follow the environments that have moved."""
        with self.home.database.read() as connection:
            found = activation.moved(connection)
        done = []
        for one in found:
            with self.home.database.write() as connection:
                if activation.look_at(connection, one, now):
                    done.append(f"{one.project}/{one.environment}")
        return tuple(done)

    def watched(self, now: int) -> list[Armed]:
        """Triggers whose files or values are to be looked at now."""
        with self.home.database.read() as connection:
            if not _there(connection, _WATCHED, now):
                return []
        with self.home.database.write() as connection:
            return changes.take_watched(connection, now, LOOKS)

    def forget(self, now: int) -> None:
        """Remove what is over for longer than anybody asks for: fires, alerts, messages."""
        before = now - KEPT
        with self.home.database.write(durable=False) as connection:
            over = fire.c.run_id.is_(None) & (fire.c.created < before)
            connection.execute(fire.delete().where(over))
            connection.execute(alert.delete().where(alert.c.closed < before))
            outbox.forget(connection, before)

    def note(self, seen: Sequence[Observation], now: int) -> list[Fired]:
        """Take in what was seen of files and values."""
        with self.home.database.write() as connection:
            fired = changes.note_seen(connection, self.who, seen, now)
            alerting.note_fired(connection, fired, now)
        return fired


Done = tuple[bool, list[Fired]]
"""Whether there may be more of it, and what has fired."""


def _ended(connection: Connection, who: Who, now: int) -> Done:
    runs = changes.take_ended(connection, BATCH)
    fired = changes.note_ended(connection, who, runs, now)
    alerting.note_ended(connection, runs, now)
    alerting.note_fired(connection, fired, now)
    return len(runs) == BATCH, fired


def _by_clock(connection: Connection, who: Who, now: int) -> Done:
    looked, fired = firing.fire_by_clock(connection, who, now, limit=FIRES, most_fires=FIRES)
    alerting.note_fired(connection, fired, now)
    return looked == FIRES, fired


def _tables(connection: Connection, who: Who, now: int) -> Done:
    looked, fired = changes.fire_by_tables(connection, who, now, limit=FIRES)
    alerting.note_fired(connection, fired, now)
    return looked == FIRES, fired


def _started(connection: Connection, who: Who, now: int) -> Done:
    return alerting.check_started(connection, now, BATCH) == BATCH, []


def _promises(connection: Connection, who: Who, now: int) -> Done:
    return alerting.check_promises(connection, now, BATCH) == BATCH, []


def _tell(connection: Connection, who: Who, now: int) -> Done:
    return alerting.tell(connection, now, BATCH) == BATCH, []


def _due(table: Table, column: str, *conditions: Any) -> Select[Any]:
    """Whether a row of a table is due; ``now`` is bound when it is asked."""
    moment = bindparam("now", type_=BigInteger)
    return select(literal(1)).where(table.c[column] <= moment, *conditions).limit(1)


_WORK: tuple[tuple[Callable[[Connection, Who, int], Done], Select[Any]], ...] = (
    (_ended, select(literal(1)).select_from(ended).limit(1)),
    (_by_clock, _due(trigger, "due", trigger.c.kind.in_(firing.BY_CLOCK))),
    (_tables, _due(trigger, "due", trigger.c.kind == "table")),
    (_started, _due(fire, "start_by")),
    (_promises, _due(schedule, "due")),
)
"""What a tick may have to do, and how it finds that out."""

_TELL = _due(alert, "tell")
_WATCHED = _due(trigger, "due", trigger.c.kind.in_(("file", "sql")))


def _there(connection: Connection, question: Select[Any], now: int) -> bool:
    return connection.execute(question, {"now": now}).first() is not None
