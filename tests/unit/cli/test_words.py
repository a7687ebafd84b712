"""Numbers, times and states as people read them."""

import pytest

from galley.cli import words
from galley.runs.model import RunState, StepState
from galley.runs.verdict import Outcome

SECOND = 1_000_000


@pytest.mark.parametrize(
    ("bytes_", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_234_567, "1.2 MB"), (5 * 10**12, "5.0 TB")],
)
def test_sizes_are_short(bytes_: int, text: str) -> None:
    assert words.size(bytes_) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0421, "42 ms"),
        (1.25, "1.2 s"),
        (59.99, "60.0 s"),
        (61, "1 min 01 s"),
        (7260, "2 h 01 min"),
    ],
)
def test_durations_keep_two_units(value: float, text: str) -> None:
    assert words.seconds(value) == text


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        (0, "just now"),
        (30, "30 seconds ago"),
        (60, "1 minute ago"),
        (7200, "2 hours ago"),
        (86_400 * 3, "3 days ago"),
        (-50, "just now"),
    ],
)
def test_ages_are_rounded_down(passed: int, text: str) -> None:
    assert words.ago(10**15, 10**15 + passed * SECOND) == text


def test_every_state_has_a_sign_besides_its_colour() -> None:
    states = [*RunState, *StepState, *Outcome]
    assert [state for state in states if state.value not in words.GLYPHS] == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "true"),
        (1234567.891, "1234567.891"),
        (0.1 + 0.2, "0.3"),
        ({"min": 0, "max": None}, "min 0, max NULL"),
        ([1, "a"], "1, a"),
    ],
)
def test_cells_lose_nothing_that_matters(value: object, text: str) -> None:
    assert words.value(value) == text


def test_a_cut_says_so() -> None:
    assert words.cut("a\n b   c", 5) == "a b c"
    assert words.cut("abcdefgh", 5) == "abcd…"
