"""Windows, appends and merges: what stays, what goes, what is refused."""

from dataclasses import replace

import pytest

from galley.errors import SchemaChangeError, StepError
from galley.lake import metadata, reading, snapshots
from galley.lake.model import Intent, IntentKind, Span

DAYS = [Span(f"2020-01-0{day}", f"2020-01-0{day + 1}") for day in range(1, 6)]
BY_DAY = {"materialize": "window", "window_column": "d", "window_unit": "day"}


def day(span, extra="1 AS x", column="d", type_="DATE"):
    return f"SELECT {type_} '{span.start}' AS {column}, {extra}"


def test_a_window_replaces_only_itself(kitchen, version_of):
    one = version_of(kitchen.write(day(DAYS[0]), span=DAYS[0], code="v1", **BY_DAY))
    two = version_of(kitchen.write(day(DAYS[1]), one, span=DAYS[1], **BY_DAY))
    change = kitchen.write(day(DAYS[0], "7 AS x"), two, span=DAYS[0], **BY_DAY)
    three = version_of(change)
    assert [row[1] for row in kitchen.read(three)] == [7, 1]
    assert kitchen.iceberg(three)["x"].to_pylist().count(7) == 1
    assert three.intent.kind is IntentKind.WINDOW
    assert three.intent.removed == one.intent.files
    (entry,) = change.windows
    assert (entry.span, entry.files) == (DAYS[0], three.intent.files)
    assert kitchen.read(two) != kitchen.read(three)


def test_an_empty_window_takes_the_rows_away(kitchen, version_of):
    one = version_of(kitchen.write(day(DAYS[0]), span=DAYS[0], **BY_DAY))
    change = kitchen.write(day(DAYS[0]) + " WHERE false", one, span=DAYS[0], **BY_DAY)
    assert kitchen.read(version_of(change)) == []
    assert change.windows[0].files == ()


@pytest.mark.parametrize("value", ["DATE '2020-01-02'", "NULL::DATE", "DATE '2019-12-31'"])
def test_a_row_outside_its_window_fails(kitchen, value):
    sql = f"SELECT DATE '2020-01-01' AS d UNION ALL SELECT {value} UNION ALL SELECT {value}"
    with pytest.raises(StepError, match=r"2 rows outside the window 2020-01-01\.\.2020-01-02"):
        kitchen.write(sql, span=DAYS[0], **BY_DAY)


@pytest.mark.parametrize(
    ("unit", "span", "inside", "outside"),
    [
        (
            "hour",
            Span("2020-01-01T05:00", "2020-01-01T06:00"),
            "TIMESTAMP '2020-01-01 05:59:59'",
            "TIMESTAMP '2020-01-01 06:00:00'",
        ),
        (
            "day",
            Span("2020-03-29", "2020-03-30"),
            "TIMESTAMPTZ '2020-03-28 23:30:00+00'",
            "TIMESTAMPTZ '2020-03-29 22:30:00+00'",
        ),
        ("week", Span("2020-01-06", "2020-01-13"), "DATE '2020-01-12'", "DATE '2020-01-13'"),
        ("month", Span("2020-02-01", "2020-03-01"), "DATE '2020-02-29'", "DATE '2020-03-01'"),
        ("key", Span("a" * 30, "a" * 30), f"'{'a' * 30}'", f"'{'a' * 31}'"),
        ("key", Span("7", "7"), "7", "8"),
        (
            "day",
            Span("2020-01-01", "2020-01-02"),
            "'2020-01-01T23:00:00.000001'",
            "'2020-01-02T00:00:00.000000'",
        ),
    ],
)
def test_every_kind_of_window(kitchen, version_of, unit, span, inside, outside):
    job = {
        "materialize": "window",
        "window_column": "w",
        "window_unit": unit,
        "timezone": "Europe/Berlin",
    }
    first = version_of(kitchen.write(f"SELECT {inside} AS w, 1 AS x", span=span, **job))
    second = version_of(kitchen.write(f"SELECT {inside} AS w, 2 AS x", first, span=span, **job))
    assert [row[1] for row in kitchen.read(second)] == [2]
    assert kitchen.iceberg(second)["x"].to_pylist() == [2]
    with pytest.raises(StepError, match="1 row outside"):
        kitchen.write(f"SELECT {outside} AS w, 2 AS x", second, span=span, **job)


@pytest.mark.parametrize(("column", "transform"), [("DATE", "day"), ("TIMESTAMP", "day")])
def test_windows_are_iceberg_partitions(kitchen, version_of, column, transform):
    sql = day(DAYS[0], type_=column)
    version = version_of(kitchen.write(sql, span=DAYS[0], **BY_DAY))
    raw = kitchen.metadata(version).raw
    assert raw["partition-specs"][0]["fields"][0]["transform"] == transform
    (file,) = reading.described_files(kitchen.warehouse, version)
    assert file.partition == (18262,)


def test_a_table_not_cut_by_window_cannot_lose_one(kitchen, version_of):
    sql = "SELECT DATE '2020-01-01' + i::INTEGER AS d, 1 AS x FROM range(3) r(i)"
    whole = version_of(kitchen.write(sql))
    with pytest.raises(StepError, match="window by window") as caught:
        kitchen.write(day(DAYS[0]), whole, span=DAYS[0], **BY_DAY)
    assert "--rebuild" in (caught.value.hint or "")


def test_a_rebuild_starts_anew(kitchen, version_of):
    one = version_of(kitchen.write(day(DAYS[0], "'text' AS x"), span=DAYS[0], **BY_DAY))
    change = kitchen.write(day(DAYS[1], "1 AS x"), one, span=DAYS[1], rebuild=True, **BY_DAY)
    assert change.reset_windows
    assert [row[1] for row in kitchen.read(version_of(change))] == [1]


def test_a_table_that_was_cut_otherwise_is_replaced_whole(kitchen, version_of):
    one = version_of(kitchen.write(day(DAYS[0]), span=DAYS[0], **BY_DAY))
    # As a rollback of some tables restores it: what it was before, by a plain replace.
    cut = {"window": {"column": "d", "by": "day", "timezone": "UTC"}}
    restored = replace(one, made=cut, intent=Intent(IntentKind.REPLACE))
    month = Span("2020-02-01", "2020-03-01")
    sql = "SELECT DATE '2020-02-03' AS d, 2 AS x"
    change = kitchen.write(sql, restored, span=month, **{**BY_DAY, "window_unit": "month"})
    assert change.reset_windows
    assert [row[1] for row in kitchen.read(version_of(change))] == [2]
    same = kitchen.write(day(DAYS[1]), restored, span=DAYS[1], **BY_DAY)
    assert not same.reset_windows
    assert len(kitchen.read(version_of(same))) == 2


def test_appended_rows_stay(kitchen, version_of):
    version = None
    for number in range(14):
        sql = f"SELECT {number} AS a"
        version = version_of(kitchen.write(sql, version, "append"))
    assert kitchen.read(version) == [(number,) for number in range(14)]
    assert sorted(kitchen.iceberg(version)["a"].to_pylist()) == list(range(14))
    raw = kitchen.metadata(version).raw
    assert len(raw["snapshots"]) == snapshots.KEPT_SNAPSHOTS


def test_many_manifests_are_merged(kitchen, version_of):
    version = None
    for number in range(snapshots.MERGE_MANIFESTS + 3):
        version = version_of(kitchen.write(f"SELECT {number} AS a", version, "append"))
    found = metadata.manifests(kitchen.metadata(version))
    assert len(found) < snapshots.MERGE_MANIFESTS
    assert version is not None
    assert version.rows == len(kitchen.iceberg(version)) == snapshots.MERGE_MANIFESTS + 3


def test_columns_of_an_appended_table_widen_and_come_and_go(kitchen, version_of):
    one = version_of(kitchen.write("SELECT 1 AS a, 1.5::FLOAT AS f, 2.5::DECIMAL(5, 1) AS d"))
    two = version_of(
        kitchen.write(f"SELECT {2**40} AS a, 2.5::DOUBLE AS f, 'n' AS new", one, "append")
    )
    three = version_of(kitchen.write("SELECT 9::SMALLINT AS a", two, "append"))
    shown = [(column["name"], column["type"]) for column in three.schema]
    assert shown == [("a", "long"), ("f", "double"), ("d", "decimal(5, 1)"), ("new", "string")]
    rows = {row[0]: row[1:] for row in kitchen.read(three)}
    assert rows[9] == (None, None, None)
    assert rows[2**40] == (2.5, None, "n")
    assert {row["a"] for row in kitchen.iceberg(three).to_pylist()} == set(rows)


def test_nested_columns_grow(kitchen, version_of):
    one = version_of(kitchen.write("SELECT {'x': 1, 'y': 2} AS s, [{'k': 1}] AS l"))
    sql = "SELECT {'z': 'n', 'x': 5::BIGINT} AS s, [{'k': 2, 'm': 3}] AS l"
    two = version_of(kitchen.write(sql, one, "append"))
    rows = sorted(kitchen.read(two), key=str)
    assert rows == [
        ({"x": 1, "y": 2, "z": None}, [{"k": 1, "m": None}]),
        ({"x": 5, "y": None, "z": "n"}, [{"k": 2, "m": 3}]),
    ]
    assert sorted(map(str, kitchen.iceberg(two)["s"].to_pylist())) == sorted(
        str(row[0]) for row in rows
    )


@pytest.mark.parametrize("other", ["'text'", "1.5::DOUBLE", "{'a': 1}", "[1]"])
def test_any_other_change_of_type_needs_a_rebuild(kitchen, version_of, other):
    one = version_of(kitchen.write("SELECT 1 AS a"))
    with pytest.raises(SchemaChangeError, match="'a' is int in the table") as caught:
        kitchen.write(f"SELECT {other} AS a", one, "append")
    assert "--rebuild" in (caught.value.hint or "")


def test_a_column_that_left_and_returned_has_no_old_values(kitchen, version_of):
    one = version_of(kitchen.write("SELECT 1 AS a, 10 AS b"))
    two = version_of(kitchen.write("SELECT 2 AS a", one))
    three = version_of(kitchen.write("SELECT 3 AS a, 30 AS b", two))
    four = version_of(kitchen.write("SELECT 3 AS a, 'x' AS b", three))
    five = version_of(kitchen.write("SELECT 3 AS a, 30 AS b", four))
    ids = [version.schema[1]["id"] for version in (one, three, four, five)]
    assert len(set(ids)) == 4


def test_merge_replaces_rows_of_equal_key(kitchen, version_of):
    job = {"materialize": "merge", "key": ("k",)}
    one = version_of(kitchen.write("SELECT i AS k, 'old' AS v FROM range(4) r(i)", **job))
    two = version_of(kitchen.write("SELECT i AS k, 'far' AS v FROM range(9, 11) r(i)", one, **job))
    assert two.intent.removed == ()
    three = version_of(kitchen.write("SELECT i AS k, 'new' AS v FROM range(3, 6) r(i)", two, **job))
    assert three.intent.removed == one.intent.files
    expected = [
        (0, "old"),
        (1, "old"),
        (2, "old"),
        (3, "new"),
        (4, "new"),
        (5, "new"),
        (9, "far"),
        (10, "far"),
    ]
    assert kitchen.read(three) == expected
    assert three.rows == len(expected) == len(kitchen.iceberg(three))


@pytest.mark.parametrize("rows", ["(1, 2), (1, 3)", "(NULL::INT, 1)"])
def test_merged_rows_need_one_key_each(kitchen, rows):
    with pytest.raises(StepError, match="the key k="):
        kitchen.write(f"SELECT * FROM (VALUES {rows}) r(k, v)", materialize="merge", key=("k",))


def test_several_windows_in_one_write(kitchen, version_of):
    write = kitchen.begin(**BY_DAY)
    for span in DAYS:
        write.write_query(kitchen.con, day(span), {}, span)
    change = write.finish({str(DAYS[0]): "key-1"})
    assert [entry.span for entry in change.windows] == DAYS
    assert change.windows[0].key == "key-1"
    assert len(kitchen.read(version_of(change))) == 5
