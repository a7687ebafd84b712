"""The rows a test looks at: the windows that were just made, or the whole table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from galley.lake.model import Span
from galley.lake.reading import FileInfo
from galley.lake.types import quote
from galley.lake.windowing import key_value, parse_moment
from galley.quality.literals import literal

Bounds = tuple[Any, Any]


@dataclass(frozen=True, slots=True)
class Scope:
    """Windows of one column, as half-open bounds of the column's type.

    Equal bounds are one key. No bounds at all mean the whole table.
    """

    column: str = ""
    type: str = ""
    bounds: tuple[Bounds, ...] = ()
    spans: tuple[Span, ...] = ()
    timezone: str = "UTC"

    @property
    def sql(self) -> str:
        """The scope as a condition; empty for the whole table."""
        return " OR ".join(self._condition(low, high) for low, high in self.bounds)

    def _condition(self, low: Any, high: Any) -> str:
        name = quote(self.column)
        if low == high:
            return f"{name} = {literal(low, self.type)}"
        return f"({name} >= {literal(low, self.type)} AND {name} < {literal(high, self.type)})"

    def whole_files(self, files: tuple[FileInfo, ...]) -> tuple[FileInfo, ...] | None:
        """The files that hold exactly the scope's rows; ``None`` if a file reaches across."""
        if not self.bounds:
            return files
        inside = []
        for file in files:
            lies = self._lies(file) if file.rows else False
            if lies is None:
                return None
            if lies:
                inside.append(file)
        return tuple(inside)

    def _lies(self, file: FileInfo) -> bool | None:
        statistics = file.columns.get(self.column)
        if statistics is None or not statistics.exact or statistics.nulls != 0:
            return None
        first, last = statistics.minimum, statistics.maximum
        if first is None or last is None:
            return None
        try:
            places = [_place(first, last, low, high) for low, high in self.bounds]
        except TypeError:  # a date beyond Python's years stands as a number
            return None
        if True in places:
            return True
        return None if None in places else False


def _place(first: Any, last: Any, low: Any, high: Any) -> bool | None:
    if low == high:
        if first == last == low:
            return True
        return None if first <= low <= last else False
    if low <= first and last < high:
        return True
    return None if first < high and last >= low else False


def scope_of(
    column: str | None, type_: str | None, spans: tuple[Span, ...], timezone: str = "UTC"
) -> Scope:
    """The scope of ``spans``; windows that touch become one.

    Days without zone are days of ``timezone``.
    """
    if column is None or type_ is None or not spans:
        return Scope()
    chosen = tuple(sorted(set(spans)))
    bounds: list[Bounds] = []
    for span in chosen:
        low, high = _bounds(span, type_, timezone)
        if bounds and span.start != span.end and bounds[-1][1] == low != bounds[-1][0]:
            bounds[-1] = (bounds[-1][0], high)
        else:
            bounds.append((low, high))
    return Scope(column, type_, tuple(bounds), chosen, timezone)


def _bounds(span: Span, type_: str, timezone: str) -> Bounds:
    if span.start != span.end:
        return parse_moment(span.start, type_, timezone), parse_moment(span.end, type_, timezone)
    key = key_value(span.start, type_)
    return key, key
