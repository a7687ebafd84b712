"""The process that serves the REST API, as the server sees it: started, kept going, ended."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
import threading
from dataclasses import replace

from galley import codec
from galley.server.api.task import Task

_log = logging.getLogger("galley.server")

AGAIN = 1.0
"""Seconds before a process that ended is started anew."""

GRACE = 5.0
"""Seconds that it has to end by itself."""


class Front:
    """One REST API on a bound socket. A process that ends is followed by another one."""

    def __init__(self, task: Task, bound: socket.socket) -> None:
        self._task = replace(task, socket=bound.fileno())
        self._socket = bound
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep_going, name="front", daemon=True)

    @property
    def pid(self) -> int | None:
        """The process that serves now."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Begin to serve."""
        self._socket.listen(512)
        self._thread.start()

    def stop(self) -> None:
        """End the process."""
        self._stopping.set()
        if self._process is not None:
            self._process.terminate()
        self._thread.join(GRACE)
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        self._socket.close()

    def _keep_going(self) -> None:
        # The process is told when the thread ends that started it: all of them start here.
        told = json.dumps(codec.to_plain(self._task))
        command = [sys.executable, "-P", "-m", "galley.server.api.process", told]
        while not self._stopping.is_set():
            self._process = subprocess.Popen(
                command, pass_fds=[self._socket.fileno()], stdin=subprocess.DEVNULL
            )
            if self._stopping.is_set():
                self._process.terminate()
            status = self._process.wait()
            if not self._stopping.is_set():
                _log.warning("the API's process ended with status %s; starting it anew", status)
                self._stopping.wait(AGAIN)
