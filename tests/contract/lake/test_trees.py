"""A commit's tables and windows are the newest of each, whatever the depth and the checkpoints."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from galley.db.engine import Database
from galley.errors import StaleRefError, WindowError
from galley.lake import trees
from galley.lake.commits import changes_by_commit, get_commit, history, write_commit
from galley.lake.deltas import changes_since, intents_since, touched
from galley.lake.model import Change, CommitKind, IntentKind, Span
from galley.lake.publish import shorten
from galley.lake.refs import get_ref
from galley.lake.trees import chain, checkpoint, ledger, lookup, needs_checkpoint, tree
from tests.lake_cast import SHOP, Shop, change, day, drop, version, window, windows


def contents(conn: Connection, commit: str) -> dict[str, str]:
    return {name: version.content_id for name, version in tree(conn, commit).items()}


def test_a_version_comes_back_as_it_was_written(shop: Shop) -> None:
    made = version(
        "flights",
        "f1",
        kind=IntentKind.WINDOW,
        spans=(day(1), day(2)),
        inputs={"raw": "r1"},
        rows=0,
        rows_digest="abc",
        step="load",
        untested=True,
    )
    commit = shop.publish(Change("flights", made))
    assert tree(shop.conn, commit.id) == {"flights": made}
    assert lookup(shop.conn, commit.id, ["flights", "nothing"]) == {"flights": made}


def test_the_newest_write_wins_and_a_drop_hides(shop: Shop) -> None:
    shop.publish(change("flights", "f1"), change("planes", "p1"))
    shop.publish(change("flights", "f2"))
    last = shop.publish(drop("planes"))
    assert contents(shop.conn, last.id) == {"flights": "f2"}
    again = shop.publish(change("planes", "p2"))
    assert contents(shop.conn, again.id) == {"flights": "f2", "planes": "p2"}


def test_a_kitchen_sees_its_own_work_and_production_does_not(shop: Shop) -> None:
    shop.publish(change("flights", "f1"))
    kitchen = shop.open("kitchen/ana")
    shop.step(kitchen, change("flights", "mine"))
    assert contents(shop.conn, shop.ref("kitchen/ana").head) == {"flights": "mine"}
    assert contents(shop.conn, shop.ref().head) == {"flights": "f1"}


def test_the_ledger_keeps_the_last_of_each_window_until_it_is_reset(shop: Shop) -> None:
    shop.publish(windows("flights", "a", 1, 2))
    second = shop.publish(windows("flights", "b", 2, 3))
    table_id = version("flights", "b").table_id
    found = ledger(shop.conn, second.id, table_id)
    assert {span.start: w.content_id[0] for span, w in found.items()} == {
        "2026-01-01": "a",
        "2026-01-02": "b",
        "2026-01-03": "b",
    }
    rebuilt = shop.publish(replace(windows("flights", "c", 3), reset_windows=True))
    assert ledger(shop.conn, rebuilt.id, table_id) == {day(3): window(day(3), "c")}
    dropped = shop.publish(drop("flights"))
    assert ledger(shop.conn, dropped.id, table_id) == {}
    assert ledger(shop.conn, second.id, table_id) == found


def test_a_renamed_table_keeps_its_windows(shop: Shop) -> None:
    shop.publish(windows("flights", "a", 1, 2))
    moved = version("trips", "a", table_id=version("flights", "a").table_id)
    commit = shop.write(shop.ref().head, [drop("flights"), Change("trips", moved)])
    assert set(tree(shop.conn, commit.id)) == {"trips"}
    assert set(ledger(shop.conn, commit.id, moved.table_id)) == {day(1), day(2)}


def test_a_key_window_cannot_be_empty(shop: Shop) -> None:
    with pytest.raises(WindowError, match="empty key"):
        shop.publish(
            Change("stores", version("stores", "s1"), windows=(window(Span("", ""), "s1"),))
        )


def test_a_checkpoint_changes_nothing_but_the_length_of_the_chain(shop: Shop) -> None:
    for number in range(8):
        shop.publish(windows(f"t{number % 3}", f"c{number}", number % 4 + 1))
    shop.publish(drop("t0"))
    head = shop.ref().head
    names = [f"t{number}" for number in range(3)]
    ids = [version(name, "").table_id for name in names]
    before = tree(shop.conn, head), trees.ledgers(shop.conn, head, ids)
    assert checkpoint(shop.conn, head) is True
    assert checkpoint(shop.conn, head) is False
    assert len(chain(shop.conn, head)) == 1
    assert (tree(shop.conn, head), trees.ledgers(shop.conn, head, ids)) == before
    later = shop.publish(windows("t1", "new", 9))
    assert set(tree(shop.conn, later.id)) == {"t1", "t2"}
    assert day(9) in ledger(shop.conn, later.id, ids[1])


def test_a_checkpoint_is_due_by_depth(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "MAX_DEPTH", 4)
    for number in range(3):
        shop.publish(change("flights", f"f{number}"))
    assert not needs_checkpoint(shop.conn, shop.ref())
    shop.publish(change("flights", "f4"))
    assert needs_checkpoint(shop.conn, shop.ref())
    assert not needs_checkpoint(shop.conn, shop.start())
    checkpoint(shop.conn, shop.ref().head)
    assert not needs_checkpoint(shop.conn, shop.ref())


def test_a_checkpoint_is_due_by_the_number_of_rows(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trees, "SMALL", 5)
    shop.publish(*(change(f"t{number}", "a") for number in range(5)))
    assert not needs_checkpoint(shop.conn, shop.ref())
    shop.publish(change("t0", "b"))
    assert needs_checkpoint(shop.conn, shop.ref())


def test_look_ups_after_many_publishes_read_few_commits(database: Database) -> None:
    """In an environment as in a kitchen; what they show stays what it was."""
    for number in range(150):
        with database.write() as conn:
            shop = Shop(conn, 1_770_000_000_000_000 + number * 10_000_000, 2 * number)
            if number == 80:
                shop.open("kitchen/ana")
            for target in ("production", "kitchen/ana")[: 1 + (number >= 80)]:
                shop.publish(change(f"t{number % 5}", f"c{number}"), target=target)
        for target in ("production", "kitchen/ana"):
            shorten(database, SHOP, target)
    with database.read() as conn:
        for target in ("production", "kitchen/ana"):
            head = get_ref(conn, SHOP, target).head
            assert len(chain(conn, head)) <= trees.MAX_DEPTH
            assert contents(conn, head) == {f"t{n % 5}": f"c{n}" for n in range(145, 150)}


def test_a_checkpoint_that_is_due_is_written_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trees, "MAX_DEPTH", 2)
    with database.write() as conn:
        shop = Shop(conn)
        shop.publish(change("flights", "f1"))
    assert not shorten(database, SHOP, "production")
    assert not shorten(database, SHOP, "nowhere")
    with database.write() as conn:
        Shop(conn, shop.tick(), shop.runs).publish(change("flights", "f2"))
    assert shorten(database, SHOP, "production")
    assert not shorten(database, SHOP, "production")


def test_a_guard_names_the_table_that_changed(shop: Shop) -> None:
    shop.publish(change("flights", "f1"))
    head = shop.ref().head
    shop.write(head, [replace(change("flights", "f2"), guarded=True, expected="f1")])
    shop.write(head, [replace(change("new", "n1"), guarded=True, expected=None)])
    for expected in ("f0", None):
        stale = replace(change("flights", "f2"), guarded=True, expected=expected)
        with pytest.raises(StaleRefError, match="Table flights is no longer"):
            shop.write(head, [stale])


def test_time_rises_and_code_follows_along_a_history(shop: Shop) -> None:
    first = shop.publish(change("flights", "f1"), code="v1")
    shop.now -= 3_600_000_000
    second = shop.publish(change("flights", "f2"))
    assert second.created > first.created
    assert second.code_version == "v1"
    commits = history(shop.conn, SHOP, "production")
    assert [commit.id for commit in commits][:2] == [second.id, first.id]
    assert history(shop.conn, SHOP, second.id, limit=1) == [second]
    assert history(shop.conn, SHOP, "production", before=second.id, limit=1) == [first]
    assert [change.table for change in changes_by_commit(shop.conn, [second.id])[second.id]] == [
        "flights"
    ]


def test_what_happened_between_two_commits_is_one_change_per_table(shop: Shop) -> None:
    base = shop.publish(windows("flights", "a", 1)).id
    run = shop.start()
    shop.step(run, windows("flights", "b", 2))
    shop.step(run, windows("flights", "c", 3), change("planes", "p1"))
    head = shop.step(run, drop("planes")).id
    made = changes_since(shop.conn, base, head)
    flights = made["flights"]
    assert flights.version is not None
    assert flights.version.intent.spans == (day(2), day(3))
    assert flights.windows == (window(day(2), "b"), window(day(3), "c"))
    assert made["planes"].version is None
    kinds = [intent.kind for intent in intents_since(shop.conn, base, head)["planes"]]
    assert kinds == [IntentKind.REPLACE, IntentKind.DROP]


def test_tables_touched_on_both_sides_are_found(shop: Shop) -> None:
    shop.publish(change("flights", "f1"))
    kitchen = shop.open("kitchen/ana")
    mine = shop.step(kitchen, change("planes", "p1"))
    for number in range(70):
        last = shop.step(shop.ref(), change("stores", f"s{number}"))
    assert touched(shop.conn, mine.id, last.id) == {"planes", "stores"}


def test_ten_thousand_tables_in_one_commit(shop: Shop) -> None:
    commit = shop.write(shop.ref().head, [change(f"t{n}", f"c{n}") for n in range(10_000)])
    assert len(tree(shop.conn, commit.id)) == 10_000
    assert checkpoint(shop.conn, commit.id)
    names = [f"t{n}" for n in range(0, 10_000, 10)]
    assert set(lookup(shop.conn, commit.id, names)) == set(names)


WRITES = st.lists(
    st.dictionaries(st.sampled_from("abcd"), st.none() | st.text("xyz", min_size=1, max_size=2)),
    max_size=12,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=WRITES, points=st.sets(st.integers(0, 12)), backs=st.sets(st.integers(1, 12)))
def test_a_tree_is_what_a_dictionary_would_be(
    database: Database, writes: list[dict[str, str | None]], points: set[int], backs: set[int]
) -> None:
    states: list[tuple[str, dict[str, str]]] = []
    with database.write() as conn:
        shop = Shop(conn)
        states.append((shop.ref().head, {}))
        last = None
        for place, write in enumerate(writes):
            parent, state = states[-1]
            back = states[place // 2] if place in backs else None
            changes = [] if back else [_write(name, text) for name, text in write.items()]
            last = _commit(shop, parent, changes, back[0] if back else None)
            states.append((last, back[1] if back else _applied(state, write)))
            if place in points:
                checkpoint(conn, last)
        for commit, expected in states:
            assert contents(conn, commit) == expected
            found = lookup(conn, commit, "abcd")
            assert {name: v.content_id for name, v in found.items()} == expected


def _write(name: str, text: str | None) -> Change:
    return drop(name) if text is None else change(name, text)


def _applied(state: dict[str, str], write: dict[str, str | None]) -> dict[str, str]:
    merged: dict[str, str | None] = {**state, **write}
    return {name: text for name, text in merged.items() if text is not None}


def _commit(shop: Shop, parent: str, changes: list[Change], tree_of: str | None) -> str:
    return write_commit(
        shop.conn,
        project=SHOP,
        parent=get_commit(shop.conn, parent),
        kind=CommitKind.STEP,
        author="ana",
        message="",
        now=shop.tick(),
        changes=changes,
        tree_of=tree_of,
    ).id
