"""Time as whole microseconds since 1970 in UTC, passed in wherever a decision depends on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], int]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000


def now() -> int:
    """The wall clock in microseconds."""
    return time.time_ns() // 1000


def to_datetime(moment: int) -> datetime:
    """Microseconds since the epoch as an aware UTC datetime, exactly."""
    return EPOCH + timedelta(microseconds=moment)


def from_datetime(moment: datetime) -> int:
    """An aware datetime as microseconds since the epoch."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def iso(moment: int | None) -> str | None:
    """An instant as ISO 8601 in UTC, for output."""
    return to_datetime(moment).isoformat().replace("+00:00", "Z") if moment is not None else None


def from_iso(text: str) -> int:
    """An instant that ``iso`` has written, in microseconds."""
    return from_datetime(datetime.fromisoformat(text.replace("Z", "+00:00")))
