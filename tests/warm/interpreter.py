"""Commands in processes of their own, which are spared the time that a new Python takes to import.

A warm interpreter has imported what the commands import. It forks for each of them; what a user
of the command could tell from a new process is the same, but for the time.
"""

from __future__ import annotations

import atexit
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from tests.warm import asking

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SCRIPT = """\
#!{python} -IS
import sys
sys.path.append({here!r})
from asking import main
main({place!r})
"""

SERVE = (sys.executable, "-m", "tests.warm.process")

Startup = tuple[tuple[str, str], ...]
"""The variables that are read when Python starts, and when the product is imported."""


def startup(environ: Mapping[str, str]) -> Startup:
    """Those of an environment."""
    own = ("PYTHON", "LANG", "LC_", "GALLEY_FAULTS")
    return tuple(sorted(pair for pair in environ.items() if pair[0].startswith(own)))


@dataclass
class Begun:
    """A command under way, with what is asked of a ``Popen``."""

    _connection: socket.socket
    pid: int
    returncode: int | None = None

    def poll(self) -> int | None:
        """Its status, if it has ended."""
        with suppress(TimeoutError):
            return self.wait(0.0001)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Its status, negative for a signal. Raises TimeoutError."""
        if self.returncode is None:
            self._connection.settimeout(timeout)
            self.returncode = asking.answer(self._connection)
            self._connection.close()
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Ask no more; it is killed if it has not ended."""
        self._connection.close()


class Interpreter:
    """A process that forks for commands, until ours ends."""

    def __init__(self, variables: Startup) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="warm-"))
        self.place = str(self._folder / "socket")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(self.place)
            listening.listen()
            os.set_inheritable(listening.fileno(), True)
            self._process = subprocess.Popen(
                [*SERVE, str(listening.fileno())],
                cwd=ROOT,
                env=dict(variables) | {"PATH": os.environ["PATH"]},
                stdin=subprocess.PIPE,
                pass_fds=[listening.fileno()],
            )
        atexit.register(self._end)

    @cached_property
    def scripts(self) -> Path:
        """A folder to put on ``PATH``: its ``galley`` takes the place of the installed one."""
        script = self._folder / "galley"
        script.write_text(SCRIPT.format(python=sys.executable, here=str(HERE), place=self.place))
        script.chmod(0o755)
        return self._folder

    def run(
        self, arguments: Sequence[str], folder: Path, environ: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """``python ARGUMENTS`` in a folder, with nothing to read.

        Raises:
            TimeoutExpired: it was killed.
        """
        end = time.monotonic() + timeout
        (out, theirs_out), (err, theirs_err) = os.pipe(), os.pipe()
        with ExitStack() as stack:
            for reading in (out, err):
                stack.callback(os.close, reading)
            try:
                begun = self.start(arguments, folder, environ, theirs_out, theirs_err)
            finally:
                os.close(theirs_out)
                os.close(theirs_err)
            stack.callback(begun.close)
            try:
                printed = _drained((out, err), end)
                status = begun.wait(max(0.01, end - time.monotonic()))
            except TimeoutError as error:
                raise subprocess.TimeoutExpired(list(arguments), timeout) from error
        texts = [text.decode().replace("\r\n", "\n") for text in printed]
        return subprocess.CompletedProcess(list(arguments), status, *texts)

    def start(
        self, arguments: Sequence[str], folder: Path, environ: Mapping[str, str], out: int, err: int
    ) -> Begun:
        """Begin ``python ARGUMENTS`` in a folder, with nothing to read."""
        wanted = asking.wish(arguments, str(folder), environ)
        with Path(os.devnull).open("rb") as nothing:
            return Begun(*asking.begin(self.place, wanted, (nothing.fileno(), out, err)))

    def _end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        shutil.rmtree(self._folder)


@cache
def interpreter(variables: Startup) -> Interpreter:
    """The one whose Python started with these variables."""
    return Interpreter(variables)


def _drained(pipes: tuple[int, int], end: float) -> list[bytes]:
    """All that comes out of pipes. Raises TimeoutError."""
    found = {pipe: bytearray() for pipe in pipes}
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, end - time.monotonic()))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                if data := os.read(key.fd, 65536):
                    found[key.fd] += data
                else:
                    selector.unregister(key.fd)
    return [bytes(found[pipe]) for pipe in pipes]
