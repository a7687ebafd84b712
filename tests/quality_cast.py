"""Tables on disk and tests on them, told briefly: what the tests of quality speak."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from galley.ids import digest
from galley.lake.model import FieldKey, Span, Version
from galley.lake.reading import connect
from galley.lake.warehouse import Warehouse
from galley.lake.writing import TableWrite, WriteJob
from galley.project.model import Severity, Stage, TestSpec
from galley.quality.evaluate import run_tests
from galley.runs.protocol import TestDone, TestTask
from galley.runs.verdict import Verdict
from tests.s3_cast import Store

PROJECT = "shop"
NOON = 1_388_577_600_000_000  # 2014-01-01T12:00Z


def spec(type_: str, table: str = "flights", **options: Any) -> TestSpec:
    """A test; what is no option of every test is a parameter of its type."""
    named = {"name", "where", "scope", "reads", "severity", "blocking"}
    params = {key: value for key, value in options.items() if key not in named}
    given = {key: value for key, value in options.items() if key in named}
    given["severity"] = Severity(given.get("severity", "fail"))
    to = params.get("to", {})
    reads = (to["table"],) if "table" in to else ()
    return TestSpec(
        table=table,
        type=type_,
        stage=Stage.OUTPUT,
        params=params,
        hash=digest(type_, table, repr(options)),
        **{"name": type_, "reads": reads, "scope": "table", **given},
    )


@dataclass
class Stand:
    """A warehouse in a folder, or a store; ``versions`` are the tables made so far."""

    folder: Path
    store: Store | None = None
    versions: dict[str, Version] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    _attempts: Any = field(default_factory=lambda: count(1))

    @property
    def warehouse(self) -> Warehouse:
        """Where the tables stand."""
        return self.store.warehouse if self.store else Warehouse(str(self.folder / "warehouse"))

    def make(self, table: str, sql: str, *parts: tuple[Span, str], **job: Any) -> Version:
        """Write a table from a query, or from one query for each window."""
        warehouse = self.warehouse
        base = self.versions.get(table)
        attempt = f"a{next(self._attempts)}"
        table_id = digest(table, size=8)
        kind = {"materialize": "window" if parts else "table", **job}
        write = TableWrite(
            WriteJob(warehouse, PROJECT, table, table_id, attempt, base, **kind), _field_ids
        )
        with connect(threads=2, memory=1 << 28, scratch=None, warehouse=warehouse) as con:
            for span, query in parts or ((None, sql),):
                write.write_query(con, query, {}, span)
        version = write.finish().version
        assert version is not None
        self.versions[table] = version
        return version

    def days(self, table: str, queries: Mapping[str, str], column: str = "day") -> Version:
        """Write a table windowed by day."""
        parts = tuple((Span(one, _next(one)), sql) for one, sql in queries.items())
        return self.make(table, "", *parts, window_column=column, window_unit="day")

    def task(self, *tests: TestSpec, **options: Any) -> TestTask:
        """The worker's task."""
        values: dict[str, Any] = {
            "run": "r1",
            "code_dir": str(self.folder),
            "now": NOON,
            "variables": self.variables,
            "threads": 2,
            **options,
        }
        return TestTask(
            kind="test",
            project=PROJECT,
            tests=tests,
            versions=self.versions,
            warehouse=self.warehouse.root,
            access=self.warehouse.access,
            scratch=str(self.folder / "scratch"),
            **values,
        )

    def run(self, *tests: TestSpec, **options: Any) -> TestDone:
        """Evaluate and measure."""
        return run_tests(self.task(*tests, **options))

    def verdict(self, test: TestSpec, **options: Any) -> Verdict:
        """The one verdict on one test."""
        (found,) = self.run(test, **options).verdicts
        return found


def _next(day: str) -> str:
    from datetime import date, timedelta

    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


_ids: dict[tuple[str, FieldKey], int] = {}


def _field_ids(table_id: str, keys: tuple[FieldKey, ...], at_least: int) -> tuple[int, ...]:
    for key in keys:
        taken = [number for (table, _), number in _ids.items() if table == table_id]
        _ids.setdefault((table_id, key), max([at_least, *taken]) + 1)
    return tuple(_ids[table_id, key] for key in keys)
