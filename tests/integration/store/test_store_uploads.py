"""What is written to an object store: whole or not at all, in bounded memory, with no leftovers."""

import hashlib
import io
import threading
from itertools import count

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from galley.lake import copying, reading, uploads
from galley.lake.objects import ObjectFiles
from galley.lake.writing import TableWrite, WriteJob
from tests.s3_cast import Store

pytestmark = pytest.mark.s3
MIB = 2**20


@pytest.fixture
def files(store: Store, monkeypatch: pytest.MonkeyPatch) -> ObjectFiles:
    """Files of a store, in parts as small as S3 takes them."""
    monkeypatch.setattr(uploads, "PART_BYTES", 5 * MIB)
    found = store.warehouse.objects
    assert found is not None
    return found


def content(size: int) -> bytes:
    return hashlib.shake_128(str(size).encode()).digest(size)


@pytest.mark.parametrize("size", [0, 1, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 17 * MIB + 3])
def test_an_object_is_there_only_once_it_is_sealed(files, store, size):
    path, data = f"{store.root}/t/a-0.bin", content(size)
    upload = files.begin(path)
    for at in range(0, size, 3 * MIB):
        assert upload.write(data[at : at + 3 * MIB]) == len(data[at : at + 3 * MIB])
    upload.close()
    assert store.names() == []
    files.seal([path])
    assert store.raw.get_object(Bucket=store.bucket, Key=store.names()[0])["Body"].read() == data
    assert files.digest(path) == hashlib.sha256(data).hexdigest()
    assert (files.size(path), store.uploads()) == (size, [])


def test_what_is_discarded_leaves_nothing(files, store):
    upload = files.begin(f"{store.root}/t/a-0.bin")
    upload.write(content(12 * MIB))
    assert store.uploads() == [f"{store.prefix}/t/a-0.bin"]
    files.discard(f"{store.root}/t/a-")
    assert (store.names(), store.uploads()) == ([], [])


def test_an_attempt_is_removed_with_what_another_process_began(files, store):
    key = f"{store.prefix}/p/t-1/data/att-0-0.parquet"
    store.raw.create_multipart_upload(Bucket=store.bucket, Key=key)
    files.write(f"{store.root}/p/t-1/metadata/att.metadata.json", b"{}")
    files.write(f"{store.root}/p/t-1/metadata/other.metadata.json", b"{}")
    assert [one.path for one in files.unfinished(f"{store.root}/p")] == [f"s3://lake/{key}"]
    files.remove_attempt(f"{store.root}/p/t-1", "att")
    assert store.uploads() == []
    assert store.names() == [f"{store.prefix}/p/t-1/metadata/other.metadata.json"]


def test_memory_is_bounded_by_parts_under_way(files, store, monkeypatch):
    most, held, gate = [0], [0], threading.Lock()
    send = files._bucket.part

    def counted(key, upload, number, part):
        with gate:
            held[0] += 1
            most[0] = max(most[0], held[0])
        try:
            return send(key, upload, number, part)
        finally:
            with gate:
                held[0] -= 1

    monkeypatch.setattr(files._bucket, "part", counted)
    with files.create(f"{store.root}/big.bin") as target:
        for _ in range(12):
            target.write(content(5 * MIB))
    assert 1 <= most[0] <= uploads.IN_FLIGHT
    assert files.size(f"{store.root}/big.bin") == 60 * MIB


def test_an_object_of_too_many_parts_is_refused(files, store, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_PARTS", 2)
    with (
        pytest.raises(OSError, match="at most 10,000 parts"),
        files.create(f"{store.root}/big.bin") as target,
    ):
        target.write(content(16 * MIB))
    assert (store.names(), store.uploads()) == ([], [])


def test_a_footer_larger_than_what_is_kept_is_read_from_the_store(files, store, monkeypatch):
    monkeypatch.setattr(uploads, "TAIL_BYTES", 64)
    table = pa.table({f"c{number}": [1, 2] for number in range(200)})
    target = io.BytesIO()
    pq.write_table(table, target)
    path = f"{store.root}/wide.parquet"
    with files.create(path) as sink:
        sink.write(target.getvalue())
    with files.ending(path) as (source, size):
        assert pq.read_metadata(source).num_columns == 200
    assert size == len(target.getvalue())


def test_large_results_roll_over_into_several_objects(files, store, monkeypatch):
    monkeypatch.setattr(copying, "FILE_BYTES", 2 * MIB)
    numbers = count(1)
    job = WriteJob(store.warehouse, "p", "t", "abcdefghijkl", "att", None, "table")
    write = TableWrite(job, lambda table, keys, least: tuple(next(numbers) for _ in keys))
    with reading.connect(threads=2, memory=1 << 28, scratch=None, warehouse=job.warehouse) as con:
        assert write.write_query(con, "SELECT hash(i) AS a FROM range(1000000) t(i)", {}) == 1000000
        version = write.finish().version
        assert version is not None
        reading.mount(con, job.warehouse, {"t": version}, project="p")
        assert con.execute("SELECT count(DISTINCT a) FROM t").fetchall() == [(1_000_000,)]
    stored = [name for name in store.names() if name.endswith(".parquet")]
    assert len(stored) == len(version.intent.files) > 1
    assert store.uploads() == []


def test_nothing_outside_of_the_warehouse_is_reached(files, store):
    for path in ("s3://lake/other", f"s3://other/{store.prefix}/a", store.root):
        with pytest.raises(PermissionError, match="it is not below"):
            files.read(path)
