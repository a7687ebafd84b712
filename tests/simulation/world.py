"""A world in which time, order and misfortune follow from a seed.

Processes are greenlets; one is at work at a time and goes on until it pauses. At a pause the world
decides who goes on, how much time has passed, and whether the process dies there. So whatever goes
wrong does so again with the same seed.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from greenlet import getcurrent, greenlet
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import StaticPool

from galley.db.engine import Database
from galley.errors import UnavailableError

START = 1_770_000_000_000_000
MILLISECOND = 1000
SECOND = 1_000_000


class Crash(BaseException):
    """The process is killed here: nothing of it goes on, nothing of it is tidied up."""


@dataclass(frozen=True)
class Misfortune:
    """How likely what is, at each pause: death, a database that fails or forgets, a long sleep."""

    crash: float = 0.004
    refused: float = 0.003
    reply_lost: float = 0.003
    forgotten: float = 0.003
    sleep: float = 0.01
    longest_sleep: int = 6 * SECOND


CALM = Misfortune(0, 0, 0, 0, 0)


@dataclass(order=True)
class _Turn:
    at: int
    tie: float
    process: greenlet = field(compare=False)


class World:
    """The clock and the processes."""

    def __init__(self, seed: int, misfortune: Misfortune | None = None) -> None:
        self.random = Random(seed)
        self.now = START
        self.misfortune = misfortune or Misfortune()
        self.switches = 0
        self.crashes = 0
        self.forgotten = 0
        self._turns: list[_Turn] = []
        self._ended = False
        self._mortal: set[greenlet] = set()
        self._main = getcurrent()

    def clock(self) -> int:
        """Now, in microseconds."""
        return self.now

    def spawn(self, call: Callable[[], None], *, mortal: bool = True, after: int = 0) -> greenlet:
        """Start a process; a mortal one may be killed."""
        process = greenlet(self._guarded(call), parent=self._main)
        if mortal:
            self._mortal.add(process)
        self._queue(process, after)
        return process

    def run(self, until: Callable[[], bool], deadline: int) -> bool:
        """Let the processes go on; whether ``until`` became true before the deadline."""
        while self._turns and self.now < deadline:
            if until():
                return True
            turn = heapq.heappop(self._turns)
            self.now = max(self.now, turn.at)
            self.switches += 1
            turn.process.switch()
        return until()

    def sleep(self, microseconds: int) -> None:
        """The process waits; others go on."""
        self._queue(getcurrent(), microseconds)
        self._main.switch()

    def pause(self) -> None:
        """A moment at which anything may happen to the process."""
        chance = self.misfortune
        if getcurrent() in self._mortal and self._happens(chance.crash):
            self.crashes += 1
            raise Crash
        asleep = self._happens(chance.sleep)
        self.sleep(self.random.randrange(chance.longest_sleep if asleep else 3 * MILLISECOND))

    def fails(self, likelihood: float) -> bool:
        """Whether something goes wrong now."""
        return self._happens(likelihood)

    def end(self) -> None:
        """Nothing of the world goes on."""
        left, self._turns, self._ended = self._turns, [], True
        for turn in left:
            if turn.process:
                turn.process.throw(Crash)

    def _happens(self, likelihood: float) -> bool:
        return likelihood > 0 and self.random.random() < likelihood

    def _queue(self, process: greenlet, after: int) -> None:
        if self._ended:
            return
        heapq.heappush(self._turns, _Turn(self.now + after, self.random.random(), process))

    @staticmethod
    def _guarded(call: Callable[[], None]) -> Callable[[], None]:
        def body() -> None:
            try:
                call()
            except Crash:
                return

        return body


class SimulatedDatabase(Database):
    """One database in memory that others use at the same time, between our units of work.

    It may refuse a unit of work, or carry it out and lose the reply.
    """

    def __init__(self, world: World, template: sqlite3.Connection) -> None:
        engine = create_engine("sqlite://", poolclass=StaticPool)
        event.listen(engine, "connect", lambda raw, _record: _fill(raw, template))
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        super().__init__(engine)
        # Several engines share it, as they share a PostgreSQL database.
        self.is_sqlite = False
        self.world = world
        self.transactions = 0

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot."""
        self.world.pause()
        with self._unit() as connection:
            yield connection

    @contextmanager
    def write(self, *, durable: bool = True, share: int | None = None) -> Iterator[Connection]:
        """A unit of work. One that need not be durable may be forgotten, and nobody hears of it."""
        world = self.world
        world.pause()
        if world.fails(world.misfortune.refused):
            raise UnavailableError("the database refused")
        before = None if durable or not world.fails(world.misfortune.forgotten) else self._copy()
        with self._unit() as connection:
            yield connection
        if before is not None:
            world.forgotten += 1
            before.backup(self._raw())
        world.pause()
        if world.fails(world.misfortune.reply_lost):
            raise UnavailableError("the reply was lost; the change was made")

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """What the observer sees: no time passes."""
        with self._unit() as connection:
            yield connection

    @contextmanager
    def _unit(self) -> Iterator[Connection]:
        self.transactions += 1
        with self.engine.connect() as connection, connection.begin():
            yield connection

    def _copy(self) -> sqlite3.Connection:
        copy = sqlite3.connect(":memory:")
        self._raw().backup(copy)
        return copy

    def _raw(self) -> sqlite3.Connection:
        raw = self.engine.raw_connection().driver_connection
        assert isinstance(raw, sqlite3.Connection)
        return raw


def _fill(raw: sqlite3.Connection, template: sqlite3.Connection) -> None:
    raw.isolation_level = None
    template.backup(raw)
