"""Named points at which a test can kill the process or raise an error.

``GALLEY_FAULTS`` holds ``point:action[:nth]`` entries separated by commas. Actions: ``kill``
(SIGKILL to this process), ``raise`` (an OSError) and ``stop`` (SIGSTOP). Without the variable a
point costs one dictionary look-up.
"""

from __future__ import annotations

import errno
import os
import signal
from dataclasses import dataclass


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
    if fault.nth:
        return
    if fault.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif fault.action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    else:
        raise OSError(errno.EIO, f"injected fault at {name}")
