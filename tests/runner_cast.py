"""A project and a warehouse in which single steps are run, as a worker runs them."""

from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from galley.lake.model import FieldKey, Span, Version
from galley.lake.reading import connect, mount
from galley.lake.warehouse import Warehouse
from galley.project.model import LoadSpec, Materialize, Source, Step, StepKind
from galley.runs.protocol import StepDone, StepTask, TaskFailed
from galley.runs.runner.handler import attempt

NOW = 1_700_000_000_000_000
SUFFIXES = {StepKind.SQL: "sql", StepKind.PYTHON: "py", StepKind.LOAD: "yaml"}


@dataclass
class Bench:
    """Runs steps one after the other; ``tables`` holds what they made."""

    root: Path
    tables: dict[str, Version] = field(default_factory=dict)
    attempts: Any = field(default_factory=count)
    ids: Any = field(default_factory=lambda: count(1))

    @property
    def project(self) -> Path:
        return self.root / "project"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse"

    def field_ids(
        self, table_id: str, keys: tuple[FieldKey, ...], at_least: int
    ) -> tuple[int, ...]:
        return tuple(at_least + next(self.ids) for _ in keys)

    def write(self, path: str, content: str | bytes) -> str:
        file = self.project / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def sql(self, name: str, sql: str, *, inputs: tuple[str, ...] = (), **more: Any) -> Step:
        return self._step(name, StepKind.SQL, inputs=inputs, sql=sql, **more)

    def python(self, name: str, code: str, *, inputs: tuple[str, ...] = (), **more: Any) -> Step:
        self.write(f"pipelines/p/{name}.py", code)
        return self._step(name, StepKind.PYTHON, inputs=inputs, **more)

    def load(
        self, path: str | None, kind: str = "csv", *, name: str = "loaded", **options: Any
    ) -> Step:
        return self._step(name, StepKind.LOAD, load=LoadSpec(kind, path=path, options=options))

    def _step(self, name: str, kind: StepKind, **more: Any) -> Step:
        source = Source(f"pipelines/p/{name}.{SUFFIXES[kind]}", 1, name)
        given: dict[str, Any] = {"inputs": (), "outputs": (name,), "pipeline": "p"} | more
        given.setdefault("materialize", Materialize.TABLE)
        return Step(name=name, kind=kind, source=source, code_hash="code", **given)

    def task(self, step: Step, **more: Any) -> StepTask:
        number = next(self.attempts)
        given: dict[str, Any] = {"variables": {}, "now": NOW, "threads": 2} | more
        return StepTask(
            kind="step",
            attempt=f"attempt{number}",
            epoch=1,
            run="run1",
            project="demo",
            step=step,
            code_dir=str(self.project),
            project_dir=str(self.project),
            warehouse=str(self.warehouse),
            scratch=str(self.root / "scratch" / str(number)),
            inputs={name: self.tables[name] for name in step.inputs if name in self.tables},
            bases={name: self.tables[name] for name in step.outputs if name in self.tables},
            table_ids={name: f"id_of_{name}" for name in step.outputs},
            **given,
        )

    def run(self, step: Step, **more: Any) -> StepDone:
        """Run a step that must succeed, and take over its tables."""
        answer = attempt(self.task(step, **more), self.field_ids)
        assert isinstance(answer, StepDone), answer
        self.tables |= {one.table: one.version for one in answer.changes if one.version}
        return answer

    def fail(self, step: Step, **more: Any) -> TaskFailed:
        """Run a step that must fail; it leaves no file behind."""
        before = set(self.files())
        answer = attempt(self.task(step, **more), self.field_ids)
        assert isinstance(answer, TaskFailed), answer
        assert set(self.files()) == before
        return answer

    def files(self) -> list[Path]:
        return [path for path in self.warehouse.rglob("*") if path.is_file()]

    def rows(self, table: str, order: str = "ALL") -> list[tuple[Any, ...]]:
        """What is in a table now."""
        return self.query(f"SELECT * FROM {table} ORDER BY {order}")

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with connect(threads=1, memory=1 << 28, scratch=None) as connection:
            mount(connection, Warehouse(str(self.warehouse)), self.tables, project="demo")
            return connection.execute(sql).fetchall()

    def types(self, table: str) -> dict[str, str]:
        return {one["name"]: one["type"] for one in self.tables[table].schema}


def days(*numbers: int) -> tuple[Span, ...]:
    """Windows of single days of January 2020."""
    return tuple(Span(f"2020-01-{one:02}", f"2020-01-{one + 1:02}") for one in numbers)
