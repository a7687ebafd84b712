"""Windows without rows, which all look alike: taken back, and made again beside each other."""

import pytest

from galley.lake import refs
from galley.lake.trees import ledger, lookup
from galley.runs.model import RunState
from tests.integration.engine.kit import KITCHEN, Works

WINDOW = "{column: day, by: day, start: 2024-03-01, end: 2024-03-05}"
SELECT = "SELECT id, day FROM raw WHERE day >= $start AND day < $end"


@pytest.fixture
def nothing(works: Works) -> Works:
    """Two windows without rows in a kitchen."""
    works.load("raw", "id,day\n1,2025-01-01\n", pipeline="src")
    works.run("src")
    works.sql("daily", SELECT, materialize="window", window=WINDOW)
    assert works.run(window="2024-03-01..2024-03-03").state is RunState.SUCCEEDED
    return works


def windows(works: Works, ref: str) -> int:
    with works.home.database.read() as conn:
        head = refs.get_ref(conn, works.name, ref).head
        table = lookup(conn, head, ["daily"])["daily"]
        return len(ledger(conn, head, table.table_id))


def test_they_are_replayed_side_by_side_after_a_rollback(nothing: Works) -> None:
    nothing.roll_back(KITCHEN)
    nothing.release(ref=KITCHEN)
    runs = [nothing.launch(window=f"2024-03-0{day}") for day in (2, 3)]
    ended = nothing.drive(*runs)
    assert [run.message for run in ended] == [None, None]
    assert windows(nothing, KITCHEN) == 2


def test_they_are_adopted_after_a_rollback(nothing: Works) -> None:
    assert nothing.promote().state is RunState.SUCCEEDED
    nothing.roll_back()
    for pipeline in ("src", "p"):
        nothing.release(pipeline)
        nothing.run(pipeline)
    assert windows(nothing, KITCHEN) == 4
    run = nothing.promote()
    assert run.state is RunState.SUCCEEDED, run.message
    assert (windows(nothing, "production"), nothing.states(run)["daily"]) == (4, "reused")
