"""Load steps on files: what is read, and what is said about files that cannot be."""

import gzip
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from galley.project.model import Materialize, WindowSpec, WindowUnit
from tests.runner_cast import Bench, days

MANY = "".join(f"{number},n\n" for number in range(30_000))


def test_a_csv_file(bench: Bench) -> None:
    bench.write("data/a.csv", '\ufeffid,name,day\r\n1,"a, ""b""",2020-01-31\r\n2,,\r\n')
    done = bench.run(bench.load("data/a.csv"))
    assert bench.types("loaded") == {"id": "long", "name": "string", "day": "date"}
    assert bench.rows("loaded") == [(1, 'a, "b"', date(2020, 1, 31)), (2, None, None)]
    assert done.rows == 2


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("a.csv", b"id;name\n1;x\n", {}),
        ("a.tsv", b"id\tname\n1\tx\n", {}),
        ("a.csv.gz", gzip.compress(b"id,name\n1,x\n", mtime=0), {}),
        ("a.csv", "id,name\n1,x\n".encode("utf-16"), {"encoding": "utf-16"}),
        ("a.csv", b"id,name\n1,x", {"encoding": "latin-1"}),
        ("a.csv", b"# made by hand\nid,name\n1,x\n", {"skip": 1}),
        ("a.csv", b"id,name,more\n1,x,y\n", {"columns": ["id", "name"]}),
    ],
)
def test_dialects(bench: Bench, name: str, content: bytes, options: dict[str, Any]) -> None:
    bench.write(name, content)
    bench.run(bench.load(name, **options))
    assert bench.rows("loaded") == [(1, "x")]
    assert bench.types("loaded") == {"id": "long", "name": "string"}


def test_latin_1(bench: Bench) -> None:
    bench.write("a.csv", "name\nZürich\n".encode("latin-1"))
    failed = bench.fail(bench.load("a.csv"))
    assert failed.message == "a.csv is not in UTF-8; it looks like latin-1"
    assert failed.hint == "add the option `encoding: latin-1`"
    bench.run(bench.load("a.csv", encoding="latin-1"))
    assert bench.rows("loaded") == [("Zürich",)]


def test_another_encoding_far_into_the_file(bench: Bench) -> None:
    bench.write("a.csv", ("id,name\n" + MANY + "1,é\n").encode("latin-1"))
    assert "it looks like latin-1" in bench.fail(bench.load("a.csv")).message


BROKEN = {
    "too few": ("id,name\n1,x\n2\n", "a.csv:3: 2 columns were expected and 1 found: '2'"),
    "too many": ("id,name\n1,x\n2,b,c\n", "a.csv:3: 2 columns were expected and 3 found: '2,b,c'"),
    "far away": (f"id,name\n{MANY}5\n", "a.csv:30002: 2 columns were expected and 1 found: '5'"),
    "open quote": ('id,name\n1,x\n2,"b\n3,z\n', "a.csv:3: Value with unterminated quote"),
    "repeated": ("id,name\n1,x\nid,name\n2,y\n", "a.csv:3: the header is repeated: 'id,name'"),
    "repeated last": ("id,name\r\n1,x\r\nid,name", "a.csv:3: the header is repeated"),
    "repeated far": (f"id,name\n{MANY * 10}id,name\n", "a.csv:300002: the header is repeated"),
    "twice": ("id,ID\n1,2\n", "a.csv:1: two columns are named 'ID'"),
    "nameless": ("id,,x\n1,2,3\n", "a.csv:1: column 2 has no name"),
    "empty": ("", "a.csv is empty"),
    "blank": ("\n\n", "a.csv has no header"),
}


@pytest.mark.parametrize(("content", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_csv(bench: Bench, content: str, said: str) -> None:
    bench.write("a.csv", content)
    failed = bench.fail(bench.load("a.csv"))
    assert failed.error == "galley.errors.InputDataError"
    assert said in failed.message
    assert failed.where == "pipelines/p/loaded.yaml:1"


def test_a_value_that_is_not_of_its_type(bench: Bench) -> None:
    bench.write("a.csv", f"id,name\n{MANY}x,n\n")
    failed = bench.fail(bench.load("a.csv", types={"id": "BIGINT"}))
    assert failed.message == "a.csv:30002: column 'id' is BIGINT and 'x' is none: 'x,n'"


def test_types_are_found_from_all_rows(bench: Bench) -> None:
    bench.write("a.csv", f"id,name\n{MANY}0.5,n\n")
    bench.run(bench.load("a.csv"))
    assert bench.types("loaded")["id"] == "double"
    assert bench.query("SELECT min(id) FROM loaded WHERE id > 0") == [(0.5,)]


def test_fractions_are_not_rounded_away(bench: Bench) -> None:
    bench.write("a.csv", "id\n1\n2.5\n")
    failed = bench.fail(bench.load("a.csv", types={"id": "BIGINT"}))
    assert failed.message == "column 'id' is BIGINT and 2.5 is none"


def test_declared_types(bench: Bench) -> None:
    bench.write("a.csv", "id,zip\n1,08001\n")
    bench.run(bench.load("a.csv", types={"ID": "DECIMAL(10, 2)", "zip": "VARCHAR"}))
    assert bench.types("loaded") == {"id": "decimal(10, 2)", "zip": "string"}
    failed = bench.fail(bench.load("a.csv", types={"zipp": "VARCHAR"}))
    assert failed.hint == "did you mean 'zip'?"


def test_files_of_a_pattern_are_matched_by_name(bench: Bench) -> None:
    bench.write("data/1.csv", "id,name\n1,x\n")
    bench.write("data/2.csv", "name,id,more\ny,2,z\n")
    bench.write("data/3.csv", "id,name\n")
    bench.run(bench.load("data/*.csv"))
    assert bench.types("loaded") == {"id": "long", "name": "string", "more": "string"}
    assert bench.rows("loaded") == [(1, "x", None), (2, "y", "z")]


def test_files_of_unlike_dialects(bench: Bench) -> None:
    bench.write("data/1.csv", "id,name\n1,x\n")
    bench.write("data/2.csv", "id;name\n1;x\n")
    failed = bench.fail(bench.load("data/*.csv"))
    assert "data/1.csv is delimited by ',' and data/2.csv by ';'" in failed.message


@pytest.mark.parametrize(
    ("path", "said", "hint"),
    [
        ("data/flihgts.csv", "there is no file data/flihgts.csv", "did you mean data/flights.csv?"),
        ("data/*.parquet", "no file matches data/*.parquet", "the folder data holds flights.csv"),
        ("dada/flights.csv", "there is no file", "did you mean data?"),
        ("data", "data is a folder", "the folder data holds flights.csv"),
        ("elsewhere/x.csv", "there is no file", "the folder of the project holds data"),
    ],
)
def test_files_that_are_not_there(bench: Bench, path: str, said: str, hint: str) -> None:
    bench.write("data/flights.csv", "id\n1\n")
    failed = bench.fail(bench.load(path))
    assert said in failed.message
    assert failed.hint == hint


def test_a_cut_off_archive(bench: Bench) -> None:
    whole = gzip.compress(("id,name\n" + MANY).encode())
    bench.write("a.csv.gz", whole[: len(whole) // 2])
    assert "a.csv.gz" in bench.fail(bench.load("a.csv.gz")).message


def test_json(bench: Bench) -> None:
    bench.write("a.json", '[{"id": 1, "in": {"x": [1, 2]}, "no": null}, {"id": 2, "new": "x"}]')
    bench.run(bench.load("a.json", "json"))
    assert bench.types("loaded") == {
        "id": "long",
        "in": "struct<x: list<long>>",
        "no": "string",
        "new": "string",
    }
    bench.write("b.jsonl", '{"id": 1, "t": "2020-01-01T00:00:00Z"}\n{"id": 2}\n')
    bench.run(bench.load("b.jsonl", "json", name="lines", types={"t": "TIMESTAMPTZ"}))
    assert bench.types("lines") == {"id": "long", "t": "timestamptz"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"a": 1}\n{"a": 2\n{"a": 3}\n', "a.json:2: this is no JSON"),
        ("[1, 2]", "a.json holds no objects"),
        ("[]", "a.json holds no objects"),
        ("", "a.json is empty"),
    ],
)
def test_broken_json(bench: Bench, content: str, said: str) -> None:
    bench.write("a.json", content)
    failed = bench.fail(bench.load("a.json", "json"))
    assert failed.error == "galley.errors.InputDataError"
    assert said in failed.message


def parquet(bench: Bench, name: str, table: pa.Table) -> None:
    pq.write_table(table, bench.project / name)


def test_parquet(bench: Bench) -> None:
    parquet(bench, "1.parquet", pa.table({"id": pa.array([1], pa.int32()), "name": ["x"]}))
    parquet(bench, "2.parquet", pa.table({"id": pa.array([2], pa.int64()), "more": ["y"]}))
    bench.run(bench.load("*.parquet", "parquet"))
    assert bench.rows("loaded") == [(1, "x", None), (2, None, "y")]
    bench.run(bench.load("1.parquet", "parquet", name="one", types={"id": "VARCHAR"}))
    assert bench.rows("one") == [("1", "x")]


def test_parquet_files_that_disagree(bench: Bench) -> None:
    parquet(bench, "1.parquet", pa.table({"id": [1]}))
    parquet(bench, "2.parquet", pa.table({"id": ["x"]}))
    failed = bench.fail(bench.load("*.parquet", "parquet"))
    assert failed.message == "column 'id' is int64 in 1.parquet and string in 2.parquet"


def test_what_is_no_parquet_file(bench: Bench) -> None:
    bench.write("a.parquet", "PAR1, but not really")
    assert "a.parquet is no Parquet file" in bench.fail(bench.load("a.parquet", "parquet")).message


def test_a_type_is_no_way_into_the_query(bench: Bench) -> None:
    parquet(bench, "1.parquet", pa.table({"id": [1]}))
    step = bench.load("1.parquet", "parquet", types={"id": "INT) FROM (SELECT 2 AS id"})
    assert "is no type" in bench.fail(step).message


def test_a_load_in_windows(bench: Bench) -> None:
    bench.write("a.csv", "day,x\n2020-01-01,1\n2020-01-02,2\n2020-01-02,3\n")
    step = replace(
        bench.load("a.csv"),
        materialize=Materialize.WINDOW,
        window=WindowSpec("day", WindowUnit.DAY),
    )
    done = bench.run(step, spans=days(1, 2))
    assert done.rows == 3
    assert len(done.changes[0].windows) == 2


def test_a_preview(bench: Bench) -> None:
    bench.write("a.csv", "id\n1\n2\n3\n")
    done = bench.run(bench.load("a.csv"), preview=2)
    assert done.preview is not None
    assert done.preview["rows"] == [[1], [2]]


def test_nothing_of_a_failed_load_stays(bench: Bench, tmp_path: Path) -> None:
    bench.write("a.csv", f"id,name\n{MANY * 20}5\n")
    bench.fail(bench.load("a.csv"))
    assert bench.files() == []


@pytest.mark.long
@pytest.mark.timeout(300)
def test_loads_that_fail_while_they_write_come_back(bench: Bench) -> None:
    # A write in the background once kept one of about sixty from ever returning.
    for number in range(300):
        bench.write(f"{number}.csv", f"id,name\n{MANY * 20}5\n")
        bench.fail(bench.load(f"{number}.csv"))
    assert bench.files() == []
