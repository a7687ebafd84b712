"""Forty tests on ten million rows beside what a careful person would write by hand.

By hand is one scan with all counts, and a query for each of three keys. Both sides open a
connection of their own.
"""

from __future__ import annotations

from dataclasses import replace

import duckdb

from bench.record import Bound, Record
from bench.setting import Setting
from bench.stand import THREADS, Stand, spec
from bench.timing import median, side_by_side
from galley.project.model import TestSpec

_ORIGINS = ["EWR", "JFK", "LGA"]
_NEVER_NULL = ("flight_id", "date", "year", "month", "day", "hour", "carrier", "origin", "dest")
_NUMBERS = ("dep_delay", "arr_delay", "air_time", "distance", "sched_dep_time", "sched_arr_time")


def measure(setting: Setting) -> tuple[Record, ...]:
    """Twenty tests that footers can prove and twenty that need the rows."""
    stand, tests = setting.stand, forty()
    statements = by_hand(stand)
    pair = side_by_side(setting.rounds(5), lambda: stand.test(*tests), lambda: _run(statements))
    return (
        Record(
            name="forty-tests",
            what=f"{len(tests)} tests on 10 million rows",
            value=median(pair.mine),
            unit="s",
            budget=1.0,
            bound=Bound.RATIO,
            ratio=pair.ratio,
            rival=f"hand-written DuckDB (one scan, three queries), {median(pair.theirs):.2f} s",
            notes=(pair.note,),
            rounds=pair.mine,
        ),
    )


def forty() -> list[TestSpec]:
    """The tests, on ``flights``."""
    tests = [spec("not_null", columns=[column]) for column in (*_NEVER_NULL, "minute")]
    tests += [spec("range", column=column, min=-200, max=5000) for column in _NUMBERS]
    tests += [spec("null_share", column=column, max=0.1) for column in _NUMBERS[:3]]
    tests += [spec("row_count", min=1_000_000)]
    tests += [spec("range", column=one, max=2400, where="origin = 'JFK'") for one in _NUMBERS]
    tests += [spec("not_null", columns=[one], where="month = 7") for one in ("carrier", "tailnum")]
    tests += [spec("allowed", column="origin", values=_ORIGINS)]
    tests += [spec("allowed", column="month", values=list(range(1, 13)))]
    tests += [spec("regex", column="tailnum", pattern="[A-Z0-9]+")]
    tests += [spec("length", column=one, min=2, max=6) for one in ("carrier", "dest", "tailnum")]
    tests += [spec("expression", sql="origin <> dest"), spec("expression", sql="distance > 0")]
    tests += [spec("compare", column="sched_dep_time", op="<=", other="arr_time")]
    tests += [spec("unique", columns=["flight_id"])]
    tests += [_key("tailnum", "planes"), _key("carrier", "airlines")]
    return [replace(test, name=f"t{number}") for number, test in enumerate(tests)]


def by_hand(stand: Stand) -> list[str]:
    """Four statements that answer the same forty questions."""
    source, planes, airlines = (
        f"read_parquet({stand.files(table)})" for table in ("flights", "planes", "airlines")
    )
    terms = ["count(*)", *(term for test in forty() for term in _terms(test))]
    keys = ((planes, "tailnum"), (airlines, "carrier"))
    return [
        f"SELECT {', '.join(terms)} FROM {source}",
        f"SELECT count(flight_id) - count(DISTINCT flight_id) FROM {source}",
        *(
            f"SELECT count(*) FROM {source} AS f ANTI JOIN {target} AS t USING ({column}) "
            f"WHERE f.{column} IS NOT NULL"
            for target, column in keys
        ),
    ]


def _key(column: str, table: str) -> TestSpec:
    return spec("foreign_key", columns=[column], to={"table": table, "columns": [column]})


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


def _run(statements: list[str]) -> None:
    with duckdb.connect() as con:
        con.execute(f"SET threads = {THREADS}")
        for statement in statements:
            con.execute(statement).fetchall()
