"""The supervisor: a small process that owns the workers, whatever the code they run does.

It hands out tasks, forwards messages, keeps logs, watches limits and sends the heart-beat. When
the engine ends, it ends everything it owns. It imports the standard library only.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections import deque
from typing import Any

from galley import faults
from galley.runs import processes
from galley.runs.crew import Crew
from galley.runs.framing import Channel, ChannelClosedError, Frame, FramingError
from galley.runs.handles import End, Job, Reason, WorkerHandle
from galley.runs.switchboard import Switchboard

_LOOK_EVERY = 0.1
_PREPARED_AFTER = 0.02
"""Seconds that a worker may take to get ready for its next task."""


def main() -> None:
    """Entry point of the process: settings in the first argument, the engine at ``CHANNEL``."""
    engine = processes.adopt_channel()
    settings = json.loads(sys.argv[1])
    processes.adopt_orphans()
    processes.signal_on_parents_death(signal.SIGUSR1)
    supervisor = Supervisor(settings, Channel(engine))
    try:
        supervisor.run()
    finally:
        supervisor.shut_down()


class Supervisor:
    """The queue of tasks between one engine and its crew of workers."""

    def __init__(self, settings: dict[str, Any], engine: Channel) -> None:
        self._settings = settings
        self._engine = engine
        self._board = Switchboard()
        self._crew = Crew(settings, self._board, self)
        self._queue: deque[Job] = deque()
        self._stopping = False
        self._last_turn = processes.boottime()
        self._next_beat: float = self._last_turn + settings["beat"]

    def run(self) -> None:
        """Work until the engine closes its end or is gone."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        wanted = (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1)
        self._board.listen_to_signals(wanted, self._on_signals)
        self._board.listen(self._engine, self._on_engine)
        self._check_parent()
        self._crew.hire(1)
        while not self._stopping:
            happened = self._board.wait(self._pause())
            self._check_gap()
            self._board.call(happened)
            now = processes.boottime()
            self._crew.enforce(now)
            if now >= self._next_beat:
                self._beat(now)

    def shut_down(self) -> None:
        """Kill everything below us and tidy up."""
        self._crew.shut_down()
        shutil.rmtree(self._settings["scratch"], ignore_errors=True)

    # What the crew tells us

    def heard(self, worker: WorkerHandle, frame: Frame) -> None:
        """A question, or the final message of a task: its logs are complete before it goes on."""
        if frame.kind == "question" and worker.job is not None:
            self._tell(worker, worker.job, {"k": "message", "final": False}, frame.payload)
        elif frame.kind == "final":
            self._complete(worker, frame)

    def lost(self, job: Job, end: End, worker: WorkerHandle, returncode: int | None) -> None:
        """A task ended without a final message."""
        about = {"pid": worker.pid, "pid_started": worker.started, "returncode": returncode}
        self._give_up(job, end, about)

    def hopeless(self, end: End) -> None:
        """End every task that waits."""
        while self._queue:
            self._give_up(self._queue.popleft(), end)

    def changed(self) -> None:
        """Give waiting tasks to idle workers of the same code, and see to more workers."""
        if self._stopping:
            return
        for job in list(self._queue):
            idle = [w for w in self._crew.workers if w.idle and w.code_dir in (job.code_dir, None)]
            if idle:
                self._queue.remove(job)
                self._hand_over(job, max(idle, key=_fitness))
        self._make_room()

    def _hand_over(self, job: Job, worker: WorkerHandle) -> None:
        worker.assign(job, self._settings["log_dir"])
        self._board.send(worker.channel, {"k": "task", "code": job.code_dir}, job.payload)
        self._tell(worker, job, {"k": "started"})
        faults.point("supervisor.started_worker")

    def _make_room(self) -> None:
        """Hire for the tasks that wait; idle workers of other code make way.

        Where none waits and all are at work, one more gets ready for the next.
        """
        usable = self._crew.usable
        starting = sum(worker.pid is None for worker in usable)
        room = self._settings["slots"] - len(usable)
        if not self._queue:
            busy = sum(worker.job is not None for worker in usable)
            self._crew.hire(min(1, room) if 0 < busy == len(usable) else 0)
            return
        wanted = len(self._queue) - starting
        for worker in usable:
            if wanted > room and worker.idle:
                self._crew.end(worker, End())
                room += 1
        self._crew.hire(min(wanted, room))

    def _complete(self, worker: WorkerHandle, frame: Frame) -> None:
        job = worker.finish_job()
        if job is None:
            return
        faults.point("supervisor.before_forward")
        self._tell(worker, job, {"k": "message", "final": True}, frame.payload)
        worker.tasks += 1
        worn = worker.tasks >= self._settings["recycle_after"]
        fat = frame.header["memory"] > self._settings["recycle_memory"]
        if worn or fat or frame.header["left"]:
            self._crew.end(worker, End())

    # What the engine says

    def _on_engine(self) -> None:
        try:
            for frame in self._engine.receive():
                self._obey(frame)
        except (ChannelClosedError, FramingError):
            self._stopping = True
        self.changed()

    def _obey(self, frame: Frame) -> None:
        header = frame.header
        if frame.kind == "task":
            names = ("id", "code_dir", "log", "secrets", "timeout", "memory")
            self._queue.append(Job(payload=frame.payload, **{name: header[name] for name in names}))
        elif frame.kind == "reply":
            worker = self._crew.working_on(header["id"])
            if worker is not None:
                self._board.send(worker.channel, {"k": "reply"}, frame.payload)
        elif frame.kind == "cancel":
            self._cancel(header["id"], header["grace"])
        elif frame.kind == "close":
            self._stopping = True

    def _cancel(self, task: str, grace: float) -> None:
        for job in [job for job in self._queue if job.id == task]:
            self._queue.remove(job)
            self._give_up(job, End(Reason.CANCELLED, "cancelled before it started"))
        worker = self._crew.working_on(task)
        if worker is not None and worker.end is None:
            worker.end = End(Reason.CANCELLED, "cancelled")
            worker.kill_at = processes.boottime() + grace
            worker.signal(signal.SIGTERM)

    # Signals and the clock

    def _on_signals(self, numbers: bytes) -> None:
        if signal.SIGTERM in numbers:
            self._stopping = True
        self._check_parent()
        self._crew.reap()

    def _check_parent(self) -> None:
        # The signal also comes when only the thread that started us has ended.
        if os.getppid() != self._settings["engine"]:
            self._stopping = True

    def _pause(self) -> float:
        pause = max(0.0, self._next_beat - processes.boottime())
        watched = any(worker.watched for worker in self._crew.workers)
        return min(pause, _LOOK_EVERY) if watched else pause

    def _beat(self, now: float) -> None:
        self._next_beat = now + self._settings["beat"]
        self._check_parent()
        self._crew.reap()
        if not self._queue:
            self._crew.dismiss(now - self._settings["rest"])
        if not self._engine.pending:
            self._board.send(self._engine, {"k": "beat"})

    def _check_gap(self) -> None:
        """After a sleep longer than the lease nothing here belongs to us any more."""
        now = processes.boottime()
        gap, self._last_turn = now - self._last_turn, now
        if gap <= self._settings["ttl"]:
            return
        text = f"nothing ran here for {gap:.0f} s (was the machine asleep?): the lease is lost"
        end = End(Reason.LOST_WORKER, text)
        self.hopeless(end)
        for worker in self._crew.workers:
            self._crew.end(worker, end)

    # Telling the engine

    def _tell(
        self, worker: WorkerHandle, job: Job, header: dict[str, Any], payload: bytes = b""
    ) -> None:
        about = {"id": job.id, "pid": worker.pid, "pid_started": worker.started}
        self._board.send(self._engine, header | about, payload)

    def _give_up(self, job: Job, end: End, about: dict[str, Any] | None = None) -> None:
        reason = end.reason or Reason.LOST_WORKER
        header = {"k": "exited", "id": job.id, "reason": reason, "detail": end.detail}
        self._board.send(self._engine, header | (about or {}))


def _fitness(worker: WorkerHandle) -> tuple[bool, bool]:
    """Who is prepared comes first, then who already runs the code before who runs none yet.

    So the steps of a chain go to two workers by turns, each ready when its turn comes.
    """
    prepared = processes.boottime() - worker.idle_since >= _PREPARED_AFTER
    return prepared, worker.code_dir is not None
