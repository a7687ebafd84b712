"""What is promised of tables and tests whatever people do in between: one test per old defect."""

import errno
from dataclasses import replace
from typing import Any

import pytest
from pyiceberg.table import StaticTable
from sqlalchemy import select, update

from galley.environments import resume
from galley.errors import InternalError, UnavailableError
from galley.lake import refs, withdrawals
from galley.lake.model import PRODUCTION
from galley.lake.trees import ledger
from galley.runs import tables
from galley.runs.model import Intention, Reason, Run, RunState
from galley.runs.pool import Submission
from tests.integration.engine.kit import EVERYWHERE, KITCHEN, Row, Works, at, once

GOOD = "id,amount\n1,5\n2,6\n"
BAD = "id,amount\n1,5\n2,-6\n"
POSITIVE = [{"range": {"column": "amount", "min": 0}}]
DAYS = "id,day\n1,2024-03-01\n2,2024-03-02\n3,2024-03-03\n"
CUT = "SELECT {id} AS id, day FROM raw WHERE day >= $start AND day < $end"
WINDOW = "{column: day, by: day, start: 2024-03-01, end: 2024-03-04}"
LOW = [{"range": {"column": "id", "max": 90}}]


@pytest.fixture
def shop(works: Works) -> Works:
    """Rows, and a table that is tested."""
    works.load("raw", GOOD)
    works.sql("tested", "SELECT id, amount FROM raw", tests=POSITIVE)
    return works


@pytest.fixture
def days(works: Works) -> Works:
    """Three days with a row each; pipeline ``src`` holds the rows, ``p`` cuts them."""
    works.load("raw", DAYS, pipeline="src")
    cut(works)
    assert works.run("src").state is RunState.SUCCEEDED
    return works


def cut(works: Works, id: str = "id", materialize: str = "window") -> None:
    """The step ``daily`` with ``id`` computed so."""
    sql = CUT.format(id=id)
    works.sql("daily", sql, materialize=materialize, window=WINDOW, tests=LOW)


def ids(works: Works, table: str = "daily", ref: str = KITCHEN) -> list[int]:
    return [row[0] for row in works.rows(table, ref)]


def files(works: Works, ref: str) -> set[str]:
    """The files of the windows of ``daily``."""
    with works.home.database.read() as conn:
        head = refs.get_ref(conn, works.name, ref).head
        found = ledger(conn, head, works.tables(ref)["daily"].table_id)
        return {path for entry in found.values() for path in entry.files}


def elsewhere(works: Works, table: str, ref: str) -> list[Row]:
    """What pyiceberg reads, sorted."""
    location = works.home.store.absolute(works.tables(ref)[table].location)
    told = works.store.iceberg if works.store else {}
    found = StaticTable.from_metadata(location, told).scan().to_arrow().to_pylist()
    return sorted(tuple(row.values()) for row in found)


# What is published


@EVERYWHERE
@pytest.mark.parametrize("materialize", ["table", "merge", "append"])
def test_a_fixed_and_resumed_table_holds_only_its_new_rows(works: Works, materialize: str) -> None:
    def step(amount: str) -> None:
        more: dict[str, Any] = {"key": "[id]"} if materialize == "merge" else {}
        more |= {"cursor": "id"} if materialize == "append" else {}
        sql = f"SELECT id + {amount} AS id, {amount} AS amount FROM raw"
        works.sql("tested", sql, materialize=materialize, tests=POSITIVE, **more)

    works.load("raw", GOOD)
    step("7")
    assert works.run().state is RunState.SUCCEEDED
    before = [] if materialize == "table" else works.rows("tested")
    works.load("raw", "id,amount\n20,5\n21,6\n")
    step("-1")
    failed = works.run()
    assert works.states(failed)["tested"] == "blocked"
    step("8")
    run = works.resume(failed)
    assert run.state is RunState.SUCCEEDED, run.message
    assert works.rows("tested") == [*before, (28, 8), (29, 8)]
    assert elsewhere(works, "tested", KITCHEN) == works.rows("tested")


@EVERYWHERE
@pytest.mark.parametrize("windowed", [False, True])
def test_rolling_one_table_back_shows_its_earlier_rows(days: Works, windowed: bool) -> None:
    table = "daily" if windowed else "whole"
    days.sql("whole", "SELECT id FROM raw", tests=LOW)
    assert days.promote().state is RunState.SUCCEEDED
    before = days.rows(table, PRODUCTION)
    days.load("raw", "id,day\n11,2024-03-01\n12,2024-03-02\n", pipeline="src")
    assert days.promote().state is RunState.SUCCEEDED
    after = days.rows("raw", PRODUCTION)
    assert days.rows(table, PRODUCTION) != before
    days.roll_back(tables=(table,))
    assert days.rows(table, PRODUCTION) == before
    assert elsewhere(days, table, PRODUCTION) == before
    assert days.rows("raw", PRODUCTION) == after


@EVERYWHERE
def test_a_window_rolled_back_alone_can_be_made_again_beside_the_others(days: Works) -> None:
    days.run(window="2024-03-01")
    days.run(window="2024-03-02")
    days.roll_back(KITCHEN, tables=("daily",))
    assert ids(days) == [1]
    days.release(ref=KITCHEN)
    run = days.run(window="2024-03-02..2024-03-04")
    assert run.state is RunState.SUCCEEDED, run.message
    assert ids(days) == [1, 2, 3]
    assert elsewhere(days, "daily", KITCHEN) == days.rows("daily")


def test_rolling_a_kitchen_back_takes_nothing_from_production(days: Works) -> None:
    days.run()
    cut(days, "id + 10")
    days.run()
    assert days.promote().state is RunState.SUCCEEDED
    shown = {version.content_id for version in days.tables(PRODUCTION).values()}
    days.roll_back(KITCHEN)
    assert ids(days) == [1, 2, 3]
    with days.home.database.read() as conn:
        assert withdrawals.withdrawn(conn, days.name, shown) == {}
    days.sql("after", "SELECT count(*) AS n FROM daily", pipeline="q")
    assert days.promote().state is RunState.SUCCEEDED
    assert ids(days, ref=PRODUCTION) == [11, 12, 13]


def test_a_table_over_a_view_over_what_was_taken_back_is_not_published(
    days: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    days.sql("seen", "SELECT id FROM raw WHERE id > 0", materialize="view", pipeline="v")
    days.sql("counted", "SELECT count(*) AS n FROM seen", pipeline="q")
    assert days.promote().state is RunState.SUCCEEDED
    days.load("raw", DAYS + "4,2024-03-03\n", pipeline="src")
    assert days.run("src", PRODUCTION).state is RunState.SUCCEEDED
    seen = at(monkeypatch, "publish.before", lambda: days.roll_back(tables=("raw",)))
    run = days.run("q", PRODUCTION)
    assert seen
    assert run.state is RunState.SUPERSEDED, run
    assert "counted was made from a version of raw" in str(run.message)
    assert days.rows("counted", PRODUCTION) == [(3,)]


@EVERYWHERE
@pytest.mark.parametrize("promoted", [False, True])
def test_a_rebuilt_window_is_adopted(days: Works, promoted: bool) -> None:
    days.run()
    if promoted:
        assert days.promote().state is RunState.SUCCEEDED
        cut(days, "id + 10")
    run = days.run(rebuild=("daily",))
    assert run.state is RunState.SUCCEEDED, run.message
    made = days.promote()
    assert made.state is RunState.SUCCEEDED, made.message
    assert days.states(made)["daily"] == "reused"
    assert files(days, PRODUCTION) == files(days, KITCHEN)
    assert days.rows("daily", PRODUCTION) == days.rows("daily")
    assert elsewhere(days, "daily", PRODUCTION) == days.rows("daily")


# Tests


@pytest.mark.parametrize("materialize", ["window", "append"])
def test_a_window_that_failed_its_test_is_tested_by_who_adopts_it(
    days: Works, materialize: str
) -> None:
    days.load("raw", DAYS.replace("2,", "95,"), pipeline="src")
    days.run("src")
    cut(days, materialize=materialize)
    assert days.run(window="2024-03-01").state is RunState.SUCCEEDED
    for _ in range(2):
        run = days.run(window="2024-03-01..2024-03-03")
        assert (run.state, run.reason) == (RunState.FAILED, Reason.TEST_FAILED), run.message
        assert days.states(run) == {"daily": "blocked"}
    assert "made before" in str(days.steps(run)["daily"].why)
    days.promote()
    assert ids(days, ref=PRODUCTION) == ids(days) == [1]


def test_an_override_lets_only_what_was_judged_pass(shop: Works) -> None:
    shop.load("raw", BAD)
    failed = shop.run()
    with shop.home.database.write() as conn:
        until = shop.home.clock() + 3_600_000_000
        resume.override(conn, shop.home, failed, "range_amount", reason="ok", expires_at=until)
    shop.load("raw", "id,amount\n1,-5\n2,-600\n")
    worse = shop.resume(failed)
    assert (worse.state, worse.reason) == (RunState.FAILED, Reason.TEST_FAILED)
    assert shop.tables() == {}
    shop.load("raw", BAD)
    assert shop.resume(failed).state is RunState.SUCCEEDED
    assert shop.rows("tested") == [(1, 5), (2, -6)]


def test_a_test_that_names_the_time_is_evaluated_again(shop: Works) -> None:
    times = {"bound": "$now", "called": "Now ()", "named": "CURRENT_DATE", "lasting": "5"}
    timely = [
        {"expression": {"name": name, "sql": f"{time} IS NOT NULL"}} for name, time in times.items()
    ]
    where = {"range": {"name": "filtered", "column": "id", "min": 0, "where": "now() IS NOT NULL"}}
    query = 'SELECT 1 FROM "table" WHERE $now IS NULL'
    asked = {"sql": {"name": "asked", "query": query}}
    shop.sql("tested", "SELECT id FROM raw", tests=[*timely, where, asked])
    assert shop.run().state is RunState.SUCCEEDED
    again = shop.run()
    assert shop.states(again)["tested"] == "reused"
    v = tables.verdict.c
    with shop.home.database.read() as conn:
        rows = conn.execute(select(v.test, v.reused_from).where(v.run_id == again.id)).all()
    assert {row.test for row in rows} == {*times, "filtered", "asked"}
    assert {row.test for row in rows if row.reused_from} == {"lasting"}


# Ends


def test_a_cancel_during_tests_of_merged_versions_publishes_nothing(days: Works) -> None:
    """Of two runs with other windows the second must test what its replay makes."""
    runs = [days.launch(window=f"2024-03-0{day}") for day in (1, 2)]
    asked: list[Run] = []

    def publishing() -> bool:
        asked[:] = [run for run in runs if days.get(run).state is RunState.PUBLISHING]
        return bool(asked)

    ended = days.drive(*runs, tick=once(publishing, lambda: stop(days, asked[0].id)))
    assert sorted(run.state for run in ended) == [RunState.CANCELLED, RunState.SUCCEEDED]
    assert [run.id for run in ended if run.state is RunState.CANCELLED] == [asked[0].id]
    assert len(days.rows("daily")) == 1


def test_tests_of_merged_versions_that_cannot_be_evaluated_say_why(
    days: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = days.pool.submit

    seen: list[str] = []

    def spoilt(task: Submission) -> None:
        seen.append(task.id)
        submit(replace(task, payload=b"{}") if task.id.endswith(".publish") else task)

    monkeypatch.setattr(days.pool, "submit", spoilt)
    runs = [days.launch(window=f"2024-03-0{day}") for day in (1, 2)]
    failed, ended = sorted(days.drive(*runs), key=lambda run: run.state)
    assert ended.state is RunState.SUCCEEDED
    assert (failed.state, failed.reason) == (RunState.FAILED, Reason.TEST_FAILED)
    assert "in 5 tries, at last because of this: " in (failed.message or "")
    # An answer that comes late is about none of the other tries.
    assert len({task for task in seen if task.endswith(".publish")}) == 5
    assert f"galley resume {failed.id}" in (failed.message or "")
    assert len(days.rows("daily")) == 1


@pytest.mark.parametrize("full", [True, False], ids=["the disk", "the database"])
def test_whose_trouble_it_is_as_windows_are_taken_over(
    days: Works, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    """A full disk ends the step; a database that does not answer leaves it to the next engine."""
    for pipeline in ("src", "p"):
        assert days.run(pipeline, "kitchen/ben").state is RunState.SUCCEEDED
    run = days.launch()
    locked = UnavailableError("the state database does not answer")

    def fail() -> None:
        raise OSError(errno.ENOSPC, "planted") if full else locked

    assert at(monkeypatch, "replay.metadata", fail) == []
    if full:
        ended = days.follow(run)
        assert (ended.state, ended.reason) == (RunState.FAILED, Reason.STORAGE)
        return
    with pytest.raises(UnavailableError):
        days.drive(run)
    days.recover()
    assert days.get(run).state is RunState.SUCCEEDED
    assert ids(days) == [1, 2, 3]


def stop(works: Works, run: str) -> None:
    with works.home.database.write() as conn:
        wish = {"intention": Intention.CANCEL.value}
        conn.execute(update(tables.run).where(tables.run.c.id == run).values(**wish))


def test_a_cancel_just_before_the_publish_publishes_nothing(
    shop: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = shop.launch()
    seen = at(monkeypatch, "publish.before", lambda: shop.ask(run, Intention.CANCEL))
    (ended,) = shop.drive(run)
    assert seen
    assert (ended.state, ended.reason) == (RunState.CANCELLED, Reason.CANCELLED)
    assert shop.tables() == {}


@pytest.mark.parametrize("point", ["attempt.before_commit", "finish.before_commit"])
@pytest.mark.parametrize("error", [ZeroDivisionError, InternalError])
def test_a_defect_in_one_step_ends_its_run_alone(
    shop: Works, monkeypatch: pytest.MonkeyPatch, point: str, error: type[Exception]
) -> None:
    def fail() -> None:
        raise error("planted")

    shop.sql("other", "SELECT 1 AS id", pipeline="q")
    runs = [shop.launch("q"), shop.launch()]
    assert at(monkeypatch, point, fail) == []
    ended = shop.drive(*runs)
    assert sorted(run.state for run in ended) == [RunState.FAILED, RunState.SUCCEEDED]
    (broken,) = (run for run in ended if run.state is RunState.FAILED)
    assert "planted" in str(broken.message)


@pytest.mark.parametrize("body", ["{}", "{"])
def test_a_definition_that_cannot_be_read_ends_its_run_alone(shop: Works, body: str) -> None:
    broken = shop.launch()
    shop.sql("tested", "SELECT id, amount + 1 AS amount FROM raw", tests=POSITIVE)
    sound = shop.launch()
    with shop.home.database.write() as conn:
        row = update(tables.definition).where(tables.definition.c.id == broken.definition)
        conn.execute(row.values(body=body))
    ended = shop.drive(broken, sound)
    assert [run.state for run in ended] == [RunState.FAILED, RunState.SUCCEEDED]
    assert ended[0].reason is Reason.INTERNAL
    assert shop.rows("tested") == [(1, 6), (2, 7)]
