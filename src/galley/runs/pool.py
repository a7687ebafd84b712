"""The engine's side of the worker processes: give tasks, hear what became of them."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import select
import shutil
import signal
import socket
import tempfile
import time
from collections import deque
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from galley.errors import StorageError
from galley.ids import new_id
from galley.runs import processes, scratch
from galley.runs.framing import Channel, ChannelClosedError, Frame, FramingError
from galley.runs.model import Reason

_SUPERVISOR = "from galley.runs.supervisor import main; main()"
_KEPT = frozenset({"GALLEY_FAULTS", "GALLEY_FAULTS_ONCE"})
_LOG_AT_MOST = 1 << 20

BEAT, REST = 5.0, 30.0
"""Seconds between heart-beats, and after which workers end when nobody has had a task."""

_TOLD = ("id", "code_dir", "log", "secrets", "timeout", "memory")

EventKind = Literal["started", "message", "exited", "beat", "lost", "returned"]


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """How many workers, and how they are prepared.

    ``entry`` is ``module:function``; it is called in the zygote and returns a handler for each
    kind of task. ``preload`` names modules to import before. A worker is replaced after
    ``recycle_after`` tasks or once it holds more than ``recycle_memory`` bytes. Once nobody
    has had a task for ``rest`` seconds the workers end, and are forked anew at need. ``beat`` and
    ``ttl`` are seconds too. ``withheld`` names environment variables that workers must not see.
    """

    slots: int
    log_dir: Path
    entry: str
    preload: tuple[str, ...] = ()
    recycle_after: int = 200
    recycle_memory: int = 1 << 30
    rest: float = REST
    beat: float = BEAT
    ttl: float = 20.0
    withheld: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PoolEvent:
    """What happened to a task.

    ``started``: a worker has it. ``message``: the worker says ``payload``; a ``final`` one ends
    the task, any other waits for ``Pool.reply``. ``exited``: it ended without a final message,
    for ``reason``. ``lost``: so did the supervisor. ``returned``: it was given back, not begun or
    not finished, through no fault of its own. ``beat``: the supervisor lives (no task).
    ``pid_started`` is the process's start time in clock ticks since the boot ``boot_id``, that of
    this machine where none is named.
    """

    kind: EventKind
    task_id: str = ""
    payload: bytes | None = None
    pid: int | None = None
    pid_started: int | None = None
    reason: Reason | None = None
    detail: str = ""
    returncode: int | None = None
    final: bool = False
    boot_id: str | None = None

    @property
    def ends(self) -> bool:
        """Whether nothing more will be heard of the task."""
        return self.final or self.kind in ("exited", "lost", "returned")


@dataclass(frozen=True, slots=True)
class Post:
    """Where an attempt is to run: at the worker of a session; ``ref`` is the attempt's ref."""

    session: str
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Submission:
    """A task to be queued, under an ``id`` that is never used again.

    ``timeout`` counts seconds from its start, ``memory`` is bytes. The output goes to
    ``<log_dir>/<log>.out`` and ``.err``; the files appear with the first byte. ``post`` says where
    it is to run, if it is an attempt. ``scratch`` is a folder of its own,
    which goes with it.
    """

    id: str
    payload: bytes
    code_dir: str
    log: str
    secrets: tuple[str, ...] = ()
    timeout: float | None = None
    memory: int | None = None
    post: Post | None = None
    scratch: str = ""

    @property
    def code(self) -> str:
        """The project version whose files are in ``code_dir``."""
        return Path(self.code_dir).name


@dataclass(frozen=True, slots=True)
class Opening:
    """Room for one more task: with the caller itself, or at the worker of a session."""

    session: str | None = None
    labels: tuple[str, ...] = ()


class _OwnOnly:
    """The calls that are about sessions of others, where there are none."""

    def sessions(self) -> Collection[str]:
        """The sessions, other than the caller's, whose workers this pool has: none."""
        return ()

    def heard(self) -> Mapping[str, Collection[str]]:
        """Which steps those sessions were lately heard to work on."""
        return {}

    def dismiss(self, sessions: Collection[str]) -> None:
        """Forget sessions that are over."""

    def handled(self) -> None:
        """What the last ``poll`` told has been acted upon."""


class Pool(_OwnOnly):
    """Warm worker processes under a supervisor of their own. For one thread."""

    def __init__(self, settings: PoolSettings) -> None:
        self._settings = settings
        self._mark = new_id()
        self._supervisor: int | None = None
        self._channel: Channel | None = None
        self._scratch = ""
        self._tasks: dict[str, tuple[int | None, int | None]] = {}
        self._arrived: deque[PoolEvent] = deque()
        self._folders: dict[str, str] = {}
        self._removing: ThreadPoolExecutor | None = None

    @property
    def able(self) -> bool:
        """Whether anybody is there who could evaluate tests: processes are started at need."""
        return True

    @property
    def idle(self) -> int:
        """How many tasks submitted now would start at once."""
        return max(0, self._settings.slots - len(self._tasks))

    def start(self) -> None:
        """Start the supervisor if there is none; the libraries load while the caller goes on."""
        if self._channel is not None:
            return
        log = _prepared(self._settings.log_dir / "supervisor.log")
        self._scratch = tempfile.mkdtemp(prefix="galley-work-")
        ours, theirs = socket.socketpair()
        arguments = (json.dumps(self._told()),)
        with theirs:
            self._supervisor = processes.spawn(
                _SUPERVISOR, arguments, theirs, self._environment(os.environ), str(log)
            )
        self._channel = Channel(ours)

    def submit(self, task: Submission) -> None:
        """Queue a task. Raises ``FramingError`` for a payload above 64 MB."""
        self.start()
        header = {name: getattr(task, name) for name in _TOLD}
        self._send({"k": "task", **header}, task.payload)
        self._tasks[task.id] = (None, None)
        self._folders[task.id] = task.scratch

    def reply(self, task_id: str, payload: bytes) -> None:
        """Answer the question that a task's worker waits for."""
        self._send({"k": "reply", "id": task_id}, payload)

    def cancel(self, task_id: str, *, grace: float = 5.0) -> None:
        """SIGTERM to the task's processes, SIGKILL after ``grace`` seconds; an event tells."""
        self._send({"k": "cancel", "id": task_id, "grace": grace})

    def seats(self, most: int) -> list[Opening]:
        """For whom up to ``most`` steps may be claimed now: all for the caller itself."""
        return [Opening()] * min(most, self.idle)

    def poll(self, timeout: float, also: int | None = None) -> list[PoolEvent]:
        """What happened; waits up to ``timeout`` seconds while there is nothing.

        ``also`` is a descriptor that ends the wait as soon as it can be read.
        """
        end = time.monotonic() + timeout
        while not self._arrived and self._channel is not None:
            left = max(0.0, end - time.monotonic())
            if not self._ready(self._channel, left, also):
                break
            self._take(self._channel)
            if also is not None and select.select([also], [], [], 0)[0]:
                break
        if not self._arrived and self._channel is None:
            others = [] if also is None else [also]
            select.select(others, [], [], max(0.0, end - time.monotonic()))
        events = list(self._arrived)
        self._arrived.clear()
        return events

    def close(self) -> None:
        """End all workers and wait until they are gone; tasks under way are not reported."""
        if self._channel is None:
            return
        self._channel.send({"k": "close"})
        self._channel.close()
        self._channel = None
        self._tasks.clear()
        self._await_supervisor(5.0)
        self._remove_remains()
        if self._removing is not None:
            self._removing.shutdown()
            self._removing = None

    def _send(self, header: dict[str, Any], payload: bytes = b"") -> None:
        if self._channel is not None:
            self._channel.send(header, payload)

    def _ready(self, channel: Channel, timeout: float, also: int | None) -> bool:
        """Wait until the channel has news or takes more of what waits to be sent."""
        poller = select.poll()
        if also is not None:
            poller.register(also, select.POLLIN)
        poller.register(
            channel.fileno(), select.POLLIN | (select.POLLOUT if channel.pending else 0)
        )
        events = dict(poller.poll(timeout * 1000))
        if events.get(channel.fileno(), 0) & select.POLLOUT:
            channel.flush()
        return bool(events)

    def _take(self, channel: Channel) -> None:
        try:
            for frame in channel.receive():
                self._note(_event(frame))
        except (ChannelClosedError, FramingError):
            self._lose(channel)

    def _note(self, event: PoolEvent) -> None:
        if event.ends and self._tasks.pop(event.task_id, None) is None:
            return
        if event.ends:
            self._tidy(event.task_id)
        if event.kind == "started":
            self._tasks[event.task_id] = (event.pid, event.pid_started)
        self._arrived.append(event)

    def _lose(self, channel: Channel) -> None:
        """The supervisor is gone, and with it every task; make sure that nothing of them lives."""
        channel.close()
        self._channel = None
        self._await_supervisor(0.0)
        for pid, started in self._tasks.values():
            if pid is not None and started is not None:
                processes.kill_recorded(pid, started)
        self._remove_remains()
        for task_id, (pid, started) in self._tasks.items():
            self._arrived.append(
                PoolEvent(
                    "lost",
                    task_id,
                    pid=pid,
                    pid_started=started,
                    reason=Reason.LOST_WORKER,
                    detail="the supervisor of the workers ended",
                )
            )
        self._tasks.clear()

    def _await_supervisor(self, seconds: float) -> None:
        """Wait for its end, then kill it."""
        if self._supervisor is None:
            return
        end = time.monotonic() + seconds
        with contextlib.suppress(ChildProcessError, ProcessLookupError):
            while os.waitpid(self._supervisor, os.WNOHANG)[0] == 0:
                if time.monotonic() >= end:
                    os.kill(self._supervisor, signal.SIGKILL)
                    os.waitpid(self._supervisor, 0)
                    break
                time.sleep(0.002)
        self._supervisor = None

    def _remove_remains(self) -> None:
        processes.kill_marked(self._mark)
        shutil.rmtree(self._scratch, ignore_errors=True)
        for task_id in list(self._folders):
            self._tidy(task_id)

    def _tidy(self, task_id: str) -> None:
        """Remove what a task has left; that may take long, and nobody waits for it."""
        folder = self._folders.pop(task_id, "")
        if folder and os.path.lexists(folder):
            self._removing = self._removing or ThreadPoolExecutor(1, "tidying")
            self._removing.submit(scratch.remove, folder)

    def _told(self) -> dict[str, Any]:
        """The settings as the supervisor gets them."""
        told = dataclasses.asdict(self._settings)
        told["log_dir"] = str(self._settings.log_dir.absolute())
        told["withheld"] = []
        return told | {"scratch": self._scratch, "engine": os.getpid()}

    def _environment(self, present: Mapping[str, str]) -> dict[str, str]:
        """What workers inherit: not Galley's own variables, nor those that hold secrets."""
        hidden = self._settings.withheld
        kept = {
            name: value
            for name, value in present.items()
            if name not in hidden and (not name.startswith("GALLEY_") or name in _KEPT)
        }
        return kept | {processes.MARK: self._mark}


def _prepared(log: Path) -> Path:
    """The supervisor's log, which can be appended to. Raises StorageError."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > _LOG_AT_MOST:
            log.unlink()
        log.touch()
    except OSError as error:
        raise StorageError(
            f"the home {log.parent.parent} cannot be written: {error.strerror}",
            hint="choose another folder with GALLEY_HOME",
        ) from error
    return log


def _event(frame: Frame) -> PoolEvent:
    header = frame.header
    reason = header.get("reason")
    return PoolEvent(
        header["k"],
        header.get("id", ""),
        payload=frame.payload if header["k"] == "message" else None,
        pid=header.get("pid"),
        pid_started=header.get("pid_started"),
        reason=Reason(reason) if reason is not None else None,
        detail=header.get("detail", ""),
        returncode=header.get("returncode"),
        final=header.get("final", False),
    )
