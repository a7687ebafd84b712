"""When the engine looks again."""

import pytest

from galley.runs.engine import LOOK
from galley.runs.timers import QUIET, Timer

START = 10_000_000


@pytest.fixture
def timer() -> Timer:
    made = Timer()
    assert made.due(START, 1, LOOK)
    return made


def test_news_are_seen_at_the_usual_pace(timer: Timer) -> None:
    assert not timer.due(START + LOOK - 1, 2, LOOK)
    assert timer.due(START + LOOK, 2, LOOK)
    assert not timer.due(START + LOOK + 1, 3, LOOK)


def test_without_news_the_pace_is_slow(timer: Timer) -> None:
    assert not timer.due(START + QUIET - 1, 1, LOOK)
    assert timer.due(START + QUIET, 1, LOOK)


def test_news_between_two_looks_are_not_forgotten(timer: Timer) -> None:
    assert not timer.due(START + 1, 2, LOOK)
    assert timer.due(START + LOOK, 2, LOOK)


def test_a_database_that_cannot_tell_is_looked_at_always() -> None:
    timer = Timer()
    assert timer.due(START, None, LOOK)
    assert timer.due(START + LOOK, None, LOOK)


def test_a_clock_that_was_set_back_does_not_stop_it(timer: Timer) -> None:
    assert timer.due(START - 1_000_000_000, 1, LOOK)
