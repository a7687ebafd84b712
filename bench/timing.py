"""Clocks, child processes as a user starts them, and rivals side by side."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

GALLEY = Path(sys.executable).parent / "galley"
_HIDDEN = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONPATH", "PYTHONPYCACHEPREFIX")


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


def side_by_side(
    count: int, mine: Callable[[int], float], theirs: Callable[[int], float]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Both in every round, each first in half of them, so that load hits both."""
    ours: list[float] = []
    rivals: list[float] = []
    for number in range(count):
        pairs = [(ours, mine), (rivals, theirs)]
        for found, work in pairs if number % 2 == 0 else reversed(pairs):
            found.append(work(number))
    return tuple(ours), tuple(rivals)


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)
