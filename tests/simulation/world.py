"""A world in which time, order and misfortune follow from a seed.

What goes on by itself is a greenlet; one is at work at a time and goes on until it pauses. At a
pause the world decides who goes on, how much time has passed, and whether the process dies there
or is stopped for a while. So whatever goes wrong does so again with the same seed.
"""

from __future__ import annotations

import heapq
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from greenlet import getcurrent, greenlet

from galley.runs.bell import Bell

START = 1_770_000_000_000_000
MILLISECOND = 1000
SECOND = 1_000_000


class Crash(BaseException):
    """The process is killed here: nothing of it goes on, nothing of it is tidied up."""


@dataclass(frozen=True)
class Misfortune:
    """How likely what is.

    At each pause a death, a failing or a ``slow`` database, a long stop. At each read of a unit of
    work that has changed nothing yet, that somebody comes in ``between``. Of a unit of work that
    need not be durable, that it is ``forgotten``. With each call over the network, that it or its
    answer is lost, that it is done twice, or late.
    """

    crash: float = 0.002
    refused: float = 0.003
    reply_lost: float = 0.003
    stop: float = 0.004
    longest_stop: int = 6 * SECOND
    between: float = 0.03
    forgotten: float = 0.003
    slow: float = 0.06
    call_lost: float = 0.03
    answer_lost: float = 0.03
    twice: float = 0.03
    late: float = 0.02


CALM = Misfortune(
    0, 0, 0, 0, between=0, forgotten=0, slow=0, call_lost=0, answer_lost=0, twice=0, late=0
)


AFTERWARDS = replace(CALM, between=0.03, slow=0.06)
"""Nothing goes wrong, and everybody is in everybody's way."""


@dataclass(eq=False)
class Host:
    """A process: all that goes on in it dies at once, and is stopped at once."""

    mortal: bool = True
    dead: bool = False
    still_until: int = 0


@dataclass(order=True)
class _Turn:
    at: int
    tie: float
    number: int
    thread: greenlet = field(compare=False)


class World:
    """The clock and all that goes on."""

    def __init__(self, seed: int, misfortune: Misfortune | None = None) -> None:
        self.random = Random(seed)
        self.now = START
        self.misfortune = misfortune or Misfortune()
        self.switches = 0
        self.crashes = 0
        self.defects: list[str] = []
        self._turns: list[_Turn] = []
        self._ended = False
        self._hosts: dict[greenlet, Host] = {}
        self._due: dict[greenlet, int] = {}
        self._main = getcurrent()

    def clock(self) -> int:
        """Now, in microseconds."""
        return self.now

    def seconds(self) -> float:
        """Now, in seconds since an instant."""
        return (self.now - START) / SECOND

    def spawn(self, call: Callable[[], None], host: Host, after: int = 0) -> greenlet:
        """Have something go on in a process."""
        thread = greenlet(self._guarded(call), parent=self._main)
        self._hosts[thread] = host
        self._queue(thread, after)
        return thread

    def run(self, until: Callable[[], bool], deadline: int) -> bool:
        """Let all go on; whether ``until`` became true before the deadline."""
        while self._turns and self.now < deadline:
            if until():
                return True
            turn = heapq.heappop(self._turns)
            if self._due.get(turn.thread) != turn.number:
                continue
            self.now = max(self.now, turn.at)
            host = self._hosts[turn.thread]
            if host.dead:
                self._forget(turn.thread)
                if turn.thread:
                    turn.thread.throw(Crash)
            elif host.still_until > self.now:
                self._queue(turn.thread, host.still_until - self.now)
            else:
                self.switches += 1
                turn.thread.switch()
                if turn.thread.dead:
                    self._forget(turn.thread)
        return until()

    def sleep(self, microseconds: int) -> None:
        """Wait; others go on."""
        self._queue(getcurrent(), microseconds)
        self._main.switch()

    def wake(self, thread: greenlet) -> None:
        """Have who waits go on at once."""
        if thread in self._hosts and not thread.dead:
            self._queue(thread, 0)

    def pause(self) -> None:
        """A moment at which anything may happen to the process."""
        chance, host = self.misfortune, self._hosts[getcurrent()]
        if host.dead or (host.mortal and self.fails(chance.crash)):
            self.kill(host)
            raise Crash
        if host.mortal and self.fails(chance.stop):
            host.still_until = self.now + self.random.randrange(chance.longest_stop)
        slow = self.fails(chance.slow)
        self.sleep(self.random.randrange(400 * MILLISECOND if slow else 3 * MILLISECOND))

    def breathe(self) -> None:
        """Others may come in between here, seldom."""
        if self.fails(self.misfortune.between):
            self.sleep(self.random.randrange(400 * MILLISECOND))

    def kill(self, host: Host) -> None:
        """All that goes on in a process ends."""
        self.crashes += not host.dead
        host.dead = True

    def fails(self, likelihood: float) -> bool:
        """Whether something goes wrong now."""
        return likelihood > 0 and self.random.random() < likelihood

    def halt(self) -> None:
        """All processes die."""
        for host in self._hosts.values():
            host.dead = True

    def end(self) -> None:
        """Nothing goes on."""
        self._ended = True
        for thread in list(self._hosts):
            if thread:
                thread.throw(Crash)
        self._hosts.clear()

    def _forget(self, thread: greenlet) -> None:
        self._hosts.pop(thread, None)
        self._due.pop(thread, None)

    def _queue(self, thread: greenlet, after: int) -> None:
        if self._ended:
            return
        number = self._due[thread] = self._due.get(thread, 0) + 1
        turn = _Turn(self.now + after, self.random.random(), number, thread)
        heapq.heappush(self._turns, turn)

    def _guarded(self, call: Callable[[], None]) -> Callable[[], None]:
        def body() -> None:
            try:
                call()
            except Crash:
                return
            except Exception:  # noqa: BLE001
                # Whatever it is, nothing here must end by itself.
                self.defects.append(traceback.format_exc())

        return body


class SimulatedBell(Bell):
    """Wakes who waits in a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rung = False
        self._waiting: greenlet | None = None

    def fileno(self) -> int:
        """Nothing real can be waited for."""
        return -1

    def ring(self) -> None:
        """Wake who waits, now or next."""
        self._rung = True
        if self._waiting is not None:
            self._world.wake(self._waiting)

    def wait(self, seconds: float) -> None:
        """Until it is rung, but not longer."""
        if self._rung:
            return
        self._waiting = getcurrent()
        try:
            self._world.sleep(int(seconds * SECOND))
        finally:
            self._waiting = None

    def hush(self) -> None:
        """Forget that it was rung."""
        self._rung = False
