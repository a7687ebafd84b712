"""Waiting for a shared database that does not answer for a while: it restarts, or moves."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from galley.errors import UnavailableError

LONGEST = 300.0
RETRY = 0.5
"""Seconds: how long a shared database may be away, and how often it is tried."""

_LISTEN = 0.05

Result = TypeVar("Result")


def silent(_text: str) -> None:
    """Where nobody listens."""


def _never() -> bool:
    """Where nobody can interrupt."""
    return False


def nap(seconds: float, unless: Callable[[], bool]) -> None:
    """Wait, but hardly longer than until ``unless()``: a signal alone ends no sleep."""
    end = time.monotonic() + seconds
    while not unless() and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _LISTEN))


@dataclass(frozen=True, slots=True)
class Patience:
    """How long somebody waits, whom they tell, and whether they are called away meanwhile."""

    tell: Callable[[str], None] = silent
    give_up: Callable[[], bool] = _never
    longest: float = LONGEST

    def until(self, call: Callable[[], Result]) -> Result:
        """Call until it works.

        Raises:
            UnavailableError: it has not for too long, or the user gave up.
        """
        begin = 0.0
        while True:
            try:
                found = call()
            except UnavailableError as error:
                now = time.monotonic()
                if not self.longest:
                    raise
                if not begin:
                    begin = now
                    self.tell(f"! {error.message}; waiting up to {self.longest:.0f} s for it")
                if now - begin > self.longest or self.give_up():
                    raise
                nap(RETRY, self.give_up)
                continue
            if begin:
                self.tell(f"it answers again after {time.monotonic() - begin:.1f} s; going on")
            return found
