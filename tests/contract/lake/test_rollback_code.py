"""The code of an environment is part of its state; a rollback that finds nothing says why."""

import pytest

from galley.errors import TableNotFoundError, UsageError
from galley.lake.model import Commit
from galley.lake.rollback import RollbackPlan, apply_rollback, plan_rollback
from tests.lake_cast import SHOP, Shop, change


def plan(shop: Shop, *tables: str, to: str | None = None, ref: str = "production") -> RollbackPlan:
    return plan_rollback(shop.conn, SHOP, ref, now=shop.now, to=to, tables=tables or None)


def roll_back(shop: Shop, *tables: str, to: str | None = None) -> Commit:
    made = plan(shop, *tables, to=to)
    return apply_rollback(shop.conn, made, actor="ben", reason="oops", now=shop.tick())


def test_code_alone_is_taken_back_and_forward_again(shop: Shop) -> None:
    good = shop.publish(change("flights", "f1"), code="v1")
    bad = shop.publish(code="v2")
    made = plan(shop)
    assert (made.to.id, made.returns, made.runs) == (good.id, (), (bad.run_id,))
    assert (made.code_before, made.code_version, made.code_returns) == ("v2", "v1", True)
    assert (made.withdrawn, made.downstream) == ((), ())
    assert roll_back(shop).code_version == "v1"
    forward = roll_back(shop, to=bad.id)
    assert (forward.code_version, forward.tree_of) == ("v2", bad.id)
    with pytest.raises(UsageError, match="already shows"):
        plan(shop, to=bad.id)


def test_code_that_was_taken_back_does_not_count_again(shop: Shop) -> None:
    first = shop.publish(change("flights", "f1"), code="v1")
    second = shop.publish(code="v2")
    rolled = roll_back(shop)
    made = plan(shop)
    assert second in made.taken_back
    assert ([one.id for one in made.going], made.others) == ([rolled.id, first.id], ())
    assert made.runs == (first.run_id,)
    assert [(one.table, one.after) for one in made.returns] == [("flights", None)]
    assert (made.code_before, made.code_version) == ("v1", None)


def test_one_table_returns_without_the_code(shop: Shop) -> None:
    shop.publish(change("flights", "f1"), code="v1")
    shop.publish(change("flights", "f2"), code="v2")
    made = plan(shop, "flights")
    assert (made.code_version, made.code_returns) == ("v2", False)
    shop.publish(code="v3")
    assert plan(shop, "flights").returns == made.returns


def test_a_kitchen_has_no_version_of_its_own(shop: Shop) -> None:
    shop.publish(change("flights", "f1"), code="v1")
    shop.open("kitchen/ana")
    shop.publish(change("flights", "f2"), target="kitchen/ana", code="v2")
    assert not plan(shop, ref="kitchen/ana").code_returns


def test_where_everything_is_taken_back_already(shop: Shop) -> None:
    published = shop.publish(change("flights", "f1"), change("planes", "p1"))
    roll_back(shop, "flights")
    with pytest.raises(UsageError, match="Every publish of flights to production is taken back"):
        plan(shop, "flights")
    back = roll_back(shop)
    with pytest.raises(UsageError) as caught:
        plan(shop)
    assert f"the last rollback, {back.id} by ben" in caught.value.message
    assert f"returned it to commit {published.parent}" in caught.value.message
    assert f"--to {back.parent}" in (caught.value.hint or "")
    assert roll_back(shop, to=published.id).tree_of == published.id


def test_unknown_tables_are_all_named(shop: Shop) -> None:
    shop.publish(change("flights", "f1"), change("planes", "p1"))
    with pytest.raises(TableNotFoundError, match=r"no table flihts, plnes") as caught:
        plan(shop, "flihts", "planes", "plnes")
    assert caught.value.hint == "Did you mean flights for flihts, planes for plnes?"
    with pytest.raises(TableNotFoundError) as caught:
        plan(shop, "qqq")
    assert caught.value.hint == "There are: flights, planes"
