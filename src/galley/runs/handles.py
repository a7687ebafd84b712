"""What a supervisor holds of each process it owns: socket, pipes, logs, and the task it has."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from galley.runs import processes
from galley.runs.framing import Channel
from galley.runs.logfiles import LogFile

CHUNK = 1 << 16
_ZYGOTE = "from galley.runs.zygote import main; main()"
_PIPE_AT_MOST = 1 << 20
_DEAF_FOR = 0.2


class Reason(StrEnum):
    """The reasons for which a supervisor ends a task, spelt as in ``runs.model``."""

    USER_ERROR = "user_error"
    TIMEOUT = "timeout"
    LOST_WORKER = "lost_worker"
    OUT_OF_MEMORY = "out_of_memory"
    CANCELLED = "cancelled"


@dataclass(slots=True)
class Job:
    """One task as the engine sent it. ``deadline`` is on the boot clock."""

    id: str
    payload: bytes
    code_dir: str
    log: str
    secrets: list[str]
    timeout: float | None
    memory: int | None
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class End:
    """Why a worker is ended; without a reason it is only replaced."""

    reason: Reason | None = None
    detail: str = ""


@dataclass(slots=True, eq=False)
class WorkerHandle:
    """A worker as the supervisor sees it; ``pid`` is unknown until it says hello.

    ``end`` is set once it is to be used no more, ``kill_at`` when it was asked to end by itself,
    ``deaf_since`` when it closed its channel. ``idle_since`` is when it said hello, or
    its last task ended.
    """

    number: int
    channel: Channel
    pipes: list[int]
    pid: int | None = None
    started: int | None = None
    code_dir: str | None = None
    job: Job | None = None
    logs: list[LogFile] = field(default_factory=list)
    tasks: int = 0
    end: End | None = None
    kill_at: float | None = None
    deaf_since: float | None = None
    idle_since: float = 0.0

    @property
    def idle(self) -> bool:
        """Whether it waits for a task."""
        return self.pid is not None and self.job is None and self.end is None

    @property
    def watched(self) -> bool:
        """Whether something about it depends on the time."""
        job = self.job
        limited = job is not None and (job.deadline is not None or job.memory is not None)
        return limited or self.kill_at is not None or self.deaf_since is not None

    def assign(self, job: Job, log_dir: str) -> None:
        """Note the task as its own; what it prints from now on is the task's."""
        self.discard_output()
        self.job, self.code_dir = job, job.code_dir
        if job.timeout is not None:
            job.deadline = processes.boottime() + job.timeout
        base = Path(log_dir, job.log)
        self.logs = [
            LogFile(base.with_name(f"{base.name}.{stream}"), job.secrets)
            for stream in ("out", "err")
        ]

    def read_pipe(self, index: int) -> bytes | None:
        """Keep a chunk of output; ``b""`` where the stream ends, ``None`` if nothing is there."""
        try:
            data = os.read(self.pipes[index], CHUNK)
        except BlockingIOError:
            return None
        if self.logs:
            self.logs[index].write(data)
        return data

    def collect_output(self) -> None:
        """Keep what is in the pipes by now; more than fits into a pipe came later."""
        for index in range(len(self.pipes)):
            taken = 0
            while taken < _PIPE_AT_MOST and (data := self.read_pipe(index)):
                taken += len(data)

    def discard_output(self) -> None:
        """Forget what was printed between tasks."""
        self.logs = []
        self.collect_output()

    def finish_job(self) -> Job | None:
        """The job that ends now, its logs complete."""
        self.collect_output()
        for log in self.logs:
            log.close()
        job, self.job, self.logs = self.job, None, []
        self.idle_since = processes.boottime()
        return job

    def over_time(self, now: float) -> End | None:
        """The end of a worker whose task is over its time, or that no longer talks to us."""
        job = self.job
        if job is not None and job.deadline is not None and now >= job.deadline:
            return End(Reason.TIMEOUT, f"it ran longer than its limit of {job.timeout:g} s")
        if self.deaf_since is not None and now - self.deaf_since > _DEAF_FOR:
            return End(Reason.LOST_WORKER, "the process closed its channel to Galley")
        return None

    def over_memory(self) -> End | None:
        """The end of a worker whose task is over its memory."""
        limit = self.job.memory if self.job is not None else None
        if limit is None or self.pid is None:
            return None
        used = processes.memory_over(self.pid, limit)
        if used is None:
            return None
        text = f"it used {used / 1e6:,.0f} MB of memory; its limit is {limit / 1e6:,.0f} MB"
        return End(Reason.OUT_OF_MEMORY, text)

    def signal(self, number: signal.Signals) -> None:
        """Signal its process group."""
        if self.pid is not None:
            processes.signal_group(self.pid, number)

    def close(self) -> None:
        """Close our ends."""
        self.channel.close()
        for pipe in self.pipes:
            os.close(pipe)


class ZygoteHandle:
    """The process that workers are forked from; started when the first is wanted."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._socket: socket.socket | None = None
        self._number = 0
        self.pid: int | None = None
        self.channel: Channel | None = None

    def start(self) -> Channel:
        """Start the process; it imports on its own time."""
        ours, theirs = socket.socketpair()
        wanted = ("entry", "preload", "scratch")
        argument = json.dumps({key: self._settings[key] for key in wanted})
        log = f"{self._settings['log_dir']}/supervisor.log"
        with theirs:
            self.pid = processes.spawn(_ZYGOTE, (argument,), theirs, os.environ, log)
        self._socket, self.channel = ours, Channel(ours)
        return self.channel

    def hire(self) -> WorkerHandle | None:
        """Ask for a worker; ``None`` when the zygote has just died."""
        if self._socket is None:
            return None
        self._number += 1
        ours, theirs = socket.socketpair()
        pipes = [os.pipe(), os.pipe()]
        given = [theirs.fileno(), *(write for _, write in pipes)]
        try:
            socket.send_fds(self._socket, [self._number.to_bytes(4, "big")], given)
        except OSError:
            ours.close()
            for read, _ in pipes:
                os.close(read)
            return None
        finally:
            theirs.close()
            for _, write in pipes:
                os.close(write)
        for read, _ in pipes:
            os.set_blocking(read, False)
        return WorkerHandle(self._number, Channel(ours), [read for read, _ in pipes])

    def bury(self) -> None:
        """Forget a process that has ended."""
        if self.channel is not None:
            self.channel.close()
        self.pid = self.channel = self._socket = None

    def kill(self) -> None:
        """End the process; its workers live on."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def describe(returncode: int | None) -> str:
    """How a process ended, in words."""
    if returncode is None:
        return "the process is gone"
    if returncode >= 0:
        return f"the process exited with code {returncode} before returning"
    name = signal.Signals(-returncode).name if -returncode in signal.valid_signals() else "?"
    text = f"the process was killed by signal {-returncode} ({name})"
    if returncode == -signal.SIGKILL:
        text += "; the system does that when memory runs out"
    return text
