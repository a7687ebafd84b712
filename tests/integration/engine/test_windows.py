"""Windows made side by side, in backfills, and again after they were taken back."""

import pytest

from galley.lake import refs
from galley.lake.trees import ledger, lookup
from galley.runs.model import Intention, Reason, Run, RunCause, RunState, StepState
from galley.runs.records import list_runs
from tests.integration.engine.driver import Command
from tests.integration.engine.kit import EVERYWHERE, Works, once

HEAD = "id,day\n"
SELECT = "SELECT id, day FROM raw WHERE day >= $start AND day < $end"
WINDOW = "{column: day, by: day, start: 2024-03-01, end: 2024-03-09}"


@pytest.fixture
def days(works: Works) -> Works:
    """Eight days with one row each; pipeline ``src`` holds the rows, ``p`` cuts them."""
    deliver(works, 1)
    works.sql("daily", SELECT, materialize="window", window=WINDOW, tests=[{"unique": "id"}])
    assert works.run("src").state is RunState.SUCCEEDED
    return works


def deliver(works: Works, copies: int) -> None:
    rows = [f"{c * 100 + d},2024-03-0{d}" for c in range(copies) for d in range(1, 9)]
    works.load("raw", HEAD + "\n".join(rows) + "\n", pipeline="src")


def made(works: Works, ref: str = "kitchen/ana") -> list[str]:
    return [str(day) for _, day in works.rows("daily", ref)]


@EVERYWHERE
def test_two_windows_of_one_table_side_by_side_lose_no_row(days: Works) -> None:
    days.run(window="2024-03-01")
    runs = [days.launch(window=f"2024-03-0{day}") for day in (2, 3, 4)]
    ended = days.drive(*runs)
    assert [run.state for run in ended] == [RunState.SUCCEEDED] * 3
    assert made(days) == ["2024-03-01", "2024-03-02", "2024-03-03", "2024-03-04"]


def test_two_first_windows_of_a_new_table_side_by_side(days: Works) -> None:
    runs = [days.launch(window=f"2024-03-0{day}") for day in (2, 3)]
    ended = days.drive(*runs)
    assert [run.message for run in ended] == [None, None]
    assert made(days) == ["2024-03-02", "2024-03-03"]


@pytest.mark.parametrize("options", [{"cursor": "id"}, {"materialize": "merge", "key": "[id]"}])
def test_rows_are_added_once_by_runs_of_other_windows(days: Works, options: dict[str, str]) -> None:
    """Both runs would add what is new to a table that is not windowed itself."""
    days.sql("log", "SELECT id FROM raw", **{"materialize": "append", **options})
    days.run(window="2024-03-01")
    deliver(days, 2)
    days.run("src")
    ended = days.drive(*(days.launch(window=f"2024-03-0{day}") for day in (2, 3)))
    assert [run.message for run in ended] == [None, None]
    rows = days.rows("log")
    assert len(set(rows)) == len(rows) == 16


def test_the_same_window_twice_waits_and_reuses(days: Works) -> None:
    first, second = (days.launch(window="2024-03-02") for _ in range(2))
    ended = days.drive(first, second)
    assert [run.state for run in ended] == [RunState.SUCCEEDED] * 2
    assert days.states(second) == {"daily": "reused"}
    assert made(days) == ["2024-03-02"]


@pytest.mark.kill
def test_the_engine_dies_while_it_replays_a_window(days: Works) -> None:
    days.run(window="2024-03-01")
    runs = [days.launch(window=f"2024-03-0{day}") for day in (2, 3)]
    command = Command(days, runs[0], "replay.metadata:kill")
    if command.wait() == 0:
        # It was the first to publish, so the other has to replay.
        command = Command(days, runs[1], "replay.metadata:kill")
        assert command.wait() == -9
    days.recover()
    assert [days.get(run).state for run in runs] == [RunState.SUCCEEDED] * 2
    assert made(days) == ["2024-03-01", "2024-03-02", "2024-03-03"]


@EVERYWHERE
def test_a_backfill_makes_every_window_once(days: Works) -> None:
    parent = days.run(batch=3, cause=RunCause.BACKFILL, window="2024-03-01..2024-03-09")
    assert parent.state is RunState.SUCCEEDED, parent.message
    assert len(made(days)) == 8
    again = days.run(batch=3, cause=RunCause.BACKFILL)
    assert again.state is RunState.SUCCEEDED
    assert len(made(days)) == 8


def test_a_cancelled_backfill_goes_on_when_asked_again(days: Works) -> None:
    days.run(window="2024-03-01")
    parent = days.launch(batch=1, cause=RunCause.BACKFILL)
    stop = once(lambda: len(made(days)) > 2, lambda: days.ask(parent, Intention.CANCEL))
    (ended,) = days.drive(parent, tick=stop)
    assert ended.state in (RunState.CANCELLED, RunState.SUCCEEDED)
    days.recover()
    assert days.run(batch=2, cause=RunCause.BACKFILL).state is RunState.SUCCEEDED
    assert len(made(days)) == 8


@EVERYWHERE
def test_what_a_rollback_took_back_returns_by_no_window(days: Works) -> None:
    assert days.promote().state is RunState.SUCCEEDED
    bad = set(files(days))
    days.roll_back()
    days.release("src")
    days.sql("other", "SELECT count(*) AS n FROM raw", tests=[{"row_count": {"min": 1}}])
    again = days.promote()
    assert again.state is RunState.SUCCEEDED, again.message
    assert len(made(days, "production")) == 8
    assert not bad & set(files(days))


def files(works: Works) -> list[str]:
    """The files of the published windows."""
    with works.home.database.read() as conn:
        head = refs.get_ref(conn, works.name, "production").head
        table = lookup(conn, head, ["daily"])["daily"]
        return [p for entry in ledger(conn, head, table.table_id).values() for p in entry.files]


def test_a_window_whose_input_changed_is_made_again_and_alone(days: Works) -> None:
    days.sql(
        "hourly",
        "SELECT id, day FROM daily WHERE day >= $start AND day < $end",
        materialize="window",
        window=WINDOW,
    )
    days.run()
    days.sql(
        "daily",
        SELECT + " AND (day <> DATE '2024-03-05' OR id > 0)",
        materialize="window",
        window=WINDOW,
        tests=[{"unique": "id"}],
    )
    run = days.run()
    assert run.state is RunState.SUCCEEDED
    assert days.steps(run)["hourly"].state is StepState.SUCCEEDED
    assert len(days.rows("hourly")) == 8


def test_a_backfill_of_keys_makes_every_key(works: Works) -> None:
    works.load("raw", "id,town\n1,a\n2,b\n3,c\n", pipeline="src")
    assert works.run("src").state is RunState.SUCCEEDED
    window = "{column: town, by: key}"
    sql = "SELECT id, town FROM raw WHERE town = $start"
    works.sql("towns", sql, materialize="window", window=window)
    for town in "abc":
        assert works.run(window=town).state is RunState.SUCCEEDED
    works.sql("towns", sql.replace("id,", "id * 10 AS id,"), materialize="window", window=window)
    parent = works.run(batch=2, cause=RunCause.BACKFILL)
    assert parent.state is RunState.SUCCEEDED, parent.message
    assert works.rows("towns") == [(10, "a"), (20, "b"), (30, "c")]


def test_a_backfill_begins_with_what_its_windows_are_cut_from(works: Works) -> None:
    works.load("raw", HEAD + "1,2024-03-01\n2,2024-03-02\n")
    window = "{column: day, by: day, start: 2024-03-01, end: 2024-03-05}"
    works.sql("daily", SELECT, materialize="window", window=window)
    works.sql("total", "SELECT count(*) AS n FROM daily")
    reading = "SELECT d.day, n FROM daily d, total WHERE d.day >= $start AND d.day < $end"
    works.sql("share", reading, materialize="window", window=window)
    first = works.run(batch=1, cause=RunCause.BACKFILL)
    assert first.state is RunState.SUCCEEDED, first.message
    assert (len(made(works)), works.rows("total")) == (2, [(2,)])
    works.load("raw", HEAD + "1,2024-03-01\n2,2024-03-02\n3,2024-03-03\n")
    again = works.run(batch=1, cause=RunCause.BACKFILL)
    assert again.state is RunState.SUCCEEDED, again.message
    assert (len(made(works)), works.rows("total")) == (3, [(3,)])
    assert {n for _, n in works.rows("share")} == {3}


def test_a_backfill_whose_beginning_fails_makes_no_window(works: Works) -> None:
    works.sql("raw", "SELECT 1 AS id, error('no') AS day")
    works.sql("daily", SELECT, materialize="window", window=WINDOW)
    parent = works.run(batch=1, cause=RunCause.BACKFILL)
    assert parent.state is RunState.FAILED
    assert [one.request.select for one in children(works, parent)] == [("raw",)]


def test_a_paused_backfill_rests_until_it_goes_on(days: Works) -> None:
    parent = days.launch(batch=1, cause=RunCause.BACKFILL)
    stop = once(lambda: len(made(days)) > 0, lambda: days.ask(parent, Intention.PAUSE))
    resting: list[int] = []

    def tick() -> None:
        stop()
        if days.get(parent).state is RunState.PAUSED:
            published = [one for one in children(days, parent) if one.state.terminal]
            resting.append(len(published))
            if len(resting) == 30:
                days.ask(parent, Intention.GO)

    (ended,) = days.drive(parent, tick=tick)
    assert ended.state is RunState.SUCCEEDED, ended.message
    # What was publishing when the wish came may end; nothing else does.
    assert len(resting) >= 30
    assert resting[20] == resting[29] < 8
    assert len(made(days)) == 8


def children(works: Works, parent: Run) -> list[Run]:
    with works.home.database.read() as conn:
        return list_runs(conn, parent=parent.id)


@pytest.mark.parametrize("batch", [None, 1])
def test_a_table_cut_by_another_unit_forgets_the_windows_it_had(
    days: Works, batch: int | None
) -> None:
    days.run()
    assert days.promote().state is RunState.SUCCEEDED
    old = set(files(days))
    cause = RunCause.BACKFILL if batch else RunCause.MANUAL
    window = WINDOW.replace("by: day", "by: month").replace("03-09", "05-01")
    tests = [{"unique": "id"}]
    days.sql("daily", SELECT, materialize="window", window=window, tests=tests)
    run = days.run(batch=batch, cause=cause)
    assert run.state is RunState.SUCCEEDED, run.message
    assert len(made(days)) == 8
    assert days.promote().state is RunState.SUCCEEDED
    with days.home.database.read() as conn:
        head = refs.get_ref(conn, days.name, "production").head
        table = lookup(conn, head, ["daily"])["daily"]
        spans = sorted(span.start for span in ledger(conn, head, table.table_id))
    assert spans == ["2024-03-01", "2024-04-01"]
    assert len(made(days, "production")) == 8
    assert not old & set(files(days))


def test_months_cut_into_days_again_keep_every_row(days: Works) -> None:
    window = WINDOW.replace("by: day", "by: month").replace("03-09", "04-01")
    days.sql("daily", SELECT, materialize="window", window=window)
    assert days.run().state is RunState.SUCCEEDED
    days.sql("daily", SELECT, materialize="window", window=WINDOW.replace("03-09", "04-15"))
    parent = days.run(batch=3, cause=RunCause.BACKFILL, window="2024-03-02")
    assert parent.state is RunState.SUCCEEDED, parent.message
    assert (len(made(days)), len(days.query("SELECT DISTINCT day FROM daily"))) == (8, 8)


def test_windows_follow_an_input_that_is_cut_otherwise(works: Works) -> None:
    works.load("raw", "id,day,town\n1,2024-03-01,a\n2,2024-03-02,a\n", pipeline="src")
    assert works.run("src").state is RunState.SUCCEEDED
    towns = "SELECT id, day, town FROM raw WHERE town = $start"
    works.sql("towns", towns, materialize="window", window="{column: town, by: key}", pipeline="k")
    works.run("k", window="a")
    sql = "SELECT id, day FROM towns WHERE day >= $start AND day < $end"
    works.sql("daily", sql, materialize="window", window=WINDOW)
    works.run()
    works.sql(
        "towns",
        towns.replace("id,", "id * 10 AS id,"),
        materialize="window",
        window="{column: town, by: key}",
        pipeline="k",
    )
    assert works.run("k", window="a").state is RunState.SUCCEEDED
    assert works.run().state is RunState.SUCCEEDED
    assert [id for id, _ in works.rows("daily")] == [10, 20]


LOOKING = WINDOW.replace("by: day,", "by: day, lookback: 1,")
BEFORE = "CAST($start AS DATE) - 1"


def chained(works: Works, step: str) -> None:
    """A step of which each window adds one to what it finds of the window before."""
    if step == "itself":
        sql = (
            "SELECT 1 + coalesce((SELECT max(d.n) FROM daily d WHERE "
            f"d.day = {BEFORE}), 0) AS n, CAST($start AS DATE) AS day"
        )
        works.sql("daily", sql, materialize="window", window=LOOKING)
        return
    works.sql("daily", SELECT, materialize="window", window=WINDOW)
    sql = f"SELECT count(*) AS n, CAST($start AS DATE) AS day FROM daily WHERE day >= {BEFORE}"
    works.sql("two", sql + " AND day < $end", materialize="window", window=LOOKING)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    ("step", "table", "found"),
    [("itself", "daily", list(range(1, 9))), ("another", "two", [1, *[2] * 7])],
)
def test_windows_that_read_the_one_before_are_made_in_order(
    days: Works, step: str, table: str, found: list[int], batch: int
) -> None:
    chained(days, step)
    parent = days.run(batch=batch, cause=RunCause.BACKFILL, window="2024-03-01..2024-03-09")
    assert parent.state is RunState.SUCCEEDED, parent.message
    assert [n for n, _ in days.query(f"SELECT n, day FROM {table} ORDER BY day")] == found


def test_after_a_window_that_failed_no_later_one_is_made(days: Works) -> None:
    days.load("raw", HEAD + "1,2024-03-01\n2,2024-03-02\n2,2024-03-02\n", pipeline="src")
    days.run("src")
    chained(days, "another")
    tests = [{"unique": "id"}]
    days.sql("daily", SELECT, materialize="window", window=WINDOW, tests=tests)
    parent = days.run(batch=1, cause=RunCause.BACKFILL, window="2024-03-01..2024-03-05")
    assert (parent.state, parent.reason) == (RunState.FAILED, Reason.TEST_FAILED)
    ended = {child.request.windows: child for child in children(days, parent)}
    states = [str(ended[window].reason) for window in sorted(ended, key=str)]
    assert states == ["None", "test_failed", "upstream", "upstream"]
    assert made(days) == ["2024-03-01"]
