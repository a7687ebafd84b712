"""Arrow data from Python steps, and the handle that such steps read from."""

import resource

import pyarrow as pa
import pytest

from galley.errors import DataTypeError, ResultError, SchemaChangeError, StepError, VariableError
from galley.lake import reading
from galley.lake.handle import Table


def write(kitchen, batches, base=None, materialize="table"):
    attempt = kitchen.begin(base, materialize)
    attempt.write_batches(batches)
    return attempt.finish().version


def test_arrow_types_arrive(kitchen):
    table = pa.table(
        {
            "word": pa.array(["x", "y"]).dictionary_encode(),
            "large": pa.array(["q", None], pa.large_string()),
            "view": pa.array(["q", "r"], pa.string_view()),
            "unsigned": pa.array([1, 2**63], pa.uint64()),
            "exact": pa.array([1000, 2000], pa.timestamp("ns")),
            "zoned": pa.array([1000, 2000], pa.timestamp("ns", "Europe/Berlin")),
            "half": pa.array([1.0, 2.0], pa.float16()),
            "pair": pa.array([[1, 2], [3, 4]], pa.list_(pa.int32(), 2)),
        }
    )
    version = write(kitchen, table)
    assert [column["type"] for column in version.schema] == [
        "string",
        "string",
        "string",
        "decimal(20, 0)",
        "timestamp",
        "timestamptz",
        "float",
        "list<int>",
    ]
    assert [row[3] for row in kitchen.read(version)] == [1, 2**63]
    assert kitchen.iceberg(version)["large"].to_pylist() == ["q", None]


@pytest.mark.parametrize(
    "odd",
    [
        pa.nulls(1),
        pa.array([1], pa.duration("s")),
        pa.array([1], pa.int64()).cast(pa.decimal256(50, 2)),
    ],
)
def test_arrow_types_no_table_holds_are_named(kitchen, odd):
    with pytest.raises(DataTypeError, match="'odd' has type"):
        write(kitchen, pa.table({"fine": [1], "odd": odd}))


def test_nanoseconds_from_arrow_must_be_exact(kitchen):
    with pytest.raises(DataTypeError, match="nanoseconds"):
        write(kitchen, pa.table({"t": pa.array([1], pa.timestamp("ns"))}))


def test_batches_are_streamed(kitchen):
    batch = pa.record_batch({"a": pa.array(range(200_000)), "s": ["some text"] * 200_000})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    version = write(kitchen, (batch for _ in range(100)))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert version.rows == 20_000_000
    assert grown < 400_000  # kB; all batches together are 500 MB


def test_the_first_batch_fixes_the_columns(kitchen):
    first, other = pa.record_batch({"a": [1], "b": [2]}), pa.record_batch({"b": [3], "a": [4]})
    assert kitchen.read(write(kitchen, [first, other])) == [(1, 2), (4, 3)]
    with pytest.raises(SchemaChangeError, match="the columns of the first"):
        write(kitchen, [first, pa.record_batch({"a": [1]})])
    with pytest.raises(ResultError, match="yielded int"):
        write(kitchen, [first, 3])


def test_an_error_of_the_producer_is_the_producers(kitchen):
    def produce():
        yield pa.record_batch({"a": [1]})
        raise LookupError("no such page")

    with pytest.raises(LookupError, match="no such page"):
        write(kitchen, produce())


def test_no_batch_at_all(kitchen):
    with pytest.raises(StepError, match="holds no batch"):
        write(kitchen, [])
    base = write(kitchen, pa.table({"a": [1]}))
    assert kitchen.read(write(kitchen, iter(()), base, "append")) == [(1,)]


@pytest.fixture
def flights(kitchen, version_of):
    version = version_of(kitchen.write("SELECT i AS id, i * 2 AS delay FROM range(10) r(i)"))
    con = kitchen.connect()
    reading.mount(con, kitchen.warehouse, {"flights": version}, project="p")
    yield Table(con, "flights")
    con.close()


def test_a_handle_is_every_kind_of_frame(flights):
    assert flights.columns == ("id", "delay")
    assert (
        flights.to_arrow().num_rows == flights.to_polars().height == len(flights.to_pandas()) == 10
    )
    assert flights.to_lazy().filter(delay=4).collect().rows() == [(2, 4)]
    assert pa.table(flights).num_rows == 10
    assert sum(batch.num_rows for batch in flights.batches(3)) == 10


def test_queries_of_a_handle_are_lazy_and_bound(flights):
    late = flights.sql("SELECT * FROM flights WHERE delay > $least", least=14)
    assert late.to_arrow()["id"].to_pylist() == [8, 9]
    last = late.sql("SELECT max(id) AS id FROM flights WHERE id < $most -- the last", most=9)
    assert last.to_arrow().to_pylist() == [{"id": 8}]
    with pytest.raises(VariableError, match=r"\$least, which was not given"):
        flights.sql("SELECT * FROM flights WHERE delay > $least")
    with pytest.raises(VariableError, match=r"does not use \$lest"):
        flights.sql("SELECT * FROM flights WHERE delay > $least", least=1, lest=2)
    with pytest.raises(StepError, match="nowhere"):
        flights.sql("SELECT * FROM nowhere").to_arrow()


def test_two_loops_over_one_handle(flights):
    first, second = flights.batches(2), flights.batches(2)
    assert [next(first).num_rows, next(second).num_rows, next(first).num_rows] == [2, 2, 2]


def test_several_streams_into_one_table(kitchen):
    attempt = kitchen.begin(materialize="append")
    for number in range(3):
        attempt.write_batches([pa.record_batch({"a": [number]})])
    assert kitchen.read(attempt.finish().version) == [(0,), (1,), (2,)]
