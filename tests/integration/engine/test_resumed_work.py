"""What a resumed run had made is taken over, also where a rebuild was asked for."""

from typing import Any

import pytest

from galley.lake import refs
from galley.lake.trees import ledger
from galley.runs.model import Run, RunState
from tests.integration.engine.kit import KITCHEN, Works

DAYS = "id,day\n1,2024-03-01\n2,2024-03-02\n3,2024-03-03\n"
CUT = "SELECT id, day FROM raw WHERE day >= $start AND day < $end"
WINDOW = "{column: day, by: day, start: 2024-03-01, end: 2024-03-04}"
ONCE = """
@step(stable=True)
def made():
    import time
    return [{"id": time.time_ns()}]
"""


@pytest.fixture
def days(works: Works) -> Works:
    """Three days, cut by ``daily`` and made; the step that reads it comes later."""
    works.load("raw", DAYS, pipeline="src")
    assert works.run("src").state is RunState.SUCCEEDED
    works.sql("daily", CUT, materialize="window", window=WINDOW)
    assert works.run().state is RunState.SUCCEEDED
    return works


def reader(works: Works, table: str, *, broken: bool) -> None:
    """A step that fails, or does not."""
    column = "error('no')" if broken else "count(*)"
    works.sql("reader", f"SELECT {column} AS n FROM {table}")


def files(works: Works, ref: str) -> dict[str, tuple[str, ...]]:
    """The files of each window of ``daily``."""
    with works.home.database.read() as conn:
        head = refs.get_ref(conn, works.name, ref).head
        found = ledger(conn, head, works.tables(ref)["daily"].table_id)
        return {str(span): entry.files for span, entry in found.items()}


def resumed(works: Works, table: str, **wish: Any) -> tuple[Run, Run]:
    """A run that fails after it made ``table``, and the one that goes on."""
    reader(works, table, broken=True)
    failed = works.run(rebuild=(table,), **wish)
    assert works.states(failed) == {table: "succeeded", "reader": "failed"}
    reader(works, table, broken=False)
    run = works.resume(failed)
    assert run.state is RunState.SUCCEEDED, run.message
    return failed, run


def test_a_table_that_was_rebuilt_is_not_rebuilt_again(works: Works) -> None:
    works.python("made", ONCE)
    works.run()
    before = works.rows("made")
    failed, run = resumed(works, "made")
    assert works.states(run) == {"made": "reused", "reader": "succeeded"}
    assert works.rows("made") == works.rows("made", failed.ref_name) != before


@pytest.mark.parametrize("window", [None, "2024-03-02", "2024-03-02..2024-03-04"])
def test_windows_that_were_rebuilt_are_not_rebuilt_again(days: Works, window: str | None) -> None:
    before = files(days, KITCHEN)
    failed, run = resumed(days, "daily", window=window)
    assert days.states(run) == {"daily": "reused", "reader": "succeeded"}
    assert files(days, KITCHEN) == files(days, failed.ref_name) != before
    assert [row[0] for row in days.rows("daily")] == [1, 2, 3]
    assert days.rows("reader") == [(3,)]


def test_a_rebuilt_table_with_fixed_code_is_made_anew_whole(days: Works) -> None:
    reader(days, "daily", broken=True)
    failed = days.run(rebuild=("daily",))
    days.sql("daily", CUT.replace("id,", "id + 10 AS id,"), materialize="window", window=WINDOW)
    reader(days, "daily", broken=False)
    run = days.resume(failed)
    assert run.state is RunState.SUCCEEDED, run.message
    assert days.states(run)["daily"] == "succeeded"
    assert [row[0] for row in days.rows("daily")] == [11, 12, 13]


def test_a_table_that_was_cut_otherwise_is_taken_over_whole(days: Works) -> None:
    monthly = WINDOW.replace("by: day", "by: month").replace("03-04", "04-01")
    days.sql("daily", CUT, materialize="window", window=monthly)
    reader(days, "daily", broken=True)
    failed = days.run()
    assert days.states(failed)["daily"] == "succeeded"
    reader(days, "daily", broken=False)
    run = days.resume(failed)
    assert days.states(run)["daily"] == "reused", run.message
    assert list(files(days, KITCHEN)) == ["2024-03-01..2024-04-01"]
    assert len(days.rows("daily")) == 3


def test_rows_of_a_view_that_is_taken_over_are_not_known(days: Works) -> None:
    days.sql("seen", "SELECT id FROM raw", materialize="view")
    days.run()
    again, promoted = days.run(), days.promote()
    for run in (again, promoted):
        steps = days.steps(run)
        assert steps["seen"].state.value == "reused"
        assert (steps["seen"].rows, steps["daily"].rows) == (None, 3)
