"""Several commands on one home: one of them is the engine, and the next takes over."""

from itertools import pairwise

import pytest
from sqlalchemy import select

from galley.runs import tables
from galley.runs.model import RunState
from tests.integration.engine.driver import Command
from tests.integration.engine.kit import KITCHEN, Works

SLOW = """
@step(stable=True)
def {name}(raw, *, context):
    import time
    time.sleep({seconds})
    return raw.sql("SELECT * FROM raw")
"""


@pytest.fixture
def shared(works: Works) -> Works:
    """Pipelines that share a home and no table: ``p`` is short, ``q`` takes a while."""
    works.load("raw", "id\n1\n2\n", pipeline="src")
    assert works.run("src").state is RunState.SUCCEEDED
    works.python("short", SLOW.format(name="short", seconds=0.2))
    works.python("long", SLOW.format(name="long", seconds=1.5), pipeline="q")
    return works


def sessions(works: Works) -> list[tuple[int, int]]:
    """When each engine worked."""
    s = tables.session.c
    with works.home.database.read() as conn:
        rows = conn.execute(select(s.started, s.ended).order_by(s.started)).all()
    return [(row.started, row.ended) for row in rows]


@pytest.mark.kill
def test_two_commands_at_once_both_finish_and_one_is_the_engine(shared: Works) -> None:
    runs = [shared.launch("p"), shared.launch("q")]
    commands = [Command(shared, run) for run in runs]
    assert [command.wait() for command in commands] == [0, 0]
    assert [shared.get(run).state for run in runs] == [RunState.SUCCEEDED] * 2
    spans = sessions(shared)
    assert all(one[1] <= two[0] for one, two in pairwise(spans))


@pytest.mark.kill
def test_the_command_that_waits_takes_over_when_the_engine_is_killed(shared: Works) -> None:
    runs = [shared.launch("q"), shared.launch("p")]
    first = Command(shared, runs[0], "finish.before_commit:kill")
    while not sessions(shared)[1:]:
        assert first.process.is_alive()
    second = Command(shared, runs[1])
    assert first.wait() == -9
    assert second.wait() == 0
    shared.recover()
    assert [shared.get(run).state for run in runs] == [RunState.SUCCEEDED] * 2
    assert shared.rows("long") == shared.rows("short") == [(1,), (2,)]


def test_a_step_is_not_given_up_because_engines_hand_over(shared: Works) -> None:
    slow = shared.launch("q")
    for number in range(4):
        shared.python("short", SLOW.format(name="short", seconds=0.1 + number / 100))
        (ended,) = shared.drive(shared.launch("p"))
        assert ended.state is RunState.SUCCEEDED
    assert not shared.get(slow).state.terminal
    shared.recover()
    assert shared.get(slow).state is RunState.SUCCEEDED, shared.get(slow).message
    step = shared.steps(slow)["long"]
    assert (step.losses, step.attempts) == (0, 1)
    assert {attempt["end"] for attempt in shared.attempts(slow)} == {"handed_over", "staged"}


def test_an_orphaned_run_goes_on_at_the_next_command(shared: Works) -> None:
    left = shared.launch("q", ref=KITCHEN)
    other = shared.run("p")
    assert other.state is RunState.SUCCEEDED
    assert shared.follow(left).state is RunState.SUCCEEDED
