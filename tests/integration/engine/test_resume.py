"""A resume asks for the same thing again: windows, values, rebuilds, batches, and whose wish."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from galley.environments import inspect_runs, resume
from galley.errors import ConflictError, UnavailableError, VariableError
from galley.governance.tables import audit
from galley.lake.model import PRODUCTION
from galley.runs import records
from galley.runs.follow import follow
from galley.runs.lockfile import EngineLock
from galley.runs.model import Intention, Run, RunCause, RunState
from tests.integration.engine.kit import SLOTS, WarmPool, Works, once, refusal

pytestmark = pytest.mark.both_databases

HOUR = 3600 * 1_000_000
BAD = "id,day\n1,2024-03-01\n2,2024-03-02\n-3,2024-03-03\n"
GOOD = BAD.replace("-3", "3")
DAILY = "SELECT id, day FROM raw WHERE day >= $start AND day < $end"
WINDOW = "{column: day, by: day, start: 2024-03-01, end: 2024-03-04}"
POSITIVE = [{"range": {"column": "id", "min": 0}}]


@pytest.fixture
def days(works: Works) -> Works:
    """Three days, of which the last fails its test."""
    works.load("raw", BAD, pipeline="src")
    assert works.run("src").state is RunState.SUCCEEDED
    works.sql("daily", DAILY, materialize="window", window=WINDOW, tests=POSITIVE)
    return works


def let_through(works: Works, run: Run, test: str) -> None:
    with works.home.database.write() as conn:
        until = works.home.clock() + HOUR
        resume.override(conn, works.home, run, test, reason="it is fine", expires_at=until)


def go_on(works: Works, run: Run) -> Run:
    """What ``galley runs publish`` does after its override."""
    with works.home.database.write() as conn:
        queued = resume.resume_same(conn, works.home, works.get(run))
    return works.follow(queued)


def audited(works: Works, run: Run) -> list[tuple[str, str | None]]:
    with works.home.database.read() as conn:
        rows = conn.execute(select(audit).order_by(audit.c.id)).all()
    return [
        (row.action, row.on_behalf_of)
        for row in rows
        if run.id in (row.object, (row.detail or {}).get("run"))
    ]


def test_a_backfill_goes_on_as_the_same_backfill(days: Works) -> None:
    failed = days.run(batch=1, cause=RunCause.BACKFILL, window="2024-03-01..2024-03-04")
    assert failed.state is RunState.FAILED
    assert len(days.rows("daily")) == 2
    days.load("raw", GOOD, pipeline="src")
    assert days.run("src").state is RunState.SUCCEEDED
    with days.home.database.read() as conn:
        assert resume.find_resumable(conn, days.name).id == failed.id
    again = days.resume(failed)
    assert again.state is RunState.SUCCEEDED, again.message
    assert (again.request.batch, again.cause) == (1, RunCause.BACKFILL)
    assert again.request.windows == failed.request.windows
    assert len(days.rows("daily")) == 3


def test_windows_stay_as_they_were_understood(days: Works) -> None:
    failed = days.run(window="2024-03-03")
    daily = DAILY.replace("SELECT id", "SELECT abs(id) AS id")
    days.sql("daily", daily, materialize="window", window=WINDOW, tests=POSITIVE)
    again = days.resume(failed)
    assert failed.request.windows == again.request.windows == ("2024-03-03", "2024-03-04")
    assert again.state is RunState.SUCCEEDED, again.message


def test_values_selection_and_rebuilds_stay(works: Works) -> None:
    works.write("galley.yaml", "name: works\nvariables: {least: 1, most: 5}\n")
    works.sql("one", "SELECT $least AS least", tests=[{"range": {"column": "least", "min": 9}}])
    works.sql("two", "SELECT $most AS most")
    failed = works.run(variables={"most": "7"}, select=("one",), rebuild=("one",))
    assert failed.state is RunState.FAILED
    works.write("galley.yaml", "name: works\nvariables: {least: 2, most: 6, new: 3}\n")
    wanted = works.launch_resume(failed).request
    assert wanted.variables["p"] == {"least": 1, "most": 7, "new": 3}
    assert wanted.origins["p"] == {"least": "project", "most": "flag", "new": "project"}
    assert (wanted.select, wanted.rebuild) == (("one",), ("one",))
    works.write("galley.yaml", "name: works\nvariables: {least: [2], most: 6}\n")
    assert isinstance(refusal(lambda: works.launch_resume(failed)), VariableError)
    works.recover()


def test_what_was_seen_is_what_is_published(days: Works) -> None:
    """The present code is another one, and even broken; a step is not rebuilt a second time."""
    days.sql("one", "SELECT min(id) AS id FROM raw", tests=POSITIVE)
    failed = days.run(select=("one",), rebuild=("one",))
    let_through(days, failed, "range_id")
    days.sql("one", "SELECT nothing FROM nowhere", tests=POSITIVE)
    published = go_on(days, failed)
    assert published.state is RunState.SUCCEEDED, published.message
    assert published.definition == failed.definition
    assert days.states(published)["one"] == "reused"
    assert days.rows("one") == [(-3,)]


def test_overrides_of_the_whole_chain_stand_and_are_shown(days: Works) -> None:
    days.sql("one", "SELECT min(id) AS id FROM raw", tests=POSITIVE)
    days.sql("two", "SELECT min(id) AS id FROM raw", tests=POSITIVE)
    first = days.run(select=("one", "two"))
    with days.home.database.write() as conn:
        until = days.home.clock() + HOUR
        resume.override(conn, days.home, first, "one.range_id", reason="x", expires_at=until)
    second = go_on(days, first)
    assert second.state is RunState.FAILED
    with days.home.database.write() as conn:
        resume.override(conn, days.home, second, "two.range_id", reason="x", expires_at=until)
    third = go_on(days, second)
    assert third.state is RunState.SUCCEEDED, third.message
    with days.home.database.read() as conn:
        shown = inspect_runs.tests_of(conn, third)
    assert all(test["override"] for test in shown)


def test_a_promotion_is_not_resumed_over_other_code(days: Works) -> None:
    days.load("raw", BAD, pipeline="p")
    (days.folder / "pipelines/src/raw.yaml").unlink()
    failed = days.promote()
    assert failed.state is RunState.FAILED
    days.load("raw", GOOD, pipeline="p")
    assert days.promote().state is RunState.SUCCEEDED
    assert isinstance(refusal(lambda: days.launch_resume(failed)), ConflictError)
    assert isinstance(refusal(lambda: go_on(days, failed)), ConflictError)


def test_going_on_with_a_paused_run_is_recorded(works: Works) -> None:
    works.sql("one", "SELECT 1 AS id")
    run = works.launch()
    works.ask(run, Intention.PAUSE)
    assert works.launch_resume(run).intention is Intention.GO
    assert audited(works, run) == [("run", None), ("run", None)]
    works.recover()


def test_whom_it_was_done_for_is_kept(works: Works) -> None:
    works.home = replace(works.home, actor=replace(works.home.actor, on_behalf_of="ben"))
    works.sql("one", "SELECT 1 AS id")
    assert works.launch().on_behalf_of == "ben"
    works.recover()
    promoted = works.launch_promotion()
    with works.home.database.read() as conn:
        assert [r.on_behalf_of for r in records.list_runs(conn, works.name)] == ["ben", "ben"]
    assert works.follow(promoted).ref == PRODUCTION


@pytest.mark.parametrize("engine", [True, False], ids=["the engine", "one that waits"])
def test_a_home_that_is_deleted_ends_the_command(
    tmp_path: Path, warm: WarmPool, engine: bool
) -> None:
    works = Works(tmp_path / "other", warm)
    works.python("one", "@step(stable=True)\ndef one(): import time; time.sleep(60)")
    run = works.launch()
    delete = once(lambda: True, lambda: shutil.rmtree(works.home.path))
    with EngineLock(works.home.path) as other:
        assert engine or other.acquire()
        error = refusal(
            lambda: follow(
                works.site, warm, run.id, slots=SLOTS, watch=delete, interrupted=lambda: False
            )
        )
    assert isinstance(error, UnavailableError)
    assert str(works.home.path) in error.message
    works.home.database.close()


def test_what_was_let_pass_in_a_backfill_passes_when_it_goes_on(days: Works) -> None:
    days.run(window="2024-03-01..2024-03-03")
    failed = days.run(batch=1, cause=RunCause.BACKFILL, window="2024-03-01..2024-03-04")
    with days.home.database.read() as conn:
        (child,) = records.list_runs(conn, parent=failed.id)
    let_through(days, child, "range_id")
    again = days.resume(failed)
    assert again.state is RunState.SUCCEEDED, again.message
    assert again.request.resumes == failed.id
    assert len(days.rows("daily")) == 3
    with days.home.database.read() as conn:
        (made,) = records.list_runs(conn, parent=again.id)
        assert all(test["override"] for test in inspect_runs.tests_of(conn, made))
    assert days.run(window="2024-03-03", rebuild=("daily",)).state is RunState.FAILED
