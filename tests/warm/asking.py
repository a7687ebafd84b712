"""The near side of a warm interpreter: hand it a command line of Python, wait for how it ends.

It imports little, for each command that a page of documentation shows begins with it.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Mapping, Sequence

LENGTH = struct.Struct(">I")
"""How long the wish is; with it go stdin, stdout and stderr as descriptors."""

ANSWER = struct.Struct(">i")
"""First the command's process; then how it ended: its status, or minus the signal."""


LIMITS = sorted({limit for name, limit in vars(resource).items() if name.startswith("RLIMIT_")})

INHERITED = sorted(
    signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE, signal.SIGXFSZ}
)
"""The signals that a new program ignores if whoever starts it does; Python sets the others."""


class GoneError(Exception):
    """The warm interpreter has ended, and so has the command."""


def wish(
    arguments: Sequence[str], folder: str, environ: Mapping[str, str], path: str | None = None
) -> bytes:
    """``python ARGUMENTS`` in ``folder``, with what limits us and the signals that we ignore.

    ``path`` is the first place it imports from, if told.
    """
    told = {
        "arguments": list(arguments),
        "folder": folder,
        "environ": dict(environ),
        "path": path,
        "limits": [(limit, *resource.getrlimit(limit)) for limit in LIMITS],
        "ignored": [one for one in INHERITED if signal.getsignal(one) is signal.SIG_IGN],
    }
    return json.dumps(told).encode()


def begin(place: str, wanted: bytes, descriptors: Sequence[int]) -> tuple[socket.socket, int]:
    """Begin a command, which is killed when the connection is closed; and its process.

    Raises:
        GoneError: nobody is there to begin it.
    """
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(place)
        socket.send_fds(connection, [LENGTH.pack(len(wanted))], descriptors)
        connection.sendall(wanted)
        return connection, answer(connection)
    except BaseException:
        connection.close()
        raise


def answer(connection: socket.socket) -> int:
    """Wait for a number; after a command was begun, for how it ended.

    Raises:
        GoneError: nobody is there to tell it.
    """
    told = connection.recv(ANSWER.size)
    if len(told) != ANSWER.size:
        raise GoneError
    number: int = ANSWER.unpack(told)[0]
    return number


def main(place: str) -> None:
    """The script ``galley``: this process ends as the one that does the work ended."""
    arguments = ("-m", "galley", *sys.argv[1:])
    scripts = sys.argv[0].rpartition("/")[0]
    wanted = wish(arguments, os.getcwd(), os.environ, scripts)  # noqa: PTH109 - what pathlib takes
    connection, _ = begin(place, wanted, (0, 1, 2))
    with connection:
        status = answer(connection)
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)
