"""What becomes of the windows that are there when a promotion changes the code of their step."""

from typing import Any

import pytest

from galley.errors import UsageError, WindowError
from galley.lake import refs
from galley.lake.model import PRODUCTION
from galley.lake.trees import ledger
from galley.runs.model import RunState
from tests.integration.engine.kit import Works, refusal

HEAD = "id,day\n"
CUT = "SELECT {id} AS id, day FROM raw WHERE day >= $start AND day < $end"
WINDOW = "{column: day, by: day, start: 2024-03-01, end: 2024-03-06}"
SINCE = "2024-03-03"


@pytest.fixture
def days(works: Works) -> Works:
    """Four days in production; then other code, and a fifth day in the kitchen."""
    deliver(works, 4)
    cut(works, "id")
    works.sql("total", "SELECT sum(id) AS n FROM daily")
    works.run(window="2024-03-01..2024-03-05")
    assert works.promote().state is RunState.SUCCEEDED
    cut(works, "id + 10")
    return works


def deliver(works: Works, count: int) -> None:
    rows = "".join(f"{day},2024-03-0{day}\n" for day in range(1, count + 1))
    works.load("raw", HEAD + rows, pipeline="src")
    works.run("src")


def cut(works: Works, id: str) -> None:
    works.sql("daily", CUT.format(id=id), materialize="window", window=WINDOW)


def ids(works: Works, ref: str = PRODUCTION) -> list[int]:
    found: list[int] = [row[0] for row in works.query("SELECT id FROM daily ORDER BY day", ref)]
    return found


def codes(works: Works) -> list[str]:
    """By which code each window was made."""
    with works.home.database.read() as conn:
        head = refs.get_ref(conn, works.name, PRODUCTION).head
        found = ledger(conn, head, works.tables(PRODUCTION)["daily"].table_id)
        return [found[span].code for span in sorted(found)]


def test_all_are_made_anew_by_default(days: Works) -> None:
    run = days.promote()
    assert run.state is RunState.SUCCEEDED, run.message
    assert ids(days) == [11, 12, 13, 14]
    assert len(set(codes(days))) == 1


@pytest.mark.parametrize("ran", [False, True])
def test_forward_only_makes_only_what_is_missing(days: Works, ran: bool) -> None:
    """Also where the kitchen has made all of them with the new code."""
    if ran:
        assert days.run(window="2024-03-01..2024-03-06").state is RunState.SUCCEEDED
    run = days.promote(forward_only=True)
    assert run.state is RunState.SUCCEEDED, run.message
    assert run.request.forward_only
    assert "4 windows kept as earlier code made them" in str(days.steps(run)["daily"].why)
    assert ids(days) == [1, 2, 3, 4]
    assert len(set(codes(days))) == (2 if ran else 1)


def test_since_a_date_makes_those_from_there_on_anew(days: Works) -> None:
    run = days.promote(since=SINCE)
    assert run.state is RunState.SUCCEEDED, run.message
    assert run.request.since == SINCE
    assert ids(days) == [1, 2, 13, 14]
    assert days.rows("total", PRODUCTION) == [(30,)]
    old, _, new, _ = codes(days)
    assert codes(days) == [old, old, new, new]


def test_what_was_kept_stays_kept_until_its_inputs_change(days: Works) -> None:
    assert days.promote(since=SINCE).state is RunState.SUCCEEDED
    again = days.run(ref=PRODUCTION, window="2024-03-01..2024-03-05")
    assert days.states(again)["daily"] == "reused"
    assert ids(days) == [1, 2, 13, 14]
    assert days.promote().state is RunState.SUCCEEDED
    assert ids(days) == [1, 2, 13, 14]
    deliver(days, 5)
    assert days.promote().state is RunState.SUCCEEDED
    assert ids(days) == [11, 12, 13, 14]


def test_a_resumed_promotion_keeps_the_same(days: Works) -> None:
    days.sql("total", "SELECT error('no') AS n FROM daily")
    failed = days.launch_promotion(since=SINCE)
    assert days.follow(failed).state is RunState.FAILED
    days.sql("total", "SELECT sum(id) AS n FROM daily")
    run = days.resume(failed)
    assert run.state is RunState.SUCCEEDED, run.message
    assert days.states(run)["daily"] == "reused"
    assert ids(days) == [1, 2, 13, 14]


def test_rolling_it_back_takes_nothing_that_was_kept(days: Works) -> None:
    assert days.promote(since=SINCE).state is RunState.SUCCEEDED
    days.roll_back()
    assert ids(days) == [1, 2, 3, 4]
    cut(days, "id + 20")
    run = days.promote(forward_only=True)
    assert run.state is RunState.SUCCEEDED, run.message
    assert ids(days) == [1, 2, 3, 4]


def test_a_table_that_is_cut_otherwise_keeps_nothing(days: Works) -> None:
    monthly = WINDOW.replace("by: day", "by: month").replace("03-06", "04-01")
    days.sql("daily", CUT.format(id="id"), materialize="window", window=monthly)
    run = days.promote(forward_only=True)
    assert run.state is RunState.FAILED
    assert "no window it has can stay" in str(run.message)
    assert ids(days) == [1, 2, 3, 4]


def test_wishes_that_mean_nothing_are_refused(days: Works) -> None:
    def refused(**keep: Any) -> type[Exception]:
        return type(refusal(lambda: days.launch_promotion(**keep)))

    assert refused(since=SINCE, forward_only=True) is UsageError
    assert refused(since="yesterday") is WindowError
    assert refused(since="2024-03-01..2024-03-02") is WindowError
    (days.folder / "pipelines/p/daily.sql").unlink()
    (days.folder / "pipelines/p/total.sql").unlink()
    assert refused(since=SINCE) is refused(forward_only=True) is UsageError
