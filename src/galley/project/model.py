"""What a project says, as frozen values. Everything here is plain data and survives JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from galley.project.schedule import Schedule

Json = Any
"""A JSON value: None, bool, int, float, str, list or dict of these."""


class StepKind(StrEnum):
    """How a step is executed; it follows from the file's type."""

    SQL = "sql"
    PYTHON = "python"
    LOAD = "load"


class Materialize(StrEnum):
    """How a step's result becomes a version of its table."""

    TABLE = "table"
    VIEW = "view"
    APPEND = "append"
    WINDOW = "window"
    MERGE = "merge"
    FILE = "file"
    NONE = "none"

    @property
    def incremental(self) -> bool:
        """Whether the result is combined with what the table held before."""
        return self in (Materialize.APPEND, Materialize.WINDOW, Materialize.MERGE)


class Severity(StrEnum):
    """What a test that does not hold becomes."""

    FAIL = "fail"
    WARN = "warn"


class Stage(StrEnum):
    """Where in a run a test looks."""

    INPUT = "input"
    OUTPUT = "output"
    BUSINESS = "business"


class WindowUnit(StrEnum):
    """The length of one window; KEY means a window is one value of the column."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    KEY = "key"


class Untested(StrEnum):
    """What an environment does with tables that have no test."""

    ALLOW = "allow"
    WARN = "warn"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Source:
    """Where something is defined. ``path`` is relative to the project folder, with slashes."""

    path: str
    line: int = 1
    function: str | None = None


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """How a step's table is cut into windows.

    ``start`` and ``end`` (both optional, half-open) are ISO texts in ``timezone``; ``lookback``
    counts earlier windows that the step also reads.
    """

    column: str
    by: WindowUnit
    start: str | None = None
    end: str | None = None
    timezone: str = "UTC"
    lookback: int = 0


@dataclass(frozen=True, slots=True)
class Retry:
    """When a failed attempt is tried again.

    ``attempts`` counts all attempts; waits are seconds, doubled each time up to ``longest``.
    ``on`` names exception types (qualified or bare); empty means any user error.
    """

    attempts: int = 1
    wait: float = 1.0
    longest: float = 60.0
    on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one attempt: seconds of wall time and bytes of resident memory."""

    timeout: float | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and when a step may run, whoever runs it.

    At most as many steps of a ``pool`` are at work at once as the project's ``pools`` allow, and
    at most ``concurrency`` of this one. Only workers that bear all its ``labels`` take it. Of
    steps that wait the one with the highest ``priority`` comes first, then the oldest.
    """

    pool: str | None = None
    priority: int = 0
    concurrency: int | None = None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TestSpec:
    """One assertion on data. ``params`` are those of its type (see ``project.testspec``).

    ``table`` is the subject; ``reads`` are the further tables it looks at. ``hash`` covers type,
    parameters, subject, filter and scope: everything that decides a verdict but not severity.
    """

    __test__ = False

    name: str
    type: str
    table: str
    stage: Stage
    params: dict[str, Json]
    severity: Severity = Severity.FAIL
    blocking: bool = True
    where: str | None = None
    scope: str = "window"
    reads: tuple[str, ...] = ()
    owner: str | None = None
    dimension: str | None = None
    tags: tuple[str, ...] = ()
    description: str | None = None
    source: Source = field(default_factory=lambda: Source("galley.yaml"))
    hash: str = ""


@dataclass(frozen=True, slots=True)
class LoadSpec:
    """What a load step reads: files by path or pattern, or a table of a PostgreSQL database.

    ``format`` is csv, json, parquet or postgres. ``url`` holds a database address with
    ``${secret}`` place-holders unresolved, or the name of a connection.
    """

    format: str
    path: str | None = None
    url: str | None = None
    table: str | None = None
    options: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a pipeline.

    ``inputs`` are the tables it reads, lower case: ``name`` for the project's own, ``other.name``
    for another project's. ``code_hash`` covers its code and the project's modules it imports.
    ``volatile`` lists why its result cannot be reused though its key is the same (empty: it can).
    ``stable`` is the author's word that the result follows from code, variables and inputs alone.
    """

    name: str
    pipeline: str
    kind: StepKind
    source: Source
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    materialize: Materialize
    code_hash: str
    window: WindowSpec | None = None
    key: tuple[str, ...] = ()
    cursor: str | None = None
    variables: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()
    wants: tuple[str, ...] = ()
    tests: tuple[TestSpec, ...] = ()
    retry: Retry = Retry()
    limits: Limits = Limits()
    placement: Placement = Placement()
    description: str | None = None
    owner: str | None = None
    tags: tuple[str, ...] = ()
    sql: str | None = None
    sql_line: int = 1
    load: LoadSpec | None = None
    modules: tuple[str, ...] = ()
    volatile: tuple[str, ...] = ()
    stable: bool = False
    filename: str | None = None
    columns: dict[str, str] = field(default_factory=dict)

    @property
    def reads_self(self) -> bool:
        """Whether the step reads a table that it makes."""
        return bool(set(self.inputs) & set(self.outputs))


@dataclass(frozen=True, slots=True)
class Variable:
    """A project variable: a default value and where it was set (for ``plan`` and errors)."""

    name: str
    value: Json
    origin: str


@dataclass(frozen=True, slots=True)
class Environment:
    """A protected ref and its rules. ``variables`` override the pipeline's and project's."""

    name: str
    variables: dict[str, Json] = field(default_factory=dict)
    untested: Untested = Untested.WARN
    isolation: str = "snapshot"


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach an outside system; values may hold ``${secret}`` place-holders only.

    An object store (kind ``s3``) has its endpoint as ``url``, empty for Amazon's own, and
    ``region``, ``key``, ``secret`` and ``token`` among its ``options``.
    """

    name: str
    kind: str
    url: str
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Read:
    """Tables of another project that this one may read, pinned when a run starts."""

    project: str
    ref: str
    tables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A named graph of steps; ``steps`` are in topological order.

    At most ``concurrency`` of them are at work at once, in all runs together.
    """

    name: str
    steps: tuple[str, ...]
    owner: str | None = None
    description: str | None = None
    variables: dict[str, Json] = field(default_factory=dict)
    priority: int = 0
    concurrency: int | None = None
    schedule: Schedule = field(default_factory=Schedule)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what is kept; times in seconds.

    ``history`` is how far back states of refs can be read and returned to, environments at least
    by their last ``publishes``. Files that nothing keeps any more go after ``quarantine``. ``runs``
    go with their steps, attempts and verdicts, unless something that they made is kept.
    """

    history: float = 30 * 86400.0
    publishes: int = 50
    quarantine: float = 48 * 3600.0
    runs: float = 90 * 86400.0
    events: float = 30 * 86400.0
    logs: float = 30 * 86400.0
    metrics: float = 730 * 86400.0


@dataclass(frozen=True, slots=True)
class Manifest:
    """A whole project, compiled: immutable, content-hashed, JSON-able.

    ``files`` maps every file that takes part (relative path) to its SHA-256; ``hash`` covers all
    else. ``spanning`` are the tests that belong to no single step. ``toolchain`` is the digest of
    the locked libraries. ``secrets`` maps a secret's name to its source (``env:NAME`` or
    ``file:PATH``), never to its value. ``pools`` says how many steps of each may run at once.
    """

    project: str
    hash: str
    steps: dict[str, Step]
    pipelines: dict[str, Pipeline]
    spanning: tuple[TestSpec, ...]
    variables: dict[str, Json]
    environments: dict[str, Environment]
    connections: dict[str, Connection]
    secrets: dict[str, str]
    reads: tuple[Read, ...]
    files: dict[str, str]
    toolchain: str
    packages: dict[str, str] = field(default_factory=dict)
    owner: str | None = None
    description: str | None = None
    warnings: tuple[str, ...] = ()
    pools: dict[str, int] = field(default_factory=dict)
    retention: Retention = field(default_factory=Retention)

    def maker(self, table: str) -> Step | None:
        """The step that makes ``table``, if the project has one."""
        for step in self.steps.values():
            if table in step.outputs:
                return step
        return None
