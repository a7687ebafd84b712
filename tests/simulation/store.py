"""The warehouse of a simulation: files by their paths, and what they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from galley.environments.home import Home
from galley.ids import digest
from galley.lake.model import Change, Format, Intent, IntentKind, Version, fingerprint
from galley.lake.warehouse import Warehouse
from galley.runs import messages
from galley.runs.live import Site
from galley.runs.protocol import StepDone, StepTask, TaskFailed, TestDone, TestTask
from galley.runs.verdict import Outcome, Verdict
from tests.simulation import plan

SCHEMA: tuple[dict[str, Any], ...] = ({"id": 1, "name": "a", "type": "long"},)


class SimulatedWarehouse(Warehouse):
    """``present`` files are there now; ``held`` is what each holds or held."""

    __slots__ = ("held", "lost", "needed", "present", "removing")

    def __init__(self) -> None:
        super().__init__("/simulated")
        object.__setattr__(self, "present", set())
        object.__setattr__(self, "held", {})
        object.__setattr__(self, "lost", [])
        object.__setattr__(self, "removing", _nobody)
        object.__setattr__(self, "needed", lambda _reader, _path: True)

    present: set[str]
    held: dict[str, str]
    lost: list[str]
    removing: Callable[[str], None]
    needed: Callable[[str, str], bool]

    @property
    def files(self) -> Any:
        """The files themselves."""
        return self

    def size(self, path: str) -> int:
        """The bytes of a file. Raises FileNotFoundError."""
        if self.relative(path) not in self.present:
            raise FileNotFoundError(path)
        return 1

    def put(self, path: str, holds: str) -> None:
        """Write a file."""
        self.present.add(path)
        self.held[path] = holds

    def read(self, path: str, reader: str) -> str:
        """What a file holds; a reader whom somebody waits for says so if it is gone."""
        if path not in self.present and self.needed(reader, path):
            self.lost.append(path)
        return self.held[path]

    def list_folders(self, project: str) -> list[str]:
        """The folders of tables."""
        return sorted({"/".join(path.split("/")[:2]) for path in self.present})

    def list_files(self, prefix: str) -> list[tuple[str, int]]:
        """The files of a folder."""
        return [(path, 1) for path in sorted(self.present) if path.startswith(f"{prefix}/")]

    def list_unfinished(self, prefix: str) -> list[tuple[str, int]]:
        """Nothing is uploaded in parts."""
        return []

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files."""
        for path in paths:
            self.removing(path)
            self.present.discard(path)


class SimulatedSite(Site):
    """A controller's view; nothing of it is on a disk."""

    warehouse_itself: SimulatedWarehouse

    @property
    def store(self) -> Warehouse:
        """The warehouse."""
        return self.warehouse_itself

    def code(self, definition: str) -> Path:
        """A folder that is there: nothing has to be unpacked."""
        return Path("/")


class SimulatedHome(Home):
    """A person's view; ``folder`` is that of the project."""

    folder = Path("/simulated")
    warehouse_itself: SimulatedWarehouse

    @property
    def store(self) -> Warehouse:
        """The warehouse."""
        return self.warehouse_itself


def answer(warehouse: SimulatedWarehouse, payload: bytes, *, how: str) -> bytes:
    """What a worker says of a task: ``how`` is well, failing, or lying about its files."""
    task = messages.decode_task(payload)
    there = isinstance(task, TestTask) or set(task.step.inputs) <= set(task.inputs)
    if how == "failing" or not there:
        return messages.encode(TaskFailed("failed", "user_error", "ValueError", "it went wrong"))
    found: StepDone | TestDone
    if isinstance(task, StepTask):
        found = _made(warehouse, task, lying=how == "lying")
    else:
        found = _judged(warehouse, task)
    return messages.encode(found)


def _made(warehouse: SimulatedWarehouse, task: StepTask, *, lying: bool) -> StepDone:
    step = task.step
    read = {name: warehouse.read(task.inputs[name].location, task.attempt) for name in step.inputs}
    (table,) = step.outputs
    holds = plan.made(step, read)
    table_id = task.table_ids[table]
    location = f"{task.project}/{table}-{table_id[:8]}/{task.attempt}.data"
    if not lying:
        warehouse.put(location, holds)
    version = Version(
        table=table,
        table_id=table_id,
        format=Format.FILE,
        # Of some tables the same rows are the same content, as of views and of loaded files.
        content_id=digest("c", holds) if table in ("s1", "s4") else digest(holds, task.attempt),
        location=location,
        schema_fingerprint=fingerprint(SCHEMA),
        schema=SCHEMA,
        rows=1,
        bytes=1,
        intent=Intent(IntentKind.REPLACE),
    )
    base = task.bases.get(table)
    change = Change(table, version, base.content_id if base else None, guarded=True)
    return StepDone("step_done", (change,), 1, 1, 0.1)


def _judged(warehouse: SimulatedWarehouse, task: TestTask) -> TestDone:
    verdicts = []
    for test in task.tests:
        wanted = (test.table, *test.reads)
        seen = {name: task.versions[name] for name in wanted if name in task.versions}
        held = {name: warehouse.read(version.location, task.run) for name, version in seen.items()}
        failed = len(seen) == len(wanted) and plan.fails(test.hash, held)
        outcome = Outcome.FAIL if failed else Outcome.PASS
        verdicts.append(
            Verdict(
                test=test.name,
                test_hash=test.hash,
                type=test.type,
                table=test.table,
                stage=test.stage.value,
                outcome=outcome,
                severity=test.severity.value,
                blocking=test.blocking,
                contents={name: one.content_id for name, one in seen.items()},
            )
        )
    return TestDone("test_done", tuple(verdicts), (), 0.1)


def _nobody(_path: str) -> None:
    """Nobody looks."""
