"""What goes by the clock beside the engine: schedules, looks at the world, messages, collection.

Each is a thread of its own, so that neither a mail server nor a slow disk delays what is due.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError

from galley import bootstrap, clock
from galley.environments.home import Home
from galley.environments.scheduler import Scheduler
from galley.environments.upkeep import daily_round
from galley.environments.watching import Watcher
from galley.errors import GalleyError
from galley.server.chronicle import Chronicle

_log = logging.getLogger("galley.scheduler")

PAUSE = 1.0
"""Seconds between two looks of the scheduler where nothing is left to do."""

SEND_PAUSE = 2.0
WATCH_PAUSE = 2.0
CHRONICLE_PAUSE = 1.0
COLLECT_PAUSE = 600.0
"""Seconds between two looks whether a project's daily round is due."""

CLEAN_PAUSE = 6 * 3600 * clock.SECOND
"""Microseconds between two looks for what is too old."""


class Timekeeper:
    """Fires triggers, looks after promises and tells people, from ``start`` to ``stop``."""

    def __init__(self, home: Home) -> None:
        # On SQLite the machine's clock counts as it is now: what is due at seven is due when it
        # shows seven. Over a shared database all go by the database's.
        self._now = clock.now if home.database.is_sqlite else home.clock
        self._home = home
        self._scheduler = Scheduler(home)
        self._sender = bootstrap.make_sender(home, self._now)
        self._watcher = Watcher(home, self._scheduler, bootstrap.resolve)
        self._chronicle = Chronicle(home, bootstrap.make_collector())
        self._cleaned = 0
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin."""
        for name, work, pause in (
            ("scheduler", self._tick, PAUSE),
            ("watcher", self._watch, WATCH_PAUSE),
            ("messages", self._send, SEND_PAUSE),
            ("collection", self._collect, COLLECT_PAUSE),
            ("chronicle", self._chronicle.look, CHRONICLE_PAUSE),
        ):
            thread = threading.Thread(
                target=self._again, args=(name, work, pause), name=name, daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """End; a message that is being sent is sent again later if it does not end in time."""
        self._stop.set()
        self._sender.close()
        self._watcher.close()
        self._chronicle.close()
        for thread in self._threads:
            thread.join(2)

    def _again(self, name: str, work: Callable[[], bool], pause: float) -> None:
        """Work until stopped; what fails is said once in a row and tried again."""
        said = ""
        while not self._stop.is_set():
            more = False
            try:
                more = work()
                said = ""
            except (GalleyError, DBAPIError, OSError) as error:
                if str(error) != said:
                    _log.warning("the %s will try again: %s", name, error)
                said = str(error)
            except Exception:  # noqa: BLE001 - kept in the log
                # A defect in one look must not end all that follow.
                _log.exception("the %s met a defect and goes on", name)
            if not more:
                self._stop.wait(pause)

    def _tick(self) -> bool:
        return self._scheduler.tick(self._now()).more

    def _watch(self) -> bool:
        return self._watcher.look(self._now()) > 0

    def _collect(self) -> bool:
        for project, outcome in daily_round(self._home).items():
            for problem in outcome.problems:
                _log.warning("not collected in %s: %s", project, problem)
        return False

    def _send(self) -> bool:
        now = self._now()
        if not 0 <= now - self._cleaned < CLEAN_PAUSE:
            self._scheduler.forget(now)
            self._cleaned = now
        return self._sender.deliver() > 0
