"""Windows of time: half-open spans of ISO texts, true to the calendar of their time zone.

Days, weeks (from Monday) and months are ``YYYY-MM-DD``. Hours are ``YYYY-MM-DDTHH:00:00``; in a
zone whose clock changes they carry the UTC offset (``2024-10-27T02:00:00+02:00``), since one hour
of local time comes twice there. A key window is one value: its start and end are that value.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from galley.clock import to_datetime
from galley.errors import WindowError
from galley.project.model import WindowSpec, WindowUnit

Bounds = tuple[str, str]

MOST_SPANS = 200_000
_HOUR = timedelta(hours=1)


def spans(spec: WindowSpec, start: str, end: str) -> tuple[Bounds, ...]:
    """Every window from ``start`` to ``end`` (exclusive), both ISO texts as this module writes.

    Bounds that cut a window are widened to whole windows. A key window has one span; ``end`` must
    equal ``start``. Raises WindowError for bounds that make no sense.
    """
    if spec.by is WindowUnit.KEY:
        return ((start, start),)
    if spec.by is WindowUnit.HOUR:
        found = tuple(_hours(spec, start, end))
    else:
        found = tuple(_days(spec, start, end))
    return found


def parse_range(text: str, spec: WindowSpec) -> Bounds:
    """``A..B`` (B exclusive), or one window that holds ``A``, as whole windows.

    A day may stand for hours or a month (``2024-03`` for a month). For key windows the text is the
    value itself. Raises WindowError.
    """
    text = text.strip()
    if spec.by is WindowUnit.KEY:
        if not text:
            raise WindowError("a key window needs a value")
        return text, text
    first, separator, last = (part.strip() for part in text.partition(".."))
    if not separator:
        return _around(first, spec)
    if not first or not last:
        raise WindowError(f"'{text}' has an open end", hint="write START..END; END is exclusive")
    start, end = _around(first, spec)[0], _ceiling(last, spec)
    if _instant(start, spec) >= _instant(end, spec):
        raise WindowError(
            f"'{text}' holds no window: the end is exclusive and must lie after the start",
            hint=f"the one window that holds {first}: --window {first}",
        )
    return start, end


def complete_until(spec: WindowSpec, now: int) -> str:
    """The exclusive end of the last window that is over at ``now`` (microseconds, UTC)."""
    if spec.by is WindowUnit.KEY:
        raise WindowError("key windows have no order in time")
    moment = to_datetime(now).astimezone(zone(spec.timezone))
    if spec.by is WindowUnit.HOUR:
        end = _hour_text(_floor_hour(to_datetime(now), spec), spec)
    else:
        end = _floor(moment.date(), spec.by).isoformat()
    if spec.end is not None and _instant(spec.end, spec) < _instant(end, spec):
        return _around(spec.end, spec)[0]
    return end


def shift(spec: WindowSpec, start: str, count: int) -> str:
    """The start of the window ``count`` windows after (or, if negative, before) one's start."""
    if spec.by is WindowUnit.KEY:
        raise WindowError("key windows have no order in time")
    if spec.by is WindowUnit.HOUR:
        return _hour_text(_instant(start, spec) + count * _HOUR, spec)
    return _shift(date.fromisoformat(start), spec.by, count).isoformat()


@cache
def zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name; raises WindowError for one that does not exist."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise WindowError(
            f"there is no time zone '{name}'", hint="a name such as 'Europe/Zurich' or 'UTC'"
        ) from None


def _days(spec: WindowSpec, start: str, end: str) -> Iterator[Bounds]:
    at, last = _floor(_date(start, spec), spec.by), _date(end, spec)
    text = at.isoformat()
    for _ in range(MOST_SPANS):
        if at >= last:
            return
        at = _shift(at, spec.by, 1)
        before, text = text, at.isoformat()
        yield before, text
    raise WindowError(f"{start}..{end} holds more than {MOST_SPANS} windows")


def _hours(spec: WindowSpec, start: str, end: str) -> Iterator[Bounds]:
    at, last = _floor_hour(_instant(start, spec), spec), _instant(end, spec)
    text = _hour_text(at, spec)
    for _ in range(MOST_SPANS):
        if at >= last:
            return
        at += _HOUR
        before, text = text, _hour_text(at, spec)
        yield before, text
    raise WindowError(f"{start}..{end} holds more than {MOST_SPANS} windows")


def _around(text: str, spec: WindowSpec) -> Bounds:
    """The window (or, for a day given to hours, the windows) that ``text`` names."""
    if spec.by is WindowUnit.HOUR:
        start = _floor_hour(_instant(text, spec), spec)
        if len(text) == 10:
            following = (_date(text, spec) + timedelta(days=1)).isoformat()
            return _hour_text(start, spec), _hour_text(_instant(following, spec), spec)
        return _hour_text(start, spec), _hour_text(start + _HOUR, spec)
    day = _floor(_date(text, spec), spec.by)
    return day.isoformat(), _shift(day, spec.by, 1).isoformat()


def _ceiling(text: str, spec: WindowSpec) -> str:
    if spec.by is WindowUnit.HOUR:
        moment = _instant(text, spec)
        floor = _floor_hour(moment, spec)
        return _hour_text(floor if floor == moment else floor + _HOUR, spec)
    day = _date(text, spec)
    floor_day = _floor(day, spec.by)
    return (day if floor_day == day else _shift(floor_day, spec.by, 1)).isoformat()


def _date(text: str, spec: WindowSpec) -> date:
    full = f"{text}-01" if len(text) == 7 and spec.by is WindowUnit.MONTH else text
    try:
        if len(full) > 10:
            return _instant(full, spec).astimezone(zone(spec.timezone)).date()
        return date.fromisoformat(full)
    except ValueError:
        raise _not_a_time(text) from None


def _instant(text: str, spec: WindowSpec) -> datetime:
    """The UTC instant that a text of this module means; of an hour that comes twice the first."""
    full = f"{text}-01" if len(text) == 7 and spec.by is WindowUnit.MONTH else text
    try:
        moment = datetime.fromisoformat(full)
    except ValueError:
        raise _not_a_time(text) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone(spec.timezone))
    return moment.astimezone(UTC)


def _not_a_time(text: str) -> WindowError:
    return WindowError(
        f"'{text}' is no date or time", hint="write YYYY-MM-DD, or YYYY-MM-DDTHH:00 for hours"
    )


def _floor_hour(moment: datetime, spec: WindowSpec) -> datetime:
    """The whole hour of local time that a UTC instant lies in, as a UTC instant."""
    local = moment.astimezone(zone(spec.timezone))
    return moment - timedelta(
        minutes=local.minute, seconds=local.second, microseconds=local.microsecond
    )


def _hour_text(moment: datetime, spec: WindowSpec) -> str:
    local = moment.astimezone(zone(spec.timezone))
    text = local.replace(tzinfo=None).isoformat(timespec="seconds")
    return f"{text}{_offset(local)}" if _changes(spec.timezone) else text


def _offset(local: datetime) -> str:
    return local.isoformat(timespec="seconds")[19:]


@cache
def _changes(name: str) -> bool:
    """Whether the zone's clock has ever changed in our time."""
    place = zone(name)
    moments = (
        datetime(year, month, 1, tzinfo=UTC)
        for year in range(1970, 2040)
        for month in (1, 4, 7, 10)
    )
    return len({moment.astimezone(place).utcoffset() for moment in moments}) > 1


def _floor(day: date, unit: WindowUnit) -> date:
    if unit is WindowUnit.WEEK:
        return day - timedelta(days=day.weekday())
    if unit is WindowUnit.MONTH:
        return day.replace(day=1)
    return day


def _shift(day: date, unit: WindowUnit, count: int) -> date:
    if unit is WindowUnit.MONTH:
        months = day.year * 12 + day.month - 1 + count
        return date(months // 12, months % 12 + 1, 1)
    return day + timedelta(days=count * (7 if unit is WindowUnit.WEEK else 1))
