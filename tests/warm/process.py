"""The far side: a process that has imported what commands import, and forks for each of them.

Nothing it imports starts a thread, and it opens no database: a fork of it is as good as a new
process. A command gets the descriptors, folder and variables that it is given, and nothing else.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import runpy
import selectors
import signal
import socket
import sys
import threading
import time
from types import ModuleType, TracebackType
from typing import Any

from galley.cli.lazy import COMMANDS
from tests.warm.asking import ANSWER, INHERITED, LENGTH

LAZY = (
    "galley.bootstrap",
    "galley.cli.remote.client",
    "galley.server.host",
    "galley.server.worker",
    "pydantic",
    "pydantic.type_adapter",
    "rich.console",
    "rich.table",
)
"""What commands import besides their own modules, most of them when it is needed."""

Wish = tuple[dict[str, Any], list[int]]


def main() -> None:
    """Serve at the socket that is ``argv[1]``, until stdin ends; in a fork, be a command."""
    for entry in COMMANDS.values():
        importlib.import_module(f"galley.cli.commands.{entry.module}")
    for name in LAZY:
        importlib.import_module(name)
    assert threading.active_count() == 1
    gc.collect()
    gc.freeze()
    with Serving(socket.socket(fileno=int(sys.argv[1]))) as serving:
        wanted = serving.next_command()
    if wanted is not None:
        become(*wanted)


class Serving:
    """The commands under way, by the process that each is, with whoever waits for it."""

    def __init__(self, listening: socket.socket) -> None:
        self._commands: dict[int, socket.socket] = {}
        self._listening = listening
        self._selector = selectors.DefaultSelector()
        self._woken, self._wakes = socket.socketpair()

    def __enter__(self) -> Serving:
        self._woken.setblocking(False)
        self._wakes.setblocking(False)
        self._handler = signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakes.fileno())
        for file in (self._listening, self._woken, sys.stdin):
            self._selector.register(file, selectors.EVENT_READ)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, self._handler)
        self._selector.close()
        for one in (self._listening, self._woken, self._wakes, *self._commands.values()):
            one.close()

    def next_command(self) -> Wish | None:
        """In each fork what it is to do; in the process itself nothing, at its end."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is sys.stdin:
                    return None
                if key.fileobj is self._woken:
                    self._reap()
                elif key.fileobj is not self._listening:
                    self._abandon(key.data)
                elif (wanted := self._take()) is not None:
                    return wanted

    def _take(self) -> Wish | None:
        """Fork for a wish; what is wished for, in the fork."""
        connection, _ = self._listening.accept()
        data, descriptors, *_ = socket.recv_fds(connection, LENGTH.size, 3)
        with connection.makefile("rb") as file:
            told = json.loads(file.read(*LENGTH.unpack(data)))
        pid = os.fork()
        if pid == 0:
            connection.close()
            return told, descriptors
        for descriptor in descriptors:
            os.close(descriptor)
        connection.send(ANSWER.pack(pid))
        self._commands[pid] = connection
        self._selector.register(connection, selectors.EVENT_READ, pid)
        return None

    def _reap(self) -> None:
        """Tell how commands ended."""
        self._woken.recv(4096)
        while (ended := _next_ended()) is not None:
            pid, status = ended
            if (connection := self._commands.pop(pid, None)) is not None:
                self._selector.unregister(connection)
                with connection, contextlib.suppress(BrokenPipeError):
                    connection.send(ANSWER.pack(os.waitstatus_to_exitcode(status)))

    def _abandon(self, pid: int) -> None:
        """Nobody waits any more."""
        if (connection := self._commands.pop(pid, None)) is not None:
            self._selector.unregister(connection)
            connection.close()
            os.kill(pid, signal.SIGKILL)


def _next_ended() -> tuple[int, int] | None:
    with contextlib.suppress(ChildProcessError):
        pid, status = os.waitpid(-1, os.WNOHANG)
        return (pid, status) if pid else None
    return None


def become(told: dict[str, Any], descriptors: list[int]) -> None:
    """What Python does between its start and the first line of a program."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    for descriptor in descriptors:
        os.close(descriptor)
    os.chdir(told["folder"])
    for limit, *values in told["limits"]:
        if resource.getrlimit(limit) != (soft_and_hard := (values[0], values[1])):
            resource.setrlimit(limit, soft_and_hard)
    for number in INHERITED:
        usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, signal.SIG_IGN if number in told["ignored"] else usual)
    os.environ.clear()
    os.environ.update(told["environ"])
    time.tzset()
    kind, program, *arguments = told["arguments"]
    sys.argv = [kind, *arguments]
    if kind == "-m":
        sys.path[0] = told["folder"] if told["path"] is None else told["path"]
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = ""
        module = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(program, "<string>", "exec"), module.__dict__)


if __name__ == "__main__":
    main()
