"""What engines of this process bring to an end: lines in the log, and traces where wanted."""

from __future__ import annotations

import logging
from collections import deque

from galley.clock import SECOND
from galley.environments.home import Home
from galley.environments.traces import ended_here, trace_of
from galley.notify.spans import Collector, Trace
from galley.runs.model import Run, RunState
from galley.runs.outbox import Reader

_log = logging.getLogger("galley.runs")

MOST = 1000
"""Traces that wait while nobody takes them; the oldest go first."""

_ENDS = frozenset(f"run.{state.value}" for state in RunState if state.terminal)


class Chronicle:
    """Follows what ends, and tells. Its thread may wait long for a collector that is silent."""

    def __init__(self, home: Home, collector: Collector | None) -> None:
        self._database = home.database
        self._collector = collector
        self._reader = Reader(home.database)
        self._started = False
        self._waiting: deque[Trace] = deque(maxlen=MOST)
        self._failing = False

    def look(self) -> bool:
        """One look. Whether there is more to do at once.

        Raises:
            UnavailableError: the database does not answer.
        """
        if not self._started:
            self._reader.start()
            self._started = True
        self._waiting.extend(self._ended())
        while self._waiting and self._collector is not None:
            if not self._collector.send(self._waiting[0]):
                if not self._failing:
                    _log.warning("a trace was not taken; they wait and are sent again")
                self._failing = True
                return False
            self._failing = False
            self._waiting.popleft()
        return False

    def close(self) -> None:
        """Send nothing more."""
        if self._collector is not None:
            self._collector.close()

    def _ended(self) -> list[Trace]:
        ended = [event.run for event in self._reader.read() if event.kind in _ENDS]
        if not ended:
            return []
        with self._database.read() as connection:
            found = [ended_here(connection, run) for run in dict.fromkeys(ended)]
            runs = [run for run in found if run is not None]
            for run in runs:
                _tell(run)
            return [trace_of(connection, run) for run in runs] if self._collector else []


def _tell(run: Run) -> None:
    seconds = ((run.finished or run.created) - (run.started or run.created)) / SECOND
    said = f"run {run.id} of {run.project}/{run.pipeline} on {run.ref} {run.state.value}"
    why = f": {run.message.splitlines()[0]}" if run.message else ""
    good = run.state is RunState.SUCCEEDED
    _log.log(
        logging.INFO if good else logging.WARNING,
        "%s after %.1f s%s",
        said,
        seconds,
        why,
        extra={"run": run.id},
    )
