"""Who holds limits and who is there, as both databases tell it."""

import pytest
from sqlalchemy import Connection

from galley.environments.inspect_waits import list_waits, pool_facts, run_waits
from galley.runs import claims, queue, records, sessions
from galley.runs.groups import Group
from galley.runs.leases import LEASE
from galley.runs.model import StepState
from galley.runs.sessions import SessionKind
from tests.queue_cast import a_run, claim, steps

pytestmark = pytest.mark.through_pooler

POOL = Group((), ("shop/pool/db",)).text
GPU = Group(("gpu",), ()).text


@pytest.fixture
def busy(conn: Connection) -> Connection:
    """Run ``r1`` holds the only slot of a pool that ``r2`` and half of itself wait for."""
    claims.set_limits(conn, {"shop/pool/db": 1, "other/pool/db": 3}, 1)
    steps(conn, 0, 0, run="r1", grouping=POOL)
    assert len(claim(conn, 1, owner="far")) == 1
    steps(conn, 0, run="r2", grouping=POOL)
    steps(conn, 0, 1, run="r3", grouping=GPU)
    far = sessions.this_process("far", 4, 5, lease=LEASE, kind=SessionKind.WORKER, labels=("big",))
    engine = sessions.this_process("engine", 0, 5, lease=LEASE)
    for one in (far, engine):
        sessions.open_session(conn, one)
    return conn


def test_pools_show_who_holds_them_and_who_works(busy: Connection) -> None:
    facts = pool_facts(busy, "shop", 5)
    (pool,) = facts["pools"]
    assert (pool["name"], pool["slots"], pool["at_work"]) == ("db", 1, 1)
    assert (pool["waiting"], pool["runs"]) == (2, ["r1"])
    (worker,) = facts["workers"]
    assert (worker["session"], worker["labels"], worker["at_work"]) == ("far", ["big"], 1)
    assert pool_facts(busy, "shop", 6 + 2 * LEASE)["workers"] == []


def test_runs_say_what_they_wait_for(busy: Connection) -> None:
    a_run(busy, "r4")
    found = [records.get_run(busy, id) for id in ("r1", "r2", "r3", "r4")]
    said = list_waits(busy, found, 5)
    assert said.keys() == {"r2", "r3", "r4"}
    assert said["r2"] == "pool db is full: 1 of 1, by run r1"
    assert said["r3"].startswith("no worker has the label gpu; there are ")
    assert said["r4"] == "waits for runs r1, r2, r3 to end"


def test_steps_say_what_they_wait_for(busy: Connection) -> None:
    claims.set_limits(busy, {"shop/pool/db": 2}, 2)
    (taken,) = claim(busy, 1, labels=("big",))
    queue.move_step(busy, taken, StepState.RETRY_WAIT, 5, not_before=9_000_000)
    found = {id: run_waits(busy, records.get_run(busy, id), 5) for id in ("r1", "r2", "r3")}
    said = [wait["said"] for wait in found[taken.run_id]]
    assert said == ["is tried again at 1970-01-01T00:00:09Z"]
    labels = [(wait["step"], wait["cause"]) for wait in found["r3"]]
    assert labels == [("s0", "labels"), ("s1", "steps")]
