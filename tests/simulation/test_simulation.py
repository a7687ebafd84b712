"""The engine under a simulated clock, order and database; more seeds in ``bench.simulate``."""

import pytest

from tests.simulation.play import Ending, play
from tests.simulation.world import CALM, Misfortune

SEEDS = 8


@pytest.mark.parametrize("seed", range(SEEDS))
def test_nothing_is_lost_doubled_or_mixed(seed: int) -> None:
    ending = play(seed)
    assert ending.wrong == (), f"python -m bench.simulate --first {seed} --seeds 1"


def test_a_seed_plays_the_same_again() -> None:
    assert play(3) == play(3)


def test_without_misfortune_all_goes_well() -> None:
    ending = play(1, CALM)
    assert isinstance(ending, Ending)
    assert ending.wrong == ()
    assert ending.crashes == 0


def test_engines_die_and_all_comes_to_an_end() -> None:
    deadly = Misfortune(crash=0.03, refused=0.02, reply_lost=0.02, sleep=0.02)
    endings = [play(seed, deadly) for seed in range(100, 104)]
    assert [ending.wrong for ending in endings] == [()] * 4
    assert sum(ending.crashes for ending in endings) > 4
