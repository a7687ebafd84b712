"""Claims under labels, pools and other limits, on both databases."""

import threading

import pytest
from sqlalchemy import Connection, event, update

from galley.db.engine import Database
from galley.runs import claims, queue, records, tables
from galley.runs.groups import Group
from galley.runs.model import Intention, StepRun, StepState
from tests.queue_cast import claim, steps

pytestmark = pytest.mark.through_pooler

POOL = Group((), ("shop/pool/db",))
GPU = Group(("gpu",), ())


@pytest.fixture
def pool(conn: Connection) -> None:
    """A pool of two."""
    claims.set_limits(conn, {"shop/pool/db": 2}, 1)


@pytest.mark.usefixtures("pool")
def test_no_more_of_a_pool_are_at_work_than_it_has_slots(conn: Connection) -> None:
    steps(conn, 0, 0, 0, 0, grouping=POOL.text)
    steps(conn, 0, run="free")
    taken = claim(conn)
    assert sorted(step.id for step in taken) == ["free0", "r0", "r1"]
    assert claim(conn) == []
    queue.move_step(conn, taken[0], StepState.RUNNING, 6)
    assert claim(conn) == []
    queue.move_step(conn, one(taken, "r1"), StepState.FAILED, 7)
    assert [step.id for step in claim(conn)] == ["r2"]


@pytest.mark.usefixtures("pool")
@pytest.mark.parametrize("waits", [StepState.PARKED, StepState.RETRY_WAIT])
def test_a_step_that_waits_holds_nothing(conn: Connection, waits: StepState) -> None:
    steps(conn, 0, 0, 0, grouping=POOL.text)
    first, _ = claim(conn)
    moved = queue.move_step(conn, first, waits, 7, not_before=50)
    assert moved
    assert [step.id for step in claim(conn)] == ["r2"]


@pytest.mark.usefixtures("pool")
def test_a_full_pool_keeps_nobody_else_waiting(conn: Connection) -> None:
    steps(conn, *[0] * 5, grouping=POOL.text, priority=9)
    steps(conn, 0, 0, run="x", grouping=Group((), ("shop/pool/db", "shop/step/s")).text)
    steps(conn, 0, run="free")
    claims.set_limits(conn, {"shop/step/s": 1}, 1)
    assert sorted(step.id for step in claim(conn)) == ["free0", "r0", "r1"]


def test_a_step_obeys_all_of_its_limits(conn: Connection) -> None:
    claims.set_limits(conn, {"a": 3, "b": 1}, 1)
    steps(conn, 0, 0, 0, grouping=Group((), ("a", "b")).text)
    steps(conn, 0, 0, 0, run="x", grouping=Group((), ("a",)).text)
    assert sorted(step.id for step in claim(conn)) == ["r0", "x0", "x1"]


def test_a_limit_can_be_set_anew(conn: Connection) -> None:
    claims.set_limits(conn, {"a": 1}, 1)
    steps(conn, 0, 0, 0, grouping=Group((), ("a",)).text)
    assert len(claim(conn)) == 1
    claims.set_limits(conn, {"a": 2}, 2)
    assert len(claim(conn)) == 1
    assert claim(conn) == []


def test_only_a_worker_with_all_its_labels_takes_a_step(conn: Connection) -> None:
    steps(conn, 0, grouping=GPU.text)
    steps(conn, 0, run="both", grouping=Group(("big", "gpu"), ()).text)
    steps(conn, 0, run="free")
    assert [step.id for step in claim(conn, labels=())] == ["free0"]
    assert [step.id for step in claim(conn, labels=("gpu", "x"))] == ["r0"]
    assert [step.id for step in claim(conn, labels=None)] == ["both0"]


def test_priority_goes_before_age_across_groups(conn: Connection) -> None:
    claims.set_limits(conn, {"shop/pool/db": 9}, 1)
    steps(conn, 0, run="old", age=1)
    steps(conn, 0, run="new", age=2, grouping=POOL.text)
    steps(conn, 0, run="high", age=3, priority=1)
    assert [claim(conn, 1)[0].id for _ in range(3)] == ["high0", "old0", "new0"]


def test_only_runs_of_the_own_home_under_way_are_worked_on(conn: Connection) -> None:
    steps(conn, 0)
    steps(conn, 0, run="paused")
    records.set_intention(conn, "paused", Intention.PAUSE, 2)
    assert claim(conn, origin="elsewhere") == []
    conn.execute(update(tables.run).where(tables.run.c.id == "r").values(origin="here"))
    assert [step.id for step in claim(conn, origin="here")] == ["r0"]
    assert claim(conn) == []


def test_many_who_claim_at_once_keep_to_a_pool(database: Database) -> None:
    with database.write() as conn:
        claims.set_limits(conn, {"shop/pool/db": 2}, 1)
        steps(conn, *[0] * 30, grouping=POOL.text)
    most: list[int] = []

    def work(owner: str) -> None:
        for _ in range(15):
            with database.write() as conn:
                taken = claim(conn, 2, owner)
                most.append(sum(step.state.live for step in queue.steps_of(conn, "r")))
            with database.write() as conn:
                for step in taken:
                    queue.move_step(conn, step, StepState.FAILED, 9)

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0 < max(most) <= 2


def test_a_claim_reads_the_head_of_the_queue_only(database: Database) -> None:
    """What a claim costs does not grow with what waits: it asks for as many rows as it takes."""
    if not database.is_sqlite:
        pytest.skip("the plan of a small table says nothing there")
    with database.write() as conn:
        steps(conn, 0, 0)
        seen: list[str] = []

        def note(
            _conn: object, _cursor: object, statement: str, values: object, *_: object
        ) -> None:
            seen.append(statement)
            plans.append(conn.connection.execute(f"EXPLAIN QUERY PLAN {statement}", values))

        plans: list[object] = []
        event.listen(conn, "before_cursor_execute", note)
        claim(conn)
        text = "\n".join(str(row) for plan in plans for row in plan)  # type: ignore[attr-defined]
        assert "ix_run_step_ready" in text
        assert "SCAN run_step" not in text
        assert "TEMP B-TREE" not in text


def one(found: list[StepRun], id: str) -> StepRun:
    return next(step for step in found if step.id == id)
