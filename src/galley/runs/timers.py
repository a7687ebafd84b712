"""When an engine looks, beats and claims: at intervals, and less often where nothing happens."""

from __future__ import annotations

from dataclasses import dataclass, field

QUIET = 500_000
"""Microseconds: how often the engine looks where nobody has changed the database (steps wait to be
tried again).
"""


@dataclass(slots=True)
class Timer:
    """When something was done last, and what the database's mark was then."""

    at: int = 0
    mark: int | None = None
    _pause: int = 0

    def due(self, now: int, mark: int | None, every: int) -> bool:
        """Whether it is time again; if so the time counts from now."""
        quiet = mark is not None and mark == self.mark
        if 0 <= now - self.at < max(self._pause, QUIET if quiet else every):
            return False
        self.at, self.mark, self._pause = now, mark, 0
        return True

    def rest(self, now: int, pause: int) -> None:
        """Not before a pause is over."""
        self.at, self.mark, self._pause = now, None, pause


@dataclass(slots=True)
class Timers:
    """Those of one engine."""

    beat: Timer = field(default_factory=Timer)
    look: Timer = field(default_factory=Timer)
    claim: Timer = field(default_factory=Timer)
    reap: Timer = field(default_factory=Timer)
