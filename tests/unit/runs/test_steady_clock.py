"""A clock that is set hours back or forth while somebody counts on it."""

import pytest

from galley.db import moments
from galley.db.moments import SteadyClock

START = 1_770_000_000_000_000
HOUR = 3_600_000_000


class Machine:
    """A wall clock and the time since the boot, each set by hand."""

    def __init__(self) -> None:
        self.wall = START
        self.boot = 100.0

    def passes(self, seconds: float) -> None:
        self.wall += int(seconds * 1_000_000)
        self.boot += seconds


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine()
    monkeypatch.setattr(moments, "_since_boot", lambda: found.boot)
    return found


@pytest.mark.parametrize("jump", [HOUR, -HOUR, 5_000_000])
def test_a_jump_is_not_seen_until_asked_for(machine: Machine, jump: int) -> None:
    clock = SteadyClock(lambda: machine.wall)
    assert clock() == START
    machine.passes(2)
    machine.wall += jump
    assert clock() == START + 2_000_000
    assert not clock.sync()
    assert clock() == START + 2_000_000 + jump
    machine.passes(1)
    assert clock.sync()


def test_small_corrections_are_taken_over_quietly(machine: Machine) -> None:
    clock = SteadyClock(lambda: machine.wall)
    clock()
    machine.passes(5)
    machine.wall += 1_000
    assert clock.sync()
    assert clock() == START + 5_001_000


def test_a_machine_that_slept_knows_it(machine: Machine) -> None:
    """The time since the boot goes on while the machine sleeps: leases are over."""
    clock = SteadyClock(lambda: machine.wall)
    clock()
    machine.passes(8 * 3600)
    assert clock() == START + 8 * HOUR
    assert clock.sync()
