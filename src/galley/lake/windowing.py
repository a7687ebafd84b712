"""Windows against files: partition values, and which file belongs to which window.

Spans are ISO texts. A date or a timestamp without zone is compared in the window's own time zone,
a timestamp with zone as an instant.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

from galley.errors import StepError, WindowError
from galley.lake import types
from galley.lake.datafiles import DataFile, decode_bound
from galley.lake.model import Span
from galley.lake.types import Field, Type

_TRANSFORMS = {"hour": "hour", "day": "day", "month": "month"}
_KEY = "key"
_EPOCH = date(1970, 1, 1).toordinal()
_IDENTITY = frozenset(("int", "long", "string", "boolean", "date"))


@dataclass(frozen=True, slots=True)
class WindowColumn:
    """The column that a table's windows are cut by; ``unit`` is hour, day, week, month or key."""

    field: Field
    unit: str
    timezone: str = "UTC"

    @property
    def transform(self) -> str | None:
        """Iceberg's transform whose partitions are exactly the windows, if there is one."""
        kind = types.kind(self.field.type)
        if self.unit == _KEY:
            return "identity" if kind in _IDENTITY else None
        if kind == "date":
            return _TRANSFORMS.get(self.unit) if self.unit != "hour" else None
        local = kind == "timestamp" or (kind == "timestamptz" and self.timezone == "UTC")
        return _TRANSFORMS.get(self.unit) if local else None

    def bounds(self, span: Span) -> tuple[Any, Any]:
        """The span's ends as values of the column."""
        return self._value(span.start), self._value(span.end)

    def _value(self, text: str) -> Any:
        if self.unit == _KEY:
            return text
        return parse_moment(text, types.kind(self.field.type), self.timezone)

    def contains(self, span: Span, value: Any) -> bool:
        """Whether one value of the column lies in the span."""
        low, high = self.bounds(span)
        if self.unit == _KEY:
            return bool(value == key_value(low, self.field.type))
        return bool(low <= value < high)

    def partition(self, file: DataFile, span: Span) -> tuple[Any, ...]:
        """The file's partition values under ``transform`` (Iceberg specification, transforms)."""
        if self.transform is None:
            return ()
        if self.unit == _KEY:
            return (inner_value(key_value(span.start, self.field.type)),)
        low, high = (
            apply_transform(self.transform, decode_bound(self.field.type, raw[self.field.id]))
            for raw in (file.lower, file.upper)
        )
        if low != high:
            raise StepError(
                f"the window {span} of {self.field.name!r} is longer than one {self.unit}",
                hint="write one window at a time",
            )
        return (low,)


def parse_moment(text: str, kind: str, timezone: str) -> Any:
    """An ISO text as a date, a datetime without zone, or an instant in UTC; else the text."""
    if kind not in ("date", "timestamp", "timestamptz"):
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise WindowError(f"a window ends at {text!r}, which is not a date or time") from error
    zone = UTC if timezone == "UTC" else ZoneInfo(timezone)
    local = moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)
    if kind == "timestamptz":
        return local.astimezone(UTC)
    naive = local.replace(tzinfo=None)
    return naive.date() if kind == "date" else naive


def key_value(text: str, type_: Type) -> Any:
    """A key window's text as a value of the column."""
    kind = types.kind(type_)
    if kind in ("int", "long"):
        return int(text) if re.fullmatch(r"-?\d+", text) else None
    if kind == "boolean":
        return text.lower() == "true"
    return parse_moment(text, kind, "UTC") if kind in ("date", "timestamp") else text


def inner_value(value: Any) -> Any:
    """A partition value as Iceberg stores it: dates are days since 1970."""
    return value.toordinal() - _EPOCH if isinstance(value, date) else value


def apply_transform(transform: str, value: Any) -> Any:
    """Iceberg's ``hour``, ``day`` and ``month`` of a date or time."""
    if transform == "month":
        return (value.year - 1970) * 12 + value.month - 1
    days = (value if type(value) is date else value.date()).toordinal() - _EPOCH
    return days if transform == "day" else days * 24 + value.hour


def in_spans(
    column: WindowColumn, file: DataFile, spans: tuple[Span, ...], edges: Edges | None = None
) -> bool | None:
    """Whether the file lies in one of the spans; ``None`` if it reaches across an edge.

    ``edges`` are those of the spans, for who asks about thousands of files.
    """
    number = column.field.id
    if column.unit == _KEY and file.partition:
        keys = (inner_value(key_value(span.start, column.field.type)) for span in spans)
        return file.partition[0] in keys
    if number not in file.lower or number not in file.upper:
        return None if file.rows else False
    low = decode_bound(column.field.type, file.lower[number])
    high = decode_bound(column.field.type, file.upper[number])
    if column.unit == _KEY:
        return _in_keys(column, low, high, spans)
    edges = edges or edges_of(column, spans)
    touched = False
    at = bisect_right(edges.starts, high) - 1
    while at >= 0 and edges.reach[at] > low:
        if edges.starts[at] <= low and high < edges.ends[at]:
            return True
        touched = touched or bool(edges.ends[at] > low)
        at -= 1
    return None if touched else False


def _in_keys(column: WindowColumn, low: Any, high: Any, spans: tuple[Span, ...]) -> bool | None:
    touched = False
    for span in spans:
        if column.contains(span, low) and column.contains(span, high):
            return True
        key = key_value(span.start, column.field.type)
        touched = touched or (key is not None and bool(low <= key <= high))
    return None if touched else False


@dataclass(frozen=True, slots=True)
class Edges:
    """Windows of time in order; ``reach`` is the furthest end up to each."""

    starts: tuple[Any, ...]
    ends: tuple[Any, ...]
    reach: tuple[Any, ...]


def edges_of(column: WindowColumn, spans: tuple[Span, ...]) -> Edges:
    """The edges of windows of time; keys have none."""
    if column.unit == _KEY:
        return Edges((), (), ())
    bounds = sorted(column.bounds(span) for span in spans)
    ends = tuple(end for _, end in bounds)
    return Edges(tuple(start for start, _ in bounds), ends, tuple(accumulate(ends, max)))
