"""Replaced tables: types, ids, unchanged rows, errors."""

import datetime as dt
import decimal

import polars as pl
import pytest

from galley.errors import DataTypeError, StepError
from galley.lake import reading
from galley.lake.model import Format, IntentKind, Version

ALL_TYPES = """
SELECT i::TINYINT a1, i::USMALLINT a2, i::UINTEGER a3, i::UBIGINT a4, sum(i)::HUGEINT a5,
  i::FLOAT b1, i / 2.0::DOUBLE b2, (i + 0.25)::DECIMAL(9, 2) b3, i::DECIMAL(30, 4) b4,
  DATE '2020-02-29' + i::INTEGER c1, TIMESTAMP '2020-01-01 01:02:03.000004' c2,
  TIMESTAMPTZ '2020-01-01 01:02:03+02' c3, TIME '10:11:12' c4,
  '2020-01-01 00:00:00.000001'::TIMESTAMP_NS c5, '2020-01-01'::TIMESTAMP_S c6,
  'ü' || i d1, '{"a": 1}'::JSON d2, 'x'::ENUM('x', 'y') d3, '101'::BIT d4, '\\xAA'::BLOB d5,
  '00000000-0000-0000-0000-00000000000a'::UUID d6, i = 1 d7,
  [i, NULL] e1, {'x': i, 'y': [{'z': 'q'}]} e2, MAP {'k': i} e3, [1, 2]::INTEGER[2] e4
FROM range(3) r(i) GROUP BY i
"""


def test_all_types_are_read_equally_by_three_engines(kitchen, version_of):
    version = version_of(kitchen.write(ALL_TYPES))
    ours = sorted(kitchen.read(version), key=str)
    arrow = kitchen.iceberg(version)
    names = [column["name"] for column in version.schema]
    assert arrow.schema.names == names
    polars = pl.scan_iceberg(kitchen.path(version), storage_options=kitchen.told).collect()
    assert polars.columns == names
    for name in ("a5", "b3", "c1", "c2", "d1", "e1", "e2"):
        index = names.index(name)
        mine = sorted((row[index] for row in ours), key=str)
        assert sorted(arrow[name].to_pylist(), key=str) == mine
        assert sorted(polars[name].to_list(), key=str) == mine


def test_types_are_mapped_as_promised(kitchen, version_of):
    version = version_of(kitchen.write(ALL_TYPES))
    shown = {column["name"]: column["type"] for column in version.schema}
    assert [shown[name] for name in ("a1", "a2", "a3", "a4", "a5")] == [
        "int",
        "int",
        "long",
        "decimal(20, 0)",
        "long",
    ]
    assert (shown["c3"], shown["c5"], shown["c6"]) == ("timestamptz", "timestamp", "timestamp")
    assert {shown[name] for name in ("d1", "d2", "d3", "d4")} == {"string"}
    assert shown["e2"] == "struct<x: long, y: list<struct<z: string>>>"
    assert shown["e3"] == "map<string, long>"
    assert shown["e4"] == "list<int>"


def test_a_sum_beyond_64_bits_is_a_decimal_and_stays_one(kitchen, version_of):
    big = version_of(kitchen.write(f"SELECT {2**70}::HUGEINT AS total"))
    assert big.schema[0]["type"] == "decimal(38, 0)"
    assert kitchen.read(big) == [(decimal.Decimal(2**70),)]
    small = version_of(kitchen.write("SELECT 1::HUGEINT AS total", big))
    assert small.schema == big.schema
    with pytest.raises(StepError, match=r"DECIMAL\(38,0\)"):
        kitchen.write("SELECT (2::HUGEINT ** 120)::HUGEINT * 100 AS total")


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("INTERVAL 1 DAY", "INTERVAL"),
        ("NULL", "NULL"),
        ("[NULL]", "NULL"),
        ("TIMETZ '10:00:00+01'", "TIME WITH TIME ZONE"),
        ("union_value(k := 1)", "UNION"),
    ],
)
def test_a_type_no_table_holds_names_the_column_and_a_cast(kitchen, expression, named):
    with pytest.raises(DataTypeError, match=f"'odd' has type .*{named}") as caught:
        kitchen.write(f"SELECT 1 AS fine, {expression} AS odd")
    assert 'CAST("odd"' in (caught.value.hint or "")


@pytest.mark.parametrize(
    "value", ["'infinity'::DATE", "'-infinity'::TIMESTAMP", "'infinity'::TIMESTAMPTZ"]
)
def test_infinite_dates_are_refused(kitchen, value):
    with pytest.raises(DataTypeError, match="'d' holds an infinite"):
        kitchen.write(f"SELECT {value} AS d")


def test_nanoseconds_must_be_exact(kitchen):
    with pytest.raises(DataTypeError, match="'n' holds nanoseconds"):
        kitchen.write("SELECT '2020-01-01 00:00:00.000000001'::TIMESTAMP_NS AS n")


def test_names_that_differ_in_case_are_refused(kitchen):
    with pytest.raises(StepError, match="'a' and 'A'"):
        kitchen.write('SELECT 1 AS a, 2 AS "A"')


@pytest.mark.parametrize(
    "text", ["SELECT 1 AS a; SELECT 2", "CREATE TABLE x (a INT)", "SELEC 1", ""]
)
def test_what_is_not_one_select_is_refused(kitchen, text):
    with pytest.raises(StepError):
        kitchen.write(text)


def test_semicolons_and_comments_behind_a_query_do_no_harm(kitchen, version_of):
    version = version_of(kitchen.write("SELECT ';é' AS a, 1::HUGEINT AS b ; -- done ;"))
    assert kitchen.read(version) == [(";é", 1)]


def test_parameters_are_bound(kitchen):
    write = kitchen.begin()
    nasty = "'); DROP TABLE x; --"
    assert write.write_query(kitchen.con, "SELECT $n AS n", {"n": nasty, "unused": 1}) == 1
    assert kitchen.read(write.finish().version) == [(nasty,)]


def test_a_table_without_rows_keeps_its_columns(kitchen, version_of):
    version = version_of(kitchen.write("SELECT 1 AS a, 'x' AS b WHERE false"))
    assert version.rows == 0
    assert version.intent.files == ()
    assert kitchen.read(version) == []
    assert kitchen.iceberg(version).schema.names == ["a", "b"]
    again = version_of(kitchen.write("SELECT 2 AS a, 'y' AS b", version))
    assert kitchen.read(again) == [(2, "y")]


def test_equal_rows_keep_the_version(kitchen, version_of):
    first = version_of(kitchen.write("SELECT * FROM range(10) t(a)"))
    change = kitchen.write("SELECT * FROM range(10) t(a)", first)
    assert change.version == first
    assert len(kitchen.names(".parquet")) == 1
    assert version_of(kitchen.write("SELECT * FROM range(11) t(a)", first)) != first


def test_ids_stay_where_columns_stay_or_widen(kitchen, version_of):
    first = version_of(kitchen.write("SELECT 1 AS a, 2 AS b, 3 AS c"))
    second = version_of(kitchen.write("SELECT 1::BIGINT AS a, 'x' AS b, 4 AS d", first))
    ids = {column["name"]: column["id"] for column in second.schema}
    assert ids["a"] == first.schema[0]["id"]
    assert ids["b"] not in {column["id"] for column in first.schema}
    third = version_of(kitchen.write("SELECT 5 AS c, 6 AS a", second))
    assert third.schema[0]["id"] not in {column["id"] for column in first.schema}


def test_only_the_last_snapshot_of_a_replaced_table_is_kept(kitchen, version_of):
    version: Version | None = None
    for number in range(3):
        version = version_of(kitchen.write(f"SELECT {number} AS a", version))
    metadata = kitchen.metadata(version).raw
    assert len(metadata["snapshots"]) == 1
    assert metadata["last-sequence-number"] == 3


def test_statistics_come_from_the_footers(kitchen, version_of):
    version = version_of(
        kitchen.write(
            "SELECT i AS n, CASE WHEN i > 2 THEN i END AS gaps, i::DOUBLE AS f, 'nan'::DOUBLE AS x,"
            " repeat('ü', 30) AS long, 'short' AS short, DATE '2020-01-01' AS d FROM range(5) r(i)"
        )
    )
    (file,) = reading.data_files(kitchen.warehouse, version)
    known = file.columns
    assert (known["n"].minimum, known["n"].maximum, known["n"].exact) == (0, 4, True)
    assert known["gaps"].nulls == 3
    assert (known["f"].exact, known["f"].has_nan) == (True, False)
    assert (known["x"].exact, known["x"].has_nan) == (False, True)
    assert not known["long"].exact
    assert str(known["long"].maximum) > "ü" * 30
    assert (known["short"].minimum, known["short"].exact) == ("short", True)
    assert known["d"].minimum == dt.date(2020, 1, 1)


def test_an_aborted_write_leaves_nothing(kitchen):
    write = kitchen.begin()
    write.write_query(kitchen.con, "SELECT 1 AS a", {})
    write.finish()
    write.abort()
    assert kitchen.names("") == []


def test_a_view_reads_the_tables_mounted_with_it(kitchen, version_of):
    table = version_of(kitchen.write("SELECT 1 AS a"))
    view = Version("v", "v", Format.VIEW, "c", "", "", view_sql="SELECT a + 1 AS b FROM t")
    outer = Version("u", "u", Format.VIEW, "c", "", "", view_sql="SELECT b + 1 AS c FROM flights.v")
    with kitchen.connect() as con:
        versions = {"u": outer, "v": view, "t": table, "air.t": table}
        reading.mount(con, kitchen.warehouse, versions, project="flights")
        assert con.execute("SELECT c, a FROM u, air.t").fetchall() == [(3, 1)]


def test_a_locked_connection_reads_only_what_it_may(kitchen, version_of, tmp_path):
    table = version_of(kitchen.write("SELECT 1 AS a"))
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with kitchen.connect() as con:
        reading.mount(con, kitchen.warehouse, {"t": table}, project="flights")
        reading.lock(con, read=reading.file_paths(kitchen.warehouse, table), write=())
        assert con.execute("FROM t").fetchall() == [(1,)]
        for refused in (
            f"FROM '{tmp_path}/secret.csv'",
            f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
            "SET enable_external_access = true",
            "SET threads = 7",
        ):
            with pytest.raises(Exception, match=r"ermission|locked|cannot|Cannot|not exist"):
                con.execute(refused)


def test_what_a_replace_meant_is_recorded(kitchen, version_of):
    version = version_of(kitchen.write("SELECT 1 AS a", inputs={"x": "c1"}, step="make"))
    assert version.intent.kind is IntentKind.REPLACE
    found = reading.data_files(kitchen.warehouse, version)
    assert version.intent.files == tuple(file.path for file in found)
    assert (version.inputs, version.step, version.rows) == ({"x": "c1"}, "make", 1)
