"""The engine under a simulated clock, order, network and database; more in ``bench.simulate``.

The plays run in a process of their own, in which the order of Python's sets is fixed, too: a seed
that is red here is red there.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.guards import GUARDS, ROOT, changed, without
from tests.simulation.play import play
from tests.simulation.world import CALM, Misfortune

SEEDS = 6


def played(first: int, seeds: int, source: Path = ROOT / "src") -> dict[str, Any]:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "bench.simulate", "--jobs", "1"),
            *("--first", str(first), "--seeds", str(seeds)),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(source), str(ROOT)])},
        capture_output=True,
        text=True,
    )
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.timeout(400)
def test_nothing_is_lost_doubled_or_mixed() -> None:
    record = played(0, SEEDS)
    assert record["violations"] == {}
    # Plays in which nothing happens prove nothing.
    assert record["steps"] > 20 * SEEDS
    assert record["published"] > 5 * SEEDS
    assert record["collected"] > 10 * SEEDS
    assert min(record["crashes"], record["calls"]) > SEEDS // 2


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_seed_plays_the_same_again() -> None:
    assert play(4) == play(4)


def test_without_misfortune_all_goes_well() -> None:
    ending = play(2, CALM)
    assert ending.wrong == ()
    assert ending.published > 5
    assert (ending.crashes, ending.calls) == (0, 0)


@pytest.mark.long
def test_processes_die_and_all_comes_to_an_end() -> None:
    deadly = Misfortune(crash=0.02, refused=0.02, reply_lost=0.02, stop=0.02, call_lost=0.1)
    endings = [play(seed, deadly) for seed in range(100, 104)]
    assert [ending.wrong for ending in endings] == [()] * 4
    assert sum(ending.crashes for ending in endings) > 20


@pytest.mark.parametrize("guard", GUARDS)
def test_each_guard_is_where_it_is_taken_out(guard: str) -> None:
    for path, text in changed(GUARDS[guard]).items():
        compile(text, path, "exec")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("guard", ["hold", "withdrawn"])
def test_seeds_notice_that_a_guard_is_gone(guard: str, tmp_path: Path) -> None:
    assert played(0, 45, without(guard, tmp_path))["violations"]
