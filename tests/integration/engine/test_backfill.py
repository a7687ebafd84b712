"""Backfills as a whole: published at once or batch by batch, cancelled, resumed, counted."""

from collections.abc import Callable, Mapping, Sequence

import pytest

from galley.environments.inspect_backfill import backfill_facts
from galley.environments.inspect_runs import run_facts
from galley.lake import commits, refs
from galley.lake.model import CommitKind
from galley.runs.model import Intention, Part, Reason, Run, RunCause, RunState
from galley.runs.records import list_runs
from tests.integration.engine.kit import KITCHEN, Works, once

HEAD = "id,day\n"
SELECT = "SELECT id, day FROM raw WHERE day >= $start AND day < $end"
WINDOW = "{column: day, by: day, start: 2024-03-01, end: 2024-03-09}"
WHOLE = {"row_count": {"min": 8, "scope": "table"}}
FRAGILE = """
    from pathlib import Path

    @step(
        stable=True,
        materialize="window",
        window={{"column": "day", "by": "day", "start": "2024-03-01", "end": "2024-03-09"}},
    )
    def daily(*, window):
        if str(window.start)[:10] == "2024-03-05" and Path({mark!r}).exists():
            raise ValueError("a bad day")
        return [{{"day": window.start, "n": 1}}]
"""


@pytest.fixture
def days(works: Works) -> Works:
    """Eight days with one row each, of which pipeline ``p`` makes windows."""
    rows = [f"{day},2024-03-0{day}" for day in range(1, 9)]
    works.load("raw", HEAD + "\n".join(rows) + "\n", pipeline="src")
    cut(works, SELECT, [{"unique": "id"}])
    assert works.run("src").state is RunState.SUCCEEDED
    return works


def cut(works: Works, sql: str, tests: Sequence[Mapping[str, object]] | None = None) -> None:
    works.sql("daily", sql, materialize="window", window=WINDOW, tests=list(tests or ()))


def backfill(works: Works, *, atomic: bool = False) -> Run:
    return works.launch(batch=1, atomic=atomic, cause=RunCause.BACKFILL)


def children(works: Works, parent: Run, part: Part = Part.WINDOWS) -> list[Run]:
    with works.home.database.read() as conn:
        return [one for one in list_runs(conn, parent=parent.id, limit=100) if one.part is part]


def published(works: Works) -> int:
    with works.home.database.read() as conn:
        found = commits.history(conn, works.name, KITCHEN)
    return sum(commit.kind is CommitKind.PUBLISH for commit in found)


def watching(works: Works, seen: set[int]) -> Callable[[], None]:
    return lambda: seen.add(len(works.rows("daily")))


def made(works: Works, parent: Run) -> int:
    ended = [one.state for one in children(works, parent)]
    return ended.count(RunState.SUCCEEDED)


def test_an_atomic_backfill_is_visible_all_at_once(days: Works) -> None:
    cut(days, SELECT, [{"unique": "id"}, WHOLE])
    days.sql("total", "SELECT count(*) AS n FROM daily")
    before, seen = published(days), set[int]()
    parent = backfill(days, atomic=True)
    (ended,) = days.drive(parent, tick=watching(days, seen))
    assert ended.state is RunState.SUCCEEDED, ended.message
    assert seen <= {0, 8}
    assert (len(days.rows("daily")), days.rows("total")) == (8, [(8,)])
    assert published(days) == before + 1
    assert ended.commit == days.head()
    assert len(children(days, parent)) == 8
    with days.home.database.read() as conn:
        assert refs.find_ref(conn, days.name, parent.ref_name) is None


def test_what_fails_as_a_whole_is_not_published_at_all(days: Works) -> None:
    cut(days, SELECT, [{"row_count": {"min": 9, "scope": "table"}}])
    parent = days.follow(backfill(days, atomic=True))
    assert (parent.state, parent.reason) == (RunState.FAILED, Reason.TEST_FAILED)
    assert days.rows("daily") == []
    assert made(days, parent) == 8
    cut(days, SELECT, [WHOLE])
    again = days.resume(parent)
    assert again.state is RunState.SUCCEEDED, again.message
    assert children(days, again) == []
    assert len(days.rows("daily")) == 8


def test_a_cancelled_atomic_backfill_shows_nothing_and_goes_on(days: Works) -> None:
    parent = backfill(days, atomic=True)
    stop = once(lambda: made(days, parent) > 2, lambda: days.ask(parent, Intention.CANCEL))
    (ended,) = days.drive(parent, tick=stop)
    assert (ended.state, ended.reason) == (RunState.CANCELLED, Reason.CANCELLED)
    assert days.rows("daily") == []
    there = made(days, parent)
    again = days.resume(parent)
    assert again.state is RunState.SUCCEEDED, again.message
    assert len(children(days, again)) == 8 - there < 8
    assert len(days.rows("daily")) == 8


def test_an_atomic_backfill_with_nothing_to_make_publishes_nothing(days: Works) -> None:
    assert days.follow(backfill(days, atomic=True)).state is RunState.SUCCEEDED
    head = days.head()
    again = days.follow(backfill(days, atomic=True))
    assert (again.state, days.head()) == (RunState.SUCCEEDED, head)


def test_an_atomic_backfill_goes_onto_a_target_that_moved(days: Works) -> None:
    parent = backfill(days, atomic=True)
    other: list[Run] = []

    def meanwhile() -> None:
        days.sql("other", "SELECT 1 AS n", pipeline="q")
        other.append(days.launch("q"))

    act = once(lambda: made(days, parent) > 2, meanwhile)
    (ended,) = days.drive(parent, tick=act)
    days.recover()
    assert ended.state is RunState.SUCCEEDED, ended.message
    assert days.get(other[0]).state is RunState.SUCCEEDED
    assert (len(days.rows("daily")), days.rows("other")) == (8, [(1,)])


@pytest.mark.parametrize("atomic", [False, True])
def test_only_the_window_that_failed_is_made_by_a_resume(works: Works, atomic: bool) -> None:
    mark = works.root / "bad"
    mark.touch()
    works.python("daily", FRAGILE.format(mark=str(mark)))
    parent = works.follow(backfill(works, atomic=atomic))
    assert (parent.state, parent.reason) == (RunState.FAILED, Reason.USER_ERROR)
    assert len(works.rows("daily")) == (0 if atomic else 7)
    with works.home.database.read() as conn:
        facts = backfill_facts(conn, parent)
    assert facts is not None
    assert (facts["windows"], facts["made"], facts["failed"], facts["open"]) == (8, 7, 1, 0)
    (failure,) = facts["failures"]
    assert failure["start"] == "2024-03-05"
    assert "a bad day" in failure["message"]
    assert [one["windows"] for one in facts["stretches"]] == [4, 1, 3]
    mark.unlink()
    again = works.resume(parent)
    assert again.state is RunState.SUCCEEDED, again.message
    assert [one.request.windows for one in children(works, again)] == [("2024-03-05", "2024-03-06")]
    assert len(works.rows("daily")) == 8


def test_what_a_parent_tells_of_thousands_is_short(days: Works) -> None:
    parent = days.follow(backfill(days))
    with days.home.database.read() as conn:
        facts = run_facts(conn, parent)
    assert len(facts["backfill"]["stretches"]) == 1
    assert facts["backfill"]["runs"] == {"succeeded": 8}
    assert facts["backfill"]["windows_per_second"] > 0
