"""Data and types that no table can hold: one run meets them all, and each is told apart."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.inside import Inside, write
from tests.cli_cast import Ran, Shell

FILES: dict[str, str | bytes] = {
    "wide.csv": "id,n\n1,2\n2,x,y,z\n",
    "narrow.csv": "id,n\n1,2\n2\n",
    "quoted.csv": 'id,n\n1,"abc\n2,3\n',
    "latin.csv": b"id,name\n1,Jos\xe9\n",
    "wider.csv": b"\xff\xfei\0d\0\n\x001\0\n\0",
    "twice.csv": "id,n\n1,2\nid,n\n3,4\n",
    "alike.csv": "id,ID\n1,2\n",
    "unnamed.csv": "id,,n\n1,2,3\n",
    "empty.csv": "",
    "blank.csv": "\n\n\n",
    "cut.json": '[{"a": 1}, {"a": 2}',
    "cutlines.jsonl": '{"a": 1}\n{"a": }\n{"a": 3}\n',
    "scalar.json": "42",
    "nothing.json": "",
    "text.parquet": "a parquet floor",
    "packed.csv.gz": b"not gzip",
}
LOADED = {
    "wide": ("data/wide.csv:3: 2 columns were expected and 3 found: '2,x,y,z'", "correct"),
    "narrow": ("data/narrow.csv:3: 2 columns were expected and 1 found", "correct the line"),
    "quoted": ("data/quoted.csv:2: ", "correct the line"),
    "latin": ("data/latin.csv is not in UTF-8; it looks like latin-1", "`encoding: latin-1`"),
    "wider": ("data/wider.csv is not in UTF-8; it looks like utf-16", "`encoding: utf-16`"),
    "twice": ("data/twice.csv:3: the header is repeated: 'id,n'", "remove the line"),
    "alike": ("data/alike.csv:1: two columns are named 'ID'", "case-insensitively"),
    "unnamed": ("data/unnamed.csv:1: column 2 has no name", ""),
    "empty": ("data/empty.csv is empty", "leave it out"),
    "blank": ("data/blank.csv has no header in its first line", ""),
    "cut": ("data/cut.json: this is no JSON", "correct the file"),
    "cutlines": ("data/cutlines.jsonl:2: this is no JSON", "correct the file"),
    "scalar": ("data/scalar.json holds no objects", "array of objects"),
    "nothing": ("data/nothing.json is empty", ""),
    "text": ("data/text.parquet is no Parquet file", ""),
    "packed": ("data/packed.csv.gz cannot be read", ""),
    "missing": ("there is no file data/narow.csv", "did you mean data/narrow.csv?"),
    "pattern": ("no file matches data/narow-*.csv", "data/narrow.csv?"),
    "server": ("the database 127.0.0.1/db cannot be reached", "whether the server is up"),
}
SELECTED = {
    "interval": ("SELECT INTERVAL 1 DAY AS c", "has type INTERVAL", 'CAST("c" AS VARCHAR)'),
    "timetz": ("SELECT '10:00:00+01'::TIMETZ AS c", "has type TIME WITH", 'CAST("c" AS TIME)'),
    "unions": ("SELECT union_value(n := 1) AS c", "has type UNION(", 'CAST("c" AS VARCHAR)'),
    "untyped": ("SELECT 1 AS a, NULL AS c", "has type NULL", 'CAST("c" AS VARCHAR)'),
    "endless": ("SELECT DATE 'infinity' AS c", "holds an infinite date", 'isfinite("c")'),
    "ever": ("SELECT TIMESTAMP '-infinity' AS c", "an infinite timestamp", 'isfinite("c")'),
    "nested": ("SELECT [INTERVAL 1 DAY] AS c", "has type INTERVAL", "CAST"),
    "nanos": ("SELECT TIMESTAMP_NS '2024-01-01 00:00:00.000000001' AS c", "holds nano", "round"),
}
MADE = {
    "named": ("SELECT 1 AS a, 2 AS A", "two columns are named 'a' and 'A'", "AS"),
    "same": ("SELECT 1 AS a, 2 AS a", "two columns are named 'a' and 'a'", "AS"),
    "converted": ("SELECT 1 AS a,\n  CAST('x' AS INTEGER) AS b", "convert string 'x' to INT32", ""),
    "lost": ("SELECT\n  naem FROM titles", 'column "naem" not found', "did you mean 'name'?"),
    "called": ("SELECT lenght('x') AS n", "lenght does not exist", "did you mean 'length'?"),
}
BOOKS = "/* @galley\ntests: [{unique: naem}]\n*/\nSELECT * FROM (SELECT 'Emma' AS name)"
TITLES = "SELECT 'Emma' AS name"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    """A run of one pipeline in which everything is wrong."""
    steps: dict[str, str | bytes] = {f"data/{name}": data for name, data in FILES.items()}
    for name in FILES:
        steps[f"{name.partition('.')[0]}.yaml"] = f"kind: load\npath: data/{name}\n"
    steps["missing.yaml"] = "kind: load\npath: data/narow.csv\n"
    steps["pattern.yaml"] = "kind: load\npath: data/narow-*.csv\nformat: csv\n"
    steps["server.yaml"] = "kind: load\nurl: postgres://127.0.0.1:1/db\ntable: t\n"
    for name, (sql, *_) in {**SELECTED, **MADE}.items():
        steps[f"{name}.sql"] = sql
    folder = write(
        tmp_path_factory.mktemp("data"), {**steps, "books.sql": BOOKS, "titles.sql": TITLES}
    )
    return folder, Shell(folder).galley("run", "--json", expect=1)


def told(ran: Ran, name: str) -> dict[str, Any]:
    """What a run says of a step that failed."""
    step: dict[str, Any] = next(one for one in ran.json["steps"] if one["name"] == name)
    assert step["state"] == "failed"
    assert (step["reason"], "Traceback" in str(step)) == ("user_error", False)
    return step


@pytest.mark.parametrize("name", LOADED)
def test_a_file_is_refused_with_its_place(run: tuple[Path, Ran], name: str) -> None:
    said, hint = LOADED[name]
    step = told(run[1], name)
    assert step["where"] == f"pipelines/loans/{name}.yaml:1"
    assert (said in step["message"], hint in (step["hint"] or "")) == (True, True), step


@pytest.mark.parametrize("name", SELECTED)
def test_a_type_names_its_column_and_a_cast(run: tuple[Path, Ran], name: str) -> None:
    _, said, hint = SELECTED[name]
    step = told(run[1], name)
    assert step["where"] == f"pipelines/loans/{name}.sql:1"
    assert step["message"].startswith("column 'c' ")
    assert (said in step["message"], hint in step["hint"]) == (True, True), step


@pytest.mark.parametrize("name", MADE)
def test_a_query_is_refused_with_its_line(run: tuple[Path, Ran], name: str) -> None:
    sql, said, hint = MADE[name]
    step = told(run[1], name)
    assert step["where"] == f"pipelines/loans/{name}.sql:{sql.count(chr(10)) + 1}"
    assert (said in step["message"], hint in (step["hint"] or "")) == (True, True), step


def test_a_test_of_an_unknown_column_blocks(run: tuple[Path, Ran]) -> None:
    ran = run[1]
    books = next(one for one in ran.json["steps"] if one["name"] == "books")
    assert books["state"] == "blocked"
    (found,) = (one for one in ran.json["tests"] if one["table"] == "books")
    assert "naem" in json.dumps(found)
    assert "name" in json.dumps(found)


def test_nothing_of_it_counts(run: tuple[Path, Ran]) -> None:
    folder, ran = run
    assert ran.follows("run")["published"] is False
    assert Inside(folder).galley("tables", "--json").json["tables"] == []
    failed = {one["name"] for one in ran.json["steps"] if one["state"] == "failed"}
    assert failed == {*LOADED, *SELECTED, *MADE}
    kept = {path.parts[-3].rpartition("-")[0] for path in folder.rglob("*/data/*.parquet")}
    assert kept & failed == set()


WINDOWED = """\
import datetime
import pyarrow
from galley import step

@step(materialize="window", window={"column": "day", "by": "day", "start": "2024-01-01"})
def visits(*, window):
    early = window.start - datetime.timedelta(days=1)
    return pyarrow.table({"day": [early]})
"""


def test_a_row_outside_its_window_fails_the_step(tmp_path: Path) -> None:
    write(tmp_path, {"visits.py": WINDOWED})
    ran = Shell(tmp_path).galley("run", "--window", "2024-01-02", "--json", expect=1)
    said = told(ran, "visits")["message"]
    assert said == "1 row outside the window 2024-01-02..2024-01-03: 'day' is 2024-01-01"


@pytest.mark.parametrize(
    ("window", "said", "hint"),
    [
        ("x..y", "'x' is no date or time", "YYYY-MM-DD"),
        ("", "'' is no date or time", "YYYY-MM-DD"),
        ("2024-13-01", "'2024-13-01' is no date", "YYYY-MM-DD"),
        ("2024-01-05..2024-01-01", "holds no window", "--window 2024-01-05"),
        ("2024-01-01..2024-01-01", "holds no window", "--window 2024-01-01"),
        ("2024-01-01..", "has an open end", "START..END"),
    ],
)
def test_a_window_that_makes_no_sense(tmp_path: Path, window: str, said: str, hint: str) -> None:
    ana = Inside(write(tmp_path, {"visits.py": WINDOWED}))
    for command in ("plan", "run"):
        ran = ana.galley(command, "--window", window)
        assert (ran.status, said in ran.err, hint in ran.err) == (2, True, True), ran.err
