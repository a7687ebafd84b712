"""Condemned, doomed, gone: what collection may do, and what a new root does about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Connection, select

from galley.errors import CollectedError, RefNotFoundError
from galley.lake import collect
from galley.lake import tables as t
from galley.lake.collect import DAY, HOUR, Policy
from galley.lake.commits import get_commit, write_commit
from galley.lake.model import PRODUCTION, CommitKind, RefKind
from galley.lake.refs import create_ref, delete_ref, set_fork_point, tag
from galley.lake.rollback import apply_rollback, plan_rollback
from tests.lake_cast import SHOP, Shop, change, version

FRUGAL = Policy(history=DAY, publishes=1, quarantine=24 * HOUR)


@dataclass
class Keeper:
    """Collects the shop; ``pins`` are commits that runs under way need."""

    shop: Shop
    policy: Policy = FRUGAL
    pins: tuple[str, ...] = ()

    def plan(self) -> collect.Plan:
        return collect.plan(self.shop.conn, SHOP, self.shop.now, self.policy, lambda _: self.pins)

    def terms(self) -> dict[str, Any]:
        return {"policy": self.policy, "pins": lambda _: self.pins, "now": self.shop.now}

    def condemn(self, plan: collect.Plan | None = None) -> set[str]:
        """The contents that are condemned now."""
        plan = plan or self.plan()
        done = collect.condemn(self.shop.conn, plan, plan.condemn, **self.terms(), by="ana")
        return {item.content_id for item in done}

    def doom(self, plan: collect.Plan | None = None) -> set[str]:
        """The contents that are doomed now."""
        plan = plan or self.plan()
        done = collect.doom(self.shop.conn, plan, plan.doom, **self.terms())
        return {item.content_id for item in done}

    def wait(self, days: float = 1.1) -> None:
        self.shop.now += int(days * DAY)

    def standing(self) -> set[str]:
        """The contents that have a row."""
        return set(self.shop.conn.scalars(select(t.condemned.c.content_id)))


@pytest.fixture
def keeper(shop: Shop) -> Keeper:
    return Keeper(shop)


def aged(keeper: Keeper) -> str:
    """Three publishes of one table, a day apart; the first commit, which nothing keeps."""
    shop, made = keeper.shop, []
    for content in ("one", "two", "three"):
        made.append(shop.publish(change("orders", content)).id)
        delete_ref(shop.conn, shop.ref(f"run/r{shop.runs}"), who="ana", why="", now=shop.now)
        keeper.wait()
    return made[0]


def test_what_nothing_keeps_is_condemned_then_doomed(keeper: Keeper) -> None:
    aged(keeper)
    assert keeper.condemn() == {"one"}
    assert keeper.condemn() == set()
    keeper.wait(0.5)
    assert keeper.doom() == set(), "still in quarantine"
    assert keeper.plan().waiting == 1
    keeper.wait(0.6)
    assert keeper.doom() == {"one"}
    assert keeper.doom() == set()
    assert [item.content_id for item in keeper.plan().unfinished] == ["one"]


@pytest.mark.parametrize("keeps", ["tag", "hold", "pin", "kitchen", "fork point", "publishes"])
def test_a_root_keeps_what_it_reaches(keeper: Keeper, keeps: str) -> None:
    first = aged(keeper)
    conn, shop = keeper.shop.conn, keeper.shop
    if keeps == "tag":
        tag(conn, SHOP, "first", first, owner="ana", now=shop.now)
    elif keeps == "hold":
        row = {"commit_id": first, "holder": "ana", "until": shop.now + DAY}
        conn.execute(t.hold.insert().values(**row))
    elif keeps == "pin":
        keeper.pins = (first,)
    elif keeps == "publishes":
        keeper.policy = Policy(history=DAY, publishes=3, quarantine=DAY)
    else:
        head = first if keeps == "kitchen" else shop.ref().head
        ref = create_ref(
            conn, SHOP, "kitchen/ana", RefKind.KITCHEN, head, owner="ana", now=shop.now
        )
        set_fork_point(conn, ref, first, who="ana", why="x", now=shop.now - 9 * DAY)
    assert keeper.condemn() == set()


def test_a_ref_of_the_recent_past_is_kept_and_a_run_ref_is_not(keeper: Keeper) -> None:
    shop = keeper.shop
    shop.publish(change("orders", "one"))
    kitchen, run = shop.open("kitchen/ana"), shop.start()
    shop.step(kitchen, change("orders", "cooked"))
    shop.step(run, change("orders", "tried"))
    for ref in (kitchen, run):
        delete_ref(shop.conn, shop.ref(ref.name), who="ana", why="closed", now=shop.tick())
    assert keeper.condemn() == {"tried"}
    keeper.wait(2)
    assert keeper.condemn() == {"cooked"}


REVIVALS: dict[str, Callable[[Keeper, str], object]] = {
    "tag": lambda k, c: tag(k.shop.conn, SHOP, "old", c, owner="ana", now=k.shop.now),
    "reuse": lambda k, c: k.shop.publish(change("orders", "one")),
    "rollback": lambda k, c: roll_back(k, c),
    "kitchen": lambda k, c: create_ref(
        k.shop.conn, SHOP, "kitchen/b", RefKind.KITCHEN, c, owner="ben", now=k.shop.now
    ),
    "refresh": lambda k, c: set_fork_point(
        k.shop.conn, k.shop.open("kitchen/c"), c, who="ana", why="x", now=k.shop.now
    ),
    "adoption": lambda k, c: write_commit(
        k.shop.conn,
        project=SHOP,
        parent=get_commit(k.shop.conn, k.shop.ref().head),
        kind=CommitKind.STEP,
        author="ana",
        message="adopt",
        now=k.shop.now,
        changes=[change("orders", "four")],
        takes=[version("orders", "one").location],
    ),
}


def roll_back(keeper: Keeper, commit: str) -> None:
    conn, now = keeper.shop.conn, keeper.shop.now
    plan = plan_rollback(conn, SHOP, PRODUCTION, now=now, to=commit)
    apply_rollback(conn, plan, actor="ana", reason="x", now=now)


@pytest.mark.parametrize("how", REVIVALS)
def test_a_new_root_revives_what_was_condemned(keeper: Keeper, how: str) -> None:
    first = aged(keeper)
    keeper.condemn()
    keeper.wait()
    planned = keeper.plan()
    assert len(planned.doom) == 1
    REVIVALS[how](keeper, first)
    assert keeper.standing() == set()
    assert keeper.doom(planned) == set()


@pytest.mark.parametrize("how", REVIVALS)
def test_a_new_root_is_refused_once_the_files_go(keeper: Keeper, how: str) -> None:
    first = aged(keeper)
    keeper.condemn()
    keeper.wait()
    keeper.doom()
    with pytest.raises(CollectedError, match="orders was collected"):
        REVIVALS[how](keeper, first)


def test_what_a_root_reached_meanwhile_is_not_condemned(keeper: Keeper) -> None:
    first = aged(keeper)
    planned = keeper.plan()
    tag(keeper.shop.conn, SHOP, "old", first, owner="ana", now=keeper.shop.now)
    assert keeper.condemn(planned) == set()


def test_a_root_that_came_by_no_door_saves_its_versions(keeper: Keeper) -> None:
    """Nothing but the door writes roots; were it otherwise, nothing would be lost by it."""
    first = aged(keeper)
    keeper.condemn()
    keeper.wait()
    planned = keeper.plan()
    row = {"commit_id": first, "holder": "ana", "until": None}
    keeper.shop.conn.execute(t.hold.insert().values(**row))
    assert len(keeper.plan().revive) == 1
    assert keeper.doom(planned) == set()
    assert keeper.standing() == set()


def test_commits_of_dead_refs_are_forgotten_with_their_versions(keeper: Keeper) -> None:
    shop = keeper.shop
    run = shop.start()
    tried = shop.step(run, change("orders", "tried"))
    shop.finish(run)
    delete_ref(shop.conn, shop.ref(run.name), who="ana", why="published", now=shop.tick())
    lost = shop.start()
    failed = shop.step(lost, change("orders", "failed"))
    delete_ref(shop.conn, shop.ref(lost.name), who="ana", why="expired", now=shop.tick())
    keeper.wait()
    assert keeper.plan().commits == (), "one was published, of the other a version is there"
    keeper.condemn()
    keeper.wait()
    keeper.doom()
    plan = keeper.plan()
    collect.note_removed(shop.conn, SHOP, collect.places(plan.unfinished), shop.now)
    assert set(collect.forget(shop.conn, keeper.plan(), **keeper.terms())) == {failed.id}
    assert get_commit(shop.conn, tried.id) == tried
    with pytest.raises(RefNotFoundError):
        tag(shop.conn, SHOP, "gone", failed.id, owner="ana", now=shop.now)
    assert keeper.standing() == {"failed"}, "who had found it before is still told"
    keeper.wait(8)
    collect.forget(shop.conn, keeper.plan(), **keeper.terms())
    assert keeper.standing() == set()


def test_the_turn_is_taken_once_a_day(conn: Connection) -> None:
    assert collect.last_turn(conn, SHOP) is None
    assert collect.take_turn(conn, SHOP, 2 * DAY, DAY) == ""
    assert collect.take_turn(conn, SHOP, 2 * DAY, DAY) is None
    collect.end_turn(conn, SHOP, "shop/orders-12345678")
    assert collect.take_turn(conn, SHOP, 3 * DAY, DAY) == "shop/orders-12345678"
