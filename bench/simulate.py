"""Seeds upon seeds of the simulated engine (see ``tests/simulation``).

    python -m bench.simulate [--first N] [--seeds N] [--steps N] [--jobs N] [--progress FILE]
    python -m bench.simulate --without GUARD|all --seeds N

Plays seeds until there were so many of them, or so many steps. Prints what was violated with the
seed that shows it again, and ends with a JSON record, which ``--progress`` keeps in a file all the
while; exit status 1 if anything was violated. ``--without`` takes a guard out of the product, in a
copy, and says how many of the seeds notice.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import asdict
from itertools import count, islice
from pathlib import Path

from tests.simulation import guards
from tests.simulation.play import play

EVERY = 10
"""Seeds between two notes of how far it is."""


def main() -> int:
    """Play and print the record."""
    parser = argparse.ArgumentParser(description="the engine under simulated misfortune")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, help="how many seeds")
    parser.add_argument("--steps", type=int, default=1_000_000, help="at least so many steps")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--progress", type=Path, help="a file for the record as it grows")
    parser.add_argument("--without", choices=[*guards.GUARDS, "all"], help="a guard to take out")
    options = parser.parse_args()
    _settle_hashes()
    if options.without:
        return _mutations(options)
    record = _Record(options.first)
    for found in _endings(options.first, options.seeds, options.jobs):
        record.add(found)
        if options.progress and record.seeds % EVERY == 0:
            record.write(options.progress)
        if record.totals["steps"] >= options.steps:
            break
    if options.progress:
        record.write(options.progress, ended=True)
    print(json.dumps(record.told(ended=True), indent=1))
    return 1 if record.violations else 0


def _settle_hashes() -> None:
    """The order of Python's sets must follow from the seed, too."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        os.execve(
            sys.executable, [sys.executable, "-m", "bench.simulate", *sys.argv[1:]], environment
        )


class _Record:
    """What was played so far."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.seeds = 0
        self.totals: dict[str, int] = {"steps": 0}
        self.violations: dict[int, list[str]] = {}
        self._begin = time.monotonic()

    def add(self, ending: dict[str, object]) -> None:
        """Count one play."""
        self.seeds += 1
        seed, wrong = ending.pop("seed"), ending.pop("wrong")
        for name, number in ending.items():
            assert isinstance(number, int)
            self.totals[name] = self.totals.get(name, 0) + number
        if wrong:
            assert isinstance(wrong, tuple)
            assert isinstance(seed, int)
            self.violations[seed] = list(wrong)
            sys.stderr.write(f"\nseed {seed}: {'; '.join(wrong)}\n")
        if self.seeds % EVERY == 0 and sys.stderr.isatty():
            said = f"{self.seeds} seeds, {self.totals['steps']} steps"
            sys.stderr.write(f"\r{said}, {len(self.violations)} violations ")

    def told(self, *, ended: bool = False) -> dict[str, object]:
        """All of it."""
        seconds = time.monotonic() - self._begin
        return {
            "ended": ended,
            "first": self.first,
            "seeds": self.seeds,
            **self.totals,
            "seconds": round(seconds),
            "seeds_a_minute": round(60 * self.seeds / seconds),
            "steps_a_second": round(self.totals["steps"] / seconds, 1),
            "turns_a_second": round(self.totals.get("turns", 0) / seconds),
            "violations": self.violations,
        }

    def write(self, file: Path, *, ended: bool = False) -> None:
        """Keep it; whoever reads sees the whole of it."""
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(self.told(ended=ended), indent=1))
        fresh.replace(file)


def _play(seed: int) -> dict[str, object]:
    return asdict(play(seed))


def _endings(first: int, seeds: int | None, jobs: int) -> Iterator[dict[str, object]]:
    """Play as many at once as there are processes; nothing is planned far ahead."""
    numbers = count(first) if seeds is None else iter(range(first, first + seeds))
    if jobs == 1:
        yield from map(_play, numbers)
        return
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        waiting = {pool.submit(_play, seed) for seed in islice(numbers, 4 * jobs)}
        try:
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                waiting |= {pool.submit(_play, seed) for seed in islice(numbers, len(done))}
                yield from (one.result() for one in done)
        finally:
            pool.shutdown(cancel_futures=True)


def _mutations(options: argparse.Namespace) -> int:
    """How many seeds notice that a guard is gone; exit status 1 if none does."""
    names = list(guards.GUARDS) if options.without == "all" else [options.without]
    found: dict[str, object] = {}
    blind = False
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            copy = guards.without(name, Path(folder))
            paths = os.pathsep.join([str(copy), str(guards.ROOT)])
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "bench.simulate", "--jobs", str(options.jobs)),
                    *("--first", str(options.first), "--seeds", str(options.seeds or 50)),
                ],
                env={**os.environ, "PYTHONPATH": paths},
                cwd=guards.ROOT,
                capture_output=True,
                text=True,
            )
        if not done.stdout:
            raise SystemExit(f"without {name} nothing can be played: {done.stderr[-2000:]}")
        record = json.loads(done.stdout)
        red = record["violations"]
        example = next(((seed, said[0][-120:]) for seed, said in red.items()), None)
        found[name] = {"seeds": record["seeds"], "red": len(red), "example": example}
        blind = blind or not red
        sys.stderr.write(f"without {name}: {len(red)} of {record['seeds']} seeds are red\n")
    print(json.dumps(found, indent=1))
    return 1 if blind else 0


if __name__ == "__main__":
    raise SystemExit(main())
