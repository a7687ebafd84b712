"""Simulated worker processes: they take time, fail, are lost, and answer what the plan says."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Any

from galley.lake.model import Change, Format, Intent, IntentKind, Version, fingerprint
from galley.runs import messages
from galley.runs.model import Reason
from galley.runs.pool import Pool, PoolEvent, Submission
from galley.runs.protocol import StepDone, StepTask, TaskFailed, TestDone, TestTask
from galley.runs.verdict import Outcome, Verdict
from tests.simulation import plan
from tests.simulation.world import MILLISECOND, SECOND, World

SCHEMA: tuple[dict[str, Any], ...] = ({"id": 1, "name": "a", "type": "long"},)


@dataclass(order=True)
class _Due:
    at: int
    number: int
    event: PoolEvent = field(compare=False)


class SimulatedPool(Pool):
    """The surface of a pool. It dies with the engine that it belongs to."""

    def __init__(self, world: World, slots: int) -> None:
        self.world = world
        self.slots = slots
        self._due: list[_Due] = []
        self._open: set[str] = set()
        self._number = 0

    @property
    def free(self) -> int:
        """How many tasks may be submitted."""
        return max(0, 2 * self.slots - len(self._open))

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
        took = chance.randrange(4 * SECOND if chance.random() < 0.2 else 200 * MILLISECOND)
        self._tell(took // 2, PoolEvent("started", task_id))
        lot = chance.random()
        if lot < 0.04:
            self._tell(took, PoolEvent("exited", task_id, reason=Reason.LOST_WORKER))
        elif lot < 0.06:
            late = 4 * SECOND
            self._tell(late, PoolEvent("exited", task_id, reason=Reason.TIMEOUT, detail="late"))
        else:
            answer = self._answer(messages.decode_task(payload), failing=lot < 0.10)
            event = PoolEvent("message", task_id, payload=messages.encode(answer), final=True)
            self._tell(took, event)

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
        self.world.sleep(max(0, min(first, end) - self.world.now))
        found = []
        while self._due and self._due[0].at <= self.world.now:
            event = heapq.heappop(self._due).event
            if event.task_id in self._open:
                found.append(event)
            if event.ends:
                self._open.discard(event.task_id)
        return found

    def close(self) -> None:
        """Nothing is reported any more."""
        self._open.clear()
        self._due.clear()

    def _tell(self, after: int, event: PoolEvent) -> None:
        self._number += 1
        heapq.heappush(self._due, _Due(self.world.now + after, self._number, event))

    def _answer(
        self, task: StepTask | TestTask, *, failing: bool
    ) -> StepDone | TestDone | TaskFailed:
        if failing:
            error = Reason.USER_ERROR.value
            return TaskFailed("failed", error, "ValueError", "it went wrong")
        return _made(task) if isinstance(task, StepTask) else _judged(task)


def _made(task: StepTask) -> StepDone:
    step = task.step
    read = {name: task.inputs[name].content_id for name in step.inputs}
    (table,) = step.outputs
    found = plan.content(step, read)
    version = Version(
        table=table,
        table_id=task.table_ids[table],
        format=Format.ICEBERG,
        content_id=found,
        location=f"{table}/{task.attempt}.metadata.json",
        schema_fingerprint=fingerprint(SCHEMA),
        schema=SCHEMA,
        rows=1,
        bytes=1,
        intent=Intent(IntentKind.REPLACE),
    )
    base = task.bases.get(table)
    change = Change(table, version, base.content_id if base else None, guarded=True)
    return StepDone("step_done", (change,), 1, 1, 0.1)


def _judged(task: TestTask) -> TestDone:
    contents = {name: version.content_id for name, version in task.versions.items()}
    verdicts = []
    for test in task.tests:
        seen = {name: contents[name] for name in (test.table, *test.reads)}
        outcome = Outcome.FAIL if plan.fails(test.hash, seen) else Outcome.PASS
        verdicts.append(
            Verdict(
                test=test.name,
                test_hash=test.hash,
                type=test.type,
                table=test.table,
                stage=test.stage.value,
                outcome=outcome,
                severity=test.severity.value,
                blocking=test.blocking,
                contents=seen,
            )
        )
    return TestDone("test_done", tuple(verdicts), (), 0.1)
