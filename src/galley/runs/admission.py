"""Starting queued runs: those that need not wait for another run, in the order of asking."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.exc import DBAPIError

from galley.errors import UnavailableError
from galley.runs import backfill, children, finishing, records, starting
from galley.runs.live import LiveRun, Site, prime_probes
from galley.runs.model import Intention, Reason, Run, RunState

_GOING = (RunState.RUNNING, Intention.GO)


class Admission:
    """Looks through the queue for an engine."""

    def __init__(self, site: Site, owner: str, origin: str | None) -> None:
        self.site = site
        self.owner = owner
        self.origin = origin
        self._started: dict[str, LiveRun] = {}

    def start_queued(
        self, lives: Mapping[str, LiveRun], now: int
    ) -> tuple[list[Run], dict[str, LiveRun]]:
        """Start what need not wait; returns the backfills under way, and what was started."""
        self._started = {}
        with self.site.database.read() as connection:
            parents = children.backfills(connection, self.origin)
            going = [p for p in parents if (p.state, p.intention) == _GOING]
            queued = records.waiting(connection, self.origin)
            queued += children.startable(connection, going)
            states = records.states(connection, [r.request.after for r in queued])
        for run in queued:
            before = states.get(run.request.after or "")
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
        return parents, self._started

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
