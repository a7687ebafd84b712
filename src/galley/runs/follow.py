"""Driving a run to its end from a command: be the engine, or watch the engine that is there."""

from __future__ import annotations

import time
from collections.abc import Callable

from galley.errors import UnavailableError
from galley.runs import records
from galley.runs.engine import Engine
from galley.runs.live import Site
from galley.runs.lockfile import EngineLock, home_gone
from galley.runs.model import Intention, Run
from galley.runs.pool import Pool

POLL = 0.1
"""Seconds between two looks at a run that another engine works on."""

PATIENCE = 300.0
RETRY = 0.5
"""Seconds: how long a shared database may be away, and how often it is tried."""


def follow(
    site: Site,
    pool: Pool,
    run_id: str,
    *,
    slots: int,
    watch: Callable[[], None],
    interrupted: Callable[[], bool],
) -> Run:
    """Wait until a run has ended, working on the home's runs if nobody else does.

    ``watch`` is called again and again to show progress. When ``interrupted`` becomes true the run
    is asked to stop, and the wait goes on until it has.

    Raises:
        UnavailableError: the home was deleted meanwhile.
    """
    asked = False
    engine = Engine(site, pool, slots)
    lock = EngineLock(site.home)

    def ended() -> bool:
        nonlocal asked
        if lock.lost:
            raise home_gone(site.home)
        if interrupted() and not asked:
            asked = True
            ask_to_stop(site, run_id)
        if run_id in engine.live:
            return False
        with site.database.read() as connection:
            return records.get_run(connection, run_id).state.terminal

    with lock:
        while not ended():
            if site.shared or lock.acquire():
                _work(engine, ended, watch)
            else:
                watch()
                time.sleep(POLL)
    watch()
    with site.database.read() as connection:
        return records.get_run(connection, run_id)


def ask_to_stop(site: Site, run_id: str) -> None:
    """Record the wish that a run is cancelled, if nobody has yet."""
    with site.database.write() as connection:
        if records.get_run(connection, run_id).intention is not Intention.CANCEL:
            records.set_intention(connection, run_id, Intention.CANCEL, site.clock())


def _work(engine: Engine, ended: Callable[[], bool], watch: Callable[[], None]) -> None:
    engine.open()
    try:
        while True:
            try:
                engine.work(ended, watch)
                return
            except UnavailableError:
                if not engine.site.shared:
                    raise
                outlast(engine)
    finally:
        engine.close()


def outlast(engine: Engine, patience: float = PATIENCE) -> None:
    """Wait until the database answers again, and begin anew.

    Raises:
        UnavailableError: it has not for ``patience`` seconds; the runs go on at the next command.
    """
    end = time.monotonic() + patience
    while True:
        try:
            engine.reopen()
            return
        except UnavailableError:
            if time.monotonic() > end:
                raise
            time.sleep(RETRY)
