"""Metrics of small tables: the same numbers with and without a database."""

import json
import math
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galley.quality import smalltables
from galley.quality.desk import Desk
from galley.runs.verdict import Metric
from tests.quality_cast import Stand

INTEGERS = {"INTEGER": (-(2**31), 2**31 - 1), "BIGINT": (-(2**63), 2**63 - 1)}
FLOATS: dict[str, Literal[32, 64]] = {"DOUBLE": 64, "FLOAT": 32}
NUMBERS: dict[str, st.SearchStrategy[Any]] = {
    **{type_: st.integers(*ends) | st.integers(-3, 3) for type_, ends in INTEGERS.items()},
    **{
        type_: st.floats(-1e6, 1e6, width=bits) | st.sampled_from([math.nan, math.inf, 0.0, -0.0])
        for type_, bits in FLOATS.items()
    },
    "DECIMAL(9, 2)": st.decimals(-9999999, 9999999, places=2),
    # DuckDB's histogram takes wide decimals for floats; beyond these it rounds.
    "DECIMAL(38, 3)": st.decimals(-(10**12), 10**12, places=3),
}
OTHERS: dict[str, st.SearchStrategy[Any]] = {
    "VARCHAR": st.text(st.characters(exclude_categories=["C"]), max_size=3),
    "BOOLEAN": st.booleans(),
    "DATE": st.dates(),
    "TIME": st.times(),
    "TIMESTAMP": st.datetimes(),
    "TIMESTAMPTZ": st.datetimes(),
    "UUID": st.uuids(),
}


def query(type_: str, values: list[Any]) -> str:
    """A table with one column of these values, in this order, and a null one."""
    texts = (
        "NULL" if value is None else f"'{str(value).replace(chr(39), '')}'" for value in values
    )
    rows = ", ".join(f"({text})" for text in texts)
    return f"SELECT v::{type_} AS v, NULL::{type_} AS nothing FROM (VALUES {rows}) AS t(v)"


def measured(stand: Stand, *, small: bool) -> dict[tuple[str, str | None], Metric]:
    """The metrics from memory, or from the database alone."""
    with pytest.MonkeyPatch.context() as patch:
        if small:
            patch.setattr(Desk, "row", _unused)
        else:
            patch.setattr(smalltables, "MOST_VALUES", -1)
        found = stand.run(metrics=("flights",)).metrics
    return {(one.name, one.column): one for one in found}


def _unused(_desk: Desk, sql: str) -> tuple[Any, ...]:
    raise AssertionError(f"a database was asked: {sql}")


def near(one: Metric) -> tuple[Any, ...]:
    """A metric whose numbers may differ in their last digits, and its histogram read."""
    bins: dict[str, Any] = {"edges": [], "counts": one.text}
    if one.name == "histogram":
        bins = json.loads(one.text or "")
    value = [] if one.value is None else [one.value]
    return (one.estimated, bins["counts"], [*value, *bins["edges"]])


def assert_alike(stand: Stand) -> dict[tuple[str, str | None], Metric]:
    """Memory and database say the same of the stand's table; returns it."""
    mine, theirs = measured(stand, small=True), measured(stand, small=False)
    assert mine.keys() == theirs.keys()
    for key, one in mine.items():
        *said, numbers = near(one)
        *expected, exact = near(theirs[key])
        assert said == expected, key
        assert numbers == pytest.approx(exact, rel=1e-12, abs=1e-9), key
    return mine


@pytest.mark.parametrize("type_", [*NUMBERS, *OTHERS])
@settings(max_examples=12)
@given(data=st.data())
def test_the_database_says_the_same(
    tmp_path_factory: pytest.TempPathFactory, type_: str, data: st.DataObject
) -> None:
    values = {**NUMBERS, **OTHERS}[type_]
    stand = Stand(tmp_path_factory.mktemp("small"))
    stand.make("flights", query(type_, data.draw(st.lists(st.none() | values, min_size=1))))
    assert_alike(stand)


@pytest.mark.parametrize("rows", [1, 2, 19, 20, 21, 100, 257, 4096])
def test_histograms_of_any_size_agree(tmp_path: Path, rows: int) -> None:
    stand = Stand(tmp_path)
    stand.make("flights", f"SELECT (range * 7919) % 1009 AS v FROM range({rows})")
    mine = assert_alike(stand)
    assert not mine["distinct", "v"].estimated
    assert mine["distinct", "v"].value == min(rows, 1009)


def test_an_empty_table_has_no_values(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    stand.make("flights", "SELECT 1 AS v WHERE false")
    mine = measured(stand, small=True)
    assert mine == measured(stand, small=False)
    assert mine["rows", None].value == 0


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT range AS a, range AS b FROM range(8193)",
        "SELECT TIMESTAMP '290000-01-01' AS a",
        "SELECT unnest([1e308, 1e308]) AS a",
    ],
    ids=["large", "beyond Python", "overflow"],
)
def test_what_is_not_for_memory_is_left_to_the_database(tmp_path: Path, sql: str) -> None:
    stand = Stand(tmp_path)
    stand.make("flights", sql)
    with pytest.raises(AssertionError, match="a database was asked"):
        measured(stand, small=True)


def test_several_files_are_left_to_the_database(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    days = {f"2014-01-0{day}": f"SELECT DATE '2014-01-0{day}' AS day" for day in (1, 2)}
    stand.days("flights", days)
    with pytest.raises(AssertionError, match="a database was asked"):
        measured(stand, small=True)


def test_a_lost_file_has_no_metrics(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    version = stand.make("flights", "SELECT 1 AS v")
    (tmp_path / "warehouse" / version.intent.files[0]).unlink()
    assert stand.run(metrics=("flights",)).metrics == ()
