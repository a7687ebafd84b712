"""Whatever is written, in any order: the rows are those a list of rows would hold."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from galley.lake import reading
from galley.lake.model import Change, Span, Version
from galley.lake.replay import replay
from galley.lake.warehouse import Warehouse
from tests.integration.lake_files.conftest import Kitchen

DAY = st.integers(1, 6)
ROWS = st.lists(st.integers(0, 9), max_size=4)
KEYED = st.dictionaries(st.integers(0, 9), st.integers(0, 99), max_size=5)
FEW = settings(max_examples=15, suppress_health_check=list(HealthCheck))


def span_of(day: int) -> Span:
    return Span(f"2020-01-0{day}", f"2020-01-0{day + 1}")


def made(change: Change) -> Version:
    assert change.version is not None
    return change.version


def rows_sql(day: int, rows: list[int]) -> str:
    values = ", ".join(f"({row})" for row in rows) or "(0)"
    only = "" if rows else " WHERE false"
    return f"SELECT DATE '2020-01-0{day}' AS d, x FROM (VALUES {values}) r(x){only}"


def a_kitchen(folder: str) -> Kitchen:
    con = reading.connect(threads=1, memory=1 << 28, scratch=None)
    return Kitchen(Warehouse(str(Path(folder) / "warehouse")), con)


def seen(kitchen: Kitchen, version: Version | None) -> list[tuple[int, int]]:
    return sorted((row[0].day, row[1]) for row in kitchen.read(version))


def window(kitchen: Kitchen, base: Version | None, day: int, rows: list[int]):
    return kitchen.write(
        rows_sql(day, rows), base, "window", span_of(day), window_column="d", window_unit="day"
    )


@FEW
@given(st.lists(st.tuples(DAY, ROWS), min_size=1, max_size=6))
def test_windows_against_a_dictionary(writes):
    with tempfile.TemporaryDirectory() as folder:
        kitchen, version = a_kitchen(folder), None
        oracle: dict[int, Any] = {}
        for day, rows in writes:
            version = window(kitchen, version, day, rows).version
            oracle[day] = rows
        expected = sorted((day, row) for day, rows in oracle.items() for row in rows)
        assert seen(kitchen, version) == expected
        arrow = kitchen.iceberg(version).to_pylist()
        assert sorted((row["d"].day, row["x"]) for row in arrow) == expected
        assert version is not None
        assert version.rows == len(expected)


@FEW
@given(st.lists(KEYED, min_size=1, max_size=5))
def test_merges_against_a_dictionary(writes):
    with tempfile.TemporaryDirectory() as folder:
        kitchen, version = a_kitchen(folder), None
        oracle: dict[int, Any] = {}
        for rows in writes:
            values = ", ".join(f"({key}, {value})" for key, value in rows.items()) or "(0, 0)"
            sql = f"SELECT k, v FROM (VALUES {values}) r(k, v) WHERE {bool(rows)}"
            version = kitchen.write(sql, version, "merge", key=("k",)).version
            oracle |= rows
        assert kitchen.read(version) == sorted(oracle.items())
        assert version is not None
        assert len(kitchen.iceberg(version)) == version.rows == len(oracle)


@FEW
@given(
    st.lists(st.tuples(DAY, ROWS), min_size=1, max_size=3),
    st.dictionaries(DAY, ROWS, min_size=1, max_size=3),
    st.dictionaries(DAY, ROWS, max_size=3),
)
def test_replayed_windows_against_a_dictionary(before, ours, theirs):
    with tempfile.TemporaryDirectory() as folder:
        kitchen, base, oracle, windows = a_kitchen(folder), None, {}, {}
        for day, rows in before:
            base, oracle[day] = made(window(kitchen, base, day, rows)), rows
        assert base is not None
        target = source = base
        for day, rows in theirs.items():
            target, oracle[day] = made(window(kitchen, target, day, rows)), rows
        for day, rows in ours.items():
            change = window(kitchen, source, day, rows)
            source, oracle[day] = made(change), rows
            windows[day] = change.windows[0]
        change = replay(
            kitchen.warehouse,
            project="flights",
            target=target,
            source=source,
            source_base=base,
            windows=tuple(windows.values()),
            attempt="replayed",
            field_ids=kitchen.counter,
        )
        result = made(change)
        expected = sorted((day, row) for day, rows in oracle.items() for row in rows)
        assert seen(kitchen, result) == expected
        assert result.rows == len(kitchen.iceberg(result)) == len(expected)
