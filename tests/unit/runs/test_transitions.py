"""The transition tables, played by a state machine against a real database."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import select

from galley.db.base import metadata
from galley.db.engine import open_database
from galley.runs import queue, tables
from galley.runs.model import GOOD, LIVE, RunState, StepRun, StepState
from galley.runs.transitions import RUN_MOVES, STEP_MOVES, run_sources, step_sources
from tests.queue_cast import claim, steps

Moves = Mapping[Any, frozenset[Any]]
RUNS = [table for table in metadata.sorted_tables if table.name.startswith("run")]


@pytest.mark.parametrize("moves", [RUN_MOVES, STEP_MOVES], ids=["run", "step"])
def test_every_state_is_in_the_table_and_the_terminal_ones_stay(moves: Moves) -> None:
    kind: Any = type(next(iter(moves)))
    assert set(moves) == set(kind)
    assert {state for state, following in moves.items() if not following} == {
        state for state in kind if state.terminal
    }


@pytest.mark.parametrize(("moves", "first"), [(RUN_MOVES, "queued"), (STEP_MOVES, "waiting")])
def test_every_state_can_be_reached_and_every_one_ends(moves: Moves, first: str) -> None:
    kind: Any = type(next(iter(moves)))
    assert reach(moves, kind(first)) == set(kind) - {kind(first)} | (
        {kind(first)} & reach(moves, kind(first))
    )
    assert all(any(one.terminal for one in reach(moves, state) | {state}) for state in kind)


def reach(moves: Moves, start: Any) -> set[Any]:
    found: set[Any] = set()
    new = {start}
    while new:
        new = {after for state in new for after in moves[state]} - found
        found |= new
    return found


def test_a_cancelled_run_can_stop_every_step_that_is_not_over() -> None:
    stopped = set(step_sources(StepState.CANCELLED))
    assert stopped == {state for state in StepState if not state.terminal}
    assert set(run_sources(RunState.CANCELLED)) == {s for s in RunState if not s.terminal}
    assert LIVE.isdisjoint(GOOD)


class Queue(RuleBasedStateMachine):
    """Any order of moves, by holders of any epoch: only what the table allows happens."""

    def __init__(self) -> None:
        super().__init__()
        self.database = open_database("sqlite:///:memory:")
        self.conn = self.database.engine.connect()
        metadata.create_all(self.conn, RUNS)
        self.now = 1
        steps(self.conn, 0)
        self.known: list[StepRun] = [self.step()]

    def step(self) -> StepRun:
        return queue.read_step(self.conn.execute(select(tables.step_run)).one())

    def events(self) -> Sequence[str]:
        return list(self.conn.scalars(select(tables.event.c.kind)))

    @rule(to=st.sampled_from(StepState), held=st.integers(0, 20))
    def move(self, to: StepState, held: int) -> None:
        mine, before, told = self.known[held % len(self.known)], self.step(), len(self.events())
        moved = queue.move_step(self.conn, mine, to, self.now)
        allowed = mine.epoch == before.epoch and to in STEP_MOVES[before.state]
        assert moved is allowed
        assert self.step().state is (to if allowed else before.state)
        assert self.events()[told:] == ([f"step.{to.value}"] if allowed else [])

    @precondition(lambda self: self.step().state is StepState.READY)
    @rule()
    def claim(self) -> None:
        before = self.step().epoch
        (claimed,) = claim(self.conn)
        assert (claimed.state, claimed.epoch) == (StepState.CLAIMED, before + 1)
        self.known.append(claimed)

    @precondition(lambda self: self.step().state is not StepState.READY)
    @rule()
    def claim_nothing(self) -> None:
        assert claim(self.conn) == []

    @rule()
    def cancel(self) -> None:
        before = self.step().state
        queue.cancel_pending(self.conn, "r", self.now)
        idle = not before.terminal and not before.live
        assert self.step().state is (StepState.CANCELLED if idle else before)

    @rule()
    def wake(self) -> None:
        before = self.step()
        woken = queue.wake_retries(self.conn, ["r"], self.now)
        assert woken == 0 or before.state is StepState.RETRY_WAIT

    @invariant()
    def only_what_a_worker_holds_has_a_lease(self) -> None:
        step = self.step()
        assert step.state.live or step.lease_until is None
        assert (step.finished is not None) >= step.state.terminal

    def teardown(self) -> None:
        self.conn.close()
        self.database.close()


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)


@pytest.mark.parametrize("seed", range(5))
def test_a_run_that_has_ended_never_changes(seed: int) -> None:
    chance = random.Random(seed)
    database = open_database("sqlite:///:memory:")
    with database.engine.connect() as conn:
        metadata.create_all(conn, RUNS)
        conn.execute(tables.run.insert().values(**ROW))
        state = RunState.QUEUED
        for _ in range(30):
            to = chance.choice(list(RunState))
            assert queue.move_run(conn, "r", to, 1) is (to in RUN_MOVES[state])
            state = to if to in RUN_MOVES[state] else state
            assert conn.scalar(select(tables.run.c.state)) == state.value
    database.close()


ROW = {
    "id": "r",
    "project": "p",
    "pipeline": "p",
    "ref": "production",
    "state": "queued",
    "intention": "go",
    "cause": "manual",
    "definition": "d",
    "request": {},
    "actor": "ana",
    "created": 1,
}
