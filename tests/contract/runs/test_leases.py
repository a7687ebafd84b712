"""Who holds what until when, who is gone, and taking over what nobody holds any more."""

from __future__ import annotations

from dataclasses import replace
from threading import Barrier, Thread

import pytest
from sqlalchemy import Connection, select, update

from galley.db.engine import Database
from galley.runs import jumps, leases, queue, reaping, sessions
from galley.runs.leases import Hold
from galley.runs.model import RunState, StepState
from galley.runs.sessions import Session, SessionKind
from galley.runs.tables import run, step_run
from tests.queue_cast import LEASE, claim, steps, under_way

pytestmark = pytest.mark.through_pooler


def elsewhere(id: str, now: int, kind: SessionKind = SessionKind.ENGINE) -> Session:
    """A session of another machine, of which only its beats are known."""
    here = sessions.this_process(id, 2, now, lease=LEASE, kind=kind)
    return replace(here, host="elsewhere", boot_id="other")


def staged(conn: Connection) -> None:
    """One staged step of ``me``."""
    steps(conn, 0)
    (step,) = claim(conn)
    assert queue.move_step(conn, step, StepState.RUNNING, 6)
    assert queue.move_step(conn, step, StepState.STAGED, 7)


def test_a_lease_is_over_when_nobody_extends_it(conn: Connection) -> None:
    steps(conn, 0, 0)
    claim(conn)
    assert leases.expired_steps(conn, 5 + LEASE) == []
    assert len(leases.expired_steps(conn, 5 + LEASE + 1)) == 2
    leases.extend(conn, ["me"], 100)
    assert leases.expired_steps(conn, 99) == []


def test_a_lease_that_was_extended_after_it_was_seen_is_not_over(conn: Connection) -> None:
    steps(conn, 0)
    (step,) = claim(conn)
    assert leases.over(conn, step, 5 + LEASE + 1, keep=True)
    leases.extend(conn, ["me"], 100)
    assert not leases.over(conn, step, 5 + LEASE + 1)
    assert not leases.over(conn, replace(step, epoch=step.epoch + 1), 101)


def test_who_is_forsaken_has_no_lease(conn: Connection) -> None:
    steps(conn, 0)
    claim(conn)
    leases.forsake(conn, ["me"])
    assert [step.owner for step in leases.expired_steps(conn, 1)] == ["me"]


def test_what_an_owner_holds_is_known_by_epoch(conn: Connection) -> None:
    steps(conn, 0, 0)
    claimed = claim(conn)
    assert leases.held(conn, ["me"]) == {(step.id, 1) for step in claimed}
    assert leases.held(conn, ["you"]) == set()


def test_a_staged_step_is_taken_over_once(database: Database) -> None:
    with database.write() as conn:
        staged(conn)
    with database.read() as conn:
        (seen,) = leases.expired_steps(conn, 1000)
    barrier, won = Barrier(4), []

    def take(name: str) -> None:
        barrier.wait()
        with database.write() as conn:
            if leases.take_staged(conn, seen, 1000, Hold(name, 2000)):
                won.append(name)

    threads = [Thread(target=take, args=(f"e{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as conn:
        assert [conn.execute(select(step_run.c.owner)).scalar_one()] == won


def test_a_publish_is_taken_over_from_who_was_seen_at_it(conn: Connection) -> None:
    under_way(conn)
    assert queue.move_run(conn, "r", RunState.PUBLISHING, 2, engine="first", lease_until=10)
    assert leases.expired_publishes(conn, 9) == []
    assert leases.expired_publishes(conn, 11) == [("r", "first")]
    assert not leases.take_publish(conn, "r", "somebody", Hold("second", 30))
    assert leases.take_publish(conn, "r", "first", Hold("second", 30))
    assert not leases.take_publish(conn, "r", "first", Hold("third", 30))
    assert leases.expired_publishes(conn, 11) == []


def test_sessions_are_opened_heard_and_ended_once(conn: Connection) -> None:
    sessions.open_session(conn, elsewhere("a", 10))
    sessions.open_session(conn, elsewhere("a", 99))
    sessions.open_session(conn, elsewhere("b", 20, SessionKind.WORKER))
    sessions.touch(conn, ["a", "b"], 30)
    assert [(one.id, one.kind.value, one.beat) for one in sessions.open_sessions(conn)] == [
        ("a", "engine", 30),
        ("b", "worker", 30),
    ]
    sessions.end_session(conn, "a", 40)
    sessions.end_session(conn, "a", 50)
    found = sessions.find_session(conn, "a")
    assert found is not None
    assert found.ended == 40
    assert [one.id for one in sessions.open_sessions(conn)] == ["b"]


def test_only_a_process_of_this_boot_is_known_to_be_gone() -> None:
    here = sessions.this_process("a", 1, 0, lease=LEASE)
    assert not sessions.dead(here)
    assert sessions.dead(replace(here, pid_started=1))
    assert not sessions.dead(replace(here, pid_started=1, boot_id="other"))
    assert not sessions.dead(replace(here, pid_started=1, host="elsewhere"))


def test_nothing_waits_for_a_time_that_a_wrong_clock_told(conn: Connection) -> None:
    """All of it was written three hours ahead of what the clock says now."""
    now, ahead = 1_000_000, 10_800_000_000
    steps(conn, 0)
    claim(conn)
    conn.execute(update(step_run).values(lease_until=ahead))
    conn.execute(update(run).values(lease_until=ahead))
    sessions.open_session(conn, elsewhere("a", ahead))
    for _ in range(2):
        jumps.settle(conn, now, LEASE)
    assert conn.execute(select(step_run.c.lease_until)).scalar_one() == now + LEASE
    assert conn.execute(select(run.c.lease_until)).scalar_one() == now + LEASE
    assert sessions.open_sessions(conn)[0].beat == now
    jumps.settle(conn, now - 5, 2 * LEASE)
    assert conn.execute(select(step_run.c.lease_until)).scalar_one() == now + LEASE


def test_a_session_is_judged_by_its_own_lease(conn: Connection) -> None:
    """Whoever goes by a shorter one neither ends it nor shortens what it holds."""
    longer = replace(elsewhere("longer", 10), lease=10 * LEASE)
    sessions.open_session(conn, elsewhere("shorter", 10))
    sessions.open_session(conn, longer)
    reaping.forsake_dead(conn, 10 + 2 * LEASE + 1)
    assert [one.id for one in sessions.open_sessions(conn)] == ["longer"]
    steps(conn, 0)
    (step,) = claim(conn, owner="longer")
    conn.execute(update(step_run).values(lease_until=10 + 10 * LEASE))
    jumps.settle(conn, 10, LEASE)
    assert leases.expired_steps(conn, 10 + 9 * LEASE) == []
    assert queue.move_step(conn, step, StepState.RUNNING, 11)
    sessions.lengthen(conn, "longer", LEASE)
    leases.extend_afar(conn, {"longer": [step.id]}, 30, sessions.leases_of(conn, ["longer"]))
    assert leases.expired_steps(conn, 30 + 10 * LEASE) == []
    reaping.forsake_dead(conn, 10 + 20 * LEASE + 1)
    assert sessions.open_sessions(conn) == []
