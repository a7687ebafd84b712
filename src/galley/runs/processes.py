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
from collections.abc import Callable, Iterator, Mapping
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


def boot_id() -> str | None:
    """What tells this boot of the machine from another; ``None`` where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None


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
    for number in map(int, _names("/dev/fd")):
        if number > CHANNEL:
            # One of them was the listing itself.
            with contextlib.suppress(OSError):
                os.close(number)
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


def lives(pid: int, started: int) -> bool:
    """Whether the process that started then is there and does anything yet.

    One that has ended stays listed until its parent asks for it, which may be never.
    """
    return start_time(pid) == started and _running(pid)


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

    ``started`` is the leader's start time. Returns when nothing is left, at most after 2 seconds.
    """
    now = start_time(pid)
    if now is None or now == started:
        _kill_all(lambda: _session(pid, started))


def kill_marked(mark: str) -> None:
    """Kill every process whose environment bears the pool's mark; at most 2 seconds."""
    _kill_all(lambda: marked(mark))


def _kill_all(find: Callable[[], set[int]]) -> None:
    """Kill until nothing is found: what is being killed may still be forking."""
    end = time.monotonic() + 2
    while (found := find()) and time.monotonic() < end:
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)


def _session(leader: int, started: int) -> set[int]:
    """The running processes of a session that are no older than its leader."""
    found = set()
    for pid in _all():
        fields = _stat(pid)
        member = bool(fields) and int(fields[_SESSION]) == leader and _running(pid)
        if member and int(fields[_START_TIME]) >= started:
            found.add(pid)
    return found


def marked(mark: str) -> set[int]:
    """The live processes, but for ourselves, that were started with the pool's mark."""
    entry = f"{MARK}={mark}".encode()
    return {
        pid for pid in _all() - {os.getpid()} if entry in _read(f"/proc/{pid}/environ").split(b"\0")
    }


def _running(pid: int) -> bool:
    fields = _stat(pid)
    return bool(fields) and fields[0] not in (b"Z", b"X")


def _all() -> set[int]:
    return {int(name) for name in _names("/proc") if name.isdecimal()}


def _parent(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[1]) if fields else None


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
