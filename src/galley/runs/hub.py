"""Workers that come from elsewhere, as the engine sees them: a pool of the sessions that called.

The engine's thread and those that serve the workers' calls meet here. Nothing in it must outlast
the process: steps belong to the worker's session in the database, so that an attempt survives the
engine that began it. An offer that is lost with the process lapses with its lease.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future

from galley.errors import UnavailableError
from galley.runs.model import Reason
from galley.runs.pool import Opening, PoolEvent, Post
from galley.runs.seats import Offer, Orders, Seat

REMEMBERED = 10_000
"""Tasks that have ended and are known to have; later answers to them change nothing."""


class Hub:
    """Sessions of workers behind the surface of ``runs.pool.Pool``. ``quiet`` is in seconds.

    A session that asked for nothing for that long gets no more tasks, and what it did not fetch
    is given back.
    """

    def __init__(self, *, quiet: float = 5.0, lease: float = 20.0) -> None:
        self._quiet = quiet
        self._lease = lease
        self._lock = threading.Lock()
        self._seats: dict[str, Seat] = {}
        self._unseated: deque[Offer] = deque()
        self._inbox: deque[PoolEvent] = deque()
        self._unheard: list[Future[None]] = []
        self._handed: list[Future[None]] = []
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._bell_out, self._bell_in = os.pipe()
        os.set_blocking(self._bell_out, False)
        os.set_blocking(self._bell_in, False)
        self._closing = False

    # What the engine calls

    @property
    def idle(self) -> int:
        """How many tasks submitted now would start at once."""
        with self._lock:
            return sum(max(seat.room, 0) for _, seat in self._present())

    def start(self) -> None:
        """Workers come by themselves."""

    def seats(self, most: int) -> list[Opening]:
        """A session for each of up to ``most`` steps, the emptiest first."""
        with self._lock:
            rooms = {id: seat.room for id, seat in self._present()}
            labels = {id: seat.labels for id, seat in self._present()}
        found: list[Opening] = []
        while len(found) < most and rooms:
            best = max(rooms, key=rooms.__getitem__)
            if rooms[best] <= 0:
                break
            rooms[best] -= 1
            found.append(Opening(best, labels[best]))
        return found

    def sessions(self) -> Collection[str]:
        """The sessions that were heard of."""
        with self._lock:
            return tuple(self._seats)

    def heard(self) -> Mapping[str, Collection[str]]:
        """The steps that sessions said to work on within a quarter of a lease."""
        since = time.monotonic() - self._lease / 4
        with self._lock:
            return {id: seat.steps for id, seat in self._seats.items() if seat.beat >= since}

    def submit(
        self,
        task_id: str,
        payload: bytes,
        *,
        code_dir: str,
        log_name: str,
        secrets: tuple[str, ...],
        timeout: float | None,
        memory: int | None,
        post: Post | None = None,
    ) -> None:
        """Offer an attempt to the session it was claimed for, tests to whoever has room first."""
        code = code_dir.rpartition("/")[2]
        offer = Offer(task_id, payload, code, log_name, secrets, timeout, memory, post)
        with self._lock:
            self._ended.pop(task_id, None)
            seat = self._seats.get(post.session) if post is not None else None
            if seat is not None:
                seat.offers[task_id] = offer
                seat.ring()
            elif post is not None:
                self._tell([PoolEvent("returned", task_id)])
            else:
                self._unseated.append(offer)
                self._ring_all()

    def reply(self, task_id: str, payload: bytes) -> None:
        """Questions of these workers are answered where they arrive; none comes to the engine."""

    def cancel(self, task_id: str, *, grace: float = 5.0) -> None:
        """Have a task ended; one that nobody fetched ends at once."""
        with self._lock:
            for seat in self._seats.values():
                if task_id in seat.unsent:
                    seat.forget(task_id)
                    self._end_unsent(task_id)
                elif task_id in seat.offers or task_id in seat.has:
                    seat.cancels.add(task_id)
                    seat.ring()
            kept = deque(offer for offer in self._unseated if offer.id != task_id)
            if len(kept) < len(self._unseated):
                self._unseated = kept
                self._end_unsent(task_id)

    def poll(self, timeout: float) -> list[PoolEvent]:
        """What happened; waits up to ``timeout`` seconds while there is nothing."""
        if not self._inbox and timeout > 0:
            select.select([self._bell_out], [], [], timeout)
        with contextlib.suppress(BlockingIOError):
            os.read(self._bell_out, 4096)
        with self._lock:
            self._look_for_the_quiet()
            events = list(self._inbox)
            self._inbox.clear()
            self._handed += self._unheard
            self._unheard = []
            for event in events:
                if event.ends:
                    self._forget(event.task_id)
        return events

    def handled(self) -> None:
        """What ``poll`` told is in the database: whoever reported it may hear so."""
        with self._lock:
            done, self._handed = self._handed, []
        for future in done:
            future.set_result(None)

    def fail(self, error: Exception) -> None:
        """Nothing could be recorded: whoever reported something must do so again."""
        with self._lock:
            waiting = self._handed + self._unheard
            self._handed, self._unheard = [], []
            self._inbox.clear()
        for future in waiting:
            future.set_exception(error)

    def fileno(self) -> int:
        """A descriptor that can be read when something happened."""
        return self._bell_out

    def dismiss(self, sessions: Collection[str]) -> None:
        """Forget sessions that are over. Their tests are lost; their steps are reaped."""
        with self._lock:
            for id in sessions:
                seat = self._seats.pop(id, None)
                if seat is not None:
                    self._tell(seat.lose_tests())
                    seat.ring()

    def close(self) -> None:
        """Give back what nobody fetched, and send the workers elsewhere."""
        with self._lock:
            self._closing = True
            for seat in self._seats.values():
                self._give_back(seat)
            self._ring_all()

    # What the workers' calls do

    def open(self) -> None:
        """Take calls again, for a new engine."""
        self._closing = False

    def knows(self, session: str) -> bool:
        """Whether the session was heard of here."""
        return session in self._seats

    def admit(self, session: str, labels: tuple[str, ...] = ()) -> None:
        """A session that the database knows calls here for the first time."""
        with self._lock:
            seat = self._seats.setdefault(session, Seat())
            seat.labels = labels
            seat.asked = time.monotonic()

    def ask(
        self, session: str, capacity: int, has: Iterable[str], bell: Callable[[], None]
    ) -> None:
        """A session asks for orders; ``bell`` is rung when there are some.

        What was sent to it before and it does not have, and did not end, was lost on its way.
        """
        with self._lock:
            seat = self._seats.setdefault(session, Seat())
            seat.capacity = capacity
            seat.has = {task for task in has if task not in self._ended}
            seat.sent &= seat.has
            seat.bell = bell
            seat.asked = time.monotonic()
            self._ring_engine()

    def orders(self, session: str) -> Orders:
        """What the session is to do now, each order once unless it ``ask``s again."""
        with self._lock:
            seat = self._seats.get(session)
            if seat is None or self._closing:
                return Orders(closing=True)
            while self._unseated and seat.room > 0:
                offer = self._unseated.popleft()
                seat.offers[offer.id] = offer
            seat.asked = time.monotonic()
            cancels = tuple(seat.cancels)
            seat.cancels.clear()
            return Orders(seat.news(), cancels)

    def hang_up(self, session: str, bell: Callable[[], None]) -> None:
        """The session no longer waits for orders."""
        with self._lock:
            seat = self._seats.get(session)
            if seat is not None and seat.bell is bell:
                seat.bell = None
                seat.asked = time.monotonic()

    def report(self, events: Sequence[PoolEvent]) -> Future[None]:
        """Tell the engine; the future is done when it has acted, failed if it could not."""
        future: Future[None] = Future()
        with self._lock:
            if self._closing:
                future.set_exception(UnavailableError("this server is about to stop"))
                return future
            self._unheard.append(future)
            self._tell(events)
        return future

    def hear(self, session: str, steps: Iterable[str]) -> None:
        """A session's heartbeat: the steps it works on."""
        with self._lock:
            seat = self._seats.setdefault(session, Seat())
            seat.steps = frozenset(steps)
            seat.beat = time.monotonic()

    def holds(self, session: str, task: str) -> bool:
        """Whether a task that is no attempt was given to the session and has not ended."""
        with self._lock:
            seat = self._seats.get(session)
            return seat is not None and task in seat.offers

    def ended(self, task: str) -> bool:
        """Whether the end of a task was told to the engine lately."""
        with self._lock:
            return task in self._ended

    # Under the lock

    def _present(self) -> list[tuple[str, Seat]]:
        """The sessions that wait for orders, or just did."""
        since = time.monotonic() - self._quiet / 5
        return [
            (id, seat)
            for id, seat in self._seats.items()
            if not self._closing and (seat.bell is not None or seat.asked >= since)
        ]

    def _look_for_the_quiet(self) -> None:
        now = time.monotonic()
        for seat in self._seats.values():
            if seat.bell is None and seat.asked < now - self._quiet:
                self._give_back(seat)
            if seat.bell is None and max(seat.beat, seat.asked) < now - self._lease:
                self._tell(seat.lose_tests())

    def _give_back(self, seat: Seat) -> None:
        """What was never sent goes back: attempts to the queue, tests to another worker."""
        for offer in seat.give_back():
            if offer.post is None:
                self._unseated.append(offer)
            else:
                self._tell([PoolEvent("returned", offer.id)])

    def _end_unsent(self, task: str) -> None:
        said = "cancelled before it started"
        self._tell([PoolEvent("exited", task, reason=Reason.CANCELLED, detail=said)])

    def _tell(self, events: Iterable[PoolEvent]) -> None:
        before = len(self._inbox)
        self._inbox.extend(events)
        if len(self._inbox) > before:
            self._ring_engine()

    def _forget(self, task: str) -> None:
        self._ended[task] = None
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)
        for seat in self._seats.values():
            seat.forget(task)

    def _ring_engine(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._bell_in, b"!")

    def _ring_all(self) -> None:
        for seat in self._seats.values():
            seat.ring()
