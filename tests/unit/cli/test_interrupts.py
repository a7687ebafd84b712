"""Ctrl-C twice, faster than anything looks: the wish is written down before the command leaves."""

import subprocess
import sys
import time

import pytest

PROGRAM = """
import os, signal, sys, time
from galley.cli.driving import interrupts

def ask():
    {ask}
    print("asked", flush=True)

with interrupts(ask):
    print(time.time(), flush=True)
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)
    {more}
    time.sleep(30)
"""


def left(ask: str, more: str = "pass") -> tuple[int, str, float]:
    """The status, what was printed, and the seconds from the first Ctrl-C on."""
    program = PROGRAM.format(ask=ask, more=more)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=25, check=False
    )
    began, *said = done.stdout.splitlines()
    return done.returncode, "".join(said), time.time() - float(began)


def test_twice_records_the_wish_and_leaves() -> None:
    assert left("time.sleep(0.2)")[:2] == (130, "asked")


@pytest.mark.parametrize("ask", ["time.sleep(30)", "raise OSError"], ids=["stuck", "fails"])
def test_a_wish_that_cannot_be_recorded_does_not_keep_anybody(ask: str) -> None:
    status, said, seconds = left(ask)
    assert (status, said) == (130, "")
    assert seconds < 10


def test_three_times_leaves_at_once() -> None:
    status, said, seconds = left("time.sleep(30)", "os.kill(os.getpid(), signal.SIGINT)")
    assert (status, said) == (130, "")
    assert seconds < 1.5
