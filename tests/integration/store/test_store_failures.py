"""A store that refuses, throttles, breaks off or is not there: clear errors, nothing half seen."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from galley.errors import StorageError
from galley.lake import bucket, exporting, objects, reading, uploads
from galley.lake.handle import Table
from galley.lake.model import Version
from galley.lake.warehouse import Warehouse
from galley.lake.writing import TableWrite, WriteJob
from tests.s3_cast import Proxy, Store

pytestmark = pytest.mark.s3
NUMBERS = "SELECT i AS a, hash(i) AS b FROM range(700000) t(i)"


@pytest.fixture
def proxy(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Something between us and the store; requests are tried twice, parts are small."""
    monkeypatch.setattr(uploads, "PART_BYTES", 5 * 2**20)
    monkeypatch.setattr(bucket, "ATTEMPTS", 2)
    with Proxy(store.endpoint) as made:
        yield made


@pytest.fixture
def behind(proxy: Proxy, store: Store) -> Store:
    """The store as it is seen through the proxy."""
    return replace(store, endpoint=proxy.endpoint)


def connect(warehouse: Warehouse):
    return reading.connect(threads=2, memory=1 << 28, scratch=None, warehouse=warehouse)


def write(store: Store, sql: str = NUMBERS, attempt: str = "att") -> Version:
    numbers = count(1)
    job = WriteJob(store.warehouse, "p", "t", "abcdefghijkl", attempt, None, "table")
    made = TableWrite(job, lambda table, keys, least: tuple(next(numbers) for _ in keys))
    with connect(store.warehouse) as con:
        try:
            made.write_query(con, sql, {})
            version = made.finish().version
        except StorageError:
            with suppress(OSError):
                made.abort()
            raise
    assert version is not None
    return version


def total(store: Store, version: Version) -> tuple[int, ...]:
    with connect(store.warehouse) as con:
        reading.mount(con, store.warehouse, {"t": version}, project="p")
        return exporting.fetch(Table(con, "t", "SELECT count(*), sum(a) FROM t")).rows[0]


def often(times: int, what: str, method: str, part: str):
    """Trouble for so many requests of a kind, then none."""
    left = [times]

    def trouble(seen: str, path: str) -> str | None:
        if seen == method and part in path and left[0]:
            left[0] -= 1
            return what
        return None

    return trouble


PART, COMPLETE, BEGIN = ("PUT", "partNumber=2"), ("POST", "uploadId"), ("POST", "?uploads")
METADATA, LISTED = ("PUT", "metadata.json"), ("PUT", "snap-")
REFUSED = "the object store refuses (AccessDenied: so it is"


@pytest.mark.parametrize(
    ("what", "request_"),
    [
        ("SlowDown", PART),
        ("cut", PART),
        ("InternalError", COMPLETE),
        ("SlowDown", BEGIN),
        ("cut", METADATA),
    ],
)
def test_a_request_that_fails_once_is_made_again(behind, proxy, store, what, request_):
    proxy.trouble = often(1, what, *request_)
    assert total(store, write(behind)) == (700_000, 244_999_650_000)
    assert store.uploads() == []


@pytest.mark.parametrize(
    ("what", "said", "request_"),
    [
        ("SlowDown", "asks to slow down", PART),
        ("AccessDenied", REFUSED, PART),
        ("AccessDenied", REFUSED, COMPLETE),
        ("AccessDenied", REFUSED, BEGIN),
        ("AccessDenied", REFUSED, METADATA),
        ("AccessDenied", REFUSED, LISTED),
        ("cut", "does not answer", PART),
        ("InternalError", "the object store failed", COMPLETE),
    ],
)
def test_a_write_that_goes_on_failing_leaves_nothing(behind, proxy, store, what, said, request_):
    proxy.trouble = often(1000, what, *request_)
    with pytest.raises(StorageError) as caught:
        write(behind)
    assert said in caught.value.message
    assert "nothing was published" in caught.value.message
    assert caught.value.hint
    assert (store.names(), store.uploads()) == ([], [])


def test_a_lost_reply_to_the_completion_is_settled_by_looking(behind, proxy, store):
    """The store completed the upload; the second try finds no upload and the whole object."""
    seen = []

    def trouble(method: str, path: str) -> str | None:
        if method == "POST" and "uploadId" in path:
            seen.append(path)
            return "half" if len(seen) == 1 else None
        return None

    proxy.trouble = trouble
    assert total(store, write(behind))[0] == 700_000
    assert len(seen) == 2


@pytest.mark.parametrize("what", ["cut", "half", "SlowDown"])
def test_reading_goes_on_after_an_answer_that_breaks_off(behind, proxy, store, what):
    version = write(store)
    proxy.trouble = often(1, what, "GET", ".parquet")
    assert total(behind, version)[0] == 700_000


def test_reading_what_is_refused_says_so(behind, proxy, store):
    version = write(store)
    proxy.trouble = often(1000, "AccessDenied", "GET", ".parquet")
    with pytest.raises(StorageError, match=r"reading table 't': .* refuses \(AccessDenied"):
        total(behind, version)


def test_an_object_that_was_taken_away_is_named(store):
    version = write(store, "SELECT 1 AS a")
    path = store.warehouse.absolute(version.intent.files[0])
    store.raw.delete_object(Bucket=store.bucket, Key=path.removeprefix("s3://lake/"))
    with pytest.raises(StorageError, match=r"an object is gone .*0-0\.parquet"):
        total(store, version)


@pytest.mark.parametrize(
    ("store_change", "said"),
    [
        ({"bucket": "no-such-bucket"}, "there is no such bucket"),
        ({"endpoint": "http://127.0.0.1:9"}, "does not answer"),
    ],
)
def test_a_store_that_is_not_there(store, monkeypatch, store_change, said):
    monkeypatch.setattr(bucket, "ATTEMPTS", 2)
    with pytest.raises(StorageError, match=said):
        write(replace(store, **store_change), "SELECT 1 AS a")


@pytest.fixture
def no_client() -> None:
    """No client that was made in another environment."""
    objects._open.cache_clear()
    objects._bucket.cache_clear()


def test_without_credentials_that_is_said(store, monkeypatch, tmp_path: Path, no_client):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.endpoint)
    warehouse = Warehouse(store.root)
    with pytest.raises(PermissionError, match="there are no credentials"):
        warehouse.files.read(warehouse.absolute("a"))


def test_the_environment_says_how_to_reach_it(store, monkeypatch, no_client):
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    warehouse = Warehouse(f"{store.root}/by-environment")
    warehouse.files.write(warehouse.absolute("a"), b"here")
    assert warehouse.files.read(warehouse.absolute("a")) == b"here"


def test_secrets_are_not_shown(store):
    assert "ana-secret" not in repr(store.warehouse)
    assert "ana-key" not in repr(store.access)
