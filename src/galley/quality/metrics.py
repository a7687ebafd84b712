"""The metrics every table gets without being asked.

Rows, bytes, nulls, minima and maxima come from the Parquet footers. Distinct counts, means and
standard deviations come from one query over the data, above ``MOST_ROWS`` rows over a sample of
``SAMPLE_ROWS``; histograms on 20 quantile bins from about ``HISTOGRAM_ROWS`` of the same rows, kept
in the same scan. The sample takes whole vectors of rows (``TABLESAMPLE SYSTEM``), which costs a
third of drawing single rows and still reaches all parts of the table; what it gives is marked
estimated, as is every distinct count above ``EXACT_ROWS`` rows (HyperLogLog, about 2 % off, or that
of the sample). Of a table in more than ``MOST_FILES`` files only ``SAMPLE_FILES`` are read, evenly
chosen: with windows of a few rows opening them all, after each window anew, would be all the work.
Of the smallest tables ``smalltables`` computes the same values without a query.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from galley.lake import reading
from galley.lake.model import Version
from galley.lake.reading import FileInfo
from galley.lake.schema import columns_of as columns_to_read
from galley.lake.types import quote
from galley.lake.warehouse import Warehouse
from galley.quality import smalltables
from galley.quality.desk import Desk
from galley.quality.literals import FLOATS, INTEGERS, CheckError, table_name
from galley.quality.model import Fact, FactKind
from galley.quality.proofs import prove
from galley.quality.scene import columns_of
from galley.quality.verdicts import plain
from galley.runs.verdict import Metric

EXACT_ROWS = 10_000
MOST_ROWS = 5_000_000
SAMPLE_ROWS = 1_000_000
MOST_FILES = 500
SAMPLE_FILES = 100
HISTOGRAM_ROWS = 50_000
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
    free = tuple(_from_footers(table, columns, at.files(table)))
    rows = next((metric.value for metric in free if metric.name == "rows"), None)
    try:
        return (*free, *_from_data(at, table, columns, _source(at, table, rows)))
    except CheckError:
        return free


def measure_small(warehouse: Warehouse, version: Version, table: str) -> tuple[Metric, ...] | None:
    """The same of a small table, without a desk; ``None`` if it takes one."""
    columns = columns_of(version)
    wanted = list(_wanted(columns, version.rows)) if version.rows else []
    values = smalltables.read(warehouse, version, dict.fromkeys(one.column for one in wanted))
    if values is None:
        return None
    measured = {
        column: smalltables.numbers(values.get(column, ()), columns[column])
        for column in _measured(columns)
    }
    row: list[Any] = [
        smalltables.distinct(values[one.column])
        if one.name == "distinct"
        else _SMALL[one.name](measured[one.column])
        for one in wanted
    ]
    if not all(value is None or math.isfinite(value) for value in row):
        return None  # DuckDB has its own words for what is too large
    row += [smalltables.histogram(some, BINS) for some in measured.values()]
    files = reading.data_files(warehouse, version)
    return (*_from_footers(table, columns, files), *_told(table, columns, wanted, row))


_SMALL: dict[str, Callable[[Sequence[Any]], float | None]] = {
    "mean": smalltables.mean,
    "sd": smalltables.deviation,
}


def _from_footers(
    table: str, columns: Mapping[str, str], files: tuple[FileInfo, ...] | None
) -> Iterator[Metric]:
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


@dataclass(frozen=True, slots=True)
class Source:
    """What the data query reads: ``rows`` of a table, or of ``some`` of its files."""

    sql: str
    rows: float | None
    some: bool = False


def _source(at: Desk, table: str, rows: float | None) -> Source:
    files = at.files(table) or ()
    if len(files) <= MOST_FILES:
        return Source(table_name(table), rows)
    chosen = [
        files[place * (len(files) - 1) // (SAMPLE_FILES - 1)] for place in range(SAMPLE_FILES)
    ]
    paths = [at.warehouse.absolute(file.path) for file in chosen]
    sql = reading.scan_sql(paths, columns_to_read(at.versions[table]))
    return Source(sql, float(sum(file.rows for file in chosen)), some=True)


def _from_data(
    at: Desk, table: str, columns: Mapping[str, str], source: Source
) -> Iterator[Metric]:
    wanted = list(_wanted(columns, source.rows))
    if source.rows == 0 or not wanted:
        return
    if source.some:
        wanted = [replace(one, estimated=True) for one in wanted]
    yield from _told(table, columns, wanted, at.row(_query(source, columns, wanted)))


def _told(
    table: str, columns: Mapping[str, str], wanted: list[Wanted], row: Sequence[Any]
) -> Iterator[Metric]:
    """The values of a row as metrics, then the histograms behind them."""
    for item, value in zip(wanted, row, strict=False):
        if value is not None:
            yield _metric(table, item.name, item.column, value, item.estimated)
    for column, counts in zip(_measured(columns), row[len(wanted) :], strict=True):
        if counts:
            yield _histogram(table, column, counts)


def _wanted(columns: Mapping[str, str], rows: float | None) -> Iterator[Wanted]:
    large = rows is not None and rows > MOST_ROWS
    exact = rows is not None and rows <= EXACT_ROWS
    for column, type_ in columns.items():
        if type_ not in _NESTED:
            yield Wanted("distinct", column, _distinct(quote(column), exact), not exact)
        if _is_number(type_):
            value = _finite(column, type_)
            yield Wanted("mean", column, f"avg({value})", large)
            yield Wanted("sd", column, f"stddev_samp({value})", large)


def _distinct(name: str, exact: bool) -> str:
    """The count, or an estimate that is never above what is there."""
    if exact:
        return f"count(DISTINCT {name})"
    return f"least(approx_count_distinct({name}), count({name}))"


def _query(of: Source, columns: Mapping[str, str], wanted: list[Wanted]) -> str:
    """One statement and one scan: aggregates, and counts of some of its rows on their quantiles.

    Names of its own begin with a colon, as no table's name does.
    """
    source, rows = of.sql, of.rows
    looked_at = rows
    if rows is not None and rows > MOST_ROWS:
        source += f" TABLESAMPLE SYSTEM ({100 * SAMPLE_ROWS / rows:.4f} PERCENT)"
        looked_at = SAMPLE_ROWS
    terms = ", ".join(f'{item.sql} AS ":t{place}"' for place, item in enumerate(wanted))
    told = ", ".join(f'":t{place}"' for place in range(len(wanted)))
    numbers = [_finite(column, columns[column]) for column in _measured(columns)]
    if not numbers:
        return f"SELECT {terms} FROM {source}"
    kept = ", ".join(f"':c{place}': {value}" for place, value in enumerate(numbers))
    terms += f', list({{{kept}}}){_some(looked_at)} AS ":kept"'
    names = [f'":c{place}"' for place in range(len(numbers))]
    shares = ", ".join(str(step / BINS) for step in range(BINS + 1))
    edges = ", ".join(f"list_distinct(quantile_disc({one}, [{shares}])) AS {one}" for one in names)
    counts = ", ".join(f'histogram({one}, (SELECT {one} FROM ":edges"))' for one in names)
    return (
        f'WITH ":data" AS MATERIALIZED (SELECT {terms} FROM {source}), '
        '":few" AS MATERIALIZED (SELECT unnest(":kept", recursive := true) FROM ":data"), '
        f'":edges" AS MATERIALIZED (SELECT {edges} FROM ":few") '
        f'SELECT * FROM (SELECT {told} FROM ":data"), (SELECT {counts} FROM ":few")'
    )


def _some(rows: float | None) -> str:
    """Which of so many rows are kept: about ``HISTOGRAM_ROWS``, single rows by chance.

    A share of 0.05 in a bin is then right to 0.001, and drawing more costs as much as the scan.
    """
    if rows is None or rows <= HISTOGRAM_ROWS:
        return ""
    return f" FILTER (random() < {HISTOGRAM_ROWS / rows:.6f})"


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
