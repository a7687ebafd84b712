"""Runs whose tables stand in an object store: what only there can go wrong, or must not be seen."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from galley import bootstrap
from galley.environments.reading import Reader, find_target
from galley.errors import StorageError
from galley.runs.model import Reason, RunState
from tests.integration.engine.kit import KITCHEN, WarmPool, Works
from tests.s3_cast import SECRET, Proxy, Store

pytestmark = pytest.mark.s3


@pytest.fixture
def stored(tmp_path: Path, warm: WarmPool, store: Store) -> Works:
    """A project with two tables, kept in a bucket."""
    works = Works(tmp_path, warm, store=store)
    works.sql("numbers", "SELECT i, i % 7 AS k FROM range(1000) t(i)", tests=[{"unique": "i"}])
    works.sql("counts", "SELECT k, count(*) AS n FROM numbers GROUP BY k")
    return works


@pytest.fixture
def proxy(store: Store) -> Iterator[Proxy]:
    """Something that stands before the store."""
    with Proxy(store.endpoint) as made:
        yield made


def test_nothing_of_a_table_stands_on_the_disk(stored: Works, store: Store) -> None:
    assert stored.run().state is RunState.SUCCEEDED
    assert stored.rows("counts") == [(0, 143), *((k, 143) for k in range(1, 6)), (6, 142)]
    assert not [path for path in stored.home.path.rglob("*") if path.suffix == ".parquet"]
    assert len([key for key in store.names() if key.endswith(".parquet")]) == 2
    assert store.uploads() == []
    listed = stored.home.store.list_files(stored.name)
    assert len(listed) == len(store.names())


def test_a_reader_asks_and_is_shut_off_from_the_rest(stored: Works, store: Store) -> None:
    stored.run()
    store.raw.put_object(Bucket=store.bucket, Key=f"{store.prefix}-other/x.csv", Body=b"a\n1\n")
    target = find_target(stored.home, stored.name, KITCHEN)
    with Reader(stored.home, stored.site, stored.name, target) as reader:
        assert reader.rows(reader.query("SELECT sum(n) FROM counts", {})) == [(1000,)]
        with pytest.raises(Exception, match="disabled by configuration"):
            reader.connection.execute(f"FROM 's3://lake/{store.prefix}-other/x.csv'")


def test_a_store_that_refuses_fails_the_step_and_publishes_nothing(
    stored: Works, store: Store, proxy: Proxy
) -> None:
    stored.run()
    before, keys = stored.rows("numbers"), store.names()
    stored.store = replace(store, endpoint=proxy.endpoint)
    del stored.home, stored.site
    proxy.trouble = lambda method, path: "AccessDenied" if method == "PUT" else None
    stored.sql("numbers", "SELECT i, 1 AS k FROM range(10) t(i)")
    ended = stored.run()
    assert ended.state is RunState.FAILED
    step = stored.steps(ended)["numbers"]
    assert (step.reason, stored.rows("numbers")) == (Reason.STORAGE.value, before)
    assert "the object store refuses (AccessDenied" in (step.message or "")
    assert (store.names(), store.uploads()) == (keys, [])


def test_no_secret_of_the_store_is_written_down(stored: Works) -> None:
    stored.python("prints", f"@step\ndef prints(counts):\n    print('{SECRET}')\n    return counts")
    stored.run()
    files = [path for path in stored.root.rglob("*") if path.is_file()]
    holding = [path.name for path in files if SECRET.encode() in path.read_bytes()]
    assert set(holding) <= {"prints.py"}


def test_a_home_does_not_change_its_warehouse(stored: Works, tmp_path: Path) -> None:
    stored.run()
    with pytest.raises(StorageError, match=r"stand in s3://lake/.*, not in .*/home/warehouse"):
        bootstrap.open_home(tmp_path / "home")
    elsewhere = bootstrap.Place(str(tmp_path / "elsewhere"))
    with pytest.raises(StorageError, match="the tables of this home stand in s3://"):
        bootstrap.open_home(tmp_path / "home", elsewhere)


def test_a_home_with_tables_does_not_move_to_a_store(works: Works, store: Store) -> None:
    works.sql("one", "SELECT 1 AS a")
    works.run()
    with pytest.raises(StorageError, match=r"/home/warehouse, not in s3://lake/"):
        bootstrap.open_home(works.home.path, bootstrap.Place(store.root))


def test_what_a_killed_attempt_began_is_found(stored: Works, store: Store) -> None:
    stored.run()
    folder = store.names()[0].rpartition("/data/")[0]
    key = f"{folder}/data/deadattempt-0-0.parquet"
    store.raw.create_multipart_upload(Bucket=store.bucket, Key=key)
    found = stored.home.store.list_unfinished(stored.name)
    assert [f"{store.prefix}/{path}" for path, _ in found] == [key]
