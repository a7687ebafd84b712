"""What the engine and a worker say to each other: plain values that travel as JSON.

A worker holds no database credentials. It is told what to read and where to write, and answers
with descriptions of files; only the engine moves a pointer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from galley.lake.files import Access
from galley.lake.model import Change, FieldKey, Span, Version
from galley.lake.warehouse import Warehouse
from galley.project.model import Connection, Step, TestSpec
from galley.runs.verdict import Metric, Verdict


@dataclass(frozen=True, slots=True)
class StepTask:
    """One attempt of one step.

    ``inputs`` holds every table the step may read (and what its views are made of); ``bases`` the
    present version of every table it makes (absent: new); ``table_ids`` their stable ids.
    ``spans`` are the windows to make, ``span_keys`` the reuse key of each by its text.
    ``variables`` are bound values; ``now`` is the run's instant in microseconds.
    """

    kind: Literal["step"]
    attempt: str
    epoch: int
    run: str
    project: str
    step: Step
    code_dir: str
    project_dir: str
    warehouse: str
    scratch: str
    inputs: dict[str, Version]
    bases: dict[str, Version]
    table_ids: dict[str, str]
    variables: dict[str, Any]
    now: int
    spans: tuple[Span, ...] = ()
    span_keys: dict[str, str] = field(default_factory=dict)
    rebuild: bool = False
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    connections: dict[str, Connection] = field(default_factory=dict)
    threads: int = 1
    memory: int = 1 << 30
    ref: str = ""
    preview: int = 0
    access: Access | None = field(default=None, repr=False)

    @property
    def store(self) -> Warehouse:
        """The warehouse, and how to reach it."""
        return Warehouse(self.warehouse, self.access)

    @property
    def hidden(self) -> tuple[str, ...]:
        """The values that must never be shown."""
        return (*self.secrets.values(), *(self.access.secrets if self.access else ()))


@dataclass(frozen=True, slots=True)
class TestTask:
    """Tests to run on versions, and tables to measure (``metrics``).

    ``versions`` holds every table any of the tests reads. ``spans`` restricts tests of scope
    ``window`` to the windows that were just made; days without zone are days of ``timezone``.
    """

    __test__ = False

    kind: Literal["test"]
    run: str
    project: str
    tests: tuple[TestSpec, ...]
    versions: dict[str, Version]
    code_dir: str
    warehouse: str
    scratch: str
    now: int
    variables: dict[str, Any] = field(default_factory=dict)
    spans: tuple[Span, ...] = ()
    window_column: str | None = None
    metrics: tuple[str, ...] = ()
    sample_rows: int = 5
    threads: int = 1
    memory: int = 1 << 30
    timezone: str = "UTC"
    access: Access | None = field(default=None, repr=False)

    @property
    def store(self) -> Warehouse:
        """The warehouse, and how to reach it."""
        return Warehouse(self.warehouse, self.access)

    @property
    def hidden(self) -> tuple[str, ...]:
        """The values that must never be shown."""
        return self.access.secrets if self.access else ()


@dataclass(frozen=True, slots=True)
class FieldsRequest:
    """A worker asks for field ids of new columns of one table."""

    kind: Literal["fields"]
    table_id: str
    keys: tuple[FieldKey, ...]
    at_least: int = 0


@dataclass(frozen=True, slots=True)
class FieldsReply:
    """The ids, in the order asked for."""

    kind: Literal["fields"]
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StepDone:
    """The attempt's work is on disk.

    ``rows`` were written: none, not 0, by a step that only makes views or files. ``modules`` are
    project modules that were loaded meanwhile, ``metrics`` the automatic metrics of
    the tables that were made.
    """

    kind: Literal["step_done"]
    changes: tuple[Change, ...]
    rows: int | None
    bytes: int
    seconds: float
    modules: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    preview: dict[str, Any] | None = None
    metrics: tuple[Metric, ...] = ()


@dataclass(frozen=True, slots=True)
class TestDone:
    """Verdicts and metrics."""

    __test__ = False

    kind: Literal["test_done"]
    verdicts: tuple[Verdict, ...]
    metrics: tuple[Metric, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """The task ended in an error of its own.

    ``reason`` is a ``runs.model.Reason`` value. ``error`` and ``bases`` are the exception's type
    and the names of its base classes (for retries by type).
    """

    kind: Literal["failed"]
    reason: str
    error: str
    message: str
    trace: str = ""
    hint: str | None = None
    where: str | None = None
    bases: tuple[str, ...] = ()


Task = StepTask | TestTask
Answer = StepDone | TestDone | TaskFailed | FieldsRequest
