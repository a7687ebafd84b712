"""A project from outside: put aside, then unpacked and compiled in a process of its own.

Compiling runs no code of the project. It parses, though, and what somebody made to be hard to parse
takes memory and time: it takes them from a process that nothing else hangs on.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from galley.environments.compiling import MEMORY, answered, too_hard
from galley.environments.home import Home
from galley.errors import InternalError
from galley.project.model import Manifest
from galley.runs import scratch

LARGEST_RESULT = 64 << 20
PROGRAM = "galley.environments.compiling"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a project may take to compile, in seconds: of work, and on the clock."""

    work: int = 60
    wait: float = 120.0


def quarantine(home: Home) -> Path:
    """A new folder for what nobody has looked at yet; whoever asks for it removes it.

    It bears the process's name: what a killed one leaves goes in the daily round.
    """
    folder = Path(scratch.own(home.path / "scratch"))
    folder.mkdir(mode=0o700, parents=True)
    return folder


def take_in(packed: Path, folder: Path, patience: Patience = Patience()) -> Manifest:
    """Unpack an archive into the new folder ``folder`` and compile the project in it.

    Raises:
        DefinitionErrors: the definitions are wrong; with file and line.
        InvalidRequestError: the archive cannot be read, or holds what has no place in a project.
        TooLargeError: it is too large, or takes too long.
    """
    result = folder.with_name(f"{folder.name}.json")
    paths = map(str, (packed, folder, result))
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", PROGRAM, *paths, str(patience.work)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=patience.wait,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise too_hard(f"more than {patience.wait:g} seconds") from None
    if done.returncode < 0 and -done.returncode != signal.SIGTERM:
        raise too_hard(f"more than {patience.work} seconds of work, or {MEMORY >> 30} GiB")
    if done.returncode or not result.is_file() or result.stat().st_size > LARGEST_RESULT:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise InternalError(f"the project could not be compiled: {said[-1] if said else 'ended'}")
    return answered(result.read_text("utf-8"))
