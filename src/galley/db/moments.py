"""Clocks that do not jump: of a machine, and of the database for those who share it."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import text

from galley.clock import now as wall
from galley.db.engine import Database

JUMP = 2_000_000
"""Microseconds by which a clock that is asked again may be off before it is said to have jumped."""

_MOMENT = text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)")


class SteadyClock:
    """The wall clock as it was when first asked; from then on it only goes forward, evenly.

    It counts on the clock that runs since the machine's boot (and while it sleeps), so that a wall
    clock that is set hours back or forth in mid-run makes no lease end and no retry wait.
    """

    def __init__(self, ask: Callable[[], int] | None = None) -> None:
        self._ask = ask or wall
        self._seen: tuple[int, float] | None = None

    def __call__(self) -> int:
        """Now. The first call asks."""
        if self._seen is None:
            self._seen = self._asked()
        return _count(self._seen)

    def sync(self) -> bool:
        """Ask again; whether the answer was what had been counted.

        Raises:
            UnavailableError: the database does not answer.
        """
        before, self._seen = self._seen, self._asked()
        return before is None or abs(_count(self._seen) - _count(before)) < JUMP

    def _asked(self) -> tuple[int, float]:
        """The answer, which was right in the middle of the call."""
        begin = _since_boot()
        moment = self._ask()
        return moment, (begin + _since_boot()) / 2


class DatabaseClock(SteadyClock):
    """Microseconds by a PostgreSQL server's clock, told without asking it every time."""

    def __init__(self, database: Database) -> None:
        super().__init__(lambda: _moment(database))


def _moment(database: Database) -> int:
    with database.read() as connection:
        moment: int = connection.execute(_MOMENT).scalar_one()
    return moment


def _count(seen: tuple[int, float]) -> int:
    moment, at = seen
    return moment + int((_since_boot() - at) * 1_000_000)


def _since_boot() -> float:
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)
