"""The engine: one loop that claims ready steps, hands them to workers and records their ends.

Every decision is a conditional statement in the database; what the engine keeps in memory can be
rebuilt from there by the next engine at any moment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy.exc import DBAPIError

from galley.errors import UnavailableError
from galley.ids import new_id
from galley.runs import backfill, finishing, queue, records, recovery
from galley.runs.claiming import LEASE, Claimer
from galley.runs.dispatch import Dispatcher
from galley.runs.jobs import Jobs
from galley.runs.live import LiveRun, Site, prime_probes
from galley.runs.model import Intention, Reason, Run, RunState
from galley.runs.pool import Pool
from galley.runs.publishing import Publisher
from galley.runs.reasons import end_of_run
from galley.runs.starting import start_run
from galley.version import VERSION

BEAT = 5_000_000
LOOK = 100_000
QUIET = 500_000
"""Microseconds: how often leases are extended, how often the engine looks for new runs and wishes,
and how often it does where nobody has changed the database (steps wait to be tried again).
"""

ACTIVE = (RunState.RUNNING, RunState.PAUSED, RunState.PUBLISHING)


@dataclass(slots=True)
class _Timer:
    """When something was done last, and what the database's mark was then."""

    at: int = 0
    mark: int | None = None

    def due(self, now: int, mark: int | None, every: int) -> bool:
        """Whether it is time again; if so the time counts from now."""
        quiet = mark is not None and mark == self.mark
        if 0 <= now - self.at < (QUIET if quiet else every):
            return False
        self.at, self.mark = now, mark
        return True


@dataclass(slots=True)
class _Timers:
    beat: _Timer = field(default_factory=_Timer)
    look: _Timer = field(default_factory=_Timer)
    claim: _Timer = field(default_factory=_Timer)


class Engine:
    """Works on the runs of one home. At most one is active per home (see ``lockfile``)."""

    def __init__(self, site: Site, pool: Pool, slots: int) -> None:
        self.site = site
        self.pool = pool
        self.slots = slots
        self.id = new_id()
        self.live: dict[str, LiveRun] = {}
        self.publisher = Publisher(site, self.id)
        self.jobs = Jobs(site, pool, slots)
        self.claimer = Claimer(site, self.jobs, self.id)
        self.dispatcher = Dispatcher(site, self.jobs)
        self._timers = _Timers()
        self._changed: set[str] = set()

    def open(self) -> None:
        """Register this engine and take over what a dead one left."""
        now = self.site.clock()
        with self.site.database.write() as connection:
            records.open_session(
                connection,
                id=self.id,
                capacity=self.slots,
                version=VERSION,
                boot_id=recovery.boot_id(),
                now=now,
            )
        for live in recovery.take_over(self.site, self.id):
            self.live[live.run.id] = live
            self.dispatcher.resume_tests(live)
            self._settle(live.run.id)

    def close(self) -> None:
        """Stop working; runs that are not finished go on at the next engine."""
        self.pool.close()
        recovery.hand_over(self.site, self.live.values())
        with self.site.database.write() as connection:
            records.touch_session(connection, self.id, self.site.clock(), ended=True)

    def work(self, done: Callable[[], bool], tick: Callable[[], None]) -> None:
        """Run the loop until ``done()``; ``tick`` is called once a round to show progress."""
        while not done():
            self.step()
            tick()

    def step(self, timeout: float = 0.05) -> None:
        """One round: new runs and wishes, claims, messages from workers, ends of runs."""
        self._look()
        claimed = self._dispatch()
        self._changed |= claimed
        for run_id in [run_id for run_id in self._changed if not self.jobs.busy(run_id)]:
            self._changed.discard(run_id)
            self._settle(run_id)
        self._publish_waiting()
        self._changed |= self.dispatcher.handle(self.pool.poll(0 if claimed else timeout))
        self._beat()

    def _look(self) -> None:
        now = self.site.clock()
        if not self._timers.look.due(now, self.site.database.mark(), LOOK):
            return
        self._timers.claim = _Timer()
        self._start_queued(now)
        with self.site.database.read() as connection:
            current = {
                run.id: run
                for run in records.list_runs(connection, states=ACTIVE, limit=records.MOST_LIVE)
                if run.id in self.live
            }
        for run_id, live in list(self.live.items()):
            found = current.get(run_id)
            if found is None:
                self._forget(run_id)
            else:
                self._heed(live, found, now)
        with self.site.database.write(durable=False) as connection:
            queue.wake_retries(connection, self.live, now)
            backfill.advance(connection, self.site, now)

    def _start_queued(self, now: int) -> None:
        with self.site.database.read() as connection:
            queued = records.waiting(connection)
            states = records.states(connection, [r.request.after for r in queued])
        for run in queued:
            before = states.get(run.request.after or "")
            if run.intention is Intention.CANCEL:
                self._cancel_queued(run, now)
            elif before is not None and before is not RunState.SUCCEEDED:
                if before.terminal:
                    self._give_up(run, now)
            elif not any(finishing.must_wait(run, live) for live in self.live.values()):
                self._start(run, now)

    def _give_up(self, run: Run, now: int) -> None:
        """What the run waits for did not publish."""
        said = f"run {run.request.after}, whose windows this one reads, did not publish"
        with self.site.database.write() as connection:
            upstream = Reason.UPSTREAM.value
            queue.move_run(connection, run.id, RunState.FAILED, now, reason=upstream, message=said)

    def _start(self, run: Run, now: int) -> None:
        try:
            if run.request.batch is not None:
                backfill.start_backfill(self.site, run, self.id, now)
                return
            with self.site.database.write() as connection:
                live = start_run(connection, self.site, run, self.id, now)
            prime_probes(live, self.site)
        except (UnavailableError, DBAPIError):
            raise
        except Exception as error:  # noqa: BLE001 - kept with the run
            self._refuse(run, error, now)
            return
        self.live[run.id] = live
        self._changed.add(run.id)

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

    def _heed(self, live: LiveRun, found: Run, now: int) -> None:
        """Do what was asked of a run: pause, go on, stop."""
        live.run = found
        wish = found.intention
        if wish is Intention.CANCEL:
            if found.state is not RunState.PUBLISHING:
                with self.site.database.write() as connection:
                    queue.cancel_pending(connection, found.id, now)
            self.jobs.cancel(found.id)
            self._changed.add(found.id)
            return
        to = {
            (Intention.PAUSE, RunState.RUNNING): RunState.PAUSED,
            (Intention.GO, RunState.PAUSED): RunState.RUNNING,
        }.get((wish, found.state))
        if to is not None:
            with self.site.database.write() as connection:
                queue.move_run(connection, found.id, to, now)
            # Its last step may have ended meanwhile, and a paused run does not publish.
            self._changed.add(found.id)

    def _dispatch(self) -> set[str]:
        if not self._timers.claim.due(self.site.clock(), self.site.database.mark(), 0):
            return set()
        running = [
            run_id
            for run_id, live in self.live.items()
            if live.run.state is RunState.RUNNING and live.run.intention is Intention.GO
        ]
        return self.claimer.dispatch(running, self.live)

    def _settle(self, run_id: str) -> None:
        """When all steps of a run have ended, publish it or end it."""
        live = self.live.get(run_id)
        if live is None:
            return
        if finishing.settle(self.site, live):
            if live.run.state is RunState.PUBLISHING:
                self.publisher.enqueue(live)
            else:
                self._forget(run_id)

    def _publish_waiting(self) -> None:
        for live, task in self.publisher.advance(self.slots):
            if task is not None:
                self.dispatcher.submit_publish_tests(live, task)
            elif live.run.state.terminal:
                self._forget(live.run.id)
        for live, answer in self.dispatcher.publish_answers():
            self.publisher.tests_done(live, answer)

    def _beat(self) -> None:
        now = self.site.clock()
        if not self._timers.beat.due(now, None, BEAT):
            return
        with self.site.database.write(durable=False) as connection:
            queue.beat(connection, self.id, now, LEASE)
            records.touch_session(connection, self.id, now)
            for live in self.live.values():
                recovery.sweep(connection, live)

    def _forget(self, run_id: str) -> None:
        self.live.pop(run_id, None)
        self.jobs.cancel(run_id)
