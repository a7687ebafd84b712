"""The life and death of worker processes, as their supervisor sees to it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from functools import partial
from typing import Any, Protocol

from galley.runs import processes
from galley.runs.framing import Channel, ChannelClosedError, Frame, FramingError
from galley.runs.handles import End, Job, Reason, WorkerHandle, ZygoteHandle, describe
from galley.runs.switchboard import Switchboard

_GONE_AFTER = 1.0
_MEMORY_EVERY = 0.2
_STILLBORN_A_SLOT = 3


class Owner(Protocol):
    """Who is told what becomes of workers."""

    def heard(self, worker: WorkerHandle, frame: Frame) -> None:
        """A worker that is still wanted said something about its task."""

    def lost(self, job: Job, end: End, worker: WorkerHandle, returncode: int | None) -> None:
        """A worker ended before its task did."""

    def hopeless(self, end: End) -> None:
        """No worker can be started."""

    def changed(self) -> None:
        """A worker may be idle, or is missing."""


class Crew:
    """All workers and the zygote. Who dies is reaped, and takes every descendant along."""

    def __init__(self, settings: dict[str, Any], board: Switchboard, owner: Owner) -> None:
        self._settings = settings
        self._board = board
        self._owner = owner
        self._zygote = ZygoteHandle(settings)
        self._stillborn = 0
        self._next_memory = 0.0
        self.workers: list[WorkerHandle] = []

    @property
    def usable(self) -> list[WorkerHandle]:
        """The workers that are starting, idle or at work."""
        return [worker for worker in self.workers if worker.end is None]

    def working_on(self, task: str) -> WorkerHandle | None:
        """Who has the task."""
        mine = (w for w in self.workers if w.job is not None and w.job.id == task)
        return next(mine, None)

    def hire(self, count: int) -> None:
        """Start workers; they count as soon as they say hello."""
        for _ in range(count):
            if self._zygote.pid is None:
                self._board.listen(self._zygote.start(), self._on_zygote)
            worker = self._zygote.hire()
            if worker is None:
                # Its death is about to be noticed, which tries again.
                return
            self.workers.append(worker)
            self._board.listen(worker.channel, partial(self._on_worker, worker))
            for index, pipe in enumerate(worker.pipes):
                self._board.listen_to_pipe(pipe, partial(worker.read_pipe, index))

    def end(self, worker: WorkerHandle, end: End) -> None:
        """Kill a worker; the first reason is the one that counts."""
        if worker.end is None:
            worker.end = end
        worker.signal(signal.SIGKILL)

    def dismiss(self, since: float) -> None:
        """End the workers if none has had a task since then: the zygote makes others soon."""
        if all(worker.idle and worker.idle_since <= since for worker in self.usable):
            for worker in self.usable:
                self.end(worker, End())

    def reap(self) -> None:
        """Learn of every child that has ended, orphans included."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                self._ended(ended[0], os.waitstatus_to_exitcode(ended[1]))
        self._sweep()
        self._owner.changed()

    def enforce(self, now: float) -> None:
        """End whoever is over a limit at this time."""
        look_at_memory = now >= self._next_memory
        if look_at_memory:
            self._next_memory = now + _MEMORY_EVERY
        for worker in [worker for worker in self.workers if worker.watched]:
            if worker.kill_at is not None and now >= worker.kill_at:
                worker.signal(signal.SIGKILL)
            end = worker.over_time(now) or (worker.over_memory() if look_at_memory else None)
            if end is not None:
                self.end(worker, end)
            if worker.deaf_since is not None and now - worker.deaf_since > _GONE_AFTER:
                # Only where we are not its parent and cannot wait for it.
                self._bury(worker, None)

    def shut_down(self) -> None:
        """Kill everything below us."""
        for worker in self.workers:
            worker.signal(signal.SIGKILL)
        self._zygote.kill()
        end = time.monotonic() + 2
        while (below := processes.children(os.getpid())) and time.monotonic() < end:
            _put_down(below)
            time.sleep(0.001)

    def _on_worker(self, worker: WorkerHandle) -> None:
        try:
            self._listen_to(worker)
        except ChannelClosedError:
            self._board.forget(worker.channel)
            worker.deaf_since = processes.boottime()
            if worker.pid is None:
                self._bury(worker, None)
                self._count_stillborn()
        except FramingError as error:
            self._board.forget(worker.channel)
            self.end(worker, End(Reason.LOST_WORKER, f"{error.message} of the worker"))
        self._owner.changed()

    def _listen_to(self, worker: WorkerHandle) -> None:
        for frame in worker.channel.receive():
            if frame.kind == "hello":
                self._welcome(worker, frame)
            elif worker.job is None or worker.end is not None:
                # Cancelled, or something that nobody waits for.
                worker.signal(signal.SIGKILL)
            else:
                self._owner.heard(worker, frame)

    def _welcome(self, worker: WorkerHandle, frame: Frame) -> None:
        self._stillborn = 0
        worker.pid, worker.started = frame.header["pid"], frame.header["started"]
        worker.idle_since = processes.boottime()
        if worker.end is not None:
            worker.signal(signal.SIGKILL)
        self._sweep()

    def _count_stillborn(self) -> None:
        """Workers that end before they say hello are not replaced for ever."""
        self._stillborn += 1
        if self._stillborn > _STILLBORN_A_SLOT * self._settings["slots"]:
            self._stillborn = 0
            text = "no worker can be started; see supervisor.log"
            self._owner.hopeless(End(Reason.LOST_WORKER, text))

    def _on_zygote(self) -> None:
        channel = self._zygote.channel
        if channel is None:
            return
        try:
            for frame in channel.receive():
                if frame.kind == "failed":
                    self._owner.hopeless(End(Reason.USER_ERROR, frame.header["detail"]))
                elif frame.header["threads"]:
                    _warn(f"forking beside threads is not safe: {frame.header['threads']}")
        except (ChannelClosedError, FramingError):
            self._board.forget(channel)
            self._zygote.kill()

    def _ended(self, pid: int, returncode: int) -> None:
        if pid == self._zygote.pid:
            self._on_zygote()
            if self._zygote.channel is not None:
                self._board.forget(self._zygote.channel)
            self._zygote.bury()
            return
        for worker in [worker for worker in self.workers if worker.pid is None]:
            # It may have died right after its hello.
            self._on_worker(worker)
        for worker in [worker for worker in self.workers if worker.pid == pid]:
            self._bury(worker, returncode)

    def _bury(self, worker: WorkerHandle, returncode: int | None) -> None:
        """A worker is dead: take its last words, kill whom it left, tell how it ended."""
        self.workers.remove(worker)
        with contextlib.suppress(ChannelClosedError, FramingError):
            self._listen_to(worker)
        worker.signal(signal.SIGKILL)
        self._sweep()
        job = worker.finish_job()
        sources: list[Channel | int] = [worker.channel, *worker.pipes]
        for source in sources:
            self._board.forget(source)
        worker.close()
        shutil.rmtree(f"{self._settings['scratch']}/{worker.number}", ignore_errors=True)
        if job is not None:
            end = worker.end or End(Reason.LOST_WORKER, describe(returncode))
            self._owner.lost(job, end, worker, returncode)

    def _sweep(self) -> None:
        """Kill and reap what dead workers left behind; it has become our child."""
        for attempt in range(100):
            if any(worker.pid is None for worker in self.workers):
                # One of the unknown children may be a worker that has not said hello yet; with
                # its hello we are here again.
                return
            known = {self._zygote.pid, *(worker.pid for worker in self.workers)}
            strays = processes.children(os.getpid()) - known
            if not strays:
                return
            _put_down(strays)
            time.sleep(0.001 if attempt else 0)


def _put_down(pids: set[int]) -> None:
    for pid in pids:
        processes.signal_group(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def _warn(text: str) -> None:
    """A line for ``supervisor.log``."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
