"""What was seen is old by the time it is acted upon: whoever was faster is not undone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from galley.lake import refs
from galley.runs import backfill, claims, leases, queue, reaping, records, starting
from galley.runs.claims import Taker
from galley.runs.live import LiveRun
from galley.runs.model import Intention, Part, Reason, Run, RunCause, RunState, StepState
from tests.integration.engine.guarded import no_workers
from tests.integration.engine.kit import KITCHEN, Works, at

WINDOW = "{column: day, by: day, start: 2024-03-01, end: 2024-03-02}"
CUT = "SELECT id, day FROM raw WHERE day >= $start AND day < $end"
ROWS = "id,day\n1,2024-03-01\n"
PLAIN = "@step\ndef one():\n    return []"


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Works]:
    """One step, and no workers."""
    found = Works(tmp_path, no_workers())
    found.python("one", PLAIN)
    yield found
    found.home.database.close()


def started(works: Works, run: Run) -> LiveRun:
    with works.home.database.write() as conn:
        live = starting.start_run(conn, works.site, run, "other", works.home.clock())
    assert live is not None
    return live


def test_a_run_that_another_engine_started_is_not_ended_as_if_it_waited(idle: Works) -> None:
    seen = idle.launch()
    started(idle, seen)
    now = idle.home.clock()
    starting.end_queued(idle.site, seen, RunState.CANCELLED, Reason.CANCELLED, now)
    starting.refuse(idle.site, seen, ValueError("planted"), now)
    assert idle.get(seen).state is RunState.RUNNING


def test_a_backfill_that_another_engine_moved_on_is_not_ended(idle: Works) -> None:
    """Whoever looks again at what it has come to does so at what it is by then."""
    idle.load("raw", ROWS)
    idle.sql("days", CUT, materialize="window", window=WINDOW)
    seen = idle.launch(batch=1, cause=RunCause.BACKFILL)
    with idle.home.database.write() as conn:
        queue.move_run(conn, seen.id, RunState.RUNNING, 1, part=Part.LAST.value)
    stale = replace(idle.get(seen), part=Part.WINDOWS, definition="not kept")
    backfill._go_on(idle.site, stale, 2)
    assert idle.get(seen).state is RunState.RUNNING
    backfill._go_on(idle.site, replace(stale, part=Part.LAST), 2)
    assert "not kept" in str(idle.get(seen).message)


def test_a_worker_that_is_heard_of_again_keeps_its_step(idle: Works) -> None:
    """Its lease was over when the reaper looked, and is extended before it acts."""
    live = started(idle, idle.launch())
    site, database = idle.site, idle.home.database
    begin = site.clock()
    with database.write() as conn:
        (step,) = claims.claim(conn, Taker("slow", 1, begin - 1), begin)

    def clock() -> int:
        """Asked once to look for leases that are over, and again to act."""
        asked.append(begin)
        if len(asked) == 2:
            with database.write() as conn:
                leases.extend(conn, ["slow"], begin + site.lease)
        return begin

    asked: list[int] = []
    taken = reaping.reap(replace(site, clock=clock), "fast", {live.run.id: live})
    assert len(asked) == 2
    assert taken.runs == set()
    with database.read() as conn:
        assert queue.get_step(conn, step.id) == replace(step, lease_until=begin + site.lease)


def test_windows_are_not_taken_over_for_a_claim_that_was_lost(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    works.load("raw", ROWS, pipeline="src")
    works.sql("daily", CUT, materialize="window", window=WINDOW)
    for pipeline, ref in (("src", KITCHEN), ("src", "kitchen/ben"), ("p", "kitchen/ben")):
        assert works.run(pipeline, ref).state is RunState.SUCCEEDED
    run = works.launch()
    heads: list[str] = []

    def lose() -> None:
        with works.home.database.write() as conn:
            (step,) = queue.steps_of(conn, run.id)
            assert step.state is StepState.CLAIMED
            assert queue.move_step(conn, step, StepState.READY, 0)
            records.set_intention(conn, run.id, Intention.CANCEL, 0)
            heads.append(refs.get_ref(conn, works.name, run.ref_name).head)

    at(monkeypatch, "replay.metadata", lose)
    assert works.follow(run).state is RunState.CANCELLED
    assert heads == [works.head(run.ref_name)]
