"""What statistics prove is what a scan finds; where they cannot tell, nothing is claimed."""

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galley.lake.model import Span
from galley.lake.types import literal
from galley.quality.desk import Desk, desk
from galley.quality.evaluate import evaluate
from galley.quality.model import Fact, FactKind
from galley.quality.proofs import prove
from galley.quality.scene import columns_of
from galley.runs.verdict import Outcome, Verdict
from tests.quality_cast import Stand, spec

DAYS = ["2013-01-01", "2013-01-02", "2013-01-03"]
TYPES = {"day": "DATE", "n": "BIGINT", "x": "DOUBLE", "t": "VARCHAR", "s": "TIMESTAMPTZ"}
SCANS = {
    FactKind.ROWS: "count(*)",
    FactKind.VALUES: "count_if({0} IS NOT NULL AND {1} IS NOT NULL)",
    FactKind.MINIMUM: "min({0})",
    FactKind.MAXIMUM: "max({0})",
}
rows = st.lists(
    st.tuples(
        st.sampled_from(DAYS),
        st.none() | st.integers(-5, 5) | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.sampled_from([0.0, -0.0, 1.5, -2.25, 1e300, math.nan]),
        st.none() | st.sampled_from(["", "a", "é", "b" * 15, "c" * 16, "c" * 17, "c" * 40]),
        st.none() | st.sampled_from(["2013-01-01 05:00:00+02", "1969-12-31 23:59:59.999999+00"]),
    ),
    min_size=1,
    max_size=12,
)


def text_of(value: Any) -> str:
    return "NULL" if value is None else literal(str(value))


@contextmanager
def windowed(data: list[tuple[Any, ...]]) -> Iterator[Stand]:
    """The rows as a table of one file for each day."""
    queries = {}
    for day in sorted({row[0] for row in data}):
        lines = ", ".join(f"({', '.join(map(text_of, row))})" for row in data if row[0] == day)
        casts = ", ".join(f"CAST({name} AS {type_}) AS {name}" for name, type_ in TYPES.items())
        queries[day] = f"SELECT {casts} FROM (VALUES {lines}) v({', '.join(TYPES)})"
    with tempfile.TemporaryDirectory() as folder:
        stand = Stand(Path(folder))
        stand.days("flights", queries)
        yield stand


def scanned(at: Desk, fact: Fact) -> Any:
    columns = [*fact.columns, *fact.columns][:2]
    return at.row(f"SELECT {SCANS[fact.kind].format(*columns)} FROM flights")[0]


@settings(max_examples=25)
@given(rows)
def test_a_proof_equals_a_scan(data: list[tuple[Any, ...]]) -> None:
    facts = [Fact(FactKind.ROWS), *(Fact(kind, (c,)) for c in TYPES for kind in list(SCANS)[1:])]
    facts += [Fact(FactKind.VALUES, pair) for pair in (("n", "x"), ("x", "t"))]
    with windowed(data) as stand, desk(stand.task()) as at:
        files = at.files("flights")
        assert files is not None
        types = columns_of(stand.versions["flights"])
        for fact in facts:
            known = prove(fact, files, types)
            assert known is None or known.value == scanned(at, fact), fact
        assert prove(facts[0], files, types) is not None


_TESTS = (
    spec("not_null", columns=["n"]),
    spec("not_null", columns=["n", "x"], where="day > '2013-01-01'"),
    spec("null_share", column="x", max=0.4, warn={"max": 0.1}),
    spec("unique", columns=["n"]),
    spec("unique", columns=["day"], scope="window"),
    spec("unique", columns=["t"], where="n IS NOT NULL"),
    spec("unique_combination", columns=["day", "n"]),
    spec("allowed", column="t", values=["a", "é"]),
    spec("range", column="n", min=-4, max=4, warn={"min": -2}),
    spec("range", column="n", min=-4, scope="window"),
    spec("range", column="x", min=-1, max=2, inclusive="neither"),
    spec("range", column="day", max="2013-01-02", where="t <> 'a'"),
    spec("range", column="t", max="b"),
    spec("regex", column="t", pattern="b*"),
    spec("length", column="t", min=1, max=16),
    spec("row_count", min=2, scope="window"),
    spec("freshness", column="s", max_age=60),
    spec("expression", sql="n < 3 OR x > $edge"),
    spec("expression", sql="no_such > 1"),
    spec("compare", column="n", op="<", other="x"),
    spec("sql", query="SELECT * FROM flights WHERE n = 0"),
    spec("foreign_key", columns=["n"], to={"table": "other", "columns": ["n"]}),
    spec(
        "reconcile",
        expression="count(n)",
        to={"table": "other", "expression": "count(*)"},
        tolerance=2,
    ),
)
TESTS = tuple(replace(test, name=f"t{number}") for number, test in enumerate(_TESTS))


def bare(verdict: Verdict) -> str:
    """Without the sample, whose rows and order are any. As text, since NaN differs from itself."""
    return str(replace(verdict, sample=()))


@settings(max_examples=8)
@given(rows, st.lists(st.sampled_from(DAYS), unique=True))
def test_planned_together_equals_each_alone(data: list[tuple[Any, ...]], days: list[str]) -> None:
    spans = tuple(Span(day, f"2013-01-0{int(day[-1]) + 1}") for day in days)
    options: dict[str, Any] = {"spans": spans, "window_column": "day"}
    with windowed(data) as stand:
        stand.variables = {"edge": 1}
        stand.make("other", "SELECT range AS n FROM range(3)")
        together = stand.run(*TESTS, **options).verdicts
        with desk(stand.task(**options)) as at:
            alone = [evaluate(stand.task(test, **options), at)[0] for test in TESTS]
        assert [bare(one) for one in together] == [bare(one) for one in alone]
        # A filter that is always true keeps statistics and bitmaps from being used.
        filtered = [replace(t, where=f"(1 = 1) AND ({t.where or 'true'})") for t in TESTS]
        scanned = stand.run(*filtered, **options).verdicts
    assert [decided(one) for one in together] == [decided(one) for one in scanned]


def decided(verdict: Verdict) -> str:
    rest = (verdict.outcome, verdict.rows, verdict.failing, verdict.reason)
    return f"{verdict.type} {rest}"


def _table(folder: Path, sql: str) -> Stand:
    stand = Stand(folder)
    stand.make("flights", sql)
    return stand


def test_a_whole_table_is_proved_and_says_so(tmp_path: Path) -> None:
    stand = _table(tmp_path, "SELECT range AS n, DATE '2013-12-31' AS d FROM range(9)")
    tests = (
        spec("not_null", columns=["n", "d"]),
        spec("null_share", column="n", max=0),
        spec("row_count", min=1),
        spec("range", column="n", min=0, max=8),
        spec("freshness", column="d", max_age=172800),
    )
    for verdict in stand.run(*tests).verdicts:
        assert verdict.proof == "the Parquet footers of 1 file"
        assert verdict.outcome is Outcome.PASS
        assert verdict.sql is not None


@pytest.mark.parametrize(
    ("sql", "options"),
    [
        ("SELECT 'nan'::DOUBLE AS c UNION ALL SELECT 1", {"min": 0}),
        ("SELECT repeat('a', 40) AS c", {"max": "b"}),
    ],
)
def test_nan_and_cut_text_are_not_proved(tmp_path: Path, sql: str, options: Any) -> None:
    verdict = _table(tmp_path, sql).verdict(spec("range", column="c", **options))
    assert verdict.proof is None
    assert verdict.outcome is (Outcome.FAIL if "nan" in sql else Outcome.PASS)


def test_a_window_of_whole_files_is_proved_and_others_are_left_alone(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    days = {day: f"SELECT DATE '{day}' AS day, {n} AS n" for n, day in enumerate(DAYS)}
    stand.days("flights", days)
    span = Span("2013-01-02", "2013-01-03")
    test = spec("range", column="n", min=1, max=1, scope="window")
    verdict = stand.verdict(test, spans=(span,), window_column="day")
    assert (verdict.outcome, verdict.rows, verdict.spans) == (Outcome.PASS, 1, (span,))
    assert verdict.proof == "the Parquet footers of 1 file"
    wide = stand.verdict(replace(test, scope="table"), spans=(span,), window_column="day")
    assert (wide.outcome, wide.rows, wide.spans) == (Outcome.FAIL, 3, ())


def test_rows_from_the_future_do_not_make_a_table_fresh(tmp_path: Path) -> None:
    sql = "SELECT DATE '2013-06-01' AS d UNION ALL SELECT DATE '2099-01-01'"
    stand = _table(tmp_path, sql)
    verdict = stand.verdict(spec("freshness", column="d", max_age=86400))
    assert verdict.outcome is Outcome.FAIL
    assert "2013-06-01" in (verdict.message or "")
    only = _table(tmp_path / "x", "SELECT DATE '2099-01-01' AS d")
    assert only.verdict(spec("freshness", column="d", max_age=86400)).outcome is Outcome.FAIL


def test_a_total_is_compared_in_the_same_window(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    days = {day: f"SELECT DATE '{day}' AS day, {n} AS n" for n, day in enumerate(DAYS)}
    stand.days("flights", days)
    stand.days("raw", {**days, "2013-01-04": "SELECT DATE '2013-01-04' AS day, 99 AS n"})
    to = {"table": "raw", "expression": "sum(n)"}
    test = spec("reconcile", expression="sum(n)", to=to, scope="window")
    span = Span("2013-01-02", "2013-01-04")
    verdict = stand.verdict(test, spans=(span,), window_column="day")
    assert (verdict.outcome, verdict.value) == (Outcome.PASS, {"own": 3, "other": 3})
    assert stand.verdict(test).outcome is Outcome.FAIL


def test_repetitions_are_found_among_nulls_and_far_values(tmp_path: Path) -> None:
    for number, values in enumerate(("(1), (NULL), (1), (NULL)", f"(1), (1), ({2**62}), (NULL)")):
        stand = _table(tmp_path / str(number), f"SELECT c::BIGINT AS c FROM (VALUES {values}) t(c)")
        verdict = stand.verdict(spec("unique", columns=["c"]))
        assert (verdict.outcome, verdict.failing) == (Outcome.FAIL, 2)
        assert [row["c"] for row in verdict.sample] == [1, 1]
