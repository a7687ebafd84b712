"""Workers that come from elsewhere, as the engine sees them: a pool of the sessions that called.

Nothing in it must outlast the process: steps belong to the worker's session in the database, so
that an attempt survives the engine that began it. An offer that is lost with the process lapses
with its lease.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future

from galley.runs.bell import Bell
from galley.runs.counter import Counter
from galley.runs.exchange import Exchange
from galley.runs.pool import Opening, PoolEvent, Submission


class Hub:
    """Sessions of workers behind the surface of ``runs.pool.Pool``; their calls use ``counter``.

    ``quiet`` and ``lease`` are in seconds by ``clock`` (see ``Exchange``).
    """

    def __init__(
        self,
        *,
        quiet: float = 5.0,
        lease: float = 20.0,
        bell: Bell | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._exchange = Exchange(quiet, lease, bell or Bell(), clock)
        self._handed: list[Future[None]] = []
        self.counter = Counter(self._exchange)

    @property
    def idle(self) -> int:
        """How many tasks submitted now would start at once."""
        with self._exchange.lock:
            return sum(max(seat.room, 0) for _, seat in self._exchange.present())

    @property
    def able(self) -> bool:
        """Whether any session was heard of lately."""
        with self._exchange.lock:
            return self._exchange.anybody()

    def start(self) -> None:
        """Workers come by themselves."""

    def open(self) -> None:
        """Take calls, for a new engine."""
        self._exchange.closing = False

    def seats(self, most: int) -> list[Opening]:
        """A session for each of up to ``most`` steps, the emptiest first."""
        with self._exchange.lock:
            rooms = {id: (seat.room, seat.labels) for id, seat in self._exchange.present()}
        found: list[Opening] = []
        while len(found) < most and rooms:
            best = max(rooms, key=lambda id: rooms[id][0])
            room, labels = rooms[best]
            if room <= 0:
                break
            rooms[best] = (room - 1, labels)
            found.append(Opening(best, labels))
        return found

    def sessions(self) -> Collection[str]:
        """The sessions that were heard of."""
        with self._exchange.lock:
            return tuple(self._exchange.seats)

    def heard(self) -> Mapping[str, Collection[str]]:
        """The steps that sessions said to work on since the last call."""
        found = {}
        with self._exchange.lock:
            for id, seat in self._exchange.seats.items():
                if seat.fresh:
                    seat.fresh = False
                    found[id] = seat.steps
        return found

    def submit(self, task: Submission) -> None:
        """Offer an attempt to the session it was claimed for, tests to whoever has room first."""
        with self._exchange.lock:
            if task.post is None:
                self._exchange.unseated.append(task)
                self._exchange.ring_all()
            elif (seat := self._exchange.seats.get(task.post.session)) is not None:
                seat.offers[task.id] = task
                seat.ring()
            else:
                self._exchange.tell([PoolEvent("returned", task.id)])

    def reply(self, task_id: str, payload: bytes) -> None:
        """Questions of these workers are answered where they arrive; none comes to the engine."""

    def cancel(self, task_id: str, *, grace: float = 5.0) -> None:
        """Have a task ended; one that nobody fetched ends at once."""
        exchange = self._exchange
        with exchange.lock:
            for seat in exchange.seats.values():
                if task_id in seat.unsent:
                    seat.forget(task_id)
                    exchange.end_unsent(task_id)
                elif task_id in seat.offers or task_id in seat.has:
                    seat.cancels.add(task_id)
                    seat.ring()
            kept = deque(offer for offer in exchange.unseated if offer.id != task_id)
            if len(kept) < len(exchange.unseated):
                exchange.unseated = kept
                exchange.end_unsent(task_id)

    def recall(self) -> Submission | None:
        """Tests that nobody has fetched, for somebody else; the oldest first."""
        with self._exchange.lock:
            return self._exchange.unseated.popleft() if self._exchange.unseated else None

    def poll(self, timeout: float) -> list[PoolEvent]:
        """What happened; waits up to ``timeout`` seconds while there is nothing."""
        exchange = self._exchange
        if not exchange.inbox and timeout > 0:
            exchange.bell.wait(timeout)
        exchange.bell.hush()
        with exchange.lock:
            exchange.look_for_the_quiet()
            events = list(exchange.inbox)
            exchange.inbox.clear()
            self._handed += exchange.unheard
            exchange.unheard = []
            for event in events:
                if event.ends:
                    exchange.end(event.task_id)
        return events

    def handled(self) -> None:
        """What ``poll`` told is in the database: whoever reported it may hear so."""
        done, self._handed = self._handed, []
        for future in done:
            future.set_result(None)

    def fail(self, error: Exception) -> None:
        """The engine is no more: whoever reported something must do so again, to the next one.

        That asks for tests anew, so those under way are of no use. That something was given back
        is kept for it: nobody would say it again.
        """
        with self._exchange.lock:
            self._exchange.unseated.clear()
            for seat in self._exchange.seats.values():
                seat.abandon_tests()
            waiting = self._handed + self._exchange.unheard
            self._handed, self._exchange.unheard = [], []
            kept = [event for event in self._exchange.inbox if event.kind == "returned"]
            self._exchange.inbox = deque(kept)
        for future in waiting:
            future.set_exception(error)

    def fileno(self) -> int:
        """A descriptor that can be read when something happened."""
        return self._exchange.bell.fileno()

    def dismiss(self, sessions: Collection[str]) -> None:
        """Forget sessions that are over. Their tests are lost; their steps are reaped."""
        with self._exchange.lock:
            for id in sessions:
                seat = self._exchange.seats.pop(id, None)
                if seat is not None:
                    self._exchange.give_back(seat)
                    self._exchange.tell(seat.lose_tests())
                    seat.ring()

    def close(self) -> None:
        """Give back what nobody fetched, and send the workers elsewhere."""
        with self._exchange.lock:
            self._exchange.closing = True
            for seat in self._exchange.seats.values():
                self._exchange.give_back(seat)
            self._exchange.ring_all()
