"""Temporary folders: whose each is, and how it goes.

An attempt's bears the attempt's id. Any other bears the process that made it, so that whoever finds
one later knows whether it is used still.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from galley.ids import digest, new_id
from galley.runs import processes

_OWN = re.compile(r"^of-(?P<place>[0-9a-f]{8})-(?P<pid>\d+)-(?P<started>\d+)-[0-9a-z]{8}$")
LONG = 7 * 86_400.0
"""Seconds after which the folder of a process that cannot be looked at is nobody's."""


def own(root: str | Path) -> str:
    """A folder in ``root`` for this process alone, another one with every call; it is not made."""
    pid = os.getpid()
    started = processes.start_time(pid) or 0
    return str(Path(root, f"of-{_place()}-{pid}-{started}-{new_id(8)}"))


def remove(folder: str | Path) -> None:
    """Remove a folder with all that is in it, as far as that goes.

    What cannot be removed stays and fails nobody: it is tried again in the daily round.
    """
    with suppress(OSError):
        # Most are empty.
        Path(folder).rmdir()
    if not os.path.lexists(folder):
        return
    shutil.rmtree(folder, ignore_errors=True)
    if os.path.lexists(folder):
        # User code may have made folders that nobody may write to.
        for inside, _, _ in os.walk(folder):
            with suppress(OSError):
                Path(inside).chmod(0o700)
        shutil.rmtree(folder, ignore_errors=True)


def names(root: str | Path) -> list[str]:
    """What there is in a folder of temporary folders."""
    with suppress(OSError):
        return sorted(path.name for path in Path(root).iterdir())
    return []


def abandoned(root: str | Path, name: str) -> bool:
    """Whether it is the folder of a process that is gone.

    Of one of another boot or another machine nothing is known, but that it is over after a week in
    which nothing was put there.
    """
    found = _OWN.match(name)
    if found is None:
        return False
    if processes.LINUX and found["place"] == _place():
        return not processes.lives(int(found["pid"]), int(found["started"]))
    with suppress(OSError):
        return time.time() - Path(root, name).stat().st_mtime > LONG
    return False


def sweep(root: str | Path) -> None:
    """Remove the folders of processes that are gone."""
    for name in names(root):
        if abandoned(root, name):
            remove(Path(root, name))


@cache
def _place() -> str:
    """What tells the processes that a pid can name here from those elsewhere."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = ""
    return digest("place", processes.boot_id() or "", space)[:8]
