"""What was replayed onto a moved target is taken back under every content id that it has."""

from dataclasses import replace

import pytest

from galley.lake.model import Change, Commit, IntentKind, WindowEntry
from galley.lake.publish import apply_publish, plan_publish, prepare
from galley.lake.rollback import apply_rollback, plan_rollback
from galley.lake.trees import checkpoint
from galley.lake.withdrawals import withdrawn
from tests.lake_cast import SHOP, Shop, change, day, version

FILES = ("run/1.parquet", "run/2.parquet")


def entry(
    content: str, number: int = 2, key: str = "key", files: tuple[str, ...] = FILES
) -> Change:
    """One day of ``daily``, by its content id."""
    made = version("daily", f"daily-{content}", kind=IntentKind.WINDOW, spans=(day(number),))
    return Change("daily", made, windows=(WindowEntry(day(number), key, content, files),))


def publish_replayed(shop: Shop, own: Change, replayed: Change, meanwhile: Change) -> Commit:
    """A run whose target moves in the same table before it publishes."""
    run = shop.start()
    shop.step(run, own)
    shop.publish(meanwhile)
    assert run.fork_point is not None
    proposal = plan_publish(
        shop.conn,
        SHOP,
        source_head=shop.ref(run.name).head,
        fork_point=run.fork_point,
        target_ref="production",
    )
    assert not proposal.merge.clean
    made = {replayed.table: replace(replayed, expected=None)}
    plan = prepare(proposal, run_id=run.name, message="replayed", replayed=made)
    return apply_publish(shop.conn, plan, actor="ana", now=shop.tick())


def roll_back(shop: Shop, *tables: str, to: str | None = None) -> None:
    plan = plan_rollback(shop.conn, SHOP, "production", now=shop.now, to=to, tables=tables or None)
    apply_rollback(shop.conn, plan, actor="ben", reason="oops", now=shop.tick())


def gone(shop: Shop, *contents: str) -> set[str]:
    return set(withdrawn(shop.conn, SHOP, contents))


@pytest.mark.parametrize("tables", [(), ("log",)])
def test_what_a_run_had_added_goes_with_what_was_replayed(
    shop: Shop, tables: tuple[str, ...]
) -> None:
    add = IntentKind.APPEND
    shop.publish(change("log", "first"))
    bad = publish_replayed(
        shop,
        change("log", "own", kind=add),
        change("log", "both", kind=add),
        change("log", "other", kind=add),
    )
    roll_back(shop, *tables)
    assert gone(shop, "first", "other", "own", "both") == {"own", "both"}
    roll_back(shop, to=bad.id)
    assert gone(shop, "first", "other", "own", "both") == set()


@pytest.mark.parametrize("listed", [False, True])
def test_what_a_run_had_added_returns_with_it_beyond_a_checkpoint(shop: Shop, listed: bool) -> None:
    add = IntentKind.APPEND
    first = shop.publish(change("log", "first"))
    own, both, other = (change("log", name, kind=add) for name in ("own", "both", "other"))
    publish_replayed(shop, own, both, other)
    last = shop.publish(change("log", "last", kind=add))
    if listed:
        checkpoint(shop.conn, last.id)
    roll_back(shop, to=first.id)
    assert gone(shop, "first", "own", "both", "last") == {"own", "both", "last"}
    roll_back(shop, to=last.id)
    assert gone(shop, "first", "own", "both", "last") == set()


def test_of_a_merged_run_only_the_tables_rolled_back_go(shop: Shop) -> None:
    shop.publish(change("log", "first"))
    run = shop.start()
    shop.step(run, change("log", "draft"), change("planes", "p1"))
    shop.step(run, change("log", "last"))
    shop.finish(run)
    roll_back(shop, "log")
    assert gone(shop, "first", "draft", "last", "p1") == {"draft", "last"}


def test_a_window_goes_by_its_files_whatever_its_content_id(shop: Shop) -> None:
    """Its columns were joined with the target's, or it was adopted from a kitchen."""
    shop.publish(entry("first", 1, files=("first.parquet",)))
    kitchen = shop.open("kitchen/ana")
    shop.step(kitchen, entry("proved", key="proved before"))
    shop.step(kitchen, entry("like it", files=FILES[:1]))
    bad = publish_replayed(
        shop, entry("own"), entry("joined"), entry("third", 3, files=("third.parquet",))
    )
    everything = ("first", "third", "own", "joined", "proved", "like it")
    roll_back(shop)
    assert gone(shop, *everything) == {"own", "joined", "proved"}
    roll_back(shop, to=bad.id)
    assert gone(shop, *everything) == set()
