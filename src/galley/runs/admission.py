"""Starting queued runs: those that need not wait for another run, in the order of asking."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from galley.errors import UnavailableError
from galley.runs import backfill, children, finishing, records, starting
from galley.runs.live import LiveRun, Site, prime_probes
from galley.runs.model import Intention, Reason, Run, RunState

_GOING = (RunState.RUNNING, Intention.GO)


@dataclass(frozen=True, slots=True)
class Queued:
    """Queued runs, and the states of those that some of them come after."""

    runs: list[Run]
    before: Mapping[str, RunState]


class Admission:
    """Looks through the queue for an engine."""

    def __init__(self, site: Site, owner: str, origin: str | None) -> None:
        self.site = site
        self.owner = owner
        self.origin = origin
        self._started: dict[str, LiveRun] = {}

    def queued(self, connection: Connection, parents: Iterable[Run]) -> Queued:
        """What may have its turn, beside the backfills under way."""
        going = [p for p in parents if (p.state, p.intention) == _GOING]
        runs = records.waiting(connection, self.origin) + children.startable(connection, going)
        return Queued(runs, records.states(connection, [run.request.after for run in runs]))

    def start(self, queued: Queued, lives: Mapping[str, LiveRun], now: int) -> dict[str, LiveRun]:
        """Start what need not wait; returns what was started."""
        self._started = {}
        for run in queued.runs:
            before = queued.before.get(run.request.after or "")
            if run.intention is Intention.CANCEL:
                starting.end_queued(self.site, run, RunState.CANCELLED, Reason.CANCELLED, now)
            elif before is not None and before is not RunState.SUCCEEDED:
                if before.terminal:
                    starting.give_up(self.site, run, now)
            elif not any(
                finishing.must_wait(run, live)
                for live in (*lives.values(), *self._started.values())
            ):
                self._start(run, now)
        return self._started

    def _start(self, run: Run, now: int) -> None:
        try:
            if run.is_backfill:
                backfill.start_backfill(self.site, run, self.owner, now)
                return
            with self.site.database.write() as connection:
                live = starting.start_run(connection, self.site, run, self.owner, now)
            if live is None:
                return
            prime_probes(live, self.site)
        except (UnavailableError, DBAPIError):
            raise
        except Exception as error:  # noqa: BLE001 - kept with the run
            starting.refuse(self.site, run, error, now)
            return
        self._started[run.id] = live
