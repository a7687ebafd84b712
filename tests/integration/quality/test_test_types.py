"""Every type of test on real Parquet tables: each outcome it can have, with its evidence."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from galley.runs.verdict import Outcome, Verdict
from tests.quality_cast import Stand, spec

FLIGHTS = """
SELECT * FROM (VALUES
  (1, 'UA', 'EWR', 'IAH', 12::BIGINT,  5.0::DOUBLE, TIMESTAMP '2014-01-01 06:00', 'N1'),
  (2, 'AA', 'JFK', 'MIA', -3,          6.5,         TIMESTAMP '2014-01-01 07:00', 'N22'),
  (3, 'B6', 'JFK', 'BQN', NULL,        7.25,        TIMESTAMP '2014-01-01 08:00', NULL),
  (4, NULL, 'LGA', 'ATL', 900,         'nan',       TIMESTAMP '2014-01-01 09:00', 'N4')
) t(flight_id, carrier, origin, dest, dep_delay, distance, dep_time, tailnum)
"""
AIRLINES = "SELECT * FROM (VALUES ('UA', 'United'), ('AA', 'American')) t(carrier, name)"
NOTHING = f"SELECT * FROM ({FLIGHTS}) WHERE false"


@pytest.fixture(scope="module", params=["folder", pytest.param("store", marks=pytest.mark.s3)])
def stand(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stand:
    """Three tables: every test runs once on a folder and once on an object store."""
    store = None
    if request.param == "store":
        store = replace(request.getfixturevalue("s3_bucket"), prefix="types")
    made = Stand(tmp_path_factory.mktemp("types"), store, variables={"longest": 60})
    made.make("flights", FLIGHTS)
    made.make("airlines", AIRLINES)
    made.make("nothing", NOTHING)
    checks = """
def late(flights): return flights.sql("SELECT flight_id FROM flights WHERE dep_delay > 100")
def none_late(flights): return flights.sql("FROM flights WHERE dep_delay > 9000").to_polars()
def pandas_late(flights): return flights.to_pandas().query("dep_delay > 100")
def yes(flights, airlines): return True
def told(flights, *, longest): return False, f"more than {longest}"
def number(flights): return 0.5
def broken(flights): raise KeyError("oh")
def nothing(flights): return None
def unknown(planets): return True
"""
    (made.folder / "tests").mkdir()
    (made.folder / "tests/checks.py").write_text(checks)
    return made


def python(name: str, **params: Any) -> dict[str, Any]:
    return {"function": f"tests/checks.py:{name}", **params}


AIRLINE_KEY = {"columns": ["carrier"], "to": {"table": "airlines", "columns": ["carrier"]}}
SUM = {"expression": "sum(flight_id)", "to": {"table": "airlines", "expression": "count(*)"}}
CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("not_null", {"columns": ["origin"]}, "pass", "all 4 rows have origin"),
    ("not_null", {"columns": ["carrier"]}, "fail", "1 of 4 rows have no carrier"),
    ("not_null", {"columns": ["carrier"], "severity": "warn"}, "warn", "1 of 4 rows"),
    ("not_null", {"columns": ["carrier", "dep_delay"]}, "fail", "2 of 4 rows have no"),
    ("not_null", {"columns": ["carier"]}, "error", "did you mean 'carrier'?"),
    ("not_null", {"columns": ["origin"], "where": "flight_id > 9"}, "not_evaluated", "no rows"),
    ("null_share", {"column": "carrier", "max": 0.3}, "pass", "25.00%"),
    ("null_share", {"column": "carrier", "max": 0.1}, "fail", "25.00%"),
    ("null_share", {"column": "carrier", "max": 0.5, "warn": {"max": 0.1}}, "warn", "25.00%"),
    ("unique", {"columns": ["flight_id"]}, "pass", "all 4 rows differ in flight_id"),
    ("unique", {"columns": ["origin"]}, "fail", "2 of 4 rows share their origin"),
    ("unique", {"columns": ["distance"]}, "pass", "all 4 rows differ"),
    ("unique_combination", {"columns": ["origin", "dest"]}, "pass", "origin and dest"),
    ("unique_combination", {"columns": ["origin"]}, "fail", "(1 value repeated)"),
    ("allowed", {"column": "origin", "values": ["EWR", "JFK", "LGA"]}, "pass", "all 4 rows"),
    ("allowed", {"column": "origin", "values": ["EWR", "JFK"]}, "fail", "1 of 4 rows"),
    ("allowed", {"column": "carrier", "values": ["UA", "AA", 6]}, "fail", "1 of 3 rows"),
    ("allowed", {"column": "flight_id", "values": ["x"]}, "error", "'x' is no value"),
    ("range", {"column": "dep_delay", "min": -5, "max": 1000}, "pass", "seen -3 to 900"),
    ("range", {"column": "dep_delay", "min": -5, "max": 60}, "fail", "1 of 3 rows"),
    ("range", {"column": "dep_delay", "max": 1e3, "warn": {"max": 60}}, "warn", "soft bounds"),
    ("range", {"column": "distance", "min": 5}, "fail", "1 of 4 rows"),
    ("range", {"column": "flight_id", "min": 1, "max": 4, "inclusive": "max"}, "fail", "1 of 4"),
    ("range", {"column": "dep_time", "min": "2014-01-01"}, "pass", "all 4 rows"),
    ("range", {"column": "dep_time", "min": "2014-01-01T06:30"}, "fail", "1 of 4 rows"),
    ("regex", {"column": "tailnum", "pattern": r"N\d+"}, "pass", "all 3 rows"),
    ("regex", {"column": "tailnum", "pattern": r"N\d"}, "fail", "1 of 3 rows"),
    ("regex", {"column": "tailnum", "pattern": "("}, "error", "missing )"),
    ("length", {"column": "tailnum", "max": 3}, "pass", "all 3 rows"),
    ("length", {"column": "tailnum", "min": 3}, "fail", "2 of 3 rows"),
    ("length", {"column": "tailnum", "max": 9, "warn": {"max": 2}}, "warn", "1 of 3 rows"),
    ("row_count", {"min": 4}, "pass", "there are 4 rows; expected is at least 4"),
    ("row_count", {"min": 5}, "fail", "there are 4 rows"),
    ("row_count", {"min": 1, "warn": {"min": 10}}, "warn", "at least 10"),
    ("foreign_key", AIRLINE_KEY, "fail", "1 of 3 rows have a carrier that airlines lacks"),
    ("foreign_key", {**AIRLINE_KEY, "where": "carrier <> 'B6'"}, "pass", "all 2 rows"),
    ("foreign_key", {**AIRLINE_KEY, "to": {"table": "x", "columns": ["y"]}}, "error", "not exist"),
    ("freshness", {"column": "dep_time", "max_age": 86400}, "pass", "3 hours old"),
    ("freshness", {"column": "dep_time", "max_age": 3600}, "fail", "allowed is 1 hour"),
    ("freshness", {"column": "dep_time", "max_age": 9e9, "warn": {"max_age": 60}}, "warn", "old"),
    ("freshness", {"column": "origin", "max_age": 60}, "error", "needs a date or timestamp"),
    ("expression", {"sql": "dest <> origin -- never home"}, "pass", "all 4 rows satisfy"),
    ("expression", {"sql": "dep_delay < $longest"}, "fail", "null in 1 row"),
    ("expression", {"sql": "dep_delay < $longst"}, "error", "$longst"),
    ("expression", {"sql": "dep_dely < 3"}, "error", "did you mean 'dep_delay'?"),
    ("expression", {"sql": "1) OR (1"}, "error", "not one complete condition"),
    ("compare", {"column": "origin", "op": "!=", "other": "dest"}, "pass", "origin != dest"),
    ("compare", {"column": "dep_delay", "op": "<", "other": "flight_id"}, "fail", "2 of 3 rows"),
    ("columns", {"names": ["carrier", "name"], "table": "airlines"}, "pass", "2 columns named"),
    ("columns", {"names": ["name", "carrier"], "table": "airlines", "order": True}, "fail", "or"),
    ("columns", {"names": ["carrier"], "table": "airlines"}, "fail", "not expected: name"),
    ("columns", {"names": ["Carrier"], "table": "airlines", "extras": True}, "pass", "1 column"),
    ("columns", {"names": ["carrier", "x"], "extras": True}, "fail", "missing: x"),
    ("reconcile", {**SUM, "tolerance": 8}, "pass", "10, which equals 2 in airlines by 8"),
    ("reconcile", SUM, "fail", "differs from 2 in airlines by 8"),
    ("reconcile", {**SUM, "tolerance": 4, "relative": True}, "pass", "equals"),
    ("reconcile", {**SUM, "where": "flight_id = 2"}, "pass", "2, which equals 2"),
    ("reconcile", {**SUM, "expression": "sum(flght_id)"}, "error", "'flight_id'"),
    ("sql", {"query": "SELECT * FROM flights WHERE dep_delay > 9000;"}, "pass", "no bad row"),
    ("sql", {"query": "SELECT * FROM flights WHERE dep_delay > $longest"}, "fail", "1 row"),
    ("sql", {"query": 'SELECT * FROM "table" AS t', "where": "flight_id = 1"}, "fail", "1 row"),
    ("sql", {"query": "SELECT max(dep_delay) FROM flights", "max": 1000}, "pass", "900"),
    ("sql", {"query": "SELECT max(dep_delay) FROM flights", "max": 10}, "fail", "at most 10"),
    ("sql", {"query": "SELECT NULL", "max": 10}, "not_evaluated", "null"),
    ("sql", {"query": "SELECT 'x'", "max": 10}, "error", "cannot be compared"),
    ("sql", {"query": "DELETE FROM flights"}, "error", "syntax error"),
    ("sql", {"query": "SELECT 1; SELECT 2"}, "error", "must hold one"),
    ("sql", {"query": "SELECT * FROM '/etc/passwd'"}, "error", ""),
    ("python", python("yes", reads=("airlines",)), "pass", "all is well"),
    ("python", python("told"), "fail", "more than 60"),
    ("python", python("late"), "fail", "the function found 1 row"),
    ("python", python("pandas_late"), "fail", "the function found 1 row"),
    ("python", python("none_late"), "pass", "no bad row was found"),
    ("python", python("number", min=0, max=1), "pass", "0.5"),
    ("python", python("number", max=0.1), "fail", "0.5"),
    ("python", python("number"), "error", "no min or max"),
    ("python", python("broken"), "error", "KeyError: 'oh' (tests/checks.py:8 in broken)"),
    ("python", python("nothing"), "error", "gave NoneType"),
    ("python", python("unknown"), "error", "'planets'"),
    ("python", python("absent"), "error", "no function absent"),
    ("no_such_type", {}, "error", "no test type"),
]


@pytest.mark.parametrize(("kind", "options", "outcome", "words"), CASES)
def test_each_type_and_outcome(
    stand: Stand, kind: str, options: dict[str, Any], outcome: str, words: str
) -> None:
    verdict = stand.verdict(spec(kind, **options))
    assert (verdict.outcome.value, verdict.message) == (outcome, verdict.message)
    assert words in (verdict.message or "")


@pytest.mark.parametrize(
    ("kind", "options"), [case[:2] for case in CASES if case[2] == "pass" and case[0] != "columns"]
)
def test_an_empty_table_is_never_green_but_for_its_row_count(
    stand: Stand, kind: str, options: dict[str, Any]
) -> None:
    verdict = stand.verdict(spec(kind, "nothing", **options))
    if kind == "row_count":
        assert verdict.outcome is Outcome.FAIL
    elif kind not in ("reconcile", "sql", "python", "expression"):
        assert (verdict.outcome, verdict.reason) == (Outcome.NOT_EVALUATED, "no_rows")
        assert verdict.blocks


def test_nothing_to_test_passes_only_by_name(stand: Stand) -> None:
    allowed = spec("not_null", "nothing", columns=["origin"], when_empty="pass")
    assert stand.verdict(allowed).outcome is Outcome.PASS


def test_only_nulls_are_no_evidence(stand: Stand) -> None:
    verdict = stand.verdict(spec("range", column="dep_delay", min=0, where="flight_id = 3"))
    assert (verdict.outcome, verdict.reason) == (Outcome.NOT_EVALUATED, "no_values")


def test_a_verdict_carries_its_evidence(stand: Stand) -> None:
    test = spec("range", column="dep_delay", max=60, where="origin = 'LGA'")
    keyed = spec("unique", columns=["flight_id"])
    verdict = stand.run(test, keyed).verdicts[0]
    assert (verdict.rows, verdict.failing, verdict.where) == (1, 1, "galley.yaml:1")
    assert "origin = 'LGA'" in (verdict.sql or "")
    assert verdict.limits == {"max": 60}
    assert verdict.value == {"min": 900, "max": 900}
    assert list(verdict.sample[0])[:2] == ["flight_id", "dep_delay"]
    assert verdict.sample[0]["dep_time"] == "2014-01-01T09:00:00"
    assert verdict.sample[0]["distance"] == "nan"
    assert verdict.contents == {"flights": stand.versions["flights"].content_id}


def test_samples_can_be_off(stand: Stand) -> None:
    test = spec("not_null", columns=["carrier"])
    assert stand.verdict(test, sample_rows=0).sample == ()
    assert len(stand.verdict(test).sample) == 1


def test_the_sql_shown_runs_as_it_stands(stand: Stand) -> None:
    verdict = stand.verdict(spec("expression", sql="dep_delay < $longest"))
    assert verdict.sql is not None
    assert "dep_delay < 60" in verdict.sql
    assert _alone(stand, verdict) == (4, 1, 1)


def _alone(stand: Stand, verdict: Verdict) -> tuple[Any, ...]:
    from galley.quality.desk import desk

    with desk(stand.task()) as at:
        return at.row(verdict.sql or "")


def test_one_broken_test_spoils_only_itself(stand: Stand) -> None:
    good = spec("range", column="dep_delay", min=-5, max=60)
    bad = spec("expression", sql="no_such_function(origin)")
    also = spec("expression", sql="origin::INTEGER > 0")
    verdicts = stand.run(good, bad, also).verdicts
    assert [one.outcome.value for one in verdicts] == ["fail", "error", "error"]
    assert verdicts[0] == stand.verdict(good)
    assert "Could not convert" in (verdicts[2].message or "")


def test_an_unreadable_table_spoils_only_its_tests(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    stand.make("flights", FLIGHTS)
    stand.make("airlines", AIRLINES)
    for path in (tmp_path / "warehouse").rglob("airlines*/data/*.parquet"):
        path.write_bytes(b"gone")
    own, other = spec("row_count", min=1), spec("regex", "airlines", column="name", pattern="x")
    verdicts = stand.run(own, other).verdicts
    assert [one.outcome.value for one in verdicts] == ["pass", "error"]
