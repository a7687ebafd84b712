"""A warm worker process: runs one task after the other, and leaves nothing of one to the next."""

from __future__ import annotations

import ctypes
import dataclasses
import faulthandler
import gc
import json
import logging
import os
import shutil
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from galley import faults
from galley.runs import processes
from galley.runs.framing import BlockingChannel, Frame, FramingError, encode
from galley.runs.model import Reason
from galley.runs.protocol import TaskFailed

Ask = Callable[[bytes], bytes]
"""Sends a question to the engine and waits for its answer."""

Handler = Callable[[bytes, Ask], bytes]
"""Does one task: its payload in, the final message out. User errors are a ``TaskFailed``."""

Handlers = Mapping[str, Handler]
"""One handler for each ``kind`` that a task's JSON payload may name."""

_SIGNALS = tuple(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
IDLE = "idle"
"""The kind whose handler, if there is one, is called whenever a worker has nothing to do."""

_LONG_TASK = 0.05


@dataclass(frozen=True, slots=True)
class Birth:
    """What a new worker is given: its parent's pid, its folder, its descriptors."""

    supervisor: int
    folder: str
    channel: int
    stdout: int
    stderr: int


def live(handlers: Handlers, birth: Birth) -> None:
    """The whole life of a freshly forked worker."""
    channel = _settle(birth)
    pid = os.getpid()
    channel.send({"k": "hello", "pid": pid, "started": processes.start_time(pid)})
    serve(handlers, channel, birth.folder)


def serve(handlers: Handlers, channel: BlockingChannel, folder: str) -> None:
    """Run tasks until the supervisor closes the channel."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    home = _Home.remember(folder)
    home.restore()
    desk = _Desk(handlers, channel)
    desk.rest()
    while (frame := channel.receive()) is not None:
        if frame.kind == "task":
            faults.point("worker.task_received")
            _one(desk, home, frame)


def _one(desk: _Desk, home: _Home, frame: Frame) -> None:
    begin = time.monotonic()
    code_dir = str(frame.header["code"])
    if sys.path[0] != code_dir:
        sys.path.insert(0, code_dir)
        home.path = tuple(sys.path)
    answer = desk.work(frame.payload)
    _flush()
    left = home.restore() or home.left_behind()
    header = {"k": "final", "left": left, "memory": processes.resident(os.getpid())}
    faults.point("worker.before_final")
    desk.channel.send_encoded(_encode_final(header, answer))
    faults.point("worker.after_final")
    if time.monotonic() - begin > _LONG_TASK:
        gc.collect()
    desk.rest()


def _encode_final(header: dict[str, Any], answer: bytes) -> bytes:
    try:
        return encode(header, answer)
    except FramingError as error:
        return encode(header, _failed(error))


class _Desk:
    """Where tasks are handled and questions asked."""

    def __init__(self, handlers: Handlers, channel: BlockingChannel) -> None:
        self.channel = channel
        self._handlers = handlers
        self._lock = threading.Lock()

    def work(self, payload: bytes) -> bytes:
        """The final message. Leaving the interpreter ends the process, as the code wished."""
        try:
            kind = json.loads(payload)["kind"]
            return self._handlers[kind](payload, self.ask)
        except SystemExit as error:
            _flush()
            os._exit(_exit_code(error))
        except BaseException as error:  # noqa: BLE001 - it becomes the message
            return _failed(error)

    def rest(self) -> None:
        """Nothing is asked of the worker: time to prepare for the next task."""
        if IDLE in self._handlers:
            self._handlers[IDLE](b"", self.ask)

    def ask(self, question: bytes) -> bytes:
        """Send a question and wait for the answer; one thread at a time."""
        with self._lock:
            self.channel.send({"k": "question"}, question)
            reply = self.channel.receive()
        if reply is None:
            os._exit(0)
        return reply.payload


def _failed(error: BaseException) -> bytes:
    failure = TaskFailed(
        kind="failed",
        reason=Reason.USER_ERROR.value,
        error=type(error).__qualname__,
        message=str(error),
        trace="".join(traceback.format_exception(error)),
        bases=tuple(base.__qualname__ for base in type(error).__mro__),
    )
    return json.dumps(dataclasses.asdict(failure)).encode()


def _exit_code(error: SystemExit) -> int:
    if error.code is None:
        return 0
    return error.code & 0xFF if isinstance(error.code, int) else 1


def _settle(birth: Birth) -> BlockingChannel:
    """Own session, own output, tied to the supervisor's life."""
    os.setsid()
    os.dup2(birth.stdout, 1)
    os.dup2(birth.stderr, 2)
    os.close(birth.stdout)
    os.close(birth.stderr)
    _tie_to(birth.supervisor)
    processes.adopt_orphans()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    faulthandler.enable(file=2)
    # The zygote's were made for a file, which has a position; these are pipes.
    for name, stream in (("stdout", _line_by_line(1)), ("stderr", _line_by_line(2))):
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    if (random := sys.modules.get("numpy.random")) is not None:
        # Or every worker would draw the same numbers; the standard library sees to itself.
        random.seed()
    sock = socket.socket(fileno=birth.channel)
    # A process that user code forks has no say in our conversation.
    os.register_at_fork(after_in_child=sock.close)
    return BlockingChannel(sock)


def _line_by_line(descriptor: int) -> TextIO:
    return open(
        descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
    )


def _tie_to(supervisor: int) -> None:
    """Die with the supervisor. It is our parent as soon as the process between us has ended."""
    if not processes.LINUX:
        return
    end = time.monotonic() + 10
    while os.getppid() != supervisor:
        if time.monotonic() > end:
            os._exit(0)
        time.sleep(0.0002)
    processes.signal_on_parents_death(signal.SIGKILL)
    if os.getppid() != supervisor:
        os._exit(0)


def _flush() -> None:
    """Bring to the log what Python, logging and C libraries still hold."""
    for reference in list(logging._handlerList):  # type: ignore[attr-defined]
        handler = reference()
        if handler is not None:
            _quietly(handler.flush)
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        if stream is not None:
            _quietly(stream.flush)
    ctypes.pythonapi.fflush(None)


def _quietly(flush: Callable[[], None]) -> None:
    try:
        flush()
    except (OSError, ValueError, AttributeError):
        # User code closed it; what it held is its own loss.
        return


@dataclass(slots=True)
class _Home:
    """The state of the process that every task finds."""

    folder: str
    environment: dict[str, str]
    path: tuple[str, ...]
    handlers: tuple[Any, ...]
    umask: int
    streams: tuple[Any, Any, Any]
    outputs: tuple[int, int]

    @classmethod
    def remember(cls, folder: str) -> _Home:
        umask = os.umask(0o022)
        os.umask(umask)
        return cls(
            folder,
            dict(os.environ),
            tuple(sys.path),
            tuple(map(signal.getsignal, _SIGNALS)),
            umask,
            (sys.stdin, sys.stdout, sys.stderr),
            (os.dup(1), os.dup(2)),
        )

    def restore(self) -> str | None:
        """Undo what a task did to the process; what could not be undone."""
        if dict(os.environ) != self.environment:
            os.environ.clear()
            os.environ.update(self.environment)
        sys.path[:] = self.path
        sys.stdin, sys.stdout, sys.stderr = self.streams
        os.umask(self.umask)
        try:
            for number, output in enumerate(self.outputs, start=1):
                os.dup2(output, number)
            self._tidy_folder()
        except OSError as error:
            return str(error)
        return None

    def _tidy_folder(self) -> None:
        folder = Path(self.folder)
        folder.mkdir(parents=True, exist_ok=True)
        os.chdir(folder)
        for entry in folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink()

    def left_behind(self) -> str | None:
        """What a task left that cannot be undone; the process must not be used again."""
        if len(sys._current_frames()) > 1:
            return "threads"
        if any(stream is not None and stream.closed for stream in self.streams):
            return "closed streams"
        if processes.children(os.getpid()):
            return "child processes"
        if tuple(map(signal.getsignal, _SIGNALS)) != self.handlers:
            return "signal handlers"
        if any(signal.getitimer(signal.ITIMER_REAL)):
            return "a timer"
        return None
