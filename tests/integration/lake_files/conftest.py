"""A warehouse of its own, and a counter of field ids as the catalogue keeps it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from pyiceberg.table import StaticTable

from galley.lake import reading
from galley.lake.metadata import Metadata, read_metadata
from galley.lake.model import Change, FieldKey, Span, Version
from galley.lake.warehouse import Warehouse
from galley.lake.writing import TableWrite, WriteJob
from tests.s3_cast import Store


class Counter:
    """Field ids by table: idempotent, rising."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, FieldKey], int] = {}
        self.last: dict[str, int] = {}

    def __call__(self, table: str, keys: tuple[FieldKey, ...], at_least: int) -> tuple[int, ...]:
        result = []
        for key in keys:
            if (table, key) not in self.known:
                self.last[table] = max(self.last.get(table, 0), at_least) + 1
                self.known[(table, key)] = self.last[table]
            result.append(self.known[(table, key)])
        return tuple(result)


@dataclass
class Kitchen:
    """Writes tables one version after another."""

    warehouse: Warehouse
    con: duckdb.DuckDBPyConnection
    counter: Counter = field(default_factory=Counter)
    attempts: int = 0
    told: dict[str, str] = field(default_factory=dict)

    def begin(
        self, base: Version | None = None, materialize: str = "table", **job: Any
    ) -> TableWrite:
        """A write of the table ``t`` onto ``base``."""
        self.attempts += 1
        made = WriteJob(
            self.warehouse,
            "flights",
            "t",
            "abcdefghijkl",
            f"att{self.attempts}",
            base,
            materialize,
            **job,
        )
        return TableWrite(made, self.counter)

    def write(
        self,
        sql: str,
        base: Version | None = None,
        materialize: str = "table",
        span: Span | None = None,
        **job: Any,
    ) -> Change:
        """Write one query's rows."""
        write = self.begin(base, materialize, **job)
        write.write_query(self.con, sql, {}, span)
        return write.finish()

    def read(
        self, version: Version | None, sql: str = "FROM t ORDER BY ALL"
    ) -> list[tuple[Any, ...]]:
        """Rows of a version, by way of a mounted view."""
        assert version is not None
        with self.connect() as con:
            reading.mount(con, self.warehouse, {"t": version}, project="flights")
            rows = con.sql(sql).to_arrow_table()
            columns = [column.to_pylist() for column in rows.columns]
            return list(zip(*columns, strict=True))

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A connection that can read the warehouse."""
        return reading.connect(threads=1, memory=1 << 28, scratch=None, warehouse=self.warehouse)

    def names(self, ending: str) -> list[str]:
        """The names of the warehouse's files that end so."""
        listed = self.warehouse.files.listing(self.warehouse.absolute("flights"))
        return sorted(one.path.rpartition("/")[2] for one in listed if one.path.endswith(ending))

    def iceberg(self, version: Version | None) -> pa.Table:
        """Rows of a version as plain pyiceberg sees them."""
        return StaticTable.from_metadata(self.path(version), self.told).scan().to_arrow()

    def metadata(self, version: Version | None) -> Metadata:
        """The metadata of a version."""
        assert version is not None
        return read_metadata(self.warehouse, version.location)

    def path(self, version: Version | None) -> str:
        """The metadata file."""
        assert version is not None
        return self.warehouse.absolute(version.location)


@pytest.fixture(autouse=True)
def plain_planner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Polars plans with pyiceberg, without saying that its own planner is not installed."""
    monkeypatch.setenv("POLARS_ICEBERG_PLANNER", "pyiceberg")


@pytest.fixture(params=["folder", pytest.param("store", marks=pytest.mark.s3)])
def kitchen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kitchen]:
    """A warehouse with a connection: the test runs once on a folder and once on a bucket."""
    (tmp_path / "scratch").mkdir()
    warehouse, told = Warehouse(str(tmp_path / "warehouse")), {}
    if request.param == "store":
        store: Store = request.getfixturevalue("store")
        warehouse, told = store.warehouse, store.iceberg
    scratch = str(tmp_path / "scratch")
    con = reading.connect(threads=2, memory=1 << 30, scratch=scratch, warehouse=warehouse)
    yield Kitchen(warehouse, con, told=told)
    con.close()


@pytest.fixture
def version_of() -> Callable[[Change], Version]:
    """The version of a change, which is there."""

    def version(change: Change) -> Version:
        assert change.version is not None
        return change.version

    return version
