"""Seeds upon seeds of the simulated engine (see ``tests/simulation``).

    python -m bench.simulate [--first N] [--seeds N] [--steps N] [--processes N]

Plays seeds until there were so many of them, or so many steps. Prints what was violated with the
seed that shows it again, and ends with a JSON record; exit status 1 if anything was.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from itertools import count, islice

from tests.simulation.play import Ending, play


def main() -> int:
    """Play and print the record."""
    parser = argparse.ArgumentParser(description="the engine under simulated misfortune")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, help="how many seeds")
    parser.add_argument("--steps", type=int, default=1_000_000, help="at least so many steps")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    record = _record(options.first, options.seeds, options.steps, options.processes)
    print(json.dumps(record, indent=1))
    return 1 if record["violations"] else 0


def _record(first: int, seeds: int | None, steps: int, processes: int) -> dict[str, object]:
    begin = time.monotonic()
    found: list[Ending] = []
    played = done = transactions = crashes = 0
    for ending in _endings(first, seeds, processes):
        played, done = played + 1, done + ending.steps
        transactions, crashes = transactions + ending.transactions, crashes + ending.crashes
        if ending.wrong:
            found.append(ending)
            sys.stderr.write(f"\nseed {ending.seed}: {'; '.join(ending.wrong)}\n")
        if played % 20 == 0:
            sys.stderr.write(f"\r{played} seeds, {done} steps, {len(found)} violations ")
        if done >= steps:
            break
    seconds = time.monotonic() - begin
    return {
        "first": first,
        "seeds": played,
        "steps": done,
        "transactions": transactions,
        "crashes": crashes,
        "seconds": round(seconds),
        "seeds_a_minute": round(60 * played / seconds),
        "violations": {ending.seed: list(ending.wrong) for ending in found},
    }


def _endings(first: int, seeds: int | None, processes: int) -> Iterator[Ending]:
    """Play as many at once as there are processes; nothing is planned far ahead."""
    numbers = count(first) if seeds is None else iter(range(first, first + seeds))
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        waiting = {pool.submit(play, seed) for seed in islice(numbers, 4 * processes)}
        try:
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                waiting |= {pool.submit(play, seed) for seed in islice(numbers, len(done))}
                yield from (one.result() for one in done)
        finally:
            pool.shutdown(cancel_futures=True)


if __name__ == "__main__":
    raise SystemExit(main())
