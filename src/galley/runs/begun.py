"""Which process has an attempt: recorded, so that the next engine can kill what this one leaves."""

from __future__ import annotations

from galley.runs import records, sessions
from galley.runs.jobs import Jobs
from galley.runs.live import Site
from galley.runs.pool import PoolEvent

LATER = 50_000
"""Microseconds after which it is recorded of an attempt that goes on still."""


class Begun:
    """Attempts that have begun and of which it is not recorded yet where.

    Most are over before anybody could read it: then it never is. Should the engine end meanwhile
    its own supervisor kills them all the same. Nobody relies on these records, so that a crash of
    the database may lose them.
    """

    def __init__(self, site: Site, jobs: Jobs) -> None:
        self.site = site
        self.jobs = jobs
        self._waiting: dict[str, tuple[int, PoolEvent]] = {}

    def add(self, event: PoolEvent) -> None:
        """A worker has an attempt."""
        self._waiting[event.task_id] = (self.site.clock() + LATER, event)

    def record(self) -> None:
        """Record what is due."""
        if not self._waiting:
            return
        now, waiting = self.site.clock(), self._waiting
        self._waiting = {id: one for id, one in waiting.items() if self.jobs.get(id) is not None}
        due = [event for at, event in self._waiting.values() if at <= now]
        if not due:
            return
        with self.site.database.write(durable=False) as connection:
            for event in due:
                del self._waiting[event.task_id]
                records.set_attempt(
                    connection,
                    event.task_id,
                    pid=event.pid,
                    pid_started=event.pid_started,
                    boot_id=event.boot_id or sessions.boot_id(),
                )
