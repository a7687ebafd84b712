"""Processes as the operating system shows them: parents, memory, signals.

What only Linux can do (dying with the parent, adopting orphans, ``/proc``) does nothing elsewhere.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

CHANNEL = 3
"""The file descriptor on which a spawned process finds its socket."""

MARK = "GALLEY_POOL"
"""The environment variable by which every process of one pool can be found."""

LINUX = sys.platform == "linux"

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_SESSION, _START_TIME = 3, 19  # fields of /proc/PID/stat after the name, counted from the state
_PAGE = os.sysconf("SC_PAGE_SIZE")


def boottime() -> float:
    """Seconds on a clock that also counts while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def signal_on_parents_death(number: signal.Signals) -> None:
    """Be sent ``number`` when the thread that is our parent ends (Linux)."""
    if LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number))


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends (Linux)."""
    if LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def spawn(
    code: str,
    arguments: tuple[str, ...],
    channel: socket.socket,
    environ: Mapping[str, str],
    log: str,
) -> int:
    """Start Python with ``code``; it finds ``channel`` at ``CHANNEL`` and prints to ``log``.

    The working directory is not on its path: a project may hold files named like libraries.
    """
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    with _spare(channel) as spare:
        return os.posix_spawn(
            sys.executable,
            [sys.executable, "-P", "-c", code, *arguments],
            dict(environ),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, log, append, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
                (os.POSIX_SPAWN_DUP2, spare, CHANNEL),
            ],
        )


@contextlib.contextmanager
def _spare(channel: socket.socket) -> Iterator[int]:
    """A duplicate whose number is none of those that the new process is given."""
    taken = [channel.dup()]
    while taken[-1].fileno() <= CHANNEL:
        taken.append(channel.dup())
    try:
        yield taken[-1].fileno()
    finally:
        for duplicate in taken:
            duplicate.close()


def adopt_channel() -> socket.socket:
    """In a spawned process: its channel, all other descriptors closed, in its own session."""
    os.closerange(CHANNEL + 1, os.sysconf("SC_OPEN_MAX"))
    os.set_inheritable(CHANNEL, False)
    with contextlib.suppress(PermissionError):
        os.setsid()
    return socket.socket(fileno=CHANNEL)


def children(pid: int) -> set[int]:
    """The children of a process, dead ones that nobody waited for included."""
    if not LINUX:
        return set()
    if not _kernel_lists_children():
        return {child for child in _all() if _parent(child) == pid}
    found: set[int] = set()
    for task in _names(f"/proc/{pid}/task"):
        found.update(map(int, _read(f"/proc/{pid}/task/{task}/children").split()))
    return found


@cache
def _kernel_lists_children() -> bool:
    pid = os.getpid()
    return Path(f"/proc/{pid}/task/{pid}/children").exists()


def tree(pid: int) -> set[int]:
    """The process and all its descendants."""
    found, new = set(), {pid}
    while new:
        found |= new
        new = set().union(*map(children, new)) - found
    return found


def start_time(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; with the pid it names one process."""
    fields = _stat(pid)
    return int(fields[_START_TIME]) if fields else None


def resident(pid: int) -> int:
    """Bytes of memory that the process holds, those it shares with others included."""
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * _PAGE if fields else 0


def proportional(pid: int) -> int:
    """Bytes of memory, where those shared by n processes count one n-th."""
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) << 10
    return resident(pid)


def memory_over(pid: int, limit: int) -> int | None:
    """The memory of a process and its descendants if it is over ``limit`` bytes, else ``None``.

    The cheap sum counts pages shared after a fork several times, so the exact one decides.
    """
    family = tree(pid)
    if sum(map(resident, family)) <= limit:
        return None
    exact = sum(map(proportional, family))
    return exact if exact > limit else None


def signal_group(pid: int, number: signal.Signals) -> bool:
    """Signal a process and its group; whether anyone was there."""
    reached = False
    for send in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            send(pid, number)
            reached = True
    return reached


def kill_recorded(pid: int, started: int) -> None:
    """Kill what is left of the session that process ``pid`` led, unless the pid is another's now.

    ``started`` is the leader's start time; later processes of its session die with it.
    """
    now = start_time(pid)
    if now is not None and now != started:
        return
    for member in _all():
        fields = _stat(member)
        if fields and int(fields[_SESSION]) == pid and int(fields[_START_TIME]) >= started:
            _kill(member)


def kill_marked(mark: str, seconds: float = 2.0) -> None:
    """Kill every process whose environment bears the pool's mark, until none is left."""
    end = time.monotonic() + seconds
    while (found := marked(mark)) and time.monotonic() < end:
        for pid in found:
            _kill(pid)
        time.sleep(0.005)


def marked(mark: str) -> set[int]:
    """The live processes, but for ourselves, that were started with the pool's mark."""
    entry = f"{MARK}={mark}".encode()
    return {
        pid for pid in _all() - {os.getpid()} if entry in _read(f"/proc/{pid}/environ").split(b"\0")
    }


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _all() -> set[int]:
    return {int(name) for name in _names("/proc") if name.isdecimal()}


def _parent(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def thread_count(pid: int) -> int:
    """Threads of the process, those of C libraries included; 0 where that is not known."""
    return len(_names(f"/proc/{pid}/task"))


def _stat(pid: int) -> list[bytes]:
    """The fields after the name, which may hold anything in its parentheses."""
    return _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()


def _names(folder: str) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(folder)]
    except OSError:
        return []


def _read(path: str) -> bytes:
    """A file of ``/proc``; empty when its process is gone or not ours."""
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""
