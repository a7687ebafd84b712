"""Refs move forward only, by compare-and-set, and are found by what people write."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from galley.clock import iso
from galley.db.engine import Database
from galley.errors import (
    ConflictError,
    ProtectedRefError,
    RefNotFoundError,
    StaleRefError,
    UsageError,
)
from galley.lake import tables as t
from galley.lake.commits import get_commit
from galley.lake.model import RefKind
from galley.lake.refs import (
    create_ref,
    delete_ref,
    ensure_project,
    find_ref,
    list_refs,
    move_ref,
    resolve,
    set_expiry,
    set_fork_point,
    tag,
)
from tests.lake_cast import SHOP, Shop, change

pytestmark = pytest.mark.through_pooler


def test_a_project_begins_with_an_empty_protected_production(shop: Shop) -> None:
    production = shop.ref()
    ensure_project(shop.conn, SHOP, actor="ben", now=shop.tick())
    assert shop.ref() == production
    assert (production.protected, production.owner) == (True, "ana")
    assert get_commit(shop.conn, production.head).depth == 0


def test_a_project_made_by_two_at_once_is_made_once(database: Database) -> None:
    def make(actor: str) -> str:
        with database.write() as conn:
            ensure_project(conn, SHOP, actor=actor, now=1)
            found = find_ref(conn, SHOP, "production")
            assert found is not None
            return found.owner

    with ThreadPoolExecutor() as pool:
        owners = set(pool.map(make, ["ana", "ben", "cleo", "ana", "ben"]))
    assert len(owners) == 1
    with database.read() as conn:
        assert conn.scalar(select(func.count()).select_from(t.ref_log)) == 1


def test_a_move_is_refused_to_whoever_read_the_ref_before_another_moved_it(shop: Shop) -> None:
    kitchen = shop.open("kitchen/ana")
    mine = shop.write(kitchen.head, [change("flights", "f1")])
    theirs = shop.write(kitchen.head, [change("flights", "f2")])
    moved = move_ref(shop.conn, kitchen, theirs.id, who="ben", why="first", now=shop.now)
    with pytest.raises(StaleRefError, match=theirs.id):
        move_ref(shop.conn, kitchen, mine.id, who="ana", why="second", now=shop.now)
    assert shop.ref("kitchen/ana") == moved
    assert moved.generation == kitchen.generation + 1


def test_a_generation_counts_even_where_the_head_is_the_same(shop: Shop) -> None:
    kitchen = shop.open("kitchen/ana")
    mine = shop.write(kitchen.head, [change("flights", "f1")])
    set_fork_point(shop.conn, kitchen, kitchen.head, who="ben", why="refresh", now=shop.now)
    with pytest.raises(StaleRefError):
        move_ref(shop.conn, kitchen, mine.id, who="ana", why="late", now=shop.now)


def test_heads_never_move_backwards_or_sideways(shop: Shop) -> None:
    old = shop.ref().head
    shop.publish(change("flights", "f1"))
    production = shop.ref()
    for commit in (old, shop.write(old, [change("flights", "f2")]).id):
        with pytest.raises(StaleRefError, match="only moves forward"):
            move_ref(shop.conn, production, commit, who="ana", why="back", now=shop.now)


def test_a_taken_name_says_by_whom(shop: Shop) -> None:
    shop.open("kitchen/ana")
    head = shop.ref().head
    with pytest.raises(ConflictError, match="kitchen/ana is taken by ana"):
        create_ref(shop.conn, SHOP, "kitchen/ana", RefKind.KITCHEN, head, owner="ben", now=shop.now)


def test_a_deleted_and_recreated_ref_is_not_the_one_that_was_read(shop: Shop) -> None:
    before = shop.open("kitchen/ana")
    mine = shop.write(before.head, [change("flights", "f1")])
    delete_ref(shop.conn, before, who="ana", why="done", now=shop.tick())
    assert find_ref(shop.conn, SHOP, "kitchen/ana") is None
    again = shop.open("kitchen/ana")
    assert again.head == before.head
    with pytest.raises(StaleRefError):
        move_ref(shop.conn, before, mine.id, who="ana", why="late", now=shop.now)


def test_deleting_respects_protection_and_changes_of_others(shop: Shop) -> None:
    with pytest.raises(ProtectedRefError):
        delete_ref(shop.conn, shop.ref(), who="ben", why="tidy", now=shop.now)
    kitchen = shop.open("kitchen/ana")
    shop.step(kitchen, change("flights", "f1"))
    with pytest.raises(StaleRefError):
        delete_ref(shop.conn, kitchen, who="ana", why="tidy", now=shop.now)


def test_renewing_does_not_make_work_stale(shop: Shop) -> None:
    kitchen = shop.open("kitchen/ana")
    assert set_expiry(shop.conn, kitchen, 7).expires_at == 7
    assert shop.ref("kitchen/ana").expires_at == 7
    gone = replace(kitchen, name="kitchen/gone")
    with pytest.raises(StaleRefError):
        set_expiry(shop.conn, gone, 7)
    shop.step(kitchen, change("flights", "f1"))


def test_refs_are_listed_by_kind(shop: Shop) -> None:
    shop.open("kitchen/ben")
    shop.open("kitchen/ana")
    shop.start()
    assert [ref.name for ref in list_refs(shop.conn, SHOP)] == [
        "kitchen/ana",
        "kitchen/ben",
        "production",
    ]
    assert [ref.name for ref in list_refs(shop.conn, SHOP, [RefKind.RUN])] == ["run/r1"]


def test_a_ref_follows_and_everything_else_is_pinned(shop: Shop) -> None:
    first = shop.publish(change("flights", "f1"))
    tag(shop.conn, SHOP, "audit", first.id, owner="ana", now=shop.tick())
    second = shop.publish(change("flights", "f2"))

    def commit(text: str) -> tuple[str, bool]:
        target = resolve(shop.conn, SHOP, text, shop.now)
        return target.commit, target.pinned

    assert commit("production") == (second.id, False)
    assert commit("production@now") == (second.id, True)
    assert commit(f"production@{first.id[:8]}") == (first.id, True)
    assert commit("tag/audit") == (first.id, True)


def test_a_time_means_what_the_ref_showed_then(shop: Shop) -> None:
    first = shop.publish(change("flights", "f1"))
    second = shop.publish(change("flights", "f2"))

    def commit(moment: int) -> str:
        return resolve(shop.conn, SHOP, f"production@{iso(moment)}", shop.now).commit

    assert commit(first.created) == first.id
    assert commit(second.created - 1) == first.id
    assert commit(second.created) == second.id
    shop.conn.execute(t.ref_log.delete())
    assert commit(second.created - 1) == first.id


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("prodution", RefNotFoundError, "Did you mean production?"),
        ("ana", RefNotFoundError, "Did you mean kitchen/ana?"),
        ("production@zzzzzzzz", RefNotFoundError, "Did you mean production@"),
        ("production@abc", UsageError, "at least 6 characters"),
        ("production@2026-13-01", UsageError, "Write 2026-01-31"),
        ("production@2525-01-01", UsageError, "has not come yet"),
        ("production@1999-01-01", RefNotFoundError, "it was made at"),
    ],
)
def test_a_wrong_target_says_what_would_be_right(
    shop: Shop, text: str, error: type[Exception], says: str
) -> None:
    shop.open("kitchen/ana")
    with pytest.raises(error, match=says.replace("?", r"\?")):
        resolve(shop.conn, SHOP, text, shop.now)
