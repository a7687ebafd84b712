"""Windows of a step that reads its own table: each is made onto those before it."""

import pytest

from galley.lake import refs
from galley.lake.model import WindowEntry
from galley.lake.trees import ledger, lookup
from galley.runs.model import Reason, RunState
from tests.integration.engine.kit import EVERYWHERE, KITCHEN, Works

WINDOW = "{column: day, by: day, start: 2024-03-01, end: 2024-03-05}"
RUNNING = """
    SELECT CAST($start AS DATE) AS day,
        (SELECT sum(amount) FROM raw WHERE day = $start)
        + coalesce((SELECT max_by(total, t.day) FROM totals t WHERE t.day < $start), 0) AS total
"""
PYTHON = """
    @step(
        stable=True,
        materialize="window",
        window={"column": "day", "by": "day", "start": "2024-03-01", "end": "2024-03-05"},
    )
    def totals(raw, totals, *, window):
        earlier = totals.to_arrow()["day"].to_pylist() if totals is not None else []
        rows = raw.sql("SELECT * FROM raw WHERE day = $day", day=window.start)
        if not rows.to_arrow()["amount"][0].as_py():
            return []
        before = sum(1 for day in earlier if day < window.start)
        return [{"day": window.start, "total": before}]
"""


def deliver(works: Works, *amounts: int) -> None:
    rows = "".join(f"{a},2024-03-0{day}\n" for day, a in enumerate(amounts, start=1))
    works.load("raw", "amount,day\n" + rows, pipeline="src")
    assert works.run("src").state is RunState.SUCCEEDED


@pytest.fixture
def running(works: Works) -> Works:
    """Four days with an amount each, cut into windows, and their running total."""
    deliver(works, 1, 2, 3, 4)
    works.sql("daily", "SELECT * FROM raw WHERE day = $start", materialize="window", window=WINDOW)
    works.sql(
        "totals", RUNNING.replace("FROM raw", "FROM daily"), materialize="window", window=WINDOW
    )
    return works


def totals(works: Works) -> list[int]:
    return [total for _, total in works.rows("totals")]


def entries(works: Works) -> list[WindowEntry]:
    with works.home.database.read() as conn:
        head = refs.get_ref(conn, works.name, KITCHEN).head
        table = lookup(conn, head, ["totals"])["totals"]
        return [entry for _, entry in sorted(ledger(conn, head, table.table_id).items())]


@EVERYWHERE
def test_one_run_makes_windows_onto_one_another(running: Works) -> None:
    run = running.run()
    assert run.state is RunState.SUCCEEDED, run.message
    assert totals(running) == [1, 3, 6, 10]
    again = running.run()
    assert (running.states(again)["totals"], totals(running)) == ("reused", [1, 3, 6, 10])


def test_what_follows_a_window_that_changed_is_made_anew(running: Works) -> None:
    running.run()
    before = entries(running)
    running.run(window="2024-03-03", rebuild=("daily",))
    run = running.run()
    assert [span.start for span in running.steps(run)["totals"].spans] == ["2024-03-04"]
    same = [a == b for a, b in zip(before, entries(running), strict=True)]
    assert same == [True, True, False, False]
    assert running.states(running.run())["totals"] == "reused"


def test_a_window_before_those_that_are_there_is_built_upon(running: Works) -> None:
    running.run(window="2024-03-02..2024-03-04")
    assert totals(running) == [2, 5]
    running.run()
    assert totals(running) == [1, 3, 6, 10]
    assert running.states(running.run())["totals"] == "reused"


def test_a_whole_rebuild_builds_on_nothing_that_it_replaces(running: Works) -> None:
    running.run()
    running.sql(
        "totals",
        "SELECT CAST($start AS DATE) AS day, (SELECT count(*) FROM totals) AS total FROM daily"
        " WHERE day = $start",
        materialize="window",
        window=WINDOW,
    )
    running.run(rebuild=("totals",))
    assert totals(running) == [0, 1, 2, 3]


def test_a_python_step_sees_the_windows_it_has_made(works: Works) -> None:
    deliver(works, 1, 2, 3, 4)
    works.python("totals", PYTHON)
    assert works.run().state is RunState.SUCCEEDED
    assert totals(works) == [0, 1, 2, 3]
    deliver(works, 1, 0, 3, 4)
    works.run()
    # What became empty is not seen by those after it.
    assert totals(works) == [0, 1, 2]


def test_a_resumed_run_goes_on_from_the_windows_that_were_made(running: Works) -> None:
    test = {"row_count": {"min": 5, "scope": "table"}}
    sql = RUNNING.replace("FROM raw", "FROM daily")
    running.sql("totals", sql, materialize="window", window=WINDOW, tests=[test])
    failed = running.run()
    assert failed.reason is Reason.TEST_FAILED
    running.sql("totals", sql, materialize="window", window=WINDOW)
    again = running.resume(failed)
    assert again.state is RunState.SUCCEEDED, again.message
    assert (running.states(again)["totals"], totals(running)) == ("reused", [1, 3, 6, 10])
