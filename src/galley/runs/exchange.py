"""Where an engine and the calls of its remote workers meet. Every method wants the lock held."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future

from galley.runs.bell import Bell
from galley.runs.model import Reason
from galley.runs.pool import PoolEvent, Submission
from galley.runs.seats import Seat

REMEMBERED = 10_000
"""Tasks that have ended and are known to have; later answers to them change nothing."""


class Exchange:
    """What the two sides share. ``quiet``, ``lease`` and what ``clock`` says are in seconds.

    A session that asked for nothing for the ``quiet`` gets no more tasks, and what it did not
    fetch is given back.
    """

    def __init__(
        self,
        quiet: float,
        lease: float,
        bell: Bell,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.quiet = quiet
        self.lease = lease
        self.bell = bell
        self.clock = clock
        self.lock = threading.Lock()
        self.closing = False
        self.seats: dict[str, Seat] = {}
        self.unseated: deque[Submission] = deque()
        self.inbox: deque[PoolEvent] = deque()
        self.unheard: list[Future[None]] = []
        self._ended: OrderedDict[str, None] = OrderedDict()

    def present(self) -> list[tuple[str, Seat]]:
        """The sessions that wait for orders, or just did."""
        since = self.clock() - self.quiet / 5
        return [
            (id, seat)
            for id, seat in self.seats.items()
            if not self.closing and (seat.bell is not None or seat.asked >= since)
        ]

    def anybody(self) -> bool:
        """Whether any session was heard of within the lease."""
        since = self.clock() - self.lease
        return any(
            seat.bell is not None or max(seat.asked, seat.beat) >= since
            for seat in self.seats.values()
        )

    def look_for_the_quiet(self) -> None:
        """Take back what is with sessions that are not heard of."""
        now = self.clock()
        for seat in self.seats.values():
            if seat.bell is None and seat.asked < now - self.quiet:
                self.give_back(seat)
            if seat.bell is None and max(seat.beat, seat.asked) < now - self.lease:
                self.tell(seat.lose_tests())

    def give_back(self, seat: Seat) -> None:
        """What was never sent goes back: attempts to the queue, tests to another worker."""
        for offer in seat.give_back():
            if offer.post is None:
                self.unseated.append(offer)
            else:
                self.tell([PoolEvent("returned", offer.id)])

    def end_unsent(self, task: str) -> None:
        """A task that nobody began is cancelled."""
        said = "cancelled before it started"
        self.tell([PoolEvent("exited", task, reason=Reason.CANCELLED, detail=said)])

    def tell(self, events: Iterable[PoolEvent]) -> None:
        """Tell the engine."""
        before = len(self.inbox)
        self.inbox.extend(events)
        if len(self.inbox) > before:
            self.bell.ring()

    def ended(self, task: str) -> bool:
        """Whether the end of a task was told to the engine lately."""
        return task in self._ended

    def end(self, task: str) -> None:
        """The engine hears of a task's end."""
        self._ended[task] = None
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)
        for seat in self.seats.values():
            seat.forget(task)

    def ring_all(self) -> None:
        """Wake all sessions."""
        for seat in self.seats.values():
            seat.ring()
