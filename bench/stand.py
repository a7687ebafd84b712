"""A warehouse in which single steps and tests run in this process, as a worker runs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from bench.data import small_csv
from bench.timing import BenchError
from galley.ids import digest
from galley.lake.model import FieldKey, Version
from galley.lake.reading import file_paths
from galley.lake.warehouse import Warehouse
from galley.project.model import (
    LoadSpec,
    Materialize,
    Severity,
    Source,
    Stage,
    Step,
    StepKind,
    TestSpec,
)
from galley.quality.evaluate import run_tests
from galley.runs.protocol import StepDone, StepTask, TaskFailed, TestDone, TestTask
from galley.runs.runner.handler import attempt

THREADS = 2
MEMORY = 4 << 30
NOW = 1_767_225_600_000_000  # 2026-01-01T00:00Z
PROJECT = "bench"


@dataclass
class Stand:
    """Runs steps and tests one after the other; ``tables`` holds what the steps made."""

    root: Path
    tables: dict[str, Version] = field(default_factory=dict)
    _attempts: Any = field(default_factory=count)
    _ids: dict[tuple[str, FieldKey], int] = field(default_factory=dict)

    @classmethod
    def with_flights(cls, root: Path, flights: Path) -> Stand:
        """The ten million flights and the small tables, loaded."""
        (root / "warehouse").mkdir(parents=True)
        stand = cls(root)
        stand.load("flights", flights, "parquet")
        for name in ("planes", "airlines"):
            stand.load(name, small_csv(name), "csv", nullstr="NA")
        return stand

    @property
    def warehouse(self) -> Warehouse:
        """Where the tables are."""
        return Warehouse(str(self.root / "warehouse"))

    def files(self, table: str) -> list[str]:
        """The absolute paths of a table's data files."""
        return list(file_paths(self.warehouse, self.tables[table]))

    def load(self, table: str, path: Path, kind: str, **options: Any) -> StepDone:
        """Make a table of a file."""
        spec = LoadSpec(kind, path=str(path), options=options)
        return self.run(_step(table, StepKind.LOAD, load=spec))

    def query(self, table: str, sql: str, *inputs: str) -> StepDone:
        """Make a table of a SELECT over others."""
        return self.run(_step(table, StepKind.SQL, sql=sql, inputs=inputs))

    def run(self, step: Step) -> StepDone:
        """One attempt of a step, whose tables are kept. Raises BenchError."""
        answer = attempt(self._task(step), self._field_ids)
        if isinstance(answer, TaskFailed):
            raise BenchError(f"the step {step.name} failed: {answer.message}\n{answer.trace}")
        self.tables |= {one.table: one.version for one in answer.changes if one.version}
        return answer

    def test(self, *tests: TestSpec, metrics: tuple[str, ...] = ()) -> TestDone:
        """Evaluate tests and measure tables. Raises BenchError where a test could not run."""
        done = run_tests(self._test_task(tests, metrics))
        wrong = [(one.type, one.message) for one in done.verdicts if one.outcome.value == "error"]
        if wrong:
            raise BenchError(f"tests could not run: {wrong}")
        return done

    def _task(self, step: Step) -> StepTask:
        number = next(self._attempts)
        return StepTask(
            kind="step",
            attempt=f"attempt{number}",
            epoch=1,
            run="run",
            project=PROJECT,
            step=step,
            code_dir=str(self.root),
            project_dir=str(self.root),
            warehouse=self.warehouse.root,
            scratch=str(self.root / "scratch" / str(number)),
            inputs={name: self.tables[name] for name in step.inputs},
            bases={},
            table_ids={name: digest(name, size=8) for name in step.outputs},
            variables={},
            now=NOW,
            threads=THREADS,
            memory=MEMORY,
        )

    def _test_task(self, tests: tuple[TestSpec, ...], metrics: tuple[str, ...]) -> TestTask:
        return TestTask(
            kind="test",
            run="run",
            project=PROJECT,
            tests=tests,
            versions=self.tables,
            code_dir=str(self.root),
            warehouse=self.warehouse.root,
            scratch=str(self.root / "scratch" / "tests"),
            now=NOW,
            metrics=metrics,
            threads=THREADS,
            memory=MEMORY,
        )

    def _field_ids(
        self, table_id: str, keys: tuple[FieldKey, ...], at_least: int
    ) -> tuple[int, ...]:
        for key in keys:
            taken = [number for (table, _), number in self._ids.items() if table == table_id]
            self._ids.setdefault((table_id, key), max([at_least, *taken]) + 1)
        return tuple(self._ids[table_id, key] for key in keys)


def _step(name: str, kind: StepKind, **given: Any) -> Step:
    values: Mapping[str, Any] = {"inputs": (), **given}
    return Step(
        name=name,
        pipeline="bench",
        kind=kind,
        source=Source(f"pipelines/bench/{name}", 1, name),
        outputs=(name,),
        materialize=Materialize.TABLE,
        code_hash="code",
        **values,
    )


def spec(type_: str, **options: Any) -> TestSpec:
    """A test of ``flights``; what is no option of every test is a parameter of its type."""
    where = options.pop("where", None)
    to = options.get("to")
    return TestSpec(
        name=type_,
        type=type_,
        table="flights",
        stage=Stage.OUTPUT,
        params=options,
        severity=Severity.FAIL,
        where=where,
        scope="table",
        reads=(to["table"],) if to else (),
        hash=digest(type_, where or "", repr(options)),
    )
