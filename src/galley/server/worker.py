"""The worker: takes tasks from a server over HTTP and runs them in processes of its own.

It holds no database credentials. A session lasts as long as a server hears of it: without contact
for most of a lease it kills what it runs (counted on a clock that also runs while the machine
sleeps), as somebody else may be doing the same by then.
"""

from __future__ import annotations

import logging
import os
import queue
import shutil
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from galley import settings
from galley.errors import ConflictError, GalleyError, StorageError, UnavailableError
from galley.project import snapshot
from galley.runs import processes, scratch
from galley.runs.model import Reason
from galley.runs.patience import nap
from galley.runs.pool import Pool, PoolEvent, PoolSettings, Submission
from galley.runs.sessions import boot_id
from galley.server import wire
from galley.server.duties import Duty, Pace, localized
from galley.server.link import Link, RefusedCallError
from galley.server.outbox import Outbox
from galley.version import VERSION

_log = logging.getLogger("galley.worker")

CONTACT = 0.75
"""The part of a lease after which a worker without contact ends what it runs."""

WAIT = 10.0
"""Seconds for which a call for orders is kept waiting."""

AGAIN = 0.2
"""Seconds before a server that did not answer is called again."""

FLUSH = 5.0
"""Seconds that the last answers have to arrive."""


@dataclass(frozen=True, slots=True)
class Posting:
    """How a worker works. ``folder`` is for its code, logs and temporary files."""

    folder: Path
    slots: int = 1
    labels: tuple[str, ...] = ()
    token: str | None = None
    drain: float = 60.0


@dataclass(slots=True)
class _Told:
    """What the threads that talk to the server pass on to the one that owns the processes."""

    orders: wire.Orders = field(default_factory=wire.Orders)
    lost: tuple[str, ...] = ()
    reply: tuple[str, bytes] | None = None
    taken: threading.Event = field(default_factory=threading.Event)


class Worker:
    """Registers again and again, until it is told to stop."""

    def __init__(self, link: Link, posting: Posting) -> None:
        self._link = link
        self._posting = posting

    def run(self, stop: Callable[[], bool]) -> None:
        """Work until ``stop()``, then drain.

        Raises:
            RefusedCallError: the server does not want this worker (its version, its token).
        """
        (self._posting.folder / "code").mkdir(parents=True, exist_ok=True)
        # Of workers that were killed here.
        scratch.sweep(self._posting.folder / "scratch")
        while not stop():
            registered = self._register(stop)
            if registered is not None:
                _log.info("session %s at %s", registered.session, self._link.url)
                _Session(self._link, self._posting, registered).run(stop)
                # Where the session ends at once again, so would the next.
                nap(AGAIN, stop)
        self._link.close()

    def _register(self, stop: Callable[[], bool]) -> wire.Registered | None:
        pid = os.getpid()
        told = wire.Registration(
            version=VERSION,
            host=socket.gethostname(),
            boot_id=boot_id(),
            pid=pid,
            pid_started=processes.start_time(pid),
            capacity=self._posting.slots,
            labels=self._posting.labels,
        )
        self._link.token = ""
        warned = False
        while not stop():
            try:
                found = self._link.call(
                    "/execution/sessions", told, wire.Registered, token=self._posting.token
                )
            except UnavailableError as error:
                if not warned:
                    _log.warning("%s; trying again", error)
                warned = True
                nap(AGAIN, stop)
            else:
                self._link.token = found.token
                return found
        return None


class _Session:
    """One session: from its registration until it is over, or the worker has drained."""

    def __init__(self, link: Link, posting: Posting, registered: wire.Registered) -> None:
        self._link = link
        self._posting = posting
        self._lease = registered.lease
        self._logs = posting.folder / "logs" / registered.session
        self._scratch = scratch.own(posting.folder / "scratch")
        self._duties: dict[str, Duty] = {}
        self._pace = Pace(posting.slots)
        self._told: queue.SimpleQueue[_Told] = queue.SimpleQueue()
        self._ear, self._bell = socket.socketpair()
        self._ear.setblocking(False)
        self._bell.setblocking(False)
        self._contact = processes.boottime()
        self._ended = threading.Event()
        self._draining = False
        self._questions = ThreadPoolExecutor(4, thread_name_prefix="question")
        self._pool = Pool(
            PoolSettings(
                slots=posting.slots,
                log_dir=self._logs,
                entry=settings.ENTRY,
                preload=settings.PRELOAD,
            )
        )
        self._outbox = Outbox(link, self._logs, self._duties, self._end)

    def run(self, stop: Callable[[], bool]) -> None:
        """Work until the session is over, or ``stop()`` and everything is done or given back."""
        self._pool.start()
        for work in (self._call_for_orders, self._beat, self._outbox.deliver, self._outbox.follow):
            threading.Thread(
                target=self._guarded, args=(work,), name=work.__name__, daemon=True
            ).start()
        deadline = 0.0
        try:
            while not self._ended.is_set():
                self._round()
                if stop() and not self._draining:
                    self._draining = True
                    deadline = processes.boottime() + self._posting.drain
                    _log.info("draining: %s tasks are under way", len(self._duties))
                    self._questions.submit(self._ask_for_nothing)
                if self._draining and (not self._duties or processes.boottime() > deadline):
                    self._leave()
                    return
        finally:
            self._ended.set()
            self._pool.close()
            self._outbox.close()
            self._questions.shutdown(wait=False)
            self._ear.close()
            self._bell.close()
            shutil.rmtree(self._logs, ignore_errors=True)
            scratch.remove(self._scratch)

    # The thread that owns the processes

    def _round(self) -> None:
        for event in self._pool.poll(0.2, also=self._ear.fileno()):
            self._happened(event)
        self._listen()
        lost = processes.boottime() - self._contact > CONTACT * self._lease
        if lost:
            self._end("no server answered for most of a lease; its work is given up")

    def _listen(self) -> None:
        try:
            self._ear.recv(4096)
        except BlockingIOError:
            return
        while not self._told.empty():
            told = self._told.get()
            for task in told.orders.tasks:
                self._begin(task)
            told.taken.set()
            for task_id in (*told.orders.cancels, *told.lost):
                if task_id in self._duties:
                    self._pool.cancel(task_id)
            if told.reply is not None and told.reply[0] in self._duties:
                self._pool.reply(*told.reply)

    def _begin(self, task: wire.Task) -> None:
        if task.id in self._duties:
            return
        duty = self._duties[task.id] = Duty(task)
        if self._draining:
            self._answer(duty, wire.Answer(token=task.token, kind="returned"))
            return
        try:
            self._pool.submit(
                Submission(
                    task.id,
                    localized(task, self._posting.folder, self._scratch, self._posting.slots),
                    str(self._code(task.code)),
                    task.log,
                    task.secrets,
                    task.timeout,
                    task.memory,
                    scratch=f"{self._scratch}/{task.id}",
                )
            )
        except (GalleyError, OSError) as error:
            self._cannot(duty, "it could not be handed to a process", error)

    def _happened(self, event: PoolEvent) -> None:
        duty = self._duties.get(event.task_id)
        if duty is None:
            return
        if event.kind == "message" and not event.final:
            self._questions.submit(self._ask, duty, event.payload or b"")
            return
        if event.kind == "started":
            duty.started = time.monotonic()
        elif event.final:
            self._pace.note(time.monotonic() - duty.started)
        self._answer(duty, _answer(duty.task, event))

    def _answer(self, duty: Duty, answer: wire.Answer) -> None:
        self._outbox.put(duty, answer)

    def _cannot(self, duty: Duty, said: str, error: Exception) -> None:
        """A task cannot begin here. What the machine did to it is tried again, maybe elsewhere."""
        own = isinstance(error, OSError | StorageError)
        why = error.message if isinstance(error, GalleyError) else error
        answer = wire.Answer(
            token=duty.task.token,
            kind="exited",
            reason=(Reason.LOST_WORKER if own else Reason.INTERNAL).value,
            detail=f"{said}: {why}",
        )
        self._answer(duty, answer)

    def _leave(self) -> None:
        """Give back what is not finished, see that all is delivered, and say goodbye."""
        self._pool.close()
        for duty in list(self._duties.values()):
            if not duty.answered:
                self._answer(duty, wire.Answer(token=duty.task.token, kind="returned"))
        end = time.monotonic() + FLUSH
        while self._duties and time.monotonic() < end and not self._ended.is_set():
            time.sleep(0.01)
        self._ended.set()
        try:
            self._link.delete("/execution/session")
        except GalleyError as error:
            _log.warning("the session could not be ended: %s", error)

    # Threads that talk to the server

    def _guarded(self, work: Callable[[], None]) -> None:
        """One of these threads cannot go on without the others: the session ends with each."""
        try:
            work()
        except Exception as error:
            self._end(f"a defect of Galley: {error!r}")
            raise

    def _call_for_orders(self) -> None:
        while not self._ended.is_set():
            capacity = 0 if self._draining else self._pace.capacity
            asked = wire.Ask(capacity=capacity, has=tuple(self._duties), wait=WAIT)
            try:
                orders = self._link.call("/execution/claims", asked, wire.Orders, wait=WAIT)
            except UnavailableError:
                self._ended.wait(AGAIN)
                continue
            except RefusedCallError as error:
                self._end(str(error))
                return
            self._pass_on(orders)
            if orders.closing and not self._ended.is_set():
                self._link.move_on()
                self._ended.wait(AGAIN)

    def _ask_for_nothing(self) -> None:
        """Say at once that there is no more room here; the call that waits told otherwise."""
        asked = wire.Ask(capacity=0, has=tuple(self._duties), wait=0)
        with suppress(GalleyError):
            self._pass_on(self._link.call("/execution/claims", asked, wire.Orders))

    def _pass_on(self, orders: wire.Orders) -> None:
        """Hand orders over, once the code of the tasks is here."""
        ready = tuple(task for task in orders.tasks if self._has_code(task))
        if ready or orders.cancels:
            told = _Told(orders=wire.Orders(tasks=ready, cancels=orders.cancels))
            self._tell(told)
            # The next call must name these tasks, or they would be sent again.
            while not self._ended.is_set() and not told.taken.wait(AGAIN):
                pass

    def _has_code(self, task: wire.Task) -> bool:
        target = self._code(task.code)
        if target.exists():
            return True
        try:
            snapshot.unpack(self._link.fetch(f"/execution/code/{task.code}"), target)
        except UnavailableError:
            # It is sent again with the next call, as it is not named there.
            return False
        except (RefusedCallError, ConflictError, OSError) as error:
            duty = self._duties[task.id] = Duty(task)
            self._cannot(duty, "its code could not be fetched", error)
            return False
        return True

    def _code(self, definition: str) -> Path:
        return self._posting.folder / "code" / definition

    def _ask(self, duty: Duty, payload: bytes) -> None:
        """Pass a task's question on, until somebody answers it or nobody wants its task."""
        question = wire.Question(token=duty.task.token, payload=payload.decode())
        while not self._ended.is_set():
            try:
                reply = self._link.call("/execution/fields", question, wire.Reply)
            except UnavailableError:
                self._ended.wait(AGAIN)
            except RefusedCallError as error:
                _log.warning("%s", error)
                self._tell(_Told(lost=(duty.task.id,)))
                return
            else:
                self._tell(_Told(reply=(duty.task.id, reply.payload.encode())))
                return

    def _beat(self) -> None:
        while not self._ended.is_set():
            sent = processes.boottime()
            try:
                told = wire.Beat(running=tuple(self._duties))
                beaten = self._link.call("/execution/beats", told, wire.Beaten)
            except UnavailableError:
                self._ended.wait(AGAIN)
                continue
            except RefusedCallError as error:
                self._end(str(error))
                return
            self._contact = sent
            if beaten.lost:
                self._tell(_Told(lost=beaten.lost))
            self._ended.wait(self._lease / 8)

    def _tell(self, told: _Told) -> None:
        self._told.put(told)
        self._ring()

    def _end(self, why: str) -> None:
        if not self._ended.is_set():
            _log.warning("the session is over: %s", why)
        self._ended.set()
        self._ring()

    def _ring(self) -> None:
        """Wake the thread that owns the processes; one that has ended hears nothing."""
        with suppress(OSError):
            self._bell.send(b"!")


def _answer(task: wire.Task, event: PoolEvent) -> wire.Answer:
    """What an event means to the server."""
    if event.final:
        payload = (event.payload or b"").decode()
        return wire.Answer(token=task.token, kind="final", payload=payload)
    return wire.Answer(
        token=task.token,
        kind="started" if event.kind == "started" else "exited",
        pid=event.pid,
        pid_started=event.pid_started,
        boot_id=boot_id(),
        reason=event.reason.value if event.reason else None,
        detail=event.detail,
        returncode=event.returncode,
    )
