"""The data query of the automatic metrics, answered for a small table without a database.

Mounting a table and asking DuckDB takes 10 ms of CPU however few rows there are, as much as making
the table. The values are those that the query gives, computed in its way: sums of integers and
decimals are exact, those of floats go row by row, deviations are Welford's (B. P. Welford, "Note
on a method for calculating corrected sums of squares and products", Technometrics 4, 1962).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Context, Decimal
from functools import reduce
from typing import Any

from galley.lake.model import Format, IntentKind, Version, content_of
from galley.lake.warehouse import Warehouse
from galley.quality.literals import FLOATS

MOST_VALUES = 16_384
"""Rows times columns; beyond it DuckDB is faster."""

Columns = Mapping[str, list[Any]]
_EXACT = Context(prec=76)


def read(warehouse: Warehouse, version: Version, columns: Iterable[str]) -> Columns | None:
    """All values of the columns, if the table is small and stands in one file of its own making.

    An empty table has no file and so no columns. ``None`` also when the file cannot be read: DuckDB
    will say why.
    """
    names = list(columns)
    files = version.intent.files
    whole = version.intent.kind is IntentKind.REPLACE and len(files) <= 1
    if version.format is not Format.ICEBERG or not whole:
        return None
    if content_of(version.schema_fingerprint, files) != version.content_id:
        return None
    if version.rows is None or version.rows * len(version.schema) > MOST_VALUES:
        return None
    return _values(warehouse, files[0], names) if files else {}


def _values(warehouse: Warehouse, path: str, names: list[str]) -> Columns | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        source = pa.BufferReader(warehouse.files.read(warehouse.absolute(path)))
        table = pq.ParquetFile(source).read(columns=names, use_threads=False)
        return {name: table.column(name).to_pylist() for name in names}
    except (OSError, KeyError, ValueError, OverflowError, pa.ArrowException):
        # Damaged, gone, or with instants that Python has no word for.
        return None


def distinct(values: Sequence[Any]) -> int:
    """How many different values there are; null is none, and every NaN is the same."""
    known = {value for value in values if value is not None and value == value}
    return len(known) + any(value != value for value in values)


def numbers(values: Sequence[Any], type_: str) -> list[Any]:
    """The values that have a mean: neither null, nor NaN, nor infinite."""
    known = [value for value in values if value is not None]
    return [value for value in known if math.isfinite(value)] if type_ in FLOATS else known


def mean(values: Sequence[Any]) -> float | None:
    """The mean of numbers of one type."""
    if not values:
        return None
    # Not sum(): newer Pythons compensate its rounding, DuckDB does not.
    return float(reduce(_add, values)) / len(values)


def _add(left: Any, right: Any) -> Any:
    return _EXACT.add(left, right) if isinstance(left, Decimal) else left + right


def deviation(values: Sequence[Any]) -> float | None:
    """The standard deviation of a sample; there is none of a single number."""
    if len(values) < 2:
        return None
    middle = squares = 0.0
    for count, value in enumerate(map(float, values), start=1):
        distance = value - middle
        middle += distance / count
        squares += distance * (value - middle)
    return math.sqrt(squares / (len(values) - 1))


def histogram(values: Sequence[Any], bins: int) -> dict[Any, int]:
    """Counts by upper edge, the edges being the values' own quantiles."""
    if not values:
        return {}
    ordered = sorted(values)
    size = len(ordered)
    places = (max(1, -(-size * step // bins)) - 1 for step in range(bins + 1))
    edges = sorted({ordered[place] for place in places})
    result = dict.fromkeys(edges, 0)
    at = 0
    for value, count in Counter(ordered).items():
        while value > edges[at]:
            at += 1
        result[edges[at]] += count
    return result
