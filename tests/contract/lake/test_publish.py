"""A publish is one commit on the target, made once, on a target that is still as planned."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from galley import faults
from galley.db.engine import Database
from galley.errors import (
    HeldError,
    InternalError,
    MergeConflictError,
    StaleRefError,
    WithdrawnError,
)
from galley.lake import tables as t
from galley.lake.commits import find_publish, history
from galley.lake.merge import MergeOutcome
from galley.lake.model import Change, IntentKind, Ref
from galley.lake.publish import Proposal, PublishPlan, apply_publish, plan_publish, prepare
from galley.lake.refs import set_fork_point
from galley.lake.trees import ledger, tree
from galley.lake.withdrawals import clear, held, hold_pipelines, holds, release, withdraw, withdrawn
from tests.lake_cast import SHOP, Shop, change, day, version, window, windows

pytestmark = pytest.mark.through_pooler


def propose(shop: Shop, run: Ref, tables: list[str] | None = None) -> Proposal:
    assert run.fork_point is not None
    return plan_publish(
        shop.conn,
        SHOP,
        source_head=shop.ref(run.name).head,
        fork_point=run.fork_point,
        target_ref="production",
        tables=tables,
    )


def plan(shop: Shop, run: Ref) -> PublishPlan:
    return prepare(propose(shop, run), run_id=run.name, message="daily")


def contents(shop: Shop) -> dict[str, str]:
    found = tree(shop.conn, shop.ref().head)
    return {name: version.content_id for name, version in found.items()}


def test_a_run_of_many_steps_is_one_line_of_the_history(shop: Shop) -> None:
    run = shop.start()
    shop.step(run, change("flights", "f1"))
    last = shop.step(run, change("delays", "d1"))
    commit = shop.finish(run, code="v1")
    assert history(shop.conn, SHOP, "production")[0] == commit
    assert (commit.depth, commit.merged_from, commit.run_id) == (1, last.id, run.name)
    assert contents(shop) == {"flights": "f1", "delays": "d1"}
    assert shop.ref().head == commit.id


def test_the_pointer_that_was_tested_is_the_pointer_that_is_published(shop: Shop) -> None:
    run = shop.start()
    shop.step(run, change("flights", "f1"))
    tested = tree(shop.conn, shop.ref(run.name).head)
    proposal = propose(shop, run)
    assert (proposal.merge.clean, proposal.target.head) == (True, proposal.base)
    shop.finish(run)
    assert tree(shop.conn, shop.ref().head) == tested


def test_a_target_that_moved_elsewhere_keeps_both(shop: Shop) -> None:
    run = shop.start()
    shop.step(run, change("flights", "f1"))
    shop.publish(change("planes", "p1"))
    assert propose(shop, run).target.head != run.fork_point
    shop.finish(run)
    assert contents(shop) == {"flights": "f1", "planes": "p1"}


def test_a_plan_for_an_older_head_changes_nothing(shop: Shop) -> None:
    first, second = shop.start(), shop.start()
    shop.step(first, change("flights", "f1"))
    shop.step(second, change("planes", "p1"))
    late = plan(shop, second)
    shop.finish(first)
    with pytest.raises(StaleRefError, match="production has changed"):
        apply_publish(shop.conn, late, actor="ben", now=shop.tick())
    assert contents(shop) == {"flights": "f1"}


def test_a_plan_for_an_older_generation_changes_nothing(shop: Shop) -> None:
    run = shop.start()
    shop.step(run, change("flights", "f1"))
    late = plan(shop, run)
    set_fork_point(shop.conn, shop.ref(), shop.ref().head, who="ana", why="r", now=shop.now)
    with pytest.raises(StaleRefError):
        apply_publish(shop.conn, late, actor="ana", now=shop.tick())


def test_a_run_is_published_once_however_often_it_is_asked_for(shop: Shop) -> None:
    run = shop.start()
    shop.step(run, change("flights", "f1"))
    made = plan(shop, run)
    first = apply_publish(shop.conn, made, actor="ana", now=shop.tick())
    shop.publish(change("flights", "f2"))
    assert apply_publish(shop.conn, made, actor="ana", now=shop.tick()) == first
    assert find_publish(shop.conn, run.name) == first
    assert contents(shop) == {"flights": "f2"}


def test_of_two_that_publish_at_once_one_wins_and_nothing_is_lost(database: Database) -> None:
    with database.write() as conn:
        shop = Shop(conn)
        plans = []
        for number in range(4):
            run = shop.start()
            shop.step(run, change(f"t{number}", "c"))
            plans.append(plan(shop, run))

    def publish(made: PublishPlan) -> bool:
        try:
            with database.write() as conn:
                apply_publish(conn, made, actor="ana", now=shop.now)
        except StaleRefError:
            return False
        return True

    with ThreadPoolExecutor() as pool:
        won = list(pool.map(publish, plans))
    assert sum(won) == 1
    with database.read() as conn:
        assert len(history(conn, SHOP, "production")) == 2
        moves = select(func.count()).where(t.ref_log.c.name == "production")
        assert conn.scalar(moves) == 2


@pytest.mark.parametrize("point", ["publish.before_move", "publish.after_move"])
def test_a_publish_that_dies_leaves_the_target_untouched(
    database: Database, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    with database.write() as conn:
        shop = Shop(conn)
        run = shop.start()
        shop.step(run, change("flights", "f1"))
        before, made = shop.ref(), plan(shop, run)
    monkeypatch.setattr(faults, "_faults", faults._parse(f"{point}:raise"))
    with pytest.raises(OSError, match=point), database.write() as conn:
        apply_publish(conn, made, actor="ana", now=shop.now)
    with database.write() as conn:
        assert Shop(conn).ref() == before
        assert find_publish(conn, run.name) is None
        apply_publish(conn, made, actor="ana", now=shop.now)


def test_different_windows_of_one_table_are_replayed(shop: Shop) -> None:
    shop.publish(windows("flights", "a", 1))
    run = shop.start()
    shop.step(run, windows("flights", "b", 2))
    shop.publish(windows("flights", "c", 3))
    proposal = propose(shop, run)
    (table,) = proposal.merge.tables
    assert (table.outcome, proposal.merge.clean) == (MergeOutcome.REPLAY, False)
    assert table.windows == (window(day(2), "b"),)
    with pytest.raises(InternalError, match="was not replayed"):
        prepare(proposal, run_id="r", message="m")
    replayed = replace(windows("flights", "b", 2), version=version("flights", "bc"))
    made = prepare(proposal, run_id="r", message="m", replayed={"flights": replayed})
    commit = apply_publish(shop.conn, made, actor="ana", now=shop.tick())
    found = ledger(shop.conn, commit.id, version("flights", "").table_id)
    assert set(found) == {day(1), day(2), day(3)}


def test_the_same_window_is_a_conflict_that_names_it(shop: Shop) -> None:
    shop.publish(windows("flights", "a", 1))
    run = shop.start()
    shop.step(run, windows("flights", "b", 2))
    shop.publish(windows("flights", "c", 2, 3))
    with pytest.raises(MergeConflictError, match=r"flights: both sides wrote window 2026-01-02"):
        plan(shop, run)
    assert contents(shop) == {"flights": "c"}


def test_only_selected_tables_are_published(shop: Shop) -> None:
    run = shop.start()
    shop.step(run, change("flights", "f1"), change("delays", "d1"))
    made = prepare(propose(shop, run, ["flights"]), run_id="r", message="m")
    apply_publish(shop.conn, made, actor="ana", now=shop.tick())
    assert contents(shop) == {"flights": "f1"}


def test_a_refresh_is_not_counted_as_the_kitchens_own_work(shop: Shop) -> None:
    shop.publish(change("flights", "f1"))
    kitchen = shop.open("kitchen/ana")
    shop.step(kitchen, change("mine", "m1"))
    newer = shop.publish(change("flights", "f2"))
    here = shop.ref("kitchen/ana")
    merged = plan_publish(
        shop.conn,
        SHOP,
        source_head=newer.id,
        fork_point=kitchen.head,
        target_ref="kitchen/ana",
    )
    made = prepare(merged, run_id="refresh", message="refresh")
    apply_publish(shop.conn, made, actor="ana", now=shop.tick())
    set_fork_point(shop.conn, shop.ref(here.name), newer.id, who="ana", why="refresh", now=shop.now)
    shop.publish(change("flights", "f3"))
    source = replace(shop.ref("kitchen/ana"))
    assert [table.table for table in propose(shop, source).merge.tables] == ["mine"]


def test_withdrawn_content_is_not_published(shop: Shop) -> None:
    run = shop.start()
    shop.step(run, change("flights", "bad"))
    withdraw(shop.conn, SHOP, ["bad"], commit="c", by="ben", reason="wrong holidays", now=shop.now)
    with pytest.raises(WithdrawnError, match=r"flights was withdrawn by ben .* wrong holidays"):
        shop.finish(run)
    assert set(withdrawn(shop.conn, SHOP, ["bad", "good"])) == {"bad"}
    assert withdrawn(shop.conn, "other", ["bad"]) == {}
    assert clear(shop.conn, SHOP, ["bad"], commits=["another"]) == 0
    assert clear(shop.conn, SHOP, ["bad"]) == 1
    shop.finish(run)


def test_what_was_made_from_withdrawn_content_is_not_published(shop: Shop) -> None:
    run = shop.start()
    made = version("delays", "d1", kind=IntentKind.REPLACE, inputs={"flights": "bad"})
    shop.step(run, Change("delays", made))
    withdraw(shop.conn, SHOP, ["bad"], commit="c", by="ben", reason="oops", now=shop.now)
    with pytest.raises(WithdrawnError, match="delays was made from a version of flights"):
        shop.finish(run)


def test_a_held_pipeline_publishes_once_released_or_changed(shop: Shop) -> None:
    run = shop.start()
    shop.step(run, change("flights", "f1"))
    hold_pipelines(
        shop.conn,
        SHOP,
        "production",
        [("daily", "code1")],
        commit=None,
        by="ben",
        reason="wrong holidays",
        now=shop.now,
    )
    mine = replace(plan(shop, run), pipeline="daily", pipeline_code="code1")
    with pytest.raises(HeldError, match=r"daily is held .* wrong holidays"):
        apply_publish(shop.conn, mine, actor="ana", now=shop.tick())
    assert held(shop.conn, SHOP, "production", "daily", "code2") is None
    assert held(shop.conn, SHOP, "staging", "daily", "code1") is None
    assert [hold.pipeline for hold in holds(shop.conn, SHOP, "production")] == ["daily"]
    assert release(shop.conn, SHOP, "production", "daily", by="ben", now=shop.now) == 1
    apply_publish(shop.conn, mine, actor="ana", now=shop.tick())
