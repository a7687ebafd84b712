"""The process that serves the REST API, as the server sees it: started, kept going, ended."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from galley import codec
from galley.errors import UsageError
from galley.project.find import declared_name
from galley.server.api.task import Task
from galley.server.sockets import bound, is_loopback, url_of

_log = logging.getLogger("galley.server")

PORT = 8642
"""Where the API is if nobody says otherwise."""

AGAIN = 1.0
"""Seconds before a process that ended is started anew."""

GRACE = 5.0
"""Seconds that it has to end by itself."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the API answers; ``certificate`` and ``certificate_key`` are files in PEM form.

    ``identity``: who calls says who they are; ``behind_tls``: a proxy before it speaks TLS.
    """

    host: str = "127.0.0.1"
    port: int = 0
    certificate: str | None = None
    certificate_key: str | None = None
    identity: bool = False
    behind_tls: bool = False


class Front:
    """The REST API of a home at an address. A process that ends is followed by another one."""

    def __init__(self, address: Address, home: Path, folder: Path | None, slots: int) -> None:
        """Bind the port. ``folder`` is that of the project that the server was started in.

        ``slots`` is how many worker processes of its own the server has.

        Raises:
            UsageError: others than this machine could reach it, and anybody could do anything.
            UnavailableError: the port cannot be had.
        """
        if not (address.identity or is_loopback(address.host)):
            raise UsageError(
                f"{address.host} can be reached from other machines, and nobody would have to say "
                "who they are",
                hint="--identity: people log in, programs show tokens; the first start prints a "
                "one-time link for an admin",
            )
        self._socket = bound(address.host, address.port)
        self._socket.listen(512)
        self.url = url_of(self._socket, tls=address.certificate is not None)
        name = declared_name(folder) if folder else None
        task = Task(
            home=str(home),
            socket=self._socket.fileno(),
            folder=str(folder) if folder else None,
            folders={name: str(folder)} if name else {},
            names=(address.host,),
            slots=slots,
            identity=address.identity,
            secure=address.behind_tls or address.certificate is not None,
            certificate=address.certificate,
            certificate_key=address.certificate_key,
        )
        self._told = json.dumps(codec.to_plain(task))
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep_going, name="front", daemon=True)

    @property
    def pid(self) -> int | None:
        """The process that serves now."""
        return self._process.pid if self._process else None

    def __enter__(self) -> Front:
        """Begin to serve."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
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
        command = [sys.executable, "-P", "-m", "galley.server.api.process", self._told]
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
