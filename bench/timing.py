"""Clocks, child processes as a user starts them, and rivals side by side."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

GALLEY = Path(sys.executable).parent / "galley"
_HIDDEN = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONPYCACHEPREFIX")


class BenchError(Exception):
    """A measured command did not do what it should: its time means nothing."""


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a user's shell would pass on: byte code is kept, nothing of Galley's is set."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _HIDDEN and not name.startswith("GALLEY_")
    }
    return {**kept, "GALLEY_USER": "ana", **(extra or {})}


def run(
    command: Sequence[str | Path],
    folder: Path,
    extra: Mapping[str, str] | None = None,
    *,
    expect: int | None = 0,
) -> str:
    """Run a command in a folder and give its output. Raises BenchError with what it said."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=environment(extra),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if expect is not None and done.returncode != expect:
        said = (done.stderr + done.stdout)[-2000:]
        raise BenchError(f"{command[0]} {command[1]} ended with {done.returncode}: {said}")
    return done.stdout


def galley(folder: Path, *arguments: str, extra: Mapping[str, str] | None = None) -> str:
    """Run a whole ``galley`` command. Raises BenchError."""
    return run([GALLEY, *arguments], folder, extra)


def rounds(count: int, work: Callable[[int], float]) -> tuple[float, ...]:
    """The values of several rounds."""
    return tuple(work(number) for number in range(count))


@dataclass(frozen=True, slots=True)
class Pair:
    """Rounds of two rivals: wall seconds of each round, and the median of their CPU seconds.

    CPU seconds hardly change when others work on the machine, so they tell whether a wall ratio
    is to be believed.
    """

    mine: tuple[float, ...]
    theirs: tuple[float, ...]
    cpu: tuple[float, float]

    @property
    def ratio(self) -> float:
        """Our median over theirs."""
        return median(self.mine) / median(self.theirs)

    @property
    def note(self) -> str:
        """The CPU seconds in words."""
        ours, rival = self.cpu
        return f"CPU time {ours:.2f} s against {rival:.2f} s, {ours / rival:.2f}x"


Work = Callable[[], object]


def side_by_side(count: int, mine: Work, theirs: Work, fresh: Work | None = None) -> Pair:
    """Both in every round, each first in half of them, so that load hits both.

    ``fresh`` comes before each of ``mine`` and is not timed.
    """
    ours: list[tuple[float, float]] = []
    rivals: list[tuple[float, float]] = []
    for number in range(count):
        turns = [(ours, mine, fresh), (rivals, theirs, None)]
        for found, work, before in turns if number % 2 == 0 else reversed(turns):
            if before is not None:
                before()
            started = cpu_seconds()
            wall = seconds(work)
            found.append((wall, cpu_seconds() - started))
    cpu = (median([one for _, one in ours]), median([one for _, one in rivals]))
    return Pair(tuple(one for one, _ in ours), tuple(one for one, _ in rivals), cpu)


@dataclass(frozen=True, slots=True)
class Alone:
    """Rounds of one thing: wall seconds of each, and the median of their CPU seconds."""

    walls: tuple[float, ...]
    cpu: float

    @property
    def note(self) -> str:
        """The CPU seconds in words."""
        return f"CPU time {self.cpu:.2f} s, all processes together"


def alone(count: int, work: Work, fresh: Callable[[int], object] | None = None) -> Alone:
    """Several rounds; ``fresh`` comes before each, with its number, and is not timed."""
    walls: list[float] = []
    used: list[float] = []
    for number in range(count):
        if fresh is not None:
            fresh(number)
        started = cpu_seconds()
        walls.append(seconds(work))
        used.append(cpu_seconds() - started)
    return Alone(tuple(walls), median(used))


def cpu_seconds() -> float:
    """Seconds of CPU that this process and the children it has waited for have used."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)
