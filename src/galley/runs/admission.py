"""Starting queued runs: those that need not wait for another run, in the order of asking."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.exc import DBAPIError

from galley.errors import UnavailableError
from galley.runs import backfill, children, finishing, queue, records
from galley.runs.live import LiveRun, Site, prime_probes
from galley.runs.model import Intention, Reason, Run, RunState
from galley.runs.reasons import end_of_run
from galley.runs.starting import start_run

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
                self._cancel_queued(run, now)
            elif before is not None and before is not RunState.SUCCEEDED:
                if before.terminal:
                    self._give_up(run, now)
            elif not any(
                finishing.must_wait(run, live)
                for live in (*lives.values(), *self._started.values())
            ):
                self._start(run, now)
        return parents, self._started

    def _give_up(self, run: Run, now: int) -> None:
        """What the run waits for did not publish; those that wait for it need not be asked."""
        with self.site.database.write() as connection:
            children.give_up(connection, run.request.parent or "", run.request.after or "", now)

    def _start(self, run: Run, now: int) -> None:
        try:
            if run.is_backfill:
                backfill.start_backfill(self.site, run, self.owner, now)
                return
            with self.site.database.write() as connection:
                live = start_run(connection, self.site, run, self.owner, now)
            if live is None:
                return
            prime_probes(live, self.site)
        except (UnavailableError, DBAPIError):
            raise
        except Exception as error:  # noqa: BLE001 - kept with the run
            self._refuse(run, error, now)
            return
        self._started[run.id] = live

    def _refuse(self, run: Run, error: Exception, now: int) -> None:
        """The run cannot start; that must not stop the engine for all others."""
        reason, message = end_of_run(error)
        with self.site.database.write() as connection:
            queue.move_run(
                connection, run.id, RunState.FAILED, now, reason=reason.value, message=message
            )

    def _cancel_queued(self, run: Run, now: int) -> None:
        with self.site.database.write() as connection:
            queue.move_run(
                connection, run.id, RunState.CANCELLED, now, reason=Reason.CANCELLED.value
            )
