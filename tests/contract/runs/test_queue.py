"""The queue's statements mean the same on both databases, also side by side."""

import threading
from collections import Counter

import pytest
from sqlalchemy import Connection, insert, select, update

from galley.db.deferred import flush
from galley.db.engine import Database
from galley.runs import leases, queue, records, tables
from galley.runs.model import Intention, Reason, RunState, StepState, StepType
from tests.queue_cast import LEASE, a_run, claim, steps

pytestmark = pytest.mark.through_pooler


def states(conn: Connection, run: str = "r") -> list[str]:
    return [step.state.value for step in queue.steps_of(conn, run)]


def test_a_claim_takes_the_highest_priority_then_the_oldest(conn: Connection) -> None:
    steps(conn, 0, 0, 0, 1)
    steps(conn, 0, run="other")
    records.set_intention(conn, "other", Intention.PAUSE, 2)
    here = tables.step_run.c
    conn.execute(update(tables.step_run).where(here.id == "r2").values(priority=5))
    assert [step.name for step in claim(conn, 2)] == ["s0", "s2"]
    (last,) = claim(conn)
    assert (last.name, last.epoch, last.attempts, last.owner) == ("s1", 1, 1, "me")
    assert (last.lease_until, last.started) == (5 + LEASE, 5)
    assert claim(conn) == []
    assert states(conn, "other") == ["ready"]


def test_nobody_claims_a_step_twice(database: Database) -> None:
    with database.write() as conn:
        steps(conn, *([0] * 60))
    taken: list[str] = []

    def take(owner: str) -> None:
        while True:
            with database.write() as conn:
                found = claim(conn, 3, owner)
            assert len(found) <= 3
            if not found:
                return
            taken.extend(step.name for step in found)

    threads = [threading.Thread(target=take, args=(f"engine{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(taken) == Counter(f"s{n}" for n in range(60))


def test_who_holds_an_old_epoch_moves_nothing(conn: Connection) -> None:
    steps(conn, 0)
    (first,) = claim(conn)
    assert queue.move_step(conn, first, StepState.READY, 6)
    (second,) = claim(conn)
    for to in StepState:
        assert not queue.move_step(conn, first, to, 7)
    assert states(conn) == ["claimed"]
    assert queue.move_step(conn, second, StepState.RUNNING, 7)
    assert not queue.move_step(conn, second, StepState.READY.__class__("waiting"), 7)


def test_a_step_that_ended_loses_its_lease_and_tells(conn: Connection) -> None:
    steps(conn, 0)
    (step,) = claim(conn)
    queue.move_step(conn, step, StepState.RUNNING, 6)
    queue.move_step(
        conn, step, StepState.FAILED, 7, reason=Reason.TIMEOUT.value, message="too long"
    )
    (ended,) = queue.steps_of(conn, "r")
    assert (ended.finished, ended.lease_until, ended.reason) == (7, None, Reason.TIMEOUT)
    flush(conn)
    told = [event for event in records.events_since(conn, "r", 0) if event["step"]]
    assert [event["kind"] for event in told] == ["step.running", "step.failed"]
    assert told[-1]["body"] == {"reason": "timeout", "message": "too long"}


def test_consumers_become_ready_with_their_last_input(conn: Connection) -> None:
    steps(conn, 0, 0, 2, 1)
    queue.release_consumers(conn, "r", {"s2", "s3"}, 6)
    assert states(conn) == ["ready", "ready", "waiting", "ready"]
    queue.release_consumers(conn, "r", {"s2"}, 6)
    queue.release_consumers(conn, "r", {"s2"}, 6)
    found = queue.steps_of(conn, "r")
    assert [step.unmet for step in found] == [0, 0, 0, 0]
    assert found[2].state is StepState.READY
    queue.release_consumers(conn, "r", set(), 6)


def test_a_failure_ends_what_waits_and_nothing_else(conn: Connection) -> None:
    steps(conn, 0, 0, 1, 0)
    (first, second) = claim(conn, 2)
    queue.fail_downstream(conn, "r", {"s1", "s2", "s3"}, "s0", 8)
    assert states(conn) == ["claimed", "claimed", "upstream_failed", "upstream_failed"]
    assert queue.steps_of(conn, "r")[2].message == "s0 did not succeed"
    queue.fail_downstream(conn, "r", set(), "s0", 8)
    assert [first.name, second.name] == ["s0", "s1"]


def test_a_heartbeat_extends_the_leases_of_its_owner(conn: Connection) -> None:
    steps(conn, 0, 0, 0)
    claim(conn, 1), claim(conn, 1, "you")
    leases.extend(conn, ["me"], 100 + LEASE)
    found = [step.lease_until for step in queue.steps_of(conn, "r")]
    assert found == [100 + LEASE, 5 + LEASE, None]


def test_a_retry_waits_for_its_time(conn: Connection) -> None:
    steps(conn, 0, 0)
    for step, until in zip(claim(conn), (50, 60), strict=True):
        queue.move_step(conn, step, StepState.RETRY_WAIT, 6, not_before=until)
    assert queue.wake_retries(conn, ["r"], 49) == 0
    assert queue.wake_retries(conn, ["r"], 50) == 1
    assert states(conn) == ["ready", "retry_wait"]
    assert queue.wake_retries(conn, [], 99) == 0


def test_cancelling_leaves_what_a_worker_holds(conn: Connection) -> None:
    steps(conn, 0, 0, 1)
    (held,) = claim(conn, 1)
    queue.cancel_pending(conn, "r", 9)
    assert states(conn) == ["claimed", "cancelled", "cancelled"]
    assert [step.id for step in queue.steps_of(conn, "r") if step.state.live] == [held.id]
    assert queue.counts(conn, ["r"], kind=StepType.SPANNING_TESTS) == {"r": {}}
    assert queue.counts(conn, ["r", "x"]) == {
        "r": {StepState.CLAIMED: 1, StepState.CANCELLED: 2},
        "x": {},
    }


def test_a_run_comes_back_as_it_was_queued(conn: Connection) -> None:
    new = a_run(conn, windows=("2026-01-01", "2026-02-01"), variables={"p": {"limit": [1, None]}})
    assert records.get_run(conn, "r") == new


def test_runs_are_listed_by_what_is_asked(conn: Connection) -> None:
    for number in range(1, 5):
        a_run(conn, f"r{number}", parent="r1" if number > 2 else None)
    queue.move_run(conn, "r2", RunState.RUNNING, 5)
    ids = [run.id for run in records.list_runs(conn, "shop", limit=3)]
    assert ids == ["r4", "r3", "r2"]
    assert [run.id for run in records.list_runs(conn, parent="r1")] == ["r4", "r3"]
    assert [run.id for run in records.list_runs(conn, states=[RunState.RUNNING])] == ["r2"]
    assert records.find_runs(conn, "shop", "r%") == []


@pytest.mark.parametrize(
    ("asked", "found"), [("p", True), ("q", True), ("p q", True), ("%", False), ("r", False)]
)
def test_a_run_of_several_pipelines_is_one_of_each(
    conn: Connection, asked: str, found: bool
) -> None:
    a_run(conn)
    assert bool(records.list_runs(conn, "shop", pipeline=asked)) is found


def test_a_wish_reaches_no_run_that_has_ended(conn: Connection) -> None:
    a_run(conn)
    assert records.set_intention(conn, "r", Intention.PAUSE, 1)
    assert queue.move_run(conn, "r", RunState.CANCELLED, 2)
    assert not records.set_intention(conn, "r", Intention.GO, 3)
    assert records.get_run(conn, "r").intention is Intention.PAUSE


def test_two_who_end_a_run_at_once_one_wins(database: Database) -> None:
    with database.write() as conn:
        a_run(conn)
        queue.move_run(conn, "r", RunState.RUNNING, 1)
        queue.move_run(conn, "r", RunState.PUBLISHING, 2)
    won: list[RunState] = []

    def end(to: RunState) -> None:
        with database.write() as conn:
            if queue.move_run(conn, "r", to, 3):
                won.append(to)

    ends = (RunState.SUCCEEDED, RunState.CANCELLED, RunState.FAILED)
    threads = [threading.Thread(target=end, args=(to,)) for to in ends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_the_first_end_of_an_attempt_stands(conn: Connection) -> None:
    begun = {"id": "a", "step_run_id": "s", "run_id": "r", "epoch": 1, "owner": "me", "base": "b"}
    conn.execute(insert(tables.attempt).values(**begun, plan={}, contents={}, started=1))
    assert [row["id"] for row in records.open_attempts(conn)] == ["a"]
    records.end_attempt(conn, "a", end="lost", now=2)
    records.end_attempt(conn, "a", end="staged", now=3)
    assert conn.scalar(select(tables.attempt.c.end)) == "lost"
    assert records.open_attempts(conn) == []


@pytest.mark.parametrize("limit", [0, -1])
def test_nothing_is_claimed_for_nobody(conn: Connection, limit: int) -> None:
    steps(conn, 0)
    assert claim(conn, limit) == []
