"""The database's clock, for those who share the database: their own clocks may differ or jump."""

from __future__ import annotations

import time

from sqlalchemy import text

from galley.db.engine import Database

_MOMENT = text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)")


class DatabaseClock:
    """Microseconds by a PostgreSQL server's clock, told without asking it every time.

    Between two looks at the server it counts on the clock that runs since the machine's boot (and
    while it sleeps), so that a jump of the wall clock changes nothing.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: tuple[int, float] | None = None

    def __call__(self) -> int:
        """Now. The first call, and ``sync``, ask the server."""
        if self._seen is None:
            return self.sync()
        moment, at = self._seen
        return moment + int((_since_boot() - at) * 1_000_000)

    def sync(self) -> int:
        """Ask the server; the answer was right in the middle of the call.

        Raises:
            UnavailableError: the database does not answer.
        """
        before = _since_boot()
        with self._database.read() as connection:
            moment: int = connection.execute(_MOMENT).scalar_one()
        self._seen = (moment, (before + _since_boot()) / 2)
        return moment


def _since_boot() -> float:
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)
