"""Named points at which a test can kill the process or raise an error.

``GALLEY_FAULTS`` holds ``point:action[:nth]`` entries separated by commas. Actions: ``kill``
(SIGKILL to this process), ``raise`` (an OSError) and ``stop`` (SIGSTOP). ``nth`` counts in each
process; with ``GALLEY_FAULTS_ONCE``, a folder, a point acts in one process only, whoever starts
again afterwards. Without the variables a point costs one dictionary look-up.
"""

from __future__ import annotations

import errno
import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class _Fault:
    action: str
    nth: int


def _parse(text: str) -> dict[str, _Fault]:
    faults: dict[str, _Fault] = {}
    for entry in filter(None, text.split(",")):
        name, action, *nth = entry.split(":")
        faults[name] = _Fault(action, int(nth[0]) if nth else 1)
    return faults


_faults = _parse(os.environ.get("GALLEY_FAULTS", ""))


def point(name: str) -> None:
    """A place where dying must be harmless."""
    fault = _faults.get(name)
    if fault is None:
        return
    fault.nth -= 1
    if fault.nth or not _first(name):
        return
    if fault.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif fault.action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    else:
        raise OSError(errno.EIO, f"injected fault at {name}")


def _first(name: str) -> bool:
    """Whether no other process has acted at this point, where that matters."""
    folder = os.environ.get("GALLEY_FAULTS_ONCE")
    if folder is None:
        return True
    try:
        Path(folder, name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
