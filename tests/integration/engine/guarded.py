"""Races, each of which one guard decides. Every function fails if its guard is missing.

They need no worker: what an attempt would have made is made up. ``python -m`` runs one by name.
"""

from __future__ import annotations

import sys
import tempfile
import traceback
from contextlib import suppress
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, delete, select, update

from galley.environments.home import Home
from galley.errors import CollectedError, StaleRefError, WithdrawnError
from galley.lake import collect, refs
from galley.lake.collect import Policy
from galley.lake.model import PRODUCTION, Change
from galley.lake.publish import PublishPlan, apply_publish, plan_publish, prepare
from galley.lake.refs import delete_ref
from galley.lake.trees import tree
from galley.lake.withdrawals import withdraw
from galley.runs import attempts, claims, findings, queue, recovery
from galley.runs.attempts import Attempt
from galley.runs.claims import Taker
from galley.runs.leases import LEASE, Hold
from galley.runs.live import LiveRun
from galley.runs.model import Reason, StepState
from galley.runs.planning import Move, StepPlan
from galley.runs.pool import PoolSettings
from galley.runs.protocol import StepDone, TaskFailed
from galley.runs.starting import start_run
from galley.runs.tables import attempt, step_run
from tests.integration.engine.kit import WarmPool, Works
from tests.lake_cast import Shop, change, version

NO_WORKERS = PoolSettings(slots=1, log_dir=Path("unused"), entry="none:none")


def a_zombie_finishes(root: Path) -> None:
    """A step was given to somebody else; the first owner's work must not count."""
    works, live = _started(root)
    home = works.home
    with home.database.write() as conn:
        first = _begin(conn, home, live)
    with home.database.write() as conn:
        recovery._requeue(conn, works.site, live, "next", set())
        second = _begin(conn, home, live)
        assert second.step_run.epoch == first.step_run.epoch + 1
    with home.database.write() as conn:
        # The judges of a step's tests have no attempt: the epoch is all that tells them apart.
        moved = queue.move_step(conn, first.step_run, StepState.FAILED, home.clock())
        assert not moved, "a zombie moved a step"
        assert _finish(conn, home, live, first, "zombie") is None
        assert _finish(conn, home, live, second, "owner") is not None
        head = refs.get_ref(conn, works.name, live.run.ref_name).head
        assert tree(conn, head)["one"].content_id == "owner"


def a_lost_claim_is_answered(root: Path) -> None:
    """A crash of the database lost a claim, and the next one got its epoch: only that counts."""
    works, live = _started(root)
    home = works.home
    with home.database.write() as conn:
        before = dict(conn.execute(select(step_run)).one()._mapping)
        first = _begin(conn, home, live)
    with home.database.write() as conn:
        refs.drop_attempt(conn, works.name, attempts.attempt_ref(first.step_run))
        conn.execute(delete(attempt))
        conn.execute(update(step_run).values(before))
    with home.database.write() as conn:
        second = _begin(conn, home, live)
        assert second.step_run.epoch == first.step_run.epoch
    with home.database.write() as conn:
        assert _finish(conn, home, live, first, "lost") is None, "a lost claim counted"
        failed = TaskFailed("failed", Reason.USER_ERROR.value, "E", "it failed")
        assert attempts.fail(conn, live, first, failed, home.clock()) is None
        held = refs.find_ref(conn, works.name, attempts.attempt_ref(second.step_run))
        assert held is not None, "the ref is the second one's"
        assert _finish(conn, home, live, second, "owner") is not None


def two_publish_at_once(root: Path) -> None:
    """Both plan on one head; the second must plan again, or the first one's table is lost."""
    with Works(root, no_workers()).home.database.write() as conn:
        shop = Shop(conn)
        one, two = _proposed(shop, "one"), _proposed(shop, "two")
        apply_publish(conn, one, actor="ana", now=shop.tick())
        with suppress(StaleRefError), conn.begin_nested():
            apply_publish(conn, two, actor="ben", now=shop.tick())
        assert set(tree(conn, shop.ref().head)) == {"one"}, "a publish was lost"


def what_was_withdrawn_is_asked_for(root: Path) -> None:
    """A version that a rollback took back is neither found again nor published."""
    with Works(root, no_workers()).home.database.write() as conn:
        shop = Shop(conn)
        found = findings.Result("key", "one", "bad", "run", "one", {})
        findings.save_results(conn, "shop", [found], shop.tick())
        assert findings.find_results(conn, "shop", ["key"])
        head = shop.ref().head
        withdraw(conn, "shop", ["bad"], commit=head, by="ana", reason="x", now=shop.tick())
        assert findings.find_results(conn, "shop", ["key"]) == {}, "found again"
        try:
            shop.publish(change("one", "bad"))
        except WithdrawnError:
            return
        raise AssertionError("published again")


def what_is_collected_is_asked_for(root: Path) -> None:
    """A version was doomed between being found and being taken over: its files are going."""
    with Works(root, no_workers()).home.database.write() as conn:
        shop = Shop(conn)
        lost = shop.start()
        shop.step(lost, change("one", "left"))
        delete_ref(conn, shop.ref(lost.name), who="ana", why="expired", now=shop.tick())
        policy = Policy(quarantine=1)
        for act in (_condemn, collect.doom):
            now = shop.tick()
            plan = collect.plan(conn, "shop", now, policy, _no_pins)
            act(conn, plan, plan.condemn or plan.doom, policy=policy, pins=_no_pins, now=now)
        try:
            shop.publish(change("one", "left"))
        except CollectedError:
            return
        raise AssertionError("published without files")


def _no_pins(_: Connection) -> tuple[str, ...]:
    """No run is under way."""
    return ()


_condemn = partial(collect.condemn, by="ana")


def no_workers() -> WarmPool:
    """Workers that are never started."""
    return WarmPool(NO_WORKERS)


def _started(root: Path) -> tuple[Works, LiveRun]:
    works = Works(root, no_workers())
    works.python("one", "@step\ndef one():\n    return []")
    run = works.launch()
    with works.home.database.write() as conn:
        live = start_run(conn, works.site, run, "engine", works.home.clock())
        assert live is not None
        return works, live


def _begin(conn: Connection, home: Home, live: LiveRun) -> Attempt:
    now = home.clock()
    claimed = claims.claim(conn, Taker("engine", 1, now + LEASE), now)
    plan = StepPlan("one", Move.RUN, "", "key", False, "identity")
    scene = live.scene(conn)
    found = attempts.draft(live, claimed[0], plan, scene)
    assert attempts.begin(conn, live, found, scene, now)
    return found


def _finish(
    conn: Connection, home: Home, live: LiveRun, of: Attempt, content: str
) -> tuple[Change, ...] | None:
    made = Change("one", version("one", content))
    done = StepDone("step_done", (made,), 1, 1, 0.1)
    return attempts.finish(
        conn, live, of, done, probe=None, hold=Hold("engine", 0), now=home.clock()
    )


def _proposed(shop: Shop, table: str) -> PublishPlan:
    run = shop.start()
    shop.step(run, change(table, "new"))
    assert run.fork_point is not None
    proposal = plan_publish(
        shop.conn,
        "shop",
        source_head=shop.ref(run.name).head,
        fork_point=run.fork_point,
        target_ref=PRODUCTION,
    )
    return prepare(proposal, run_id=run.name, message=table)


RACES = {
    one.__name__: one
    for one in (
        a_zombie_finishes,
        a_lost_claim_is_answered,
        two_publish_at_once,
        what_was_withdrawn_is_asked_for,
        what_is_collected_is_asked_for,
    )
}


def lost(race: str, root: Path) -> str:
    """How a race was lost; nothing if its guard held."""
    try:
        RACES[race](root)
    except AssertionError:
        return traceback.format_exc()
    return ""


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        RACES[sys.argv[1]](Path(folder))
