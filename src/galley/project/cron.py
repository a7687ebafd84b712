"""Times that a cron expression names, in a time zone whose clocks change.

Where the field of hours is ``*`` the schedule goes by elapsed time: one that says every half hour
comes every half hour, whatever the clocks do. Any other field of hours names times of the day: one
that the clocks skip comes once, right after the gap, and one that they show twice comes once, the
first time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cronsim import CronSim, CronSimError
from cronsim.cronsim import Field

from galley.clock import from_datetime, to_datetime

ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
FIELDS = (
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of the month", "1 to 31, or L for the last"),
    ("month", "1 to 12, or JAN to DEC"),
    ("day of the week", "0 to 7 with Sunday as 0 and 7, or SUN to SAT"),
)
_ANY_DAY = datetime(2024, 1, 1)  # noqa: DTZ001 - local time of no place
_SECOND = timedelta(seconds=1)


def plain(expression: str) -> str:
    """The five fields that an expression stands for."""
    text = " ".join(expression.split())
    return ALIASES.get(text.lower(), text)


def problem_of(expression: str) -> str | None:
    """Why an expression names no time, or ``None`` if it names one."""
    text = plain(expression)
    fields = text.split(" ")
    if len(fields) != len(FIELDS):
        return f"a cron has five fields, and '{expression}' has {len(fields) if text else 0}"
    for number, (field, (name, known)) in enumerate(zip(fields, FIELDS, strict=True)):
        try:
            Field(number + 1).parse(field.upper())
        except (CronSimError, ValueError, RecursionError):
            return f"'{field}' is no {name}: {known}"
    try:
        next(CronSim(text, _ANY_DAY))
    except (CronSimError, StopIteration):
        return f"the cron '{expression}' never fires: no month has such a day"
    return None


def zone(name: str) -> ZoneInfo | None:
    """The time zone of that name, if there is one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def zones() -> frozenset[str]:
    """The names of all time zones."""
    return frozenset(available_timezones())


def times(expression: str, timezone: str, after: int) -> Iterator[int]:
    """The instants after one, in order and each once; in microseconds.

    They end where the next fifty years hold none.
    """
    text, place = plain(expression), _place(timezone)
    if _by_elapsed_time(text):
        for found in CronSim(text, to_datetime(after).astimezone(place)):
            yield from_datetime(found.astimezone(UTC))
        return
    last = after
    for local in CronSim(text, to_datetime(after).astimezone(place).replace(tzinfo=None)):
        moment = from_datetime(after_gap(local, place))
        if moment > last:
            yield moment
            last = moment


def next_time(expression: str, timezone: str, after: int) -> int | None:
    """The first instant after one."""
    return next(times(expression, timezone, after), None)


def after_gap(local: datetime, place: ZoneInfo) -> datetime:
    """A time of the day as an instant: the first of two, or the end of a gap that it falls into."""
    moment = local.replace(tzinfo=place, fold=0).astimezone(UTC)
    if moment.astimezone(place).replace(tzinfo=None) == local:
        return moment
    # In a gap the offset from before it leads past its end by what the clocks skip.
    before = local.replace(tzinfo=place, fold=0).utcoffset() or timedelta()
    then = local.replace(tzinfo=place, fold=1).utcoffset() or timedelta()
    low, high = (local - then).replace(tzinfo=UTC), (local - before).replace(tzinfo=UTC)
    return _change(low, high, place)


def _change(low: datetime, high: datetime, place: ZoneInfo) -> datetime:
    """The instant between two at which the offset changes."""
    offset = high.astimezone(place).utcoffset()
    while high - low > _SECOND:
        middle = low + ((high - low) / 2 // _SECOND) * _SECOND
        if middle.astimezone(place).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return high


@lru_cache(maxsize=256)
def _place(timezone: str) -> ZoneInfo:
    return ZoneInfo(timezone)


def _by_elapsed_time(text: str) -> bool:
    return text.split(" ")[1] == "*"
