"""What a look at the installation finds."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: ``state`` is ok, warn or fail."""

    name: str
    state: str
    message: str
    hint: str | None = None
