"""The engine: one loop that claims ready steps, hands them to workers and records their ends.

Every decision is a conditional statement in the database; what the engine keeps in memory can be
rebuilt from there by the next engine at any moment.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress

from sqlalchemy import Connection

from galley.db.contention import repeated
from galley.errors import ContendedError, UnavailableError
from galley.ids import new_id
from galley.runs import (
    backfill,
    children,
    finishing,
    jumps,
    leases,
    queue,
    reaping,
    records,
    recovery,
    sessions,
)
from galley.runs.admission import Admission
from galley.runs.claiming import Claimer
from galley.runs.dispatch import Dispatcher
from galley.runs.jobs import Jobs
from galley.runs.live import LiveRun, Site, load_live
from galley.runs.model import ACTIVE, Intention, Run, RunState
from galley.runs.pool import PoolEvent
from galley.runs.publishing import Publisher
from galley.runs.timers import Timer, Timers
from galley.runs.workforce import Workforce

LOOK = 100_000
"""Microseconds: how often the engine looks for new runs and wishes."""

REAP = 2_000_000
"""Microseconds: how often, at most, it looks for what others have left."""


class Engine:
    """Works on runs until they have ended.

    On SQLite at most one is active per home (see ``lockfile``). Over a shared database any number
    are: each works on all runs there if it is ``everyones``, else on those of its own home. One
    without processes of its own (``works``) takes no step itself.
    """

    def __init__(
        self,
        site: Site,
        pool: Workforce,
        slots: int,
        *,
        everyones: bool = False,
        works: bool = True,
    ) -> None:
        self.site = site
        self.pool = pool
        self.slots = slots
        self._capacity = slots if works else 0
        self._origin = None if everyones or not site.shared else site.origin
        self.jobs = Jobs(site, pool, slots)
        self._begin()

    def _begin(self) -> None:
        """What an engine remembers; all of it can be found again in the database."""
        self.id = new_id()
        self.live: dict[str, LiveRun] = {}
        self.publisher = Publisher(self.site, self.id)
        self.claimer = Claimer(self.site, self.jobs, self.id, self._find, self._origin)
        self.dispatcher = Dispatcher(self.site, self.jobs, self.id, self.live.get)
        self.admission = Admission(self.site, self.id, self._origin)
        self._timers = Timers()
        self._changed: set[str] = set()

    def open(self) -> None:
        """Register this engine and take over what a dead one left.

        Raises:
            UnavailableError: the database does not answer; the call can be repeated.
        """
        now = self.site.clock()
        with self.site.database.write() as connection:
            jumps.settle(connection, now, self.site.lease)
            mine = sessions.this_process(
                self.id, self._capacity, now, lease=self.site.lease, labels=self.site.labels
            )
            sessions.open_session(connection, mine)
            reaping.forsake_dead(connection, now)
        taken = [] if self.site.shared else recovery.take_over(self.site, self.id)
        for live in taken:
            self.live[live.run.id] = live
            self.dispatcher.resume_tests(live)
            self._settle(live.run.id)

    def close(self) -> None:
        """Stop working; runs that are not finished go on at the next engine.

        Where a shared database does not answer nothing is handed over: the others take this
        engine's work when its leases are over.
        """
        self.pool.close()
        try:
            # What never reached a worker of another host; all else there goes on elsewhere.
            told = self.pool.poll(0)
            self.dispatcher.handle(event for event in told if self._is_unsent(event))
            recovery.hand_over(self.site, self.id)
        except UnavailableError:
            if not self.site.shared:
                raise

    def _is_unsent(self, event: PoolEvent) -> bool:
        """Whether an attempt was given back; tests are evaluated anew by the next engine."""
        job = self.jobs.get(event.task_id)
        return event.kind == "returned" and job is not None and job.attempt is not None

    def reopen(self) -> None:
        """Begin anew after the database did not answer.

        What was heard meanwhile may be recorded or not, so its own processes' work is ended and
        goes back to the queue, and the engine remembers nothing. What workers of other sessions
        have goes on.

        Raises:
            UnavailableError: it still does not answer; the call can be repeated.
        """
        self.jobs.abandon()
        recovery.hand_over(self.site, self.id)
        self._begin()
        self.open()

    def work(self, done: Callable[[], bool], tick: Callable[[], None]) -> None:
        """Run the loop until ``done()``; ``tick`` is called once a round to show progress."""
        while not done():
            self.step()
            tick()

    def step(self, timeout: float = 0.05) -> None:
        """One round: new runs and wishes, claims, messages from workers, ends of runs."""
        with suppress(ContendedError):
            # Nothing of what was ended stays, and the next round looks for it again.
            self._look()
        claimed = self._dispatch()
        self._changed |= claimed
        for run_id in [run_id for run_id in self._changed if not self.jobs.busy(run_id)]:
            with suppress(ContendedError):
                self._settle(run_id)
                self._changed.discard(run_id)
        self._publish_waiting()
        moved = self.dispatcher.handle(self.pool.poll(0 if claimed else timeout))
        self._changed |= moved
        self.pool.handled()
        if not moved and not claimed:
            # What was written meanwhile made no step ready; news of others are looked for anyway.
            self._timers.claim.mark = self.site.database.mark()
        self._beat()
        self._reap()

    def _look(self) -> None:
        now = self.site.clock()
        if not self._timers.look.due(now, self.site.database.mark(), LOOK):
            return
        self._timers.claim = Timer()
        with self.site.database.read() as connection:
            current = self._active(connection)
            parents = children.backfills(current.values())
            queued = self.admission.queued(connection, parents)
            waking = queue.any_to_wake(connection, self.live, now)
            if not queued.runs:
                self._join(connection, current.values())
        if queued.runs:
            started = self.admission.start(queued, self.live, now)
            self.live |= started
            self._changed |= started.keys()
            with self.site.database.read() as connection:
                current = self._active(connection)
                self._join(connection, current.values())
        for run_id, live in list(self.live.items()):
            found = current.get(run_id)
            if found is None:
                self._forget(run_id)
            else:
                self._heed(live, found, now)
        if waking:
            with self.site.database.write(durable=False) as connection:
                queue.wake_retries(connection, self.live, now)
        backfill.advance(self.site, parents, now)

    def _active(self, connection: Connection) -> dict[str, Run]:
        """The runs under way that are this engine's to work on."""
        runs = records.list_runs(
            connection, states=ACTIVE, origin=self._origin, limit=records.MOST_LIVE
        )
        return {run.id: run for run in runs}

    def _join(self, connection: Connection, current: Iterable[Run]) -> None:
        """Work on what another engine has started, too."""
        for run in current:
            if run.id not in self.live and not run.is_backfill:
                self._find(connection, run.id)
                self._changed.add(run.id)

    def _find(self, connection: Connection, run_id: str) -> LiveRun:
        """A run that is under way, whoever started it."""
        if run_id not in self.live:
            found = load_live(connection, self.site, records.get_run(connection, run_id))
            self.live[run_id] = found
        return self.live[run_id]

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
        return self.claimer.dispatch()

    def _settle(self, run_id: str) -> None:
        """When all steps of a run have ended, publish it or end it."""
        live = self.live.get(run_id)
        if live is None:
            return
        if finishing.settle(self.site, live, self.id):
            if live.run.state.terminal:
                self._forget(run_id)
            elif live.run.engine == self.id:
                self.publisher.enqueue(live)

    def _publish_waiting(self) -> None:
        for live, task in self.publisher.advance(self.slots):
            if task is not None:
                self.dispatcher.submit_publish_tests(live, task)
            elif live.run.state.terminal:
                self._forget(live.run.id)
        for live, answer in self.dispatcher.publish_answers():
            self.publisher.tests_done(live, answer)

    def _beat(self) -> None:
        if not self._timers.beat.due(self.site.clock(), None, self.site.lease // 4):
            return
        right = self.site.sync()
        now = self.site.clock()
        if not right:
            # Leases that others took by the old time say nothing until all have beaten again.
            self._timers.reap.rest(now, self.site.lease)
            _settle_clock(self.site, now)
        held = self._record_beat(now, self.pool.heard())
        self.jobs.keep_only(held)
        # Whoever finished a run's last step may have died before it saw to the run itself.
        self._changed.update(self.live)

    @repeated
    def _record_beat(self, now: int, heard: Mapping[str, Collection[str]]) -> set[tuple[str, int]]:
        """Extend leases; what this engine and its workers hold."""
        with self.site.database.write(durable=False) as connection:
            if _able(self.site, self.pool):
                leases.extend(connection, [self.id], now + self.site.lease)
            else:
                recovery.let_go(connection, self.id, now)
            leases.extend_afar(connection, heard, now, sessions.leases_of(connection, heard))
            sessions.touch(connection, [self.id, *heard], now)
            held = leases.held(connection, [self.id, *self.pool.sessions()])
            for live in self.live.values():
                recovery.sweep(connection, live)
            return held

    def _reap(self) -> None:
        """Take over what nobody holds any more."""
        now = self.site.clock()
        if not self._timers.reap.due(now, None, min(REAP, self.site.lease // 4)):
            return
        self.pool.dismiss(_forsaken(self.site, self.pool.sessions(), now))
        taken = reaping.reap(self.site, self.id, self.live, able=_able(self.site, self.pool))
        for live, step in taken.staged:
            self.dispatcher.resume_test(live, step)
        for live in taken.publishes:
            self.publisher.enqueue(live)
        self._changed |= taken.runs

    def _forget(self, run_id: str) -> None:
        self.live.pop(run_id, None)
        self.publisher.forget(run_id)
        self.jobs.cancel(run_id)


def _able(site: Site, pool: Workforce) -> bool:
    """Whether tests can be evaluated here. If not, others may go on with what wants some."""
    return not site.shared or pool.able


def _settle_clock(site: Site, now: int) -> None:
    with site.database.write(durable=False) as connection:
        jumps.settle(connection, now, site.lease)


@repeated
def _forsaken(site: Site, workers: Collection[str], now: int) -> set[str]:
    """Which sessions of an engine's workers are over."""
    with site.database.write(durable=False) as connection:
        reaping.forsake_dead(connection, now)
        return sessions.ended(connection, workers)
