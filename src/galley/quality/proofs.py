"""Facts proved from file statistics, without looking at a row.

A fact is proved file by file and added up; one file that cannot tell leaves the fact unknown.
Bounds of a float column count only where the file is known to hold no NaN, and bounds of long
texts never (they are cut), which ``ColumnStatistics.exact`` says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from galley.lake.reading import ColumnStatistics, FileInfo
from galley.quality.literals import FLOATS
from galley.quality.model import Fact, FactKind

Files = tuple[FileInfo, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """A proved value (which may be ``None``: the minimum of no values)."""

    value: Any


def prove(fact: Fact, files: Files, types: dict[str, str]) -> Known | None:
    """The fact's value over exactly the rows of ``files``, if their statistics are enough.

    ``types`` maps columns to Iceberg's type names.
    """
    try:
        return _PROVERS[fact.kind](fact, files, types)
    except TypeError:  # a bound of another type than the parameter: a date beyond Python's years
        return None


def _rows(_: Fact, files: Files, __: dict[str, str]) -> Known | None:
    return Known(sum(file.rows for file in files))


def _values(fact: Fact, files: Files, _: dict[str, str]) -> Known | None:
    filled = 0
    for file in files:
        nulls = _any_null(file, fact.columns)
        if nulls is None:
            return None
        filled += file.rows - nulls
    return Known(filled)


def _any_null(file: FileInfo, columns: tuple[str, ...]) -> int | None:
    """Rows of one file in which any of the columns is null: known if at most one column has any."""
    counts = [_null_count(file, column) for column in columns]
    if any(count is None for count in counts):
        return None
    some = [count for count in counts if count]
    if len(some) > 1 and max(some) < file.rows:
        return None
    return max(some, default=0)


def _null_count(file: FileInfo, column: str) -> int | None:
    if not file.rows:
        return 0
    statistics = file.columns.get(column)
    return statistics.nulls if statistics else None


def _minimum(fact: Fact, files: Files, types: dict[str, str]) -> Known | None:
    return _extreme(fact, files, types, 0, min)


def _maximum(fact: Fact, files: Files, types: dict[str, str]) -> Known | None:
    return _extreme(fact, files, types, 1, max)


def _extreme(
    fact: Fact, files: Files, types: dict[str, str], side: int, best: Callable[..., Any]
) -> Known | None:
    found = []
    for file in files:
        if _any_null(file, fact.columns) == file.rows:
            continue
        edges = _edges(file, fact.columns[0], types)
        if edges is None:
            return None
        found.append(edges[side])
    value = best(found) if found else None
    beyond = fact.high is not None and value is not None and value > fact.high
    return None if beyond else Known(value)


def _edges(file: FileInfo, column: str, types: dict[str, str]) -> tuple[Any, Any] | None:
    statistics = file.columns.get(column)
    if statistics is None or not _trusted(statistics, types.get(column, "")):
        return None
    return statistics.minimum, statistics.maximum


def _trusted(statistics: ColumnStatistics, type_: str) -> bool:
    if not statistics.exact or statistics.minimum is None or statistics.maximum is None:
        return False
    return type_ not in FLOATS or statistics.has_nan is False


_PROVERS: dict[FactKind, Callable[[Fact, Files, dict[str, str]], Known | None]] = {
    FactKind.ROWS: _rows,
    FactKind.VALUES: _values,
    FactKind.MINIMUM: _minimum,
    FactKind.MAXIMUM: _maximum,
}
