"""Small files put together: the same rows and content, and a publish that comes meanwhile wins."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from galley.environments import collection, compaction
from galley.environments.compaction import Scattered
from galley.governance import audit
from galley.lake import compacting, publish, refs, trees
from galley.lake.commits import history
from galley.lake.merge import MergeOutcome
from galley.lake.model import PRODUCTION, CommitKind, IntentKind, RefKind, Version
from galley.lake.reading import described_files
from galley.lake.replay import replay
from tests.collect_cast import FRUGAL, SHOP, Store, forget_caches
from tests.lake_cast import day

RUN = "run/r1"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path)
    yield found
    found.close()


def appended(store: Store, times: int = 10) -> Version:
    for number in range(times):
        store.write(f"SELECT {number} AS x, 'text' AS y", materialize="append")
    return store.versions(store.head())["orders"]


def in_window(store: Store, number: int) -> None:
    """One day of the table."""
    span = day(number)
    sql = f"SELECT DATE '{span.start}' AS day, 0 AS x"
    store.write(sql, materialize="window", span=span)


def scattered(store: Store) -> Scattered:
    (found,) = compaction.find_scattered(store.home, SHOP).tables
    return found


def files_of(store: Store, version: Version) -> int:
    return len(described_files(store.warehouse, version))


def test_many_files_become_one_of_the_same_content(store: Store) -> None:
    before = appended(store)
    rows = store.rows({"orders": before})
    done = compaction.compact(store.home, SHOP, scattered(store))
    assert done is not None
    assert (done.before, done.after) == (10, 1)
    after = store.versions(store.head())["orders"]
    assert files_of(store, after) == 1
    assert store.rows({"orders": after}) == rows == store.rows({"orders": before})
    assert (after.content_id, after.schema) == (before.content_id, before.schema)
    assert after.location != before.location
    assert compaction.find_scattered(store.home, SHOP).tables == []
    with store.home.database.read() as conn:
        assert history(conn, SHOP, PRODUCTION)[0].kind is CommitKind.COMPACT
        assert audit.entries(conn, SHOP)[0]["action"] == "compact"


def test_a_compacted_table_goes_on_and_its_old_files_go(store: Store) -> None:
    appended(store)
    compaction.compact(store.home, SHOP, scattered(store))
    store.write("SELECT 10 AS x, 'text' AS y", materialize="append")
    version = store.versions(store.head())["orders"]
    assert files_of(store, version) == 2
    for number in range(12):
        store.wait()
        store.write(f"SELECT {number} AS x, 'more' AS y", materialize="append")
    for _ in range(3):
        store.wait()
        store.collect()
    forget_caches()
    assert len(store.rows(store.versions(store.head()))["orders"]) == 23
    parquet = [path for path in store.files() if path.endswith(".parquet")]
    assert len(parquet) == 14, "one for the first ten rows"


def test_a_publish_meanwhile_wins_and_the_compaction_plans_again(store: Store) -> None:
    appended(store)
    stale = scattered(store)
    store.write("SELECT 10 AS x, 'text' AS y", materialize="append")
    done = compaction.compact(store.home, SHOP, stale)
    assert done is not None
    assert done.before == 11
    assert len(store.rows(store.versions(store.head()))["orders"]) == 11
    store.write("SELECT 1 AS x, 'all' AS y")
    assert compaction.compact(store.home, SHOP, stale) is None
    assert store.rows(store.versions(store.head()))["orders"] == [(1, "all")]
    assert store.collect().files > 0, "what the loser wrote goes"


def test_other_tables_may_be_published_meanwhile(store: Store) -> None:
    appended(store)
    stale = scattered(store)
    store.write("SELECT 1 AS x", "customers")
    done = compaction.compact(store.home, SHOP, stale)
    assert done is not None
    assert done.before == 10


def test_files_of_different_windows_stay_apart(store: Store) -> None:
    for number in (1, 2):
        span = day(number)
        parts = " UNION ALL ".join(
            f"SELECT DATE '{span.start}' AS day, {at} AS x" for at in range(3)
        )
        store.write(parts, materialize="window", span=span)
    table = store.versions(store.head())["orders"]
    assert compacting.groups(store.warehouse, table, {}, many=1)
    with store.home.database.read() as conn:
        ledger = trees.ledger(conn, store.head(), table.table_id)
    found = compacting.groups(store.warehouse, table, ledger, many=1)
    assert sorted(str(group.span) for group in found) == sorted(map(str, (day(1), day(2))))
    wanted = Scattered(PRODUCTION, table, ledger, found)
    done = compaction.compact(store.home, SHOP, wanted)
    assert done is not None
    after = store.versions(store.head())["orders"]
    with store.home.database.read() as conn:
        now = trees.ledger(conn, store.head(), after.table_id)
    assert {span: entry.content_id for span, entry in now.items()} == {
        span: entry.content_id for span, entry in ledger.items()
    }
    present = {store.warehouse.relative(f.path) for f in described_files(store.warehouse, after)}
    assert {path for entry in now.values() for path in entry.files} == present
    store.write(f"SELECT DATE '{day(1).start}' AS day, 9 AS x", materialize="window", span=day(1))
    rows = store.rows(store.versions(store.head()))["orders"]
    assert [row[1] for row in rows] == [9, 0, 1, 2]


def test_a_run_that_began_before_drops_the_compaction_with_its_ledger(store: Store) -> None:
    """The target only compacted: the source's version is taken, and the ledger names its files."""
    for number in (1, 2):
        in_window(store, number)
    store.open(RUN, kind=RefKind.RUN)
    table = store.versions(store.head())["orders"]
    with store.home.database.read() as conn:
        ledger = trees.ledger(conn, store.head(), table.table_id)
    found = compacting.groups(store.warehouse, table, ledger, many=1)
    assert compaction.compact(store.home, SHOP, Scattered(PRODUCTION, table, ledger, found))
    span = day(3)
    sql = f"SELECT DATE '{span.start}' AS day, 7 AS x"
    store.write(sql, ref=RUN, materialize="window", span=span)
    published(store, MergeOutcome.TAKE)
    after = store.versions(store.head())["orders"]
    with store.home.database.read() as conn:
        now = trees.ledger(conn, store.head(), after.table_id)
    present = {store.warehouse.relative(f.path) for f in described_files(store.warehouse, after)}
    assert {path for entry in now.values() for path in entry.files} == present
    assert len(now) == 3


def test_an_append_is_replayed_onto_what_was_appended_to_and_compacted(store: Store) -> None:
    appended(store)
    store.open(RUN, kind=RefKind.RUN)
    store.write("SELECT 90 AS x, 'run' AS y", ref=RUN, materialize="append")
    store.write("SELECT 91 AS x, 'other' AS y", materialize="append")
    compaction.compact(store.home, SHOP, scattered(store))
    published(store, MergeOutcome.REPLAY)
    after = store.versions(store.head())["orders"]
    assert after.intent.kind is IntentKind.APPEND
    assert files_of(store, after) == 2
    assert len(store.rows({"orders": after})["orders"]) == 12


def published(store: Store, outcome: MergeOutcome) -> None:
    """Publish the run, which comes to this outcome."""
    with store.home.database.read() as conn:
        run = refs.get_ref(conn, SHOP, RUN)
        proposal = publish.plan_publish(
            conn,
            SHOP,
            source_head=run.head,
            fork_point=run.fork_point or "",
            target_ref=PRODUCTION,
        )
    (merge,) = proposal.merge.tables
    assert merge.outcome is outcome
    replayed = {}
    if outcome is MergeOutcome.REPLAY:
        assert merge.source is not None
        replayed["orders"] = replay(
            store.warehouse,
            project=SHOP,
            target=merge.target,
            source=merge.source,
            source_base=merge.base,
            windows=merge.windows,
            attempt=store.begin(),
            field_ids=lambda table, keys, least: (),
        )
    plan = publish.prepare(proposal, run_id="r1", message="run", replayed=replayed)
    with store.home.database.write() as conn:
        publish.apply_publish(conn, plan, actor="ana", now=store.now)


def test_the_daily_round_compacts_too(store: Store) -> None:
    appended(store)
    done = collection.collect_daily(store.home, SHOP, FRUGAL)
    assert done is not None
    assert [one.table for one in done.compacted] == ["orders"]


@pytest.mark.kill
@pytest.mark.parametrize(
    "point", ["compact.written", "compact.metadata", "compact.before_commit", "compact.before_end"]
)
def test_a_compaction_dies(store: Store, point: str) -> None:
    before = appended(store)
    command = [sys.executable, "-m", "tests.collect_cast", str(store.folder), str(store.now), "c"]
    assert subprocess.run(command, env=store.environ(f"{point}:kill"), check=False).returncode == -9
    assert store.versions(store.head())["orders"] == before
    left = store.files()
    assert store.collect().files == 0, "whoever wrote them may still be at work"
    store.now += compaction.LONGEST
    store.collect()
    assert store.files() < left
    forget_caches()
    assert len(store.rows({"orders": replace(before)})["orders"]) == 10
