"""What the calls of remote workers do at a hub. Thread-safe; the engine alone moves runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future

from galley.errors import UnavailableError
from galley.runs.exchange import Exchange
from galley.runs.pool import PoolEvent
from galley.runs.seats import Orders, Seat


class Counter:
    """The workers' side of a hub."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def knows(self, session: str) -> bool:
        """Whether the session was heard of here."""
        return session in self._exchange.seats

    def admit(self, session: str, labels: tuple[str, ...] = ()) -> None:
        """A session that the database knows calls here for the first time."""
        with self._exchange.lock:
            seat = self._exchange.seats.setdefault(session, Seat())
            seat.labels = labels
            seat.asked = self._exchange.clock()

    def ask(
        self, session: str, capacity: int, has: Iterable[str], bell: Callable[[], None]
    ) -> None:
        """A session asks for orders; ``bell`` is rung when there are some.

        What was sent to it before and it does not have, and did not end, was lost on its way.
        """
        with self._exchange.lock:
            seat = self._exchange.seats.setdefault(session, Seat())
            seat.capacity = capacity
            seat.has = {task for task in has if not self._exchange.ended(task)}
            seat.sent &= seat.has
            seat.bell = bell
            seat.asked = self._exchange.clock()
            self._exchange.bell.ring()

    def orders(self, session: str) -> Orders:
        """What the session is to do now, each order once unless it ``ask``s again."""
        with self._exchange.lock:
            seat = self._exchange.seats.get(session)
            if seat is None or self._exchange.closing:
                return Orders(closing=True)
            while self._exchange.unseated and seat.room > 0:
                offer = self._exchange.unseated.popleft()
                seat.offers[offer.id] = offer
            cancels = tuple(seat.cancels)
            seat.cancels.clear()
            return Orders(seat.news(), cancels)

    def hang_up(self, session: str, bell: Callable[[], None]) -> None:
        """The session no longer waits for orders."""
        with self._exchange.lock:
            seat = self._exchange.seats.get(session)
            if seat is not None and seat.bell is bell:
                seat.bell = None
                seat.asked = self._exchange.clock()

    def report(self, events: Sequence[PoolEvent]) -> Future[None]:
        """Tell the engine; the future is done when it has acted, failed if it could not."""
        future: Future[None] = Future()
        with self._exchange.lock:
            if self._exchange.closing:
                future.set_exception(UnavailableError("no engine is at work here; try again"))
                return future
            self._exchange.unheard.append(future)
            self._exchange.tell(events)
        return future

    def leave(self, session: str) -> Future[None]:
        """A session says goodbye: what it was given and did not answer is anybody's at once."""
        with self._exchange.lock:
            seat = self._exchange.seats.pop(session, None)
            offers = list(seat.offers.values()) if seat is not None else []
            events = list(seat.lose_tests()) if seat is not None else []
        events += [PoolEvent("returned", offer.id) for offer in offers if offer.post is not None]
        return self.report(events)

    def hear(self, session: str, steps: Iterable[str]) -> None:
        """A session's heartbeat: the steps it works on."""
        with self._exchange.lock:
            seat = self._exchange.seats.setdefault(session, Seat())
            seat.steps = frozenset(steps)
            seat.beat = self._exchange.clock()
            seat.fresh = True

    def holds(self, session: str, task: str) -> bool:
        """Whether a task was given to the session and has not ended."""
        with self._exchange.lock:
            seat = self._exchange.seats.get(session)
            return seat is not None and task in seat.offers

    def ended(self, task: str) -> bool:
        """Whether the end of a task was told to the engine lately."""
        with self._exchange.lock:
            return self._exchange.ended(task)
