"""Looking at the state database: does it answer, how soon, whose clock is right, who is there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import text

from galley import clock
from galley.db import schema
from galley.db.moments import DatabaseClock
from galley.environments.checking import FAIL, OK, WARN, Check
from galley.environments.home import Home
from galley.runs import leases, records, sessions
from galley.runs.lockfile import EngineLock
from galley.runs.sessions import Session

SLOW_TRIP = 0.02
"""Seconds above which the way to the database and back is called long: every step goes it often."""

TRIPS = 5
SKEW = 1_000_000
GREAT_SKEW = 60_000_000
"""Microseconds between this machine's clock and the database's: mentioned, and called wrong."""

OLD = 86_400.0
"""Seconds after which something in the scratch folder is nobody's any more."""


def database(home: Home) -> Iterator[Check]:
    """Whether it answers and is whole, and how long it takes."""
    if home.database.is_sqlite:
        yield _sqlite(home)
        return
    with home.database.read() as connection:
        version = connection.execute(text("SHOW server_version")).scalar()
        standby = connection.execute(text("SELECT pg_is_in_recovery()")).scalar()
        trips = []
        for _ in range(TRIPS):
            begin = time.perf_counter()
            connection.execute(text("SELECT 1"))
            trips.append(time.perf_counter() - begin)
    trip = sorted(trips)[TRIPS // 2]
    said = f"PostgreSQL {version} at {home.database.place}, {trip * 1000:.1f} ms there and back"
    if standby:
        yield Check("database", FAIL, f"{said}; it is a standby", "use the primary server")
    elif trip > SLOW_TRIP:
        hint = "every step goes this way some ten times: run Galley nearer to the database"
        yield Check("database", WARN, said, hint)
    else:
        yield Check("database", OK, said)
    yield _writable(home)


def _sqlite(home: Home) -> Check:
    with home.database.read() as connection:
        problems = list(connection.execute(text("PRAGMA quick_check(5)")).scalars())
    if problems != ["ok"]:
        hint = "restore galley.db from a backup; the warehouse's files were not touched"
        return Check("database", FAIL, "; ".join(map(str, problems)), hint)
    size = (home.path / "galley.db").stat().st_size
    return Check("database", OK, f"SQLite, {size / 1e6:.1f} MB, intact")


def _writable(home: Home) -> Check:
    """Whether this user may write; a failure is told by the error itself."""
    begin = time.perf_counter()
    with home.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = version_num WHERE FALSE"))
        connection.execute(text("CREATE TEMPORARY TABLE galley_doctor (n INT) ON COMMIT DROP"))
        connection.execute(text("INSERT INTO galley_doctor VALUES (1)"))
    passed = time.perf_counter() - begin
    return Check("writing", OK, f"this user may; a transaction took {passed * 1000:.1f} ms")


def schema_of(home: Home) -> Iterator[Check]:
    """Whether it has this version's tables."""
    with home.database.read() as connection:
        found = schema.revisions(connection)
    if found == set(schema.HEADS):
        yield Check("schema", OK, ", ".join(sorted(found)))
    else:
        yield Check("schema", FAIL, f"at {', '.join(sorted(found)) or 'nothing'}")


def skew(home: Home) -> Iterator[Check]:
    """How far this machine's clock is from the database's, which is the one that counts."""
    if home.database.is_sqlite:
        return
    begin = clock.now()
    moment = DatabaseClock(home.database)()
    apart = moment - (begin + clock.now()) // 2
    said = f"the database's is {abs(apart) / 1e6:.3f} s {'ahead' if apart > 0 else 'behind'}"
    if abs(apart) >= GREAT_SKEW:
        hint = "let both machines follow a time server; leases go by the database's clock"
        yield Check("clocks", FAIL, said, hint)
    elif abs(apart) >= SKEW:
        hint = "let both machines follow a time server; `now` in a step is this machine's"
        yield Check("clocks", WARN, said, hint)
    else:
        yield Check("clocks", OK, said)


def engines(home: Home) -> Iterator[Check]:
    """Who is at work, and when each was last heard of."""
    with home.database.read() as connection:
        open_ = sessions.open_sessions(connection)
        now = home.clock()
        stale = leases.expired_steps(connection, now)
    lost = [one for one in open_ if _lost(home, one, now)]
    there = [one for one in open_ if one not in lost]
    for one in there:
        yield Check("engine", OK, _line(one, now))
    if not there:
        yield Check("engine", OK, "none at work")
    if lost:
        named = "; ".join(_line(one, now) for one in lost[:5])
        hint = "the next `galley run` takes over what they left"
        yield Check("sessions", WARN, f"{len(lost)} ended without a word: {named}", hint)
    if stale and not there:
        hint = "the next `galley run` goes on with them"
        yield Check("leases", WARN, f"{len(stale)} steps whose engine or worker was lost", hint)


def _lost(home: Home, one: Session, now: int) -> bool:
    return sessions.dead(one) or sessions.silent(one, now)


def _line(one: Session, now: int) -> str:
    capacity = f"{one.capacity} at once"
    age = max(0.0, (now - one.beat) / 1e6)
    return f"{one.kind} {one.host}:{one.pid}, {capacity}, {one.version}, heard of {age:.0f} s ago"


def scratch(home: Home) -> Iterator[Check]:
    """Temporary files that their attempts have left."""
    with home.database.read() as connection:
        live = {attempt["id"] for attempt in records.open_attempts(connection)}
    with EngineLock(home.path) as lock:
        if not lock.acquire():
            return
    left = [one for one in _entries(home.path / "scratch") if one.name not in live]
    old = [one for one in left if time.time() - one.stat().st_mtime > OLD]
    if old:
        named = ", ".join(one.name for one in old[:5])
        hint = f"nobody uses them: remove them from {home.path / 'scratch'}"
        yield Check("scratch", WARN, f"{len(old)} leftovers of more than a day: {named}", hint)


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
