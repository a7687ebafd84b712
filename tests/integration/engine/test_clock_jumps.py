"""Runs while the clock is set hours back and forth."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from galley import clock
from galley.db import moments
from galley.runs import reaping, sessions
from galley.runs.model import RunState
from galley.runs.tables import attempt
from tests.integration.engine.kit import Works, once

HOUR = 3_600_000_000
LEASE = 1_000_000
FLAKY = """
import time

@step(retries={"attempts": 3, "wait": 0.4})
def one(*, context):
    marks = context.project_folder / "marks"
    marks.mkdir(exist_ok=True)
    tries = len(list(marks.iterdir()))
    (marks / str(tries)).touch()
    time.sleep(0.5)
    if tries < 2:
        raise ValueError("not yet")
    return [{"a": 1}]
"""

pytestmark = pytest.mark.both_databases


class Jumping:
    """The clock that engines ask, which can be set."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.by = 0
        wall, told = clock.now, moments._moment
        patch.setattr(moments, "wall", lambda: wall() + self.by)
        patch.setattr(moments, "_moment", lambda database: told(database) + self.by)
        patch.setattr(clock, "now", lambda: wall() + self.by)


@pytest.fixture
def jumping(monkeypatch: pytest.MonkeyPatch) -> Jumping:
    monkeypatch.setenv("WORKS_LEASE", str(LEASE))
    return Jumping(monkeypatch)


def marks(works: Works) -> list[Path]:
    return list((works.folder / "marks").glob("*"))


@pytest.mark.parametrize("by", [3 * HOUR, -3 * HOUR], ids=["forth", "back"])
def test_a_run_does_not_feel_it(works: Works, jumping: Jumping, by: int) -> None:
    works.python("one", FLAKY)
    works.sql("two", "SELECT a FROM one")
    run = works.launch()
    begin = time.monotonic()
    (ended,) = works.drive(run, tick=once(lambda: bool(marks(works)), lambda: _set(jumping, by)))
    assert ended.state is RunState.SUCCEEDED, ended.message
    assert time.monotonic() - begin < 25
    assert [attempt["end"] for attempt in works.attempts(run)].count("lost_worker") == 0
    assert {step.losses for step in works.steps(run).values()} == {0}


def _set(jumping: Jumping, by: int) -> None:
    jumping.by += by


def test_an_engine_after_the_jump_waits_for_nothing(works: Works, jumping: Jumping) -> None:
    """A try that is to come, and a publish of somebody who died, lie hours in the future."""
    works.python("one", FLAKY.replace('"wait": 0.4', '"wait": 30'))
    run = works.launch()
    begin = time.monotonic()

    class Died(Exception):
        """The engine ended here."""

    def die() -> None:
        if works.states(run).get("one") == "retry_wait":
            raise Died

    with pytest.raises(Died):
        works.drive(run, tick=die)
    jumping.by = -3 * HOUR
    again = Works(works.root, works.pool, works.name, works.user, works.url)
    ended = again.follow(again.get(run), interrupted=lambda: len(marks(works)) >= 2)
    assert time.monotonic() - begin < 20
    assert ended.state is RunState.CANCELLED
    with again.home.database.write() as conn:
        # As the clock tells it now: else the first try ends after the second.
        late = attempt.c.finished > again.home.clock()
        by = jumping.by
        moved = {"started": attempt.c.started + by, "finished": attempt.c.finished + by}
        conn.execute(update(attempt).where(late).values(**moved))
    again.home.database.close()


def test_who_only_jumped_is_not_taken_for_dead(works: Works, jumping: Jumping) -> None:
    """An engine that has not yet seen the jump keeps its work while another has."""
    works.sql("one", "SELECT 1 AS a")
    assert works.run().state is RunState.SUCCEEDED
    now = works.site.clock()
    other = replace(sessions.this_process("other", 1, now, lease=LEASE), host="elsewhere")
    with works.home.database.write() as conn:
        sessions.open_session(conn, other)
        reaping.forsake_dead(conn, now + 2 * LEASE - 1)
        assert [one.id for one in sessions.open_sessions(conn)] == ["other"]
        reaping.forsake_dead(conn, now + 2 * LEASE + 1)
        assert sessions.open_sessions(conn) == []
