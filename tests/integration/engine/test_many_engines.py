"""Several engines over one PostgreSQL database: no leader, nothing twice, nothing lost."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from galley.runs.children import tally
from galley.runs.model import Part, RunCause, RunState
from galley.runs.records import list_runs
from tests.integration.engine.driver import Command
from tests.integration.engine.invariants import violations
from tests.integration.engine.kit import WarmPool, Works
from tests.integration.engine.plant import Plant

LEASE = 1_000_000


@pytest.fixture
def works(
    tmp_path: Path, warm: WarmPool, emptied_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Works]:
    """A project whose home is on PostgreSQL."""
    monkeypatch.setenv("WORKS_LEASE", str(LEASE))
    monkeypatch.setenv("GALLEY_DATABASE", emptied_url)
    found = Works(tmp_path, warm, url=emptied_url)
    yield found
    assert violations(found.home) == []
    found.home.database.close()


@pytest.fixture
def wide(works: Works) -> Works:
    """Twelve steps that can run side by side, and one that needs them all."""
    for number in range(12):
        works.python(
            f"s{number}",
            f"""
            import time

            @step
            def s{number}():
                time.sleep(0.2)
                return [{{"a": {number}}}]
            """,
        )
    union = " UNION ALL ".join(f"SELECT a FROM s{number}" for number in range(12))
    works.sql("together", union, tests=[{"unique": "a"}])
    return works


def test_engines_share_the_work_of_a_run(wide: Works) -> None:
    run = wide.launch()
    commands = [Command(wide, run) for _ in range(3)]
    assert [command.wait() for command in commands] == [0, 0, 0]
    assert wide.get(run).state is RunState.SUCCEEDED
    assert [a for (a,) in wide.rows("together")] == list(range(12))
    assert len({attempt["owner"] for attempt in wide.attempts(run)}) > 1


@pytest.mark.kill
@pytest.mark.parametrize(
    "after",
    [pytest.param(0.3, marks=pytest.mark.long), 0.9, pytest.param(1.5, marks=pytest.mark.long)],
)
def test_another_engine_goes_on_when_one_is_killed(wide: Works, after: float) -> None:
    run = wide.launch()
    first, second = Command(wide, run), Command(wide, run)
    time.sleep(after)
    first.kill()
    assert second.wait() == 0
    first.wait()
    assert wide.get(run).state is RunState.SUCCEEDED
    assert [a for (a,) in wide.rows("together")] == list(range(12))


@pytest.mark.kill
def test_an_engine_that_slept_past_its_lease_does_no_harm(wide: Works) -> None:
    run = wide.launch()
    first, second = Command(wide, run), Command(wide, run)
    time.sleep(0.8)
    assert first.process.pid is not None
    os.kill(first.process.pid, signal.SIGSTOP)
    time.sleep(1.5 * LEASE / 1_000_000)
    os.kill(first.process.pid, signal.SIGCONT)
    assert [first.wait(), second.wait()] == [0, 0]
    assert wide.get(run).state is RunState.SUCCEEDED
    assert [a for (a,) in wide.rows("together")] == list(range(12))


@pytest.mark.kill
@pytest.mark.parametrize(
    "point",
    [
        "attempt.before_submit:kill:2",
        pytest.param("finish.before_commit:kill:3", marks=pytest.mark.long),
        "tests.before_conclude:kill:1",
        pytest.param("publish.before:kill:1", marks=pytest.mark.long),
        pytest.param("publish.before_commit:kill:1", marks=pytest.mark.long),
        "publish.after_commit:kill:1",
    ],
)
def test_the_others_take_over_at_every_point(works: Works, point: str) -> None:
    plant = Plant(works, seed=len(point))
    assert works.run().state is RunState.SUCCEEDED
    plant.grow()
    run = works.launch()
    first, second = Command(works, run, point), Command(works, run)
    codes = {first.wait(), second.wait()}
    assert 0 in codes
    assert works.get(run).state is RunState.SUCCEEDED
    assert plant.shown() == 2


@pytest.mark.kill
def test_one_that_takes_over_may_die_as_well(wide: Works) -> None:
    run = wide.launch()
    first = Command(wide, run, "attempt.before_submit:kill:2")
    assert first.wait() == -signal.SIGKILL
    second = Command(wide, run, "reap.before_requeue:kill:1")
    assert second.wait() == -signal.SIGKILL
    assert Command(wide, run).wait() == 0
    assert wide.get(run).state is RunState.SUCCEEDED


def test_two_runs_of_one_pipeline_wait_for_each_other(wide: Works) -> None:
    runs = [wide.launch(), wide.launch()]
    commands = [Command(wide, run) for run in runs]
    assert [command.wait() for command in commands] == [0, 0]
    ended = [wide.get(run) for run in runs]
    assert [run.state for run in ended] == [RunState.SUCCEEDED] * 2
    first, second = sorted(ended, key=lambda run: run.started or 0)
    assert (second.started or 0) >= (first.finished or 0)


def test_engines_share_a_backfill_and_make_every_window_once(works: Works) -> None:
    works.python(
        "hours",
        """
        @step(
            stable=True,
            materialize="window",
            window={"column": "day", "by": "day", "start": "2024-01-01", "end": "2024-02-10"},
        )
        def days(*, window):
            return [{"day": window.start, "n": 1}]
        """,
    )
    run = works.launch(batch=1, atomic=True, cause=RunCause.BACKFILL)
    commands = [Command(works, run) for _ in range(2)]
    assert [command.wait() for command in commands] == [0, 0]
    assert works.get(run).state is RunState.SUCCEEDED
    assert len(works.rows("days")) == 40
    with works.home.database.read() as conn:
        made = list_runs(conn, parent=run.id, limit=100)
        counted = tally(conn, run.id)
    assert len({one.request.windows for one in made if one.part is Part.WINDOWS}) == 40
    assert [(one.part, one.runs) for one in sorted(counted, key=lambda one: one.runs)] == [
        (Part.LAST, 1),
        (Part.WINDOWS, 40),
    ]
