"""Simulated worker processes of an engine's own: they take time, fail and are lost."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from random import Random

from galley.runs.bell import Bell
from galley.runs.model import Reason
from galley.runs.pool import Pool, PoolEvent, Submission
from tests.simulation.store import SimulatedWarehouse, answer
from tests.simulation.world import MILLISECOND, SECOND, SimulatedBell, World


def work_time(chance: Random) -> int:
    """How long a task takes: mostly little, seldom more than a lease."""
    return chance.randrange(3 * SECOND if chance.random() < 0.08 else 120 * MILLISECOND)


def manner(chance: Random) -> str:
    """How a task goes."""
    lot = chance.random()
    return "lost" if lot < 0.03 else "late" if lot < 0.04 else "failing" if lot < 0.07 else "well"


@dataclass(order=True)
class _Due:
    at: int
    number: int
    event: PoolEvent = field(compare=False)
    payload: bytes = field(compare=False, default=b"")


class SimulatedPool(Pool):
    """The surface of a pool. It dies with the engine that it belongs to."""

    def __init__(
        self, world: World, warehouse: SimulatedWarehouse, slots: int, bell: Bell | None = None
    ) -> None:
        self.world = world
        self.warehouse = warehouse
        self.slots = slots
        self._bell = bell or SimulatedBell(world)
        self._due: list[_Due] = []
        self._open: set[str] = set()
        self._number = 0

    @property
    def free(self) -> int:
        """How many tasks may be submitted."""
        return max(0, 2 * self.slots - len(self._open))

    @property
    def able(self) -> bool:
        """Always."""
        return True

    @property
    def idle(self) -> int:
        """How many tasks would start at once."""
        return max(0, self.slots - len(self._open))

    def start(self) -> None:
        """Nothing to start."""

    def submit(self, task: Submission) -> None:
        """Take a task; its answer comes after a while, if it does."""
        task_id, payload = task.id, task.payload
        self._open.add(task_id)
        chance = self.world.random
        took, how = work_time(chance), manner(chance)
        self._tell(took // 2, PoolEvent("started", task_id))
        if how == "lost":
            self._tell(took, PoolEvent("exited", task_id, reason=Reason.LOST_WORKER))
        elif how == "late":
            event = PoolEvent("exited", task_id, reason=Reason.TIMEOUT, detail="late")
            self._tell(4 * SECOND, event)
        else:
            done = PoolEvent("message", task_id, payload=how.encode(), final=True)
            self._tell(took, done, payload)

    def reply(self, task_id: str, payload: bytes) -> None:
        """Nobody asks."""
        raise AssertionError(task_id)

    def cancel(self, task_id: str, *, grace: float = 5.0) -> None:
        """End a task soon."""
        event = PoolEvent("exited", task_id, reason=Reason.CANCELLED)
        self._tell(self.world.random.randrange(int(grace * SECOND) // 10 + 1), event)

    def poll(self, timeout: float, also: int | None = None) -> list[PoolEvent]:
        """What happened by now, or after a while."""
        end = self.world.now + int(timeout * SECOND)
        first = self._due[0].at if self._due else end
        self._bell.wait(max(0, min(first, end) - self.world.now) / SECOND)
        found = []
        while self._due and self._due[0].at <= self.world.now:
            due = heapq.heappop(self._due)
            event = due.event
            if event.task_id in self._open:
                found.append(self._answered(event, due.payload) if event.final else event)
            if event.ends:
                self._open.discard(event.task_id)
        return found

    def close(self) -> None:
        """Nothing is reported any more."""
        self._open.clear()
        self._due.clear()

    def _answered(self, event: PoolEvent, task: bytes) -> PoolEvent:
        how = (event.payload or b"").decode()
        payload = answer(self.warehouse, task, how=how)
        return PoolEvent("message", event.task_id, payload=payload, final=True)

    def _tell(self, after: int, event: PoolEvent, payload: bytes = b"") -> None:
        self._number += 1
        heapq.heappush(self._due, _Due(self.world.now + after, self._number, event, payload))
