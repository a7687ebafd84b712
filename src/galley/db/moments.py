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

    def __init__(self, ask: Callable[[], int] = wall) -> None:
        self._ask = ask
        self._seen: tuple[int, float] | None = None

    def __call__(self) -> int:
        """Now. The first call asks."""
        if self._seen is None:
            self.sync()
        return self._counted()

    def sync(self) -> bool:
        """Ask again; whether the answer was what had been counted.

        Raises:
            UnavailableError: the database does not answer.
        """
        before = _since_boot()
        moment = self._ask()
        # The answer was right in the middle of the call.
        seen = (moment, (before + _since_boot()) / 2)
        expected = self._counted() if self._seen is not None else None
        self._seen = seen
        return expected is None or abs(self._counted() - expected) < JUMP

    def _counted(self) -> int:
        assert self._seen is not None
        moment, at = self._seen
        return moment + int((_since_boot() - at) * 1_000_000)


class DatabaseClock(SteadyClock):
    """Microseconds by a PostgreSQL server's clock, told without asking it every time."""

    def __init__(self, database: Database) -> None:
        super().__init__(lambda: _moment(database))


def _moment(database: Database) -> int:
    with database.read() as connection:
        moment: int = connection.execute(_MOMENT).scalar_one()
    return moment


def _since_boot() -> float:
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)
