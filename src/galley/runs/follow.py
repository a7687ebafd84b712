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
from galley.runs.patience import LONGEST, Patience, silent
from galley.runs.pool import Pool

POLL = 0.1
"""Seconds between two looks at a run that another engine works on."""


def follow(
    site: Site,
    pool: Pool,
    run_id: str,
    *,
    slots: int,
    watch: Callable[[], None],
    interrupted: Callable[[], bool],
    tell: Callable[[str], None] | None = None,
) -> Run:
    """Wait until a run has ended, working on the home's runs if nobody else does.

    ``watch`` is called again and again to show progress. When ``interrupted`` becomes true the run
    is asked to stop, and the wait goes on until it has. A shared database that goes away is waited
    for, which ``tell`` is told.

    Raises:
        UnavailableError: the home was deleted meanwhile, or the database does not come back.
    """
    asked = False
    patience = Patience(tell or silent, interrupted, LONGEST if site.shared else 0.0)
    engine = Engine(site, pool, slots)
    lock = EngineLock(site.home)

    def ended() -> bool:
        nonlocal asked
        if lock.lost:
            raise home_gone(site.home)
        if interrupted() and not asked:
            ask_to_stop(site, run_id)
            asked = True
        if run_id in engine.live:
            return False
        with site.database.read() as connection:
            return records.get_run(connection, run_id).state.terminal

    def found() -> Run:
        watch()
        with site.database.read() as connection:
            return records.get_run(connection, run_id)

    with lock:
        while not patience.until(ended):
            if site.shared or lock.acquire():
                _work(engine, ended, watch, patience)
            else:
                watch()
                time.sleep(POLL)
    return patience.until(found)


def ask_to_stop(site: Site, run_id: str) -> None:
    """Record the wish that a run is cancelled, if nobody has yet."""
    with site.database.write() as connection:
        if records.get_run(connection, run_id).intention is not Intention.CANCEL:
            records.set_intention(connection, run_id, Intention.CANCEL, site.clock())


def _work(
    engine: Engine, ended: Callable[[], bool], watch: Callable[[], None], patience: Patience
) -> None:
    patience.until(engine.open)
    try:
        while True:
            try:
                engine.work(ended, watch)
                return
            except UnavailableError:
                if not engine.site.shared:
                    raise
                patience.until(engine.reopen)
    finally:
        engine.close()
