"""The runs of a backfill as a set: counted, started, asked and ended without a look at each."""

import threading
import time
from dataclasses import replace

import pytest
from sqlalchemy import Connection, event, func, select

from galley.db.engine import Database
from galley.runs import children, progress, queue, records, sessions, tables
from galley.runs.leases import LEASE
from galley.runs.model import Intention, Part, Reason, Run, RunState
from tests.queue_cast import a_run

SLOTS = 3


def parent(conn: Connection, id: str = "b") -> Run:
    """A backfill under way."""
    a_run(conn, id, batch=1)
    queue.move_run(conn, id, RunState.RUNNING, 1, part=Part.WINDOWS.value, started=1)
    return records.get_run(conn, id)


def family(conn: Connection, number: int, id: str = "b") -> Run:
    """A backfill with so many queued children of two windows each."""
    found = parent(conn, id)
    request = replace(found.request, batch=None, parent=id)
    runs = (
        replace(
            found,
            id=f"{id}{place:06d}",
            state=RunState.QUEUED,
            request=replace(request, windows=(f"{place:06d}", f"{place + 1:06d}")),
            part=Part.WINDOWS,
            size=2,
            created=10 + place,
        )
        for place in range(number)
    )
    assert records.insert_runs(conn, runs) == number
    return found


def end(conn: Connection, run: Run, to: RunState, at: int, **values: object) -> None:
    assert queue.move_run(conn, run.id, RunState.RUNNING, at - 1, started=at - 1)
    if to is RunState.SUCCEEDED:
        assert queue.move_run(conn, run.id, RunState.PUBLISHING, at)
    assert queue.move_run(conn, run.id, to, at, **values)


def statements(conn: Connection) -> list[str]:
    """What is executed from now on."""
    said: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        said.append(statement)

    event.listen(conn, "before_cursor_execute", note)
    return said


def test_no_more_are_started_than_workers_can_be_busy_with(conn: Connection) -> None:
    found = family(conn, 50)
    sessions.open_session(conn, sessions.this_process("e", SLOTS, 1, lease=LEASE))
    most = SLOTS * children.ROOM
    first = children.startable(conn, [found])
    assert [one.created for one in first] == list(range(10, 10 + most))
    for one in first[:4]:
        queue.move_run(conn, one.id, RunState.RUNNING, 2)
    assert len(children.startable(conn, [found])) == most - 4
    assert records.waiting(conn) == []


def test_a_backfill_keeps_no_other_waiting(conn: Connection) -> None:
    both = [family(conn, 50, "b"), family(conn, 50, "c")]
    started = children.startable(conn, both)
    assert {one.request.parent for one in started} == {"b", "c"}


def test_ten_thousand_queued_children_are_cancelled_in_a_few_statements(conn: Connection) -> None:
    found = family(conn, 10_000)
    records.set_intention(conn, found.id, Intention.CANCEL, 5)
    (going,) = children.startable(conn, [found])[:1]
    queue.move_run(conn, going.id, RunState.RUNNING, 5)
    said, began = statements(conn), time.monotonic()
    assert children.untold(conn, found.id)
    assert children.ask(conn, found.id, Intention.CANCEL, 6) == 1
    assert not children.untold(conn, found.id)
    assert len(said) < 12
    assert time.monotonic() - began < 10
    counted = {one.state: one.runs for one in children.tally(conn, found.id)}
    assert counted == {RunState.CANCELLED: 9_999, RunState.RUNNING: 1}
    told = select(func.count()).where(tables.event.c.kind == "run.cancelled")
    assert conn.scalar(told) == 9_999


def test_after_the_one_that_failed_none_is_begun(conn: Connection) -> None:
    found = family(conn, 5)
    first = children.startable(conn, [found])[0]
    end(conn, first, RunState.FAILED, 20, reason=Reason.USER_ERROR.value, message="it broke")
    children.give_up(conn, found.id, first.id, 21)
    assert not children.unfinished(conn, found.id)
    bad = children.first_bad(conn, found.id)
    assert bad is not None
    assert (bad.id, bad.message) == (first.id, "it broke")
    assert [one.id for one in progress.failures(conn, found.id, 10)] == [first.id]


def test_progress_is_counted_in_windows(conn: Connection) -> None:
    found = family(conn, 10)
    second = 1_000_000
    for place, one in enumerate(children.startable(conn, [found])[:2]):
        end(conn, one, RunState.SUCCEEDED, (place + 1) * second)
    (bad,) = children.startable(conn, [found])[:1]
    end(conn, bad, RunState.FAILED, 3 * second, reason=Reason.USER_ERROR.value)
    told = progress.progress_of(conn, found.id)
    assert (told.windows, told.made, told.failed, told.open) == (20, 4, 2, 14)
    assert told.rate == pytest.approx(4, rel=0.01)
    assert told.left == pytest.approx(14 / 4, rel=0.01)
    stretches = list(progress.stretches(conn, found.id))
    assert [(one.state.value, one.windows) for one in stretches] == [
        ("succeeded", 4),
        ("failed", 2),
        ("queued", 14),
    ]


def test_two_engines_do_not_go_on_with_one_backfill(database: Database) -> None:
    with database.write() as conn:
        family(conn, 3)
    kept, inside = [], threading.Barrier(2)

    def lock() -> None:
        with database.write() as conn:
            if not database.is_sqlite:
                inside.wait(5)
            if records.lock_run(conn, "b", RunState.RUNNING):
                kept.append(queue.move_run(conn, "b", RunState.PUBLISHING, 2))
                time.sleep(0.2)

    threads = [threading.Thread(target=lock) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept == [True]
