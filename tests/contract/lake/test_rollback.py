"""A rollback is a new commit that shows an old state; what it takes back does not return."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from galley.errors import (
    MergeConflictError,
    RefNotFoundError,
    StaleRefError,
    TableNotFoundError,
    UsageError,
    WithdrawnError,
)
from galley.lake.commits import history
from galley.lake.diff import ColumnChange, TableChange, column_diffs, diff
from galley.lake.model import Change, Commit
from galley.lake.rollback import RollbackPlan, apply_rollback, plan_rollback
from galley.lake.trees import checkpoint, ledger, tree
from galley.lake.withdrawals import withdrawn
from tests.lake_cast import SCHEMA, SHOP, Shop, change, day, drop, version, windows


def plan(shop: Shop, ref: str = "production", *tables: str, to: str | None = None) -> RollbackPlan:
    return plan_rollback(shop.conn, SHOP, ref, now=shop.now, to=to, tables=tables or None)


def roll_back(shop: Shop, *tables: str, to: str | None = None, ref: str = "production") -> Commit:
    made = plan(shop, ref, *tables, to=to)
    return apply_rollback(shop.conn, made, actor="ben", reason="oops", now=shop.tick())


def contents(shop: Shop, ref: str = "production") -> dict[str, str]:
    found = tree(shop.conn, shop.ref(ref).head)
    return {name: version.content_id for name, version in found.items()}


def test_the_last_publish_is_taken_back_by_a_new_commit(shop: Shop) -> None:
    good = shop.publish(change("flights", "f1"), code="v1")
    bad = shop.publish(change("flights", "f2"), change("delays", "d2"), code="v2")
    made = plan(shop)
    assert (made.to.id, made.runs, made.others) == (good.id, (bad.run_id,), ())
    assert [(r.table, r.after is None) for r in made.returns] == [
        ("delays", True),
        ("flights", False),
    ]
    commit = apply_rollback(shop.conn, made, actor="ben", reason="oops", now=shop.tick())
    assert contents(shop) == {"flights": "f1"}
    assert (commit.parent, commit.tree_of, commit.code_version) == (bad.id, good.id, "v1")
    assert [line.id for line in history(shop.conn, SHOP, "production")][:3] == [
        commit.id,
        bad.id,
        good.id,
    ]
    assert set(withdrawn(shop.conn, SHOP, ["f1", "f2", "d2"])) == {"f2", "d2"}


def test_a_plan_reads_no_whole_versions(shop: Shop) -> None:
    """They hold schemas and lists of files: a wide rollback would spend its time on these."""
    shop.publish(windows("daily", "d1", 1), change("flights", "f1"))
    shop.publish(windows("daily", "d2", 1), change("flights", "f2"))
    said: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        said.append(statement)

    event.listen(shop.conn, "before_cursor_execute", note)
    made = plan(shop)
    event.remove(shop.conn, "before_cursor_execute", note)
    assert "d1-2026-01-01" in made.cleared
    assert "d2-2026-01-01" in made.withdrawn
    assert said
    assert not [text for text in said if "lake_entry.version" in text]


def test_what_was_taken_back_does_not_return_by_a_late_run(shop: Shop) -> None:
    shop.publish(change("flights", "f1"))
    shop.publish(change("flights", "bad"))
    reader, writer = shop.start(), shop.start()
    shop.step(reader, Change("delays", version("delays", "d", inputs={"flights": "bad"})))
    shop.step(writer, windows("flights", "more", 2))
    roll_back(shop)
    with pytest.raises(WithdrawnError, match="delays was made from"):
        shop.finish(reader)
    with pytest.raises(MergeConflictError):
        shop.finish(writer)
    again = shop.start()
    shop.step(again, change("flights", "bad"))
    with pytest.raises(WithdrawnError):
        shop.finish(again)
    assert contents(shop) == {"flights": "f1"}


def test_again_goes_one_publish_further_back(shop: Shop) -> None:
    for number in range(1, 4):
        shop.publish(change("flights", f"f{number}"))
    roll_back(shop)
    assert contents(shop) == {"flights": "f2"}
    roll_back(shop)
    assert contents(shop) == {"flights": "f1"}
    assert set(withdrawn(shop.conn, SHOP, ["f1", "f2", "f3"])) == {"f2", "f3"}


def test_rolling_forward_clears_what_returns(shop: Shop) -> None:
    shop.publish(change("flights", "f1"))
    second = shop.publish(change("flights", "f2"))
    roll_back(shop)
    roll_back(shop, to=second.id[:8])
    assert contents(shop) == {"flights": "f2"}
    assert withdrawn(shop.conn, SHOP, ["f1", "f2"]) == {}


def test_what_is_live_afterwards_is_never_withdrawn(shop: Shop) -> None:
    first = shop.publish(change("flights", "f1"), change("planes", "p1"))
    shop.publish(change("flights", "f2"))
    shop.publish(change("flights", "f1"), change("planes", "p2"))
    roll_back(shop, to=first.id)
    assert set(withdrawn(shop.conn, SHOP, ["f1", "f2", "p1", "p2"])) == {"f2", "p2"}
    shop.publish(change("flights", "f1"))


def test_publishes_since_are_listed_and_one_table_can_go_alone(shop: Shop) -> None:
    good = shop.publish(change("flights", "f1"), change("planes", "p1"), code="v1")
    shop.publish(change("flights", "bad"), code="v2")
    made = Change("delays", version("delays", "d1", inputs={"flights": "bad"}))
    later = shop.publish(made, change("planes", "p2"))
    assert [commit.id for commit in plan(shop, to=good.id).others] == [later.id]
    only = plan(shop, "production", "flights")
    assert (only.downstream, only.withdrawn, only.code_version) == (("delays",), ("bad",), "v2")
    assert only.others == ()
    roll_back(shop, "flights")
    assert contents(shop) == {"flights": "f1", "planes": "p2", "delays": "d1"}


def test_a_table_returns_with_its_windows(shop: Shop) -> None:
    shop.publish(windows("flights", "a", 1, 2))
    shop.publish(windows("flights", "b", 2, 3), change("planes", "p1"))
    commit = roll_back(shop, "flights")
    table_id = version("flights", "").table_id
    found = ledger(shop.conn, commit.id, table_id)
    assert {span: w.content_id[0] for span, w in found.items()} == {day(1): "a", day(2): "a"}
    checkpoint(shop.conn, commit.id)
    assert ledger(shop.conn, commit.id, table_id) == found
    assert set(contents(shop)) == {"flights", "planes"}


def test_one_table_again_and_again(shop: Shop) -> None:
    for number in range(1, 4):
        shop.publish(change("flights", f"f{number}"))
        shop.publish(change("planes", f"p{number}"))
    roll_back(shop, "flights")
    roll_back(shop, "flights")
    assert contents(shop) == {"flights": "f1", "planes": "p3"}
    roll_back(shop)
    assert contents(shop)["planes"] == "p2"


def test_a_dropped_table_comes_back(shop: Shop) -> None:
    shop.publish(windows("flights", "a", 1))
    shop.publish(drop("flights"))
    roll_back(shop, "flights")
    assert contents(shop) == {"flights": "a"}


def test_a_plan_for_an_older_head_changes_nothing(shop: Shop) -> None:
    shop.publish(change("flights", "f1"))
    shop.publish(change("flights", "f2"))
    late = plan(shop)
    shop.publish(change("flights", "f3"))
    with pytest.raises(StaleRefError):
        apply_rollback(shop.conn, late, actor="ben", reason="oops", now=shop.tick())


def test_a_kitchens_roll_forward_clears_nothing_of_production(shop: Shop) -> None:
    shop.publish(change("flights", "f1"))
    bad = shop.publish(change("flights", "bad"))
    roll_back(shop)
    kitchen = shop.open("kitchen/ana")
    shop.step(kitchen, change("flights", "mine"))
    with pytest.raises(UsageError, match="never at commit"):
        roll_back(shop, to=bad.id, ref="kitchen/ana")
    roll_back(shop, ref="kitchen/ana")
    assert contents(shop, "kitchen/ana") == {"flights": "f1"}
    assert set(withdrawn(shop.conn, SHOP, ["f1", "bad", "mine"])) == {"bad", "mine"}


def test_what_cannot_be_rolled_back_says_why(shop: Shop) -> None:
    with pytest.raises(UsageError, match="Nothing was published"):
        plan(shop)
    commit = shop.publish(change("flights", "f1"))
    with pytest.raises(UsageError, match="already shows"):
        plan(shop, to=commit.id)
    with pytest.raises(TableNotFoundError, match="Did you mean flights"):
        plan(shop, "production", "fligths")
    with pytest.raises(RefNotFoundError, match="Did you mean production"):
        plan(shop, "prod")


def test_a_diff_tells_tables_columns_and_rows(shop: Shop) -> None:
    before = shop.publish(change("flights", "f1"), change("planes", "p1"), change("same", "s"))
    schema = (
        {"id": 1, "name": "date", "type": "date"},
        {"id": 2, "name": "delay", "type": "long"},
        {"id": 3, "name": "origin", "type": "string"},
    )
    made = replace(version("flights", "f2", schema=schema), rows=12)
    shop.publish(Change("flights", made), drop("planes"))
    after = shop.publish(change("stores", "s1"))
    found = {entry.table: entry for entry in diff(shop.conn, before.id, after.id)}
    assert {name: entry.change for name, entry in found.items()} == {
        "flights": TableChange.CHANGED,
        "planes": TableChange.DROPPED,
        "stores": TableChange.ADDED,
    }
    flights = found["flights"]
    assert (flights.rows, flights.bytes, len(flights.intents)) == ((10, 12), (1000, 1000), 1)
    assert {(c.name, c.change, c.before, c.after) for c in flights.columns} == {
        ("date", ColumnChange.RENAMED, "day", "date"),
        ("delay", ColumnChange.RETYPED, "int", "long"),
        ("origin", ColumnChange.ADDED, None, "string"),
    }
    assert diff(shop.conn, after.id, after.id) == []
    assert [c.change for c in column_diffs(schema, SCHEMA[1:])].count(ColumnChange.DROPPED) == 2
