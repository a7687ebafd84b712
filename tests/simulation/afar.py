"""Simulated workers of other hosts: the protocol of ``server.worker``, in simulated time.

Its threads are greenlets here and its processes are spans of time. What it may say and when it
must stop is the same: it names what it has, repeats what was not acknowledged, and ends its work
once nobody has answered for three quarters of a lease.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from galley.errors import GalleyError, UnavailableError
from galley.lake.model import FieldKey
from galley.runs import messages
from galley.runs.protocol import FieldsRequest, StepTask
from galley.server import wire
from galley.version import VERSION
from tests.simulation import plan
from tests.simulation.servers import LEASE, Net, Server
from tests.simulation.store import SimulatedWarehouse, answer
from tests.simulation.workers import manner, work_time
from tests.simulation.world import MILLISECOND, SECOND, Host, World

T = TypeVar("T")

CONTACT = LEASE * 3 // 4
ANSWER = SECOND
AGAIN = 50 * MILLISECOND


@dataclass(eq=False)
class _Duty:
    task: wire.Task
    answer: wire.Answer | None = None
    ended: bool = False


class Worker:
    """One process; it registers again and again. ``able``: it bears every label there is."""

    def __init__(
        self, world: World, net: Net, warehouse: SimulatedWarehouse, *, able: bool
    ) -> None:
        self.world = world
        self.net = net
        self.warehouse = warehouse
        self.host = Host()
        self.slots = world.random.randint(1, 3)
        self.labels = (plan.LABEL,) if able or world.random.random() < 0.5 else ()
        self._at = world.random.randrange(3)

    def run(self) -> None:
        """Work until killed."""
        told = wire.Registration(
            version=VERSION, host="afar", pid=1, capacity=self.slots, labels=self.labels
        )
        while True:
            try:
                found = self.net.call(self._at, lambda server: server.register(told), ANSWER)
            except UnavailableError:
                self.move_on()
            else:
                _Session(self, found).run()

    def call(self, request: Callable[[Server], T], limit: int) -> T:
        """Call the controller that answered last."""
        return self.net.call(self._at, request, limit)

    def move_on(self) -> None:
        """Call another one from now on."""
        self._at += 1
        self.world.sleep(AGAIN)


class _Session:
    """From a registration until the session is over."""

    def __init__(self, worker: Worker, registered: wire.Registered) -> None:
        self.worker = worker
        self.world = worker.world
        self.token = registered.token
        self.duties: dict[str, _Duty] = {}
        self.contact = self.world.now
        self.over = False
        self.draining = False

    def run(self) -> None:
        """Have all its threads work; leave now and then."""
        for work in (self._claims, self._beats, self._answers):
            self.world.spawn(work, self.worker.host)
        world = self.world
        leaves = world.now + (2 * SECOND if world.random.random() < 0.2 else 600 * SECOND)
        while not self.over:
            world.sleep(100 * MILLISECOND)
            if world.now - self.contact > CONTACT:
                self.over = True
            elif world.now > leaves and not self.draining:
                self.draining = True
                leaves = world.now + SECOND
            elif self.draining and (not self.duties or world.now > leaves):
                self._leave()
        # All that it ran is killed with the session.
        for duty in self.duties.values():
            duty.ended = True

    def _leave(self) -> None:
        for duty in self.duties.values():
            if duty.answer is None:
                self._say(duty, wire.Answer(token=duty.task.token, kind="returned"))
        self.world.sleep(300 * MILLISECOND)
        with suppress(GalleyError):
            self._call(lambda server: server.leave(self.token), ANSWER)
        self.over = True
        self.world.sleep(self.world.random.randrange(2 * SECOND))

    def _claims(self) -> None:
        while not self.over:
            capacity = 0 if self.draining else self.worker.slots
            wait = self.world.random.choice((0.5, 2.0))
            asked = wire.Ask(capacity=capacity, has=tuple(self.duties), wait=wait)
            try:
                orders = self._call(
                    lambda server, asked=asked: server.claims(self.token, asked),  # type: ignore[misc]
                    ANSWER + int(wait * SECOND),
                )
            except UnavailableError:
                continue
            except GalleyError:
                self.over = True
                return
            for task in orders.tasks:
                self._begin(task)
            for task_id in orders.cancels:
                self._kill(task_id)
            if orders.closing:
                self.worker.move_on()

    def _begin(self, task: wire.Task) -> None:
        if task.id in self.duties or self.over:
            return
        duty = self.duties[task.id] = _Duty(task)
        if self.draining:
            self._say(duty, wire.Answer(token=task.token, kind="returned"))
        else:
            self.world.spawn(partial(self._work, duty), self.worker.host)

    def _work(self, duty: _Duty) -> None:
        chance, how = self.world.random, manner(self.world.random)
        self.world.sleep(work_time(chance))
        if chance.random() < 0.1:
            self._ask(duty)
        if duty.ended or self.over:
            return
        if how in ("lost", "late"):
            reason = "lost_worker" if how == "lost" else "timeout"
            said = wire.Answer(token=duty.task.token, kind="exited", reason=reason)
        else:
            how = "lying" if how == "well" and chance.random() < 0.01 else how
            payload = answer(self.worker.warehouse, duty.task.payload.encode(), how=how).decode()
            said = wire.Answer(token=duty.task.token, kind="final", payload=payload)
        self._say(duty, said)

    def _ask(self, duty: _Duty) -> None:
        """Field ids for a column: whoever asks again is told the same."""
        task = messages.decode_task(duty.task.payload.encode())
        if not isinstance(task, StepTask):
            return
        (table_id,) = task.table_ids.values()
        keys = (FieldKey(-1, "a", "long"), FieldKey(-1, task.attempt[:1], "long"))
        asked = messages.encode(FieldsRequest("fields", table_id, keys)).decode()
        question = wire.Question(token=duty.task.token, payload=asked)
        while not (duty.ended or self.over):
            try:
                reply = self._call(lambda server: server.fields(self.token, question), ANSWER)
            except UnavailableError:
                continue
            except GalleyError:
                self._kill(duty.task.id)
                return
            assert len(messages.decode_reply(reply.payload.encode()).ids) == len(keys)
            return

    def _kill(self, task_id: str) -> None:
        """End a task; its process tells so as it ends."""
        duty = self.duties.get(task_id)
        if duty is not None and duty.answer is None:
            duty.ended = True
            self._say(duty, wire.Answer(token=duty.task.token, kind="exited", reason="cancelled"))

    def _say(self, duty: _Duty, said: wire.Answer) -> None:
        if duty.answer is None:
            duty.answer = said

    def _answers(self) -> None:
        while not self.over:
            told = [duty for duty in self.duties.values() if duty.answer is not None]
            if not told:
                self.world.sleep(30 * MILLISECOND)
                continue
            said = [duty.answer for duty in told if duty.answer is not None]
            try:
                taken = self._call(
                    lambda server, said=said: server.answers(self.token, said),  # type: ignore[misc]
                    4 * ANSWER,
                )
            except UnavailableError:
                continue
            except GalleyError:
                self.over = True
                return
            for duty, outcome in zip(told, taken, strict=True):
                if outcome.status != 503:
                    self.duties.pop(duty.task.id, None)

    def _beats(self) -> None:
        while not self.over:
            sent = self.world.now
            told = wire.Beat(running=tuple(self.duties))
            try:
                beaten = self._call(
                    lambda server, told=told: server.beats(self.token, told),  # type: ignore[misc]
                    ANSWER,
                )
            except UnavailableError:
                continue
            except GalleyError:
                self.over = True
                return
            self.contact = sent
            for task_id in beaten.lost:
                self._kill(task_id)
            self.world.sleep(LEASE // 8)

    def _call(self, request: Callable[[Server], T], limit: int) -> T:
        try:
            return self.worker.call(request, limit)
        except UnavailableError:
            self.worker.move_on()
            raise
