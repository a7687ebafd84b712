"""What stops a server's engine: said once for each kind, and tried again ever more seldom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from galley.errors import UnavailableError

FIRST = 1.0
LONGEST = 60.0
"""Seconds until the next try after the first stop, and at most."""

SETTLED = 10.0
"""Seconds for which an engine must have worked after a defect to count as sound."""


@dataclass(slots=True)
class Troubles:
    """The stops in a row for one reason. ``say`` tells whoever reads the log.

    A database that is away is tried again at an even pace, as it will be back; of what no waiting
    mends nobody wants to hear every second.
    """

    say: Callable[[str], None]
    _kind: str = ""
    _count: int = 0
    _defect: bool = False

    @property
    def unsettled(self) -> bool:
        """Whether the engine stopped for a defect and has not yet proved sound again."""
        return self._defect

    def stopped(self, error: Exception) -> float:
        """The engine stopped; for how many seconds to wait before the next one."""
        kind = _kind_of(error)
        if kind != self._kind:
            self._tell_count()
            self._kind, self._count = kind, 0
        self._count += 1
        self._defect = not isinstance(error, UnavailableError)
        if self._count == 1:
            self.say(f"the engine stopped, and will try again: {error}")
        elif str(self._count).strip("0") == "1":
            self.say(f"the engine has stopped {self._count} times in a row: {kind}")
        return min(FIRST * 2.0 ** min(self._count - 1, 10), LONGEST) if self._defect else FIRST

    def worked(self, seconds: float) -> None:
        """An engine has worked for so long since it began."""
        if self._kind and seconds >= (SETTLED if self._defect else FIRST):
            self._tell_count()
            self.say("the engine works again")
            self._kind, self._count, self._defect = "", 0, False

    def _tell_count(self) -> None:
        if self._count > 1:
            self.say(f"the engine had stopped {self._count} times: {self._kind}")


def _kind_of(error: Exception) -> str:
    """What is alike in errors whose texts differ by names and numbers."""
    original = getattr(error, "orig", None)
    state = getattr(original, "sqlstate", None)
    parts = [type(error).__name__, type(original).__name__ if original else "", state or ""]
    return " ".join(part for part in parts if part)
