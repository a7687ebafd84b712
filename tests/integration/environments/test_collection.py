"""Files go when nothing can use them any more, and not before."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select

from galley.environments import collection
from galley.errors import CollectedError
from galley.lake import compacting, refs, rooting
from galley.lake.model import PRODUCTION, RefKind
from galley.lake.reading import file_paths
from galley.lake.replay import replay
from galley.lake.tables import condemned, writer
from galley.runs.tables import attempt
from tests.collect_cast import DAY, FRUGAL, SHOP, Store, forget_caches
from tests.lake_cast import day

ONE, TWO = "SELECT 1 AS x", "SELECT 2 AS x"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path)
    yield found
    found.close()


def test_a_table_made_anew_every_day_keeps_only_what_can_be_returned_to(store: Store) -> None:
    for number in range(5):
        store.write(f"SELECT {number} AS x")
        store.wait()
    before = store.files()
    outcome = store.collect_all()
    assert len(outcome.doomed) == 3
    assert outcome.files == len(before - store.files()) == 3 * 4
    assert store.rows(store.versions(store.head())) == {"orders": [(4,)]}
    assert store.collect().files == 0


def test_appended_files_go_only_with_the_last_version_that_has_them(store: Store) -> None:
    for number in range(4):
        store.write(f"SELECT {number} AS x", materialize="append")
        store.wait()
    first = store.versions(store.head())["orders"]
    store.collect_all()
    forget_caches()
    assert store.rows({"orders": first})["orders"] == [(0,), (1,), (2,), (3,)]
    assert len([path for path in store.files() if path.endswith(".parquet")]) == 4
    store.write(ONE)
    for _ in range(2):
        store.wait()
        store.write(TWO)
    store.wait()
    store.collect_all()
    store.collect()
    assert len([path for path in store.files() if path.endswith(".parquet")]) == 1


def test_time_travel_to_every_kept_commit_still_reads(store: Store) -> None:
    """Windows, appends, merges and replacements that share files, with tags on some states."""
    rows = {}
    for number in range(8):
        span = day(1 + number % 3)
        made = f"SELECT DATE '{span.start}' AS day, {number} AS x"
        store.write(made, "windowed", materialize="window", span=span)
        store.write(f"SELECT {number} AS x", "appended", materialize="append")
        store.write(f"SELECT {number % 3} AS x, {number} AS y", "merged", materialize="merge")
        commit = store.write(f"SELECT {number} AS x", "plain").id
        if number % 3 == 0:
            store.open(f"tag/t{number}", commit, RefKind.TAG)
            rows[commit] = store.rows(store.versions(commit))
        store.wait(0.7)
    before = store.files()
    for _ in range(4):
        store.collect_all()
        forget_caches()
        for commit, versions in store.kept().items():
            found = store.rows(versions)
            assert found == rows.setdefault(commit, found)
    assert store.files() < before


def test_files_of_a_live_attempt_stay_and_of_a_dead_one_go(store: Store) -> None:
    store.write(ONE)
    dead = store.attempt(TWO, end="lost_worker").version
    live = store.attempt(TWO, end=None).version
    assert dead is not None
    assert live is not None
    outcome = store.collect()
    assert outcome.files == 4
    assert dead.location not in store.files()
    assert live.location in store.files()


def test_who_wrote_is_remembered_while_a_file_bears_the_name(store: Store) -> None:
    store.write(ONE)
    id = store.begin()
    store.attempt(TWO, end="lost_worker", id=id)
    rows = [{"id": one, "project": SHOP, "by": "", "until": store.now} for one in (id, "nobody")]
    with store.home.database.write() as conn:
        conn.execute(delete(attempt).where(attempt.c.id == id))
        conn.execute(insert(writer), rows)
    found = []
    for _ in range(3):
        done = store.collect()
        found.append((done.files, done.writers))
    # The files of a run that is forgotten go by what is remembered of it, and then that goes too.
    assert found == [(4, 1), (0, 1), (0, 0)]


def test_a_file_of_nobody_is_shown_and_kept(store: Store) -> None:
    store.write(ONE)
    stray = Path(file_paths(store.warehouse, store.versions(store.head())["orders"])[0])
    (stray.parent / "stray-0.parquet").write_bytes(b"12345")
    found = collection.survey(store.home, SHOP, FRUGAL)
    assert [Path(path).name for s in found.sweeps for path, _ in s.unknown] == ["stray-0.parquet"]
    assert collection.carry_out(store.home, found).files == 0
    assert (stray.parent / "stray-0.parquet").exists()


def test_nothing_goes_of_a_table_whose_metadata_cannot_be_read(store: Store) -> None:
    store.write(ONE)
    store.attempt(TWO, end="lost_worker")
    location = store.versions(store.head())["orders"].location
    Path(store.warehouse.absolute(location)).write_text("{")
    forget_caches()
    outcome = store.collect()
    assert outcome.files == 0
    assert "shop/orders-" in outcome.problems[0]


def test_nothing_goes_from_a_home_that_was_copied(store: Store, tmp_path: Path) -> None:
    """Iceberg's paths are absolute: they lead back to where the home stood."""
    for number in range(2):
        store.write(f"SELECT {number} AS x", materialize="append")
    store.attempt(TWO, materialize="append", end="lost_worker")
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "home", copy / "home")
    other = Store(copy, now=store.now)
    before = other.files()
    outcome = other.collect()
    other.close()
    assert "moved or copied" in outcome.problems[0]
    assert other.files() == before


def test_what_was_planned_and_is_used_meanwhile_stays(store: Store) -> None:
    """Tagged between the plan and its being carried out: nothing of it goes."""
    first = store.write(ONE).id
    for _ in range(2):
        store.wait()
        store.write(TWO)
    store.wait()
    store.collect()
    store.wait()
    planned = collection.survey(store.home, SHOP, FRUGAL)
    assert len(planned.versions.doom) == 1
    with store.home.database.write() as conn:
        refs.tag(conn, SHOP, "kept", first, owner="ana", now=store.now)
    assert collection.carry_out(store.home, planned).files == 0
    forget_caches()
    assert store.rows(store.versions(first)) == {"orders": [(1,)]}


def test_files_that_an_adoption_took_stay_and_a_late_one_is_refused(store: Store) -> None:
    """The version they came from goes; who looked it up before that has to look again."""
    store.open("kitchen/ana")
    span = day(1)
    sql = f"SELECT DATE '{span.start}' AS day, 1 AS x"
    made = store.write(sql, ref="kitchen/ana", materialize="window", span=span)
    source = store.versions(made.id)["orders"]
    change = replay(
        store.warehouse,
        project=SHOP,
        target=None,
        source=source,
        source_base=None,
        windows=(),
        attempt=store.begin(),
        field_ids=lambda table, keys, least: (),
    )
    store.commit([change], takes=[source.location])
    store.drop("kitchen/ana")
    store.wait()
    store.collect_all()
    store.collect()
    forget_caches()
    assert source.location not in store.files()
    assert [row[1] for row in store.rows(store.versions(store.head()))["orders"]] == [1]
    with pytest.raises(CollectedError):
        store.commit([change], takes=[source.location])


def test_reading_and_returning_to_what_is_gone_is_refused_in_words(store: Store) -> None:
    first = store.write(ONE).id
    for _ in range(2):
        store.wait()
        store.write(TWO)
    store.wait()
    store.collect_all()
    with store.home.database.write() as conn:
        target = refs.resolve(conn, SHOP, f"{PRODUCTION}@{first[:12]}", store.now)
        with pytest.raises(CollectedError, match="orders was collected at 2026"):
            rooting.refuse_collected(conn, SHOP, target.commit)


def test_the_daily_round_is_bounded_and_goes_on_where_it_was(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        store.write(ONE, name)
        store.attempt(TWO, name, end="lost_worker")
    monkeypatch.setattr(collection, "MOST_FOLDERS", 2)
    rounds = []
    for _ in range(3):
        outcome = collection.collect_daily(store.home, SHOP, FRUGAL)
        assert collection.collect_daily(store.home, SHOP, FRUGAL) is None
        rounds.append(outcome.files if outcome else None)
        store.now += DAY
    assert rounds == [8, 4, 0]


def test_who_condemned_and_until_when_is_recorded(store: Store) -> None:
    store.open("kitchen/ana")
    store.write(ONE, ref="kitchen/ana")
    store.drop("kitchen/ana")
    store.collect()
    with store.home.database.read() as conn:
        row = conn.execute(select(condemned)).one()
    assert (row.table_key, row.until - row.since) == ("orders", DAY)
    assert row.by == store.home.actor.name


@pytest.mark.parametrize("damage", ["", "[]"])
def test_a_damaged_table_keeps_no_other_from_being_compacted(store: Store, damage: str) -> None:
    for _ in range(compacting.MANY):
        store.write(ONE, "whole", materialize="append")
    store.write(ONE, "broken", materialize="append")
    location = Path(store.warehouse.absolute(store.versions(store.head())["broken"].location))
    location.write_text(damage) if damage else location.unlink()
    forget_caches()
    outcome = collection.collect_daily(store.home, SHOP, FRUGAL)
    assert outcome is not None
    assert [one.table for one in outcome.compacted] == ["whole"]
    assert "table broken" in outcome.problems[-1]


def test_scratch_of_attempts_that_have_ended_goes(store: Store) -> None:
    """The net under whoever should have removed it; what may be used or is unknown stays."""
    folder = store.home.path / "scratch"
    ended, alive, unknown = store.begin(), store.begin(), "e" * 32
    store.end(ended, "lost_worker")
    for name in (ended, alive, unknown):
        (folder / name).mkdir(parents=True)
        (folder / name / "left").write_text("x")
    store.collect()
    assert {path.name for path in folder.iterdir()} == {alive, unknown}
