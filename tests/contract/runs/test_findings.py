"""What runs found out and others use again: results, verdicts, overrides, metrics."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, delete, insert, update

from galley.lake.model import Span
from galley.lake.tables import condemned
from galley.lake.withdrawals import clear, withdraw
from galley.project.model import Severity, Stage, TestSpec
from galley.runs import findings, tables
from galley.runs.findings import Result
from galley.runs.verdict import Metric, Outcome, Verdict

SPEC = TestSpec("unique_id", "unique", "flights", Stage.OUTPUT, {"column": "id"}, hash="h")
HOUR = 3600


def result(key: str, content: str = "c", run: str = "r", table: str = "flights") -> Result:
    return Result(key, table, content, run, "step", {"location": content})


def save(conn: Connection, *results: Result, now: int = 1, project: str = "shop") -> None:
    findings.save_results(conn, project, results, now)


def judged(outcome: Outcome = Outcome.PASS, test: str = "unique_id", **more: Any) -> Verdict:
    given: dict[str, Any] = {"blocking": True, "severity": "fail", **more}
    return Verdict(test, "h", "unique", "flights", "output", outcome, **given)


def keep(conn: Connection, run: str, *verdicts: Verdict, now: int = 1, key: str = "k") -> None:
    rows: list[tuple[str, Verdict, str | None]] = [(key, one, None) for one in verdicts]
    findings.save_verdicts(conn, "shop", run, "step", rows, now)


def test_results_are_found_by_key_newest_first(conn: Connection) -> None:
    save(conn, result("k", "old"), now=1)
    save(conn, result("k", "new"), result("other"), now=2)
    save(conn, result("k", "elsewhere"), project="home")
    found = findings.find_results(conn, "shop", ["k", "k", "none"])
    assert {key: [one.content_id for one in some] for key, some in found.items()} == {
        "k": ["new", "old"]
    }
    assert found["k"][0] == result("k", "new")


def test_a_result_that_is_known_stays_as_it_is(conn: Connection) -> None:
    save(conn, result("k", run="first"), now=1)
    save(conn, result("k", run="second"), now=2)
    (found,) = findings.find_results(conn, "shop", ["k"])["k"]
    assert found.run_id == "first"


def test_withdrawn_and_collected_results_are_never_found(conn: Connection) -> None:
    save(conn, result("a", "bad"), result("b", "worn"), result("c", "good"))
    withdraw(conn, "shop", ["bad"], commit="x", by="ana", reason="wrong", now=1)
    withdraw(conn, "home", ["good"], commit="x", by="ana", reason="wrong", now=1)
    here = tables.result.c.content_id == "worn"
    conn.execute(update(tables.result).where(here).values(location="b.json"))
    named = {"project": "shop", "location": "b.json", "table_key": "b", "table_id": "b"}
    since = {"since": 1, "until": 2}
    conn.execute(insert(condemned).values(**named, **since, content_id="worn", by="ana"))
    assert set(findings.find_results(conn, "shop", ["a", "b", "c"])) == {"b", "c"}
    conn.execute(update(condemned).values(doomed=3))
    assert set(findings.find_results(conn, "shop", ["a", "b", "c"])) == {"c"}
    findings.forget_results(conn, "shop", ["b.json"])
    conn.execute(delete(condemned))
    assert set(findings.find_results(conn, "shop", ["a", "b", "c"])) == {"c"}
    clear(conn, "shop", ["bad"])
    assert set(findings.find_results(conn, "shop", ["a", "b", "c"])) == {"a", "c"}


def test_a_thousand_keys_are_looked_up(conn: Connection) -> None:
    save(conn, result("k7"), result("k1203"))
    found = findings.find_results(conn, "shop", [f"k{number}" for number in range(1500)])
    assert set(found) == {"k7", "k1203"}


def test_verdicts_are_used_again_but_errors_are_not(conn: Connection) -> None:
    keep(conn, "first", judged(Outcome.FAIL), now=1)
    keep(conn, "second", judged(Outcome.PASS), now=2)
    keep(conn, "third", judged(Outcome.ERROR), now=3)
    keep(conn, "fourth", judged(Outcome.NOT_EVALUATED), now=4)
    verdict, run = findings.find_verdicts(conn, "shop", ["k"])["k"]
    assert (verdict, run) == (judged(Outcome.PASS), "second")
    assert findings.find_verdicts(conn, "home", ["k"]) == {}
    assert findings.find_verdicts(conn, "shop", []) == {}


def test_the_newest_verdict_decides_what_keeps_a_run_back(conn: Connection) -> None:
    keep(conn, "r", judged(Outcome.FAIL), judged(Outcome.FAIL, "row_count"), now=1)
    keep(conn, "r", judged(Outcome.PASS), now=2)
    keep(conn, "r", judged(Outcome.WARN, "range"), judged(Outcome.FAIL, "x", blocking=False))
    assert [one.test for one in findings.latest_blocking(conn, "r")] == ["row_count"]
    assert findings.verdict_keys(conn, "r") == {"k"}
    assert len(findings.verdicts_of(conn, "r")) == 5


def test_what_blocks() -> None:
    assert judged(Outcome.FAIL).blocks
    assert judged(Outcome.ERROR).blocks
    assert judged(Outcome.NOT_EVALUATED).blocks
    assert not judged(Outcome.NOT_EVALUATED, reason="learning").blocks
    assert not judged(Outcome.NOT_EVALUATED, reason="disabled").blocks
    assert not judged(Outcome.WARN).blocks
    assert not judged(Outcome.FAIL, blocking=False).blocks


def override(conn: Connection, run: str, test: str, until: int) -> None:
    findings.save_override(
        conn,
        run_id=run,
        test=test,
        table="flights",
        by="ana",
        reason="a false alarm",
        now=1,
        expires_at=until,
    )


def test_an_override_holds_for_its_run_until_it_expires(conn: Connection) -> None:
    override(conn, "r", "unique_id", HOUR)
    override(conn, "r", "old", 5)
    override(conn, "other", "row_count", HOUR)
    found = findings.overrides(conn, ["r"], now=5)
    assert set(found) == {("unique_id", "flights")}
    assert found["unique_id", "flights"]["by"] == "ana"
    assert findings.overrides(conn, ["r"], now=HOUR) == {}


def test_an_override_is_shown_with_its_table(conn: Connection) -> None:
    values = {"state": "failed", "intention": "go", "cause": "manual", "definition": "d"}
    values |= {"id": "r", "project": "shop", "pipeline": "p", "ref": "production", "actor": "ana"}
    conn.execute(insert(tables.run).values(request={}, created=1, **values))
    override(conn, "r", "unique_id", HOUR)
    shown = findings.shown_overrides(conn, "shop", ["flights", "planes"], 5)
    assert {table: [row["test"] for row in rows] for table, rows in shown.items()} == {
        "flights": ["unique_id"]
    }
    assert findings.shown_overrides(conn, "shop", ["flights"], HOUR) == {}
    assert findings.shown_overrides(conn, "home", ["flights"], 5) == {}


def test_metrics_learn_in_which_commit_they_were_published(conn: Connection) -> None:
    span = Span("2026-01-01", "2026-01-02")
    metrics = [Metric("flights", "rows", None, 5.0), Metric("flights", "min", "day", None, "x")]
    findings.save_metrics(
        conn, "shop", "r", {"flights": "c"}, [*metrics, replace(metrics[0], span=span)], 1
    )
    findings.bind_metrics(conn, "r", "commit")
    rows = findings.metrics_of(conn, "shop", "flights", limit=2)
    assert [(row["name"], row["span_start"], row["commit_id"]) for row in rows] == [
        ("rows", "2026-01-01", "commit"),
        ("min", None, "commit"),
    ]
    assert findings.metrics_of(conn, "home", "flights") == []


def key(spec: TestSpec = SPEC, *spans: Span, limit: int = 1, **contents: str) -> str:
    return findings.verdict_key(spec, contents or {"flights": "a"}, spans, {"limit": limit})


def test_a_verdicts_key_binds_test_contents_windows_and_variables() -> None:
    assert key() == key(replace(SPEC, name="x", owner="ben"))
    days = (Span("2026-01-01", "2026-01-02"), Span("2026-01-02", "2026-01-03"))
    others = {
        key(flights="b"),
        key(flights="a", planes="a"),
        key(SPEC, *days),
        key(replace(SPEC, hash="g")),
        key(replace(SPEC, severity=Severity.WARN)),
    }
    assert len({key(), *others}) == 6
    assert key(SPEC, *days) == key(SPEC, *days[::-1])
