"""The metrics every table gets without being asked.

Rows, bytes, nulls, minima and maxima come from the Parquet footers. Distinct counts, means and
standard deviations come from one query over the data, above ``MOST_ROWS`` rows over a sample of
``SAMPLE_ROWS``; histograms on 20 quantile bins always from a sample of ``HISTOGRAM_ROWS``, in the
same query. Samples take whole vectors of rows (``TABLESAMPLE SYSTEM``), which costs a third of
drawing single rows and still reaches all parts of the table; what they give is marked estimated,
as is every distinct count (HyperLogLog, about 2 % off, or that of the sample).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from galley.lake.types import quote
from galley.quality.desk import Desk
from galley.quality.literals import FLOATS, INTEGERS, CheckError, table_name
from galley.quality.model import Fact, FactKind
from galley.quality.proofs import prove
from galley.quality.scene import columns_of
from galley.quality.verdicts import plain
from galley.runs.verdict import Metric

MOST_ROWS = 5_000_000
SAMPLE_ROWS = 1_000_000
HISTOGRAM_ROWS = 200_000
BINS = 20
_NESTED = ("struct", "list", "map", "binary")
_FREE = {"nulls": FactKind.VALUES, "min": FactKind.MINIMUM, "max": FactKind.MAXIMUM}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One value of the data query: its place there is that of the metric."""

    name: str
    column: str
    sql: str
    estimated: bool


def measure(at: Desk, table: str) -> tuple[Metric, ...]:
    """All automatic metrics of one table of the desk.

    A table that cannot be read has none: its tests say why.
    """
    if table not in at.versions or table in at.broken:
        return ()
    columns = columns_of(at.versions[table])
    free = tuple(_from_footers(at, table, columns))
    rows = next((metric.value for metric in free if metric.name == "rows"), None)
    try:
        return (*free, *_from_data(at, table, columns, rows))
    except CheckError:
        return free


def _from_footers(at: Desk, table: str, columns: Mapping[str, str]) -> Iterator[Metric]:
    files = at.files(table)
    yield Metric(table, "columns", None, float(len(columns)))
    if files is None:
        return
    rows = sum(file.rows for file in files)
    yield Metric(table, "rows", None, float(rows))
    yield Metric(table, "bytes", None, float(sum(file.bytes for file in files)))
    for column in columns:
        for name, kind in _FREE.items():
            known = prove(Fact(kind, (column,)), files, dict(columns))
            if known is not None and known.value is not None:
                value = rows - known.value if name == "nulls" else known.value
                yield _metric(table, name, column, value)


def _from_data(
    at: Desk, table: str, columns: Mapping[str, str], rows: float | None
) -> Iterator[Metric]:
    if rows == 0:
        return
    large = rows is not None and rows > MOST_ROWS
    wanted = list(_wanted(columns, large))
    if not wanted:
        return
    found = at.row(_query(table, columns, wanted, rows))
    for item, value in zip(wanted, found, strict=False):
        if value is not None:
            yield _metric(table, item.name, item.column, value, item.estimated)
    for column, counts in zip(_measured(columns), found[len(wanted) :], strict=True):
        if counts:
            yield _histogram(table, column, counts)


def _wanted(columns: Mapping[str, str], large: bool) -> Iterator[Wanted]:
    for column, type_ in columns.items():
        if type_ not in _NESTED:
            yield Wanted("distinct", column, _distinct(quote(column)), True)
        if _is_number(type_):
            value = _finite(column, type_)
            yield Wanted("mean", column, f"avg({value})", large)
            yield Wanted("sd", column, f"stddev_samp({value})", large)


def _distinct(name: str) -> str:
    """An estimate that is never above what is there."""
    return f"least(approx_count_distinct({name}), count({name}))"


def _query(table: str, columns: Mapping[str, str], wanted: list[Wanted], rows: float | None) -> str:
    """One statement: aggregates over the data, and counts on the sample's own quantiles."""
    name = table_name(table)
    limit = SAMPLE_ROWS if rows is not None and rows > MOST_ROWS else None
    terms = ", ".join(item.sql for item in wanted)
    data = f"(SELECT {terms} FROM {name}{_sampled(rows, limit)})"
    numbers = _measured(columns)
    if not numbers:
        return f"SELECT * FROM {data}"
    values = ", ".join(f"{_finite(one, columns[one])} AS {quote(one)}" for one in numbers)
    shares = ", ".join(str(step / BINS) for step in range(BINS + 1))
    edges = ", ".join(
        f"list_distinct(quantile_disc({quote(one)}, [{shares}])) AS {quote(one)}" for one in numbers
    )
    counts = ", ".join(
        f"histogram({quote(one)}, (SELECT {quote(one)} FROM edges))" for one in numbers
    )
    return (
        f"WITH few AS MATERIALIZED (SELECT {values} FROM {name}{_sampled(rows, HISTOGRAM_ROWS)}), "
        f"edges AS MATERIALIZED (SELECT {edges} FROM few) "
        f"SELECT * FROM {data}, (SELECT {counts} FROM few)"
    )


def _sampled(rows: float | None, limit: int | None) -> str:
    if rows is None or limit is None or rows <= limit:
        return ""
    return f" TABLESAMPLE SYSTEM ({100 * limit / rows:.4f} PERCENT)"


def _measured(columns: Mapping[str, str]) -> list[str]:
    return [column for column, type_ in columns.items() if _is_number(type_)]


def _is_number(type_: str) -> bool:
    return type_ in (*INTEGERS, *FLOATS) or type_.startswith("decimal")


def _finite(column: str, type_: str) -> str:
    """The column's numbers; NaN and infinities have no mean and stand in no bin."""
    name = quote(column)
    return f"CASE WHEN isfinite({name}) THEN {name} END" if type_ in FLOATS else name


def _histogram(table: str, column: str, counts: Mapping[Any, int]) -> Metric:
    """Counts by upper edge: ``counts[i]`` values above ``edges[i - 1]`` and up to ``edges[i]``."""
    kept = sorted((edge, count) for edge, count in counts.items() if edge is not None)
    text = json.dumps(
        {"edges": [plain(edge) for edge, _ in kept], "counts": [count for _, count in kept]},
        separators=(",", ":"),
    )
    return Metric(table, "histogram", column, None, text, estimated=True)


def _metric(table: str, name: str, column: str, value: Any, estimated: bool = False) -> Metric:
    shown = plain(value)
    if isinstance(shown, int | float):
        return Metric(table, name, column, float(shown), estimated=estimated)
    return Metric(table, name, column, None, str(shown), estimated)
